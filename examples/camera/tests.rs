//! The tests of both cameras.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::program;

/// A camera that is killed at the end of its test.
struct Camera {
    child: Child,
    address: String,
    _stdout: BufReader<ChildStdout>,
}

impl Camera {
    /// Starts one on a free port, and waits for its greeting.
    fn start(arguments: &[&str]) -> Self {
        Self::start_on(arguments, Stdio::null())
    }

    fn start_on(arguments: &[&str], stdin: Stdio) -> Self {
        let mut child = camera(arguments).stdin(stdin).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        stdout.read_line(&mut greeting).unwrap();
        let address = greeting.strip_prefix("Live at http://").and_then(|line| line.split_once('/'));
        let address = address.unwrap_or_else(|| panic!("no address in {greeting:?}")).0.to_owned();
        Self { child, address, _stdout: stdout }
    }

    /// A connection on which this was asked for, with the end of the connection as the end of the answer.
    fn ask(&self, path: &str, accept: &str) -> TcpStream {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(connection, "GET {path} HTTP/1.0\r\nHost: camera\r\nAccept: {accept}\r\n\r\n").unwrap();
        connection
    }

    fn get(&self, path: &str, accept: &str) -> Vec<u8> {
        rest(&mut self.ask(path, accept))
    }

    fn snapshot(&self) -> Vec<u8> {
        let answer = self.get("/snapshot.jpg", "*/*");
        let body = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        answer.get(body..).unwrap().to_vec()
    }

    /// Waits until the page's state says this.
    fn says(&self, what: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let state = String::from_utf8(self.get("/state", "*/*")).unwrap();
            if state.contains(what) {
                return;
            }
            assert!(Instant::now() < deadline, "not {what:?}: {state}");
            sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to stop, and tells whether it went well and how long it took.
    fn stop(&mut self, signal: &str) -> (bool, Duration) {
        let begin = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        let success = self.child.wait().unwrap().success();
        (success, begin.elapsed())
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn camera(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(["--listen", "127.0.0.1:0"]).args(arguments);
    command
}

/// Runs one that is expected not to come up.
fn fails(arguments: &[&str], stdin: &[u8]) -> (Option<i32>, String) {
    let mut command = camera(arguments);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    // It may be gone before it has read it all.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&stdout), "");
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn rest(connection: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    answer
}

/// How many parts, and whether the stream has ended with the close-delimiter.
fn parts(answer: &[u8]) -> (usize, bool) {
    let text = String::from_utf8_lossy(answer);
    let boundary = text.split("boundary=").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap();
    let ends = text.ends_with(&format!("\r\n--{boundary}--\r\n"));
    (text.matches(&format!("--{boundary}\r\nContent-Type: image/jpeg\r\n")).count(), ends)
}

fn picture() -> Vec<u8> {
    Camera::start(&["--size", "160x120"]).snapshot()
}

#[test]
fn says_in_one_line_what_is_wrong_with_its_arguments() {
    let (code, line) = fails(&["--speed", "3"], b"");
    assert_eq!(code, Some(2));
    assert!(line.ends_with(": unknown argument --speed (--help lists what there is)\n"), "{line}");
    assert_eq!(line.lines().count(), 1);
}

#[test]
fn says_in_one_line_what_is_wrong_with_its_source() {
    for (source, stdin, what) in [
        (
            "no-such-program",
            &b""[..],
            "no-such-program is neither a source nor a program that is installed; --help lists the sources",
        ),
        ("sh -c 'echo begin >&2; echo broken >&2; exit 3'", b"", "sh has stopped, exit status: 3: broken"),
        ("echo hello", b"", "echo: no JPEG picture in 6 bytes that begin with 68 65 6c 6c 6f 0a"),
        ("true", b"", "no picture came from true"),
        ("stdin", b"GIF89a", "no JPEG picture in 6 bytes that begin with 47 49 46 38 39 61"),
        ("stdin", b"", "no picture came from standard input"),
    ] {
        let (code, line) = fails(&["--source", source], stdin);
        assert_eq!(code, Some(1), "{line}");
        assert!(line.ends_with(&format!(": {what}\n")), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
}

#[test]
fn says_in_one_line_that_the_port_is_taken() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let (code, line) = fails(&["--listen", &address], b"");
    assert_eq!(code, Some(1));
    assert!(
        line.ends_with(&format!("{address} is in use by another program; --listen takes another address\n")),
        "{line}"
    );
}

#[test]
fn a_source_that_ends_leaves_its_last_picture_and_a_note() {
    let camera = Camera::start(&["--size", "160x120", "--fps", "5", "--frames", "5"]);
    // The first picture is there at once, the others once somebody watches; the last comes twice, as some wires need.
    assert_eq!(parts(&camera.get("/stream", "*/*")), (6, true));
    camera.says("\"state\": \"ended\"");
    camera.says("\"note\": \"the test picture has ended\"");
    // Who comes now sees the last picture, then the end.
    let (late, ends) = parts(&camera.get("/stream", "image/*"));
    assert!(late > 0 && ends);
    assert!(camera.snapshot().starts_with(b"\xff\xd8\xff"));
}

#[test]
fn a_command_that_dies_leaves_its_last_picture_and_a_note() {
    let file = std::env::temp_dir().join(format!("camera-test-{}.jpg", std::process::id()));
    std::fs::write(&file, picture()).unwrap();
    let source = format!("sh -c 'cat {}; sleep 1; echo unplugged >&2; exit 7'", file.display());
    let camera = Camera::start(&["--source", &source]);
    assert!(parts(&camera.get("/stream", "image/*")).1);
    camera.says("\"state\": \"failed\"");
    camera.says("\"note\": \"sh has stopped, exit status: 7: unplugged\"");
    assert_eq!(camera.snapshot(), std::fs::read(&file).unwrap());
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn shows_what_comes_on_standard_input() {
    let picture = picture();
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&picture).unwrap();
    let camera = Camera::start_on(&["--source", "stdin"], reader.into());
    let mut viewer = camera.ask("/stream", "multipart/mixed");
    sleep(Duration::from_millis(300));
    writer.write_all(&[&b"garbage"[..], &picture].concat()).unwrap();
    sleep(Duration::from_millis(300));
    drop(writer);
    assert_eq!(parts(&rest(&mut viewer)), (2, true));
    camera.says("\"note\": \"standard input has ended\"");
}

#[test]
fn ends_its_viewers_properly_and_itself_in_time() {
    for signal in ["INT", "TERM"] {
        let mut camera = Camera::start(&["--size", "640x480"]);
        let mut readers = ["image/*", "*/*", "multipart/mixed"].map(|accept| camera.ask("/stream", accept));
        let readers = readers.each_mut().map(|reader| reader.try_clone().unwrap());
        let readers = readers.map(|mut reader| std::thread::spawn(move || rest(&mut reader)));
        // Somebody who never reads: after a while the connection is full.
        let _stalled = [camera.ask("/stream", "*/*"), camera.ask("/stream", "image/*")];
        sleep(Duration::from_secs(2));
        let (success, took) = camera.stop(signal);
        assert!(success, "{signal}");
        assert!(took < Duration::from_secs(5), "{signal}: {took:?}");
        for reader in readers {
            let (parts, ends) = parts(&reader.join().unwrap());
            assert!(parts > 1 && ends, "{signal}: {parts} parts, {ends}");
        }
    }
}
