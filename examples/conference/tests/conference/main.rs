//! Tests of the conference over sockets and in browsers.
#![cfg(unix)]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]
#![expect(clippy::print_stdout, reason = "it prints its measurements")]

mod browsers;
mod limits;
mod room;
mod streams;
