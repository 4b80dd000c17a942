//! Sources between real programs, scripted cameras on loopback, and a viewer.

#![cfg(all(unix, feature = "client", feature = "http-body", feature = "process"))]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

mod command;
mod faults;
mod from_fn;
mod hostile;
mod http;
mod login;
mod quirks;
mod support;
#[cfg(feature = "tls")]
mod tls;
