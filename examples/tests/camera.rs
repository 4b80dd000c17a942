//! The camera as its user meets it: the command line, what goes wrong with a source, and the end.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::path::PathBuf;

#[path = "../camera/tests.rs"]
mod tests;

/// Cargo builds the examples before these tests, beside them.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    test.ancestors().nth(2).expect("target/debug").join("examples/camera")
}
