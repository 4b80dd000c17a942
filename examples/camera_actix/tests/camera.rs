//! Both cameras as processes: command line, lost sources, shutdown.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use test_support::{Program, boundary};

const AXUM: Program = Program::Example("camera");
const ACTIX: Program = Program::Package("camera_actix");

/// Makes a test of each function for each camera.
macro_rules! both {
    ($($(#[$attribute:meta])* $case:ident,)*) => {
        mod axum {
            $(#[test]
            $(#[$attribute])*
            fn $case() {
                super::$case(super::AXUM);
            })*
        }

        mod actix {
            $(#[test]
            $(#[$attribute])*
            fn $case() {
                super::$case(super::ACTIX);
            })*
        }
    };
}

both! {
    reports_invalid_arguments_in_one_line,
    reports_a_failed_source_in_one_line,
    reports_a_used_port_in_one_line,
    ended_source_leaves_its_last_picture_and_a_note,
    restarts_a_lost_source,
    stops_the_source_on_a_signal_before_its_first_picture,
    #[ignore = "needs ffmpeg"]
    restarts_killed_ffmpeg_within_two_seconds,
    smaller_pictures_are_made_on_demand,
    publishes_pictures_from_standard_input,
    closes_streams_and_exits_in_time_on_a_signal,
}

/// A camera process. Dropping it kills the process.
struct Camera {
    child: Child,
    address: String,
    _stdout: BufReader<ChildStdout>,
}

impl Camera {
    /// Starts a camera on a free port and waits for its greeting.
    fn start(program: Program, arguments: &[&str]) -> Self {
        Self::start_on(program, arguments, Stdio::null())
    }

    fn start_on(program: Program, arguments: &[&str], stdin: Stdio) -> Self {
        let mut child = camera(program, arguments).stdin(stdin).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        stdout.read_line(&mut greeting).unwrap();
        let address = greeting.strip_prefix("Live at http://").and_then(|line| line.split_once('/'));
        let address = address.unwrap_or_else(|| panic!("no address in {greeting:?}")).0.to_owned();
        Self { child, address, _stdout: stdout }
    }

    /// Sends an HTTP/1.0 request, whose response ends with the connection.
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

    fn state(&self) -> String {
        String::from_utf8(self.get("/state", "*/*")).unwrap()
    }

    /// Returns how many pictures in full size were replaced before a viewer was ready for them.
    fn skipped(&self) -> usize {
        let state = self.state();
        let count =
            state.split("\"parts_skipped\": ").nth(1).and_then(|rest| rest.split(',').next()?.trim().parse().ok());
        count.unwrap_or_else(|| panic!("no number in {state}"))
    }

    /// Returns the child processes, zombies included.
    fn children(&self) -> Vec<u32> {
        self.processes().into_iter().map(|(process, _)| process).collect()
    }

    fn zombies(&self) -> usize {
        self.processes().into_iter().filter(|(_, state)| state.starts_with('Z')).count()
    }

    fn processes(&self) -> Vec<(u32, String)> {
        let listing = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat="]).output().unwrap().stdout;
        let listing = String::from_utf8_lossy(&listing).into_owned();
        let parent = self.child.id().to_string();
        let children = listing.lines().filter_map(|line| {
            let mut fields = line.split_whitespace();
            let (process, of, state) = (fields.next()?.parse().ok()?, fields.next()?, fields.next()?);
            (of == parent).then(|| (process, state.to_owned()))
        });
        children.collect()
    }

    /// Waits until the state contains this text.
    fn wait_for(&self, what: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let state = self.state();
            if state.contains(what) {
                return;
            }
            assert!(Instant::now() < deadline, "not {what:?}: {state}");
            sleep(Duration::from_millis(50));
        }
    }

    /// Sends a signal. Returns whether the process exited with success, and the time that it took.
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

fn camera(program: Program, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.path());
    command.args(["--listen", "127.0.0.1:0"]).args(arguments);
    command
}

/// Runs a camera that is expected to fail. Returns its exit code and its standard error.
fn fails(program: Program, arguments: &[&str], stdin: &[u8]) -> (Option<i32>, String) {
    let mut command = camera(program, arguments);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    // It may exit before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&stdout), "");
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// Waits until there is this number of processes with this command line.
fn runs(command: &str, count: usize) {
    let running = || {
        let listing = Command::new("ps").args(["-A", "-o", "args"]).output().unwrap().stdout;
        String::from_utf8_lossy(&listing).lines().filter(|line| *line == command).count()
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while running() != count {
        assert!(Instant::now() < deadline, "not {count} but {} of {command}", running());
        sleep(Duration::from_millis(20));
    }
}

fn rest(connection: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    answer
}

/// Returns the number of parts, and whether the stream ends with the close-delimiter.
fn parts(answer: &[u8]) -> (usize, bool) {
    let text = String::from_utf8_lossy(answer);
    let boundary = boundary(answer);
    let ends = text.ends_with(&format!("\r\n--{boundary}--\r\n"));
    (text.matches(&format!("--{boundary}\r\nContent-Type: image/jpeg\r\n")).count(), ends)
}

fn picture(program: Program) -> Vec<u8> {
    Camera::start(program, &["--size", "160x120"]).snapshot()
}

/// A picture in a file. Dropping it removes the file.
struct Picture {
    file: PathBuf,
    bytes: Vec<u8>,
}

impl Picture {
    fn new(program: Program, name: &str) -> Self {
        let camera = if program == AXUM { "axum" } else { "actix" };
        let file = std::env::temp_dir().join(format!("camera-test-{camera}-{name}-{}.jpg", std::process::id()));
        let bytes = picture(program);
        std::fs::write(&file, &bytes).unwrap();
        Self { file, bytes }
    }

    fn path(&self) -> std::path::Display<'_> {
        self.file.display()
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn reports_invalid_arguments_in_one_line(program: Program) {
    let (code, line) = fails(program, &["--speed", "3"], b"");
    assert_eq!(code, Some(2));
    assert!(line.ends_with(": unknown argument --speed (--help lists the options)\n"), "{line}");
    assert_eq!(line.lines().count(), 1);
}

fn reports_a_failed_source_in_one_line(program: Program) {
    for (source, stdin, what) in [
        ("no-such-program", &b""[..], "no-such-program is not installed"),
        ("sh -c 'echo begin >&2; echo broken >&2; exit 3'", b"", "sh has stopped, exit status: 3: broken"),
        ("echo hello", b"", "echo: no JPEG picture in 6 bytes that start with 68 65 6c 6c 6f 0a"),
        ("true", b"", "true: ended without a picture"),
        ("stdin", b"GIF89a", "no JPEG picture in 6 bytes that start with 47 49 46 38 39 61"),
        ("stdin", b"", "standard input: ended without a picture"),
    ] {
        let (code, line) = fails(program, &["--source", source], stdin);
        assert_eq!(code, Some(1), "{line}");
        assert!(line.ends_with(&format!(": {what}\n")), "{line}");
        // On a busy machine, it first says what it waits for.
        assert_eq!(line.lines().filter(|line| !line.starts_with("waiting for ")).count(), 1, "{line}");
    }
}

fn reports_a_used_port_in_one_line(program: Program) {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let (code, line) = fails(program, &["--listen", &address], b"");
    assert_eq!(code, Some(1));
    assert!(
        line.ends_with(&format!("{address} is in use by another program; --listen takes another address\n")),
        "{line}"
    );
}

fn ended_source_leaves_its_last_picture_and_a_note(program: Program) {
    let camera = Camera::start(program, &["--size", "160x120", "--fps", "5", "--frames", "5"]);
    // The first picture is drawn at once, the others when somebody watches. The machine wire sends the last one twice. In one
    // size only: a viewer that is moved gets a picture once more.
    let (sent, ends) = parts(&camera.get("/live?width=full", "*/*"));
    let skipped = camera.skipped();
    // The picture from before the connection may have been replaced in the meantime, which is not counted.
    assert!(ends && sent > 1 && (5..=6).contains(&(sent + skipped)), "{sent} parts, {skipped} skipped, {ends}");
    camera.wait_for("\"state\": \"ended\"");
    camera.wait_for("\"note\": \"the test picture has ended\"");
    // A new viewer gets the last picture and the end.
    let (late, ends) = parts(&camera.get("/live", "image/*"));
    assert!(late > 0 && ends);
    assert!(camera.snapshot().starts_with(b"\xff\xd8\xff"));
}

fn restarts_a_lost_source(program: Program) {
    let picture = Picture::new(program, "restart");
    let source = format!("sh -c 'cat {}; sleep 0.3; echo unplugged >&2; exit 7'", picture.path());
    let camera = Camera::start(program, &["--source", &source]);
    let mut viewer = camera.ask("/live", "*/*");
    camera.wait_for("\"note\": \"sh has stopped, exit status: 7: unplugged");
    camera.wait_for("\"attempts\": 4");
    camera.wait_for("\"state\": \"live\"");
    // The stream continued across the restarts.
    viewer.read_exact(&mut vec![0; 4 * picture.bytes.len()]).unwrap();
}

fn stops_the_source_on_a_signal_before_its_first_picture(program: Program) {
    for signal in ["INT", "TERM"] {
        // A number that no other test sleeps.
        let seconds = format!("{}{}", if program == AXUM { 2 } else { 3 }, std::process::id());
        let source = format!("sh -c 'sleep {seconds}; true'");
        let mut child = camera(program, &["--source", &source]).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "waiting for the first picture of sh\n");
        runs(&format!("sleep {seconds}"), 1);
        assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
        assert!(child.wait().unwrap().success(), "{signal}");
        runs(&format!("sleep {seconds}"), 0);
    }
}

fn restarts_killed_ffmpeg_within_two_seconds(program: Program) {
    let source = "ffmpeg -v error -re -f lavfi -i testsrc=size=320x240:rate=15 -f mjpeg -q:v 5 -";
    let camera = Camera::start(program, &["--source", source]);
    let mut viewer = camera.ask("/live", "*/*");
    for restarts in 0..4 {
        viewer.read_exact(&mut vec![0; 100_000]).unwrap();
        let [ffmpeg] = camera.children()[..] else { panic!("one child: {:?}", camera.children()) };
        assert!(Command::new("kill").args(["-9", &ffmpeg.to_string()]).status().unwrap().success());
        let killed = Instant::now();
        camera.wait_for(&format!("\"attempts\": {}", restarts + 2));
        camera.wait_for("\"state\": \"live\"");
        let took = killed.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert_eq!(camera.zombies(), 0);
    }
}

fn smaller_pictures_are_made_on_demand(program: Program) {
    let camera = Camera::start(program, &["--size", "640x480"]);
    // The frame header of a baseline JPEG, with its height and width.
    let frame =
        |width: u16, height: u16| [&[0xff, 0xc0, 0, 17, 8][..], &height.to_be_bytes(), &width.to_be_bytes()].concat();
    for (path, frame) in [
        ("/live?width=320&snapshot", frame(320, 240)),
        ("/live?width=full&snapshot", frame(640, 480)),
        ("/live?width=320", frame(320, 240)),
        ("/live", frame(640, 480)),
    ] {
        let mut answer = Vec::new();
        let mut connection = camera.ask(path, "*/*");
        while !answer.windows(frame.len()).any(|bytes| bytes == frame) {
            let mut bytes = [0; 10_000];
            let len = connection.read(&mut bytes).unwrap();
            assert!(len > 0, "{path} has no such picture");
            answer.extend_from_slice(bytes.get(..len).unwrap());
        }
    }
    camera.wait_for("\"width\": 320");
}

fn publishes_pictures_from_standard_input(program: Program) {
    let picture = picture(program);
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&picture).unwrap();
    let camera = Camera::start_on(program, &["--source", "stdin"], reader.into());
    let mut viewer = camera.ask("/live", "multipart/mixed");
    let (mut answer, mut byte) = (Vec::new(), [0]);
    // The next picture would replace one that is still to be sent.
    while !answer.ends_with(b"\xff\xd9") {
        viewer.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    writer.write_all(&[&b"garbage"[..], &picture].concat()).unwrap();
    drop(writer);
    answer.extend(rest(&mut viewer));
    assert_eq!(parts(&answer), (2, true));
    camera.wait_for("\"note\": \"standard input has ended\"");
}

fn closes_streams_and_exits_in_time_on_a_signal(program: Program) {
    for signal in ["INT", "TERM"] {
        let mut camera = Camera::start(program, &["--size", "640x480"]);
        let mut readers = ["image/*", "*/*", "multipart/mixed"].map(|accept| camera.ask("/live", accept));
        let readers = readers.each_mut().map(|reader| reader.try_clone().unwrap());
        let readers = readers.map(|mut reader| std::thread::spawn(move || rest(&mut reader)));
        // Stalled viewers, whose connections fill up.
        let _stalled = [camera.ask("/live", "*/*"), camera.ask("/live", "image/*")];
        sleep(Duration::from_secs(2));
        let (success, took) = camera.stop(signal);
        assert!(success, "{signal}");
        assert!(took < Duration::from_secs(10), "{signal}: {took:?}");
        for reader in readers {
            let (parts, ends) = parts(&reader.join().unwrap());
            assert!(parts > 1 && ends, "{signal}: {parts} parts, {ends}");
        }
    }
}
