//! The tests of the camera as a process: command line, lost sources, shutdown.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::path::PathBuf;

#[path = "../camera/tests.rs"]
mod tests;

/// Returns the path of the example, which Cargo builds before its tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    test.ancestors().nth(2).expect("target/debug").join("examples/camera")
}
