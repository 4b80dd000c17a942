//! Two readers used by Python programs, aiohttp's `MultipartReader` and OpenCV, and the one of Prometheus' client library.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::consumers::run::run_quiet;

/// One of the scripts beside this package's sources.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a test covers all there are")]
pub enum Script {
    /// `aiohttp.MultipartReader`. A picture counts as complete if it starts and ends like one.
    Aiohttp,
    /// `cv2.VideoCapture`.
    OpenCv,
}

/// Decodes up to the end of the stream or a number of pictures.
///
/// # Panics
///
/// If it fails or prints an error.
#[must_use]
pub fn pictures(url: &str, script: Script, take: Option<usize>) -> Vec<String> {
    let (module, file) = match script {
        Script::Aiohttp => ("aiohttp", "aiohttp_reader.py"),
        Script::OpenCv => ("cv2", "opencv_reader.py"),
    };
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    let mut command = Command::new(python_with(module));
    command.arg(Path::new(&package).join("consumers/python").join(file)).args([url, &take.unwrap_or(0).to_string()]);
    run_quiet(&command, Duration::from_secs(60)).lines().map(str::to_owned).collect()
}

/// Returns the families of an OpenMetrics text, each with its type, its unit and the number of its samples.
///
/// # Panics
///
/// If the parser rejects the text.
#[must_use]
pub fn openmetrics(text: &str) -> Vec<String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(&file, text).expect("room for a page");
    let mut command = Command::new("sh");
    command.args(["-c", "\"$0\" \"$1\" <\"$2\"", python_with("prometheus_client")]);
    command.arg(Path::new(&package).join("consumers/python/openmetrics.py")).arg(file.path());
    run_quiet(&command, Duration::from_secs(20)).lines().map(str::to_owned).collect()
}

/// Returns a Python that has a module: the first in the `PATH`, or the one of the system's packages.
fn python_with(module: &str) -> &'static str {
    let imports = |python: &&str| {
        let mut command = Command::new(python);
        command.args(["-c", &format!("import {module}")]);
        command.output().is_ok_and(|output| output.status.success())
    };
    let python = ["python3", "/usr/bin/python3"].into_iter().find(imports);
    python.unwrap_or_else(|| panic!("no python3 here has the module {module}"))
}
