//! Go's `mime/multipart` and `image/jpeg`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::consumers::run::run_quiet;

/// Decodes up to the end of the stream or a number of pictures.
///
/// # Panics
///
/// If it fails or prints an error.
#[must_use]
pub fn pictures(url: &str, take: Option<usize>) -> Vec<String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    let mut command = Command::new("go");
    command
        .args(["run", "main.go", url, &take.unwrap_or(0).to_string()])
        .current_dir(Path::new(&package).join("consumers/go"));
    // The first run compiles it.
    run_quiet(&command, Duration::from_secs(180)).lines().map(str::to_owned).collect()
}
