//! The conference as people and programs meet it.
#![cfg(unix)]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]
#![expect(clippy::print_stdout, reason = "the figures are a result")]

mod browsers;
mod limits;
mod room;
mod streams;
