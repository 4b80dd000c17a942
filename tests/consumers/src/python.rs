//! Two readers that Python programs use: aiohttp's `MultipartReader`, and OpenCV.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::run::run_quiet;

/// Decodes to the end of the stream or so many pictures, by one of the scripts beside this package's sources.
///
/// # Panics
///
/// If it fails or complains.
#[must_use]
pub fn pictures(script: &str, url: &str, take: Option<usize>) -> Vec<String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    let mut command = Command::new("python3");
    command.arg(Path::new(&package).join("python").join(script)).args([url, &take.unwrap_or(0).to_string()]);
    run_quiet(&command, Duration::from_secs(60)).lines().map(str::to_owned).collect()
}
