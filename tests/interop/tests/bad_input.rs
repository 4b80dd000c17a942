//! The examples report each error in one line with an exit code, or keep the last picture with a note.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::Duration;

use interop_tests::consumers::curl::{self, Http};
use interop_tests::consumers::run::{run, said};
use interop_tests::consumers::{Camera, Example};
use test_support::eventually;

#[test]
#[ignore = "builds the examples"]
fn reports_invalid_argument_in_one_line() {
    for example in Example::BOTH {
        fails_with(example, &["--colour", "red"], "--colour");
        fails_with(example, &["--size", "huge"], "--size huge");
        fails_with(example, &["--source", ""], "--source");
    }
}

#[test]
#[ignore = "builds the examples"]
fn reports_unknown_source_in_one_line() {
    for example in Example::BOTH {
        fails_with(example, &["--source", "no-such-program --at all"], "no-such-program");
        fails_with(example, &["--source", "./no/such/program"], "./no/such/program");
    }
}

#[test]
#[ignore = "builds the examples"]
fn reports_used_port_in_one_line() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    for example in Example::BOTH {
        fails_with(example, &["--listen", &address], &address);
    }
}

#[test]
#[ignore = "builds the examples"]
fn reports_command_without_pictures_in_one_line() {
    for example in Example::BOTH {
        fails_with(example, &["--source", "true"], "true");
        fails_with(example, &["--source", "sh -c 'exit 3'"], "sh");
        fails_with(example, &["--source", "echo no picture at all"], "echo");
        fails_with(example, &["--source", "head -c 100000000 /dev/zero"], "head");
    }
}

#[test]
#[ignore = "builds the examples"]
fn reports_standard_input_without_pictures_in_one_line() {
    for example in Example::BOTH {
        for input in ["printf ''", "echo no picture at all", "printf '\\377\\330\\377'", "head -c 100000000 /dev/zero"]
        {
            let mut shell = Command::new("sh");
            let pipe = format!("{input} | \"$0\" --listen 127.0.0.1:0 --source stdin");
            shell.args(["-c", &pipe]).arg(example.program());
            is_one_clear_line(&run(&shell, PATIENCE), example, &[input], "picture");
        }
    }
}

#[test]
#[ignore = "needs ffmpeg and curl"]
fn failed_command_is_named_in_a_note_and_started_again() {
    for example in Example::BOTH {
        let dies = "sh -c 'ffmpeg -loglevel error -re -f lavfi -i testsrc=rate=20 -frames:v 20 -f mjpeg -; exit 3'";
        let camera = Camera::start(example, &["--source", dies]);
        // The state and its note in one response: the next attempt follows soon.
        let lost = eventually(PATIENCE, || Some(camera.state()).filter(|state| state["state"] != "live"));
        let note =
            lost.unwrap_or_else(|| panic!("{example} has not noticed that its source is gone"))["note"].to_string();
        assert!(note.contains("sh"), "{example}: the note does not name the source: {note}");
        let pictures = curl::body(&camera.url("/live"), Http::V1_1, Some(3)).pictures();
        assert!(!pictures.is_empty(), "{example} shows no picture of a lost source");
        let live = eventually(PATIENCE, || Some(camera.state()).filter(|state| state["state"] == "live"));
        assert!(live.is_some(), "{example} has not started its source again: {}", camera.state());
    }
}

/// Checks that the example exits with one line of error output that names the problem.
fn fails_with(example: Example, arguments: &[&str], what: &str) {
    let mut command = Command::new(example.program());
    if !arguments.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    is_one_clear_line(&run(command.args(arguments), PATIENCE), example, arguments, what);
}

fn is_one_clear_line(output: &Output, example: Example, arguments: &[&str], what: &str) {
    let said = said(output);
    assert!(!said.contains("panicked"), "{example} {arguments:?} panics: {said}");
    assert!(output.status.code().is_some_and(|code| code != 0), "{example} {arguments:?}: {}: {said}", output.status);
    // On a busy machine, it first says what it waits for.
    let lines = said.lines().filter(|line| !line.starts_with("waiting for "));
    assert!(lines.count() == 1 && said.contains(what), "{example} {arguments:?} does not name {what}: {said}");
}

/// The camera waits 15 seconds for a first picture.
const PATIENCE: Duration = Duration::from_secs(30);
