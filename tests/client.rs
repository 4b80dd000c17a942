//! Runs the tests of the browser client under Node, with its source and with the minified form that is served.

#![cfg(feature = "page")]

use std::process::{Command, Stdio};

/// Runs the files of tests at the same time, because they mostly wait.
fn node(suffix: &str) {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client/")).expect("a folder");
    let files = files.map(|file| file.expect("a file").path());
    let files = files.filter(|file| file.to_string_lossy().ends_with(".test.mjs"));
    let running: Vec<_> = files
        .map(|file| {
            let mut command = Command::new("node");
            command.args(["--expose-gc", "--test"]).arg(file).env("CLIENT_JS", suffix).stdout(Stdio::piped());
            command.spawn().expect("node 20 or later is installed")
        })
        .collect();
    assert!(!running.is_empty());
    for node in running {
        let output = node.wait_with_output().expect("an output");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
#[ignore = "needs node"]
fn client_source_passes() {
    node("");
}

#[test]
#[ignore = "needs node"]
fn minified_client_passes_and_is_small() {
    node(".min");
}
