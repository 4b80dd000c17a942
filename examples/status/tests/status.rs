//! The status server over sockets.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failure of a helper is a failure of its test; it prints its measurement"
)]

#[path = "../client.rs"]
mod client;
#[path = "../tests.rs"]
mod tests;

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_status")
}
