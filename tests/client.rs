//! Runs the tests of the browser client under Node, with its source and with the minified form that is served.

#![cfg(feature = "page")]

use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Held while Node starts, which takes some processor time. That would count in the tests of the others.
static START: Mutex<()> = Mutex::new(());

/// Runs the files of tests at the same time, because they mostly wait, and those with lanes in several of them.
fn node(suffix: &str) {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client/")).expect("a folder");
    let files = files.map(|file| file.expect("a file").path());
    let files = files.filter(|file| file.to_string_lossy().ends_with(".test.mjs"));
    let lanes = files.flat_map(|file| {
        let source = std::fs::read_to_string(&file).expect("a file");
        let lanes = if source.contains("'./lane.mjs'") { LANES } else { 1 };
        (0..lanes).map(move |lane| (file.clone(), format!("{lane}/{lanes}")))
    });
    let running: Vec<_> = lanes
        .map(|(file, lane)| {
            let mut command = Command::new("node");
            command.arg("--expose-gc").arg(&file).stdout(Stdio::piped());
            command.env("CLIENT_JS", suffix).env("LANE", &lane);
            let _one = START.lock().unwrap_or_else(PoisonError::into_inner);
            std::thread::sleep(std::time::Duration::from_millis(200));
            (file, lane, command.spawn().expect("node 18.19 or later is installed"))
        })
        .collect();
    assert!(!running.is_empty());
    let ended = running.into_iter().map(|(file, lane, node)| (file, lane, node.wait_with_output().expect("an output")));
    // All of them, before the first failure ends the test.
    for (file, lane, output) in ended.collect::<Vec<_>>() {
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}, LANE={lane}: {said}", file.display());
    }
}

const LANES: usize = 3;

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
