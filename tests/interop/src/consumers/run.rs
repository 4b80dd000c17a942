//! Runs programs with a time limit.

use std::process::{Command, Output};
use std::time::Duration;

use test_support::must_be_installed;

/// Runs a program until it exits, and returns its output and status.
///
/// # Panics
///
/// If it is not installed, or exceeds the time limit, after which it is killed.
#[must_use]
pub fn run(command: &Command, at_most: Duration) -> Output {
    let program = command.get_program().to_string_lossy();
    if !program.contains('/') {
        must_be_installed(&program);
    }
    let mut bounded = Command::new("timeout");
    bounded.arg("--kill-after=1").arg(at_most.as_secs().to_string());
    bounded.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        bounded.env(name, value.unwrap_or_default());
    }
    command.get_current_dir().map(|directory| bounded.current_dir(directory));
    let output = bounded.output().expect("`timeout` of coreutils");
    assert_ne!(output.status.code(), Some(TIMED_OUT), "{program} runs longer than {at_most:?}: {}", said(&output));
    output
}

/// Runs a program that must succeed without any error output. Returns its standard output as text.
///
/// # Panics
///
/// If it is not installed, exceeds the time limit, fails or prints an error.
#[must_use]
pub fn run_quiet(command: &Command, at_most: Duration) -> String {
    let output = run(command, at_most);
    let content = output.status.success() && output.stderr.is_empty();
    assert!(content, "{command:?}: {}: {}", output.status, said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns the error output of a program.
#[must_use]
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The exit code of `timeout` itself.
const TIMED_OUT: i32 = 124;
