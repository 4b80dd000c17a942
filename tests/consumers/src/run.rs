//! A program that must come to its end by itself.

use std::process::{Command, Output};
use std::time::Duration;

use test_support::must_be_installed;

/// Runs a program to its end, for as long at most, and returns what it wrote and how it ended.
///
/// # Panics
///
/// If it is not installed, or runs longer: then it is killed.
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
    let output = bounded.output().expect("coreutils' timeout");
    assert_ne!(output.status.code(), Some(TIMED_OUT), "{program} runs longer than {at_most:?}: {}", said(&output));
    output
}

/// The same, for a program that must succeed without a word on its error output. Returns its standard output as text.
///
/// # Panics
///
/// If it is not installed, runs longer, fails or complains.
#[must_use]
pub fn run_quiet(command: &Command, at_most: Duration) -> String {
    let output = run(command, at_most);
    let content = output.status.success() && output.stderr.is_empty();
    assert!(content, "{command:?}: {}: {}", output.status, said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a program wrote to its error output.
#[must_use]
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The exit code of `timeout` itself.
const TIMED_OUT: i32 = 124;
