//! The tests of the camera as a process: command line, lost sources, shutdown.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::path::PathBuf;

#[path = "../../camera/tests.rs"]
mod tests;

fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_camera_actix").into()
}
