//! The first programs of the README, each as a process with a bad camera, ended by SIGTERM.

#![cfg(all(unix, feature = "actix-web", feature = "axum"))]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

mod axum_program {
    include!("first_program/axum.rs");

    pub(super) fn run() -> std::io::Result<()> {
        main()
    }
}

mod actix_program {
    include!("first_program/actix.rs");

    pub(super) fn run() -> std::io::Result<()> {
        main()
    }
}

/// In place of the README's.
fn address() -> String {
    env::var(ADDRESS).unwrap()
}

#[test]
fn the_programs_are_those_of_the_readme() {
    for program in [include_str!("first_program/axum.rs"), include_str!("first_program/actix.rs")] {
        let program = program.replace("super::address()", "\"127.0.0.1:3000\"");
        let readme = include_str!("../README.md");
        assert!(readme.contains(&format!("```rust,no_run\n{program}```\n")), "{program}");
    }
}

#[test]
#[ignore = "the process of another test"]
fn serves_with_axum() {
    // Without an address it was started with all ignored tests, and has nothing to do.
    if env::var_os(ADDRESS).is_some() {
        axum_program::run().unwrap();
    }
}

#[test]
#[ignore = "the process of another test"]
fn serves_with_actix() {
    // Without an address it was started with all ignored tests, and has nothing to do.
    if env::var_os(ADDRESS).is_some() {
        actix_program::run().unwrap();
    }
}

#[test]
fn survives_bad_frames_and_ends_on_sigterm_on_axum() {
    survives_bad_frames_and_ends_on_sigterm("serves_with_axum");
}

#[test]
fn survives_bad_frames_and_ends_on_sigterm_on_actix() {
    survives_bad_frames_and_ends_on_sigterm("serves_with_actix");
}

fn survives_bad_frames_and_ends_on_sigterm(program: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(program);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    // Nobody else gets this port in between: the system hands out others first.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", program, "--ignored", "--nocapture"]).current_dir(&folder);
    let mut server = Server(command.env(ADDRESS, address.to_string()).spawn().unwrap());

    let start = Instant::now();
    let mut viewer = loop {
        match TcpStream::connect(address) {
            Ok(viewer) => break viewer,
            Err(error) => assert!(start.elapsed() < START, "no server: {error}"),
        }
        thread::sleep(Duration::from_millis(20));
    };
    viewer.set_read_timeout(Some(START)).unwrap();
    write!(viewer, "GET /live HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    // Nothing at all: picture.jpg is not there yet.
    thread::sleep(CAPTURES);
    let half = &GOOD[..GOOD.len() / 2];
    for bad in [&b""[..], b"\xff\xd8", half, b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\nIHDR"] {
        put(&folder, bad);
        thread::sleep(CAPTURES);
    }
    put(&folder, GOOD);
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    while !contains(&received, GOOD) {
        let len = viewer.read(&mut chunk).unwrap();
        assert!(len > 0, "ends with {}", received.escape_ascii());
        received.extend_from_slice(&chunk[..len]);
    }
    assert!(!contains(&received, b"PNG"), "{}", received.escape_ascii());

    let signaled = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &server.0.id().to_string()]).status().unwrap().success());
    // Of an HTTP/1.1 response in chunks, the last chunk is what follows.
    while !contains(&received, b"--\r\n\r\n0\r\n\r\n") {
        let len = viewer.read(&mut chunk).unwrap();
        assert!(len > 0, "no close-delimiter: {}", received.escape_ascii());
        received.extend_from_slice(&chunk[..len]);
    }
    assert!(server.0.wait().unwrap().success());
    assert!(signaled.elapsed() < Duration::from_secs(1), "{:?}", signaled.elapsed());
}

/// All of it at once, as a camera's program should.
fn put(folder: &Path, frame: &[u8]) {
    fs::write(folder.join("next.jpg"), frame).unwrap();
    fs::rename(folder.join("next.jpg"), folder.join("picture.jpg")).unwrap();
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Does not outlive its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

const ADDRESS: &str = "ADDRESS_OF_FIRST_PROGRAM";
/// One grey pixel.
const GOOD: &[u8] = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0\0\xff\xd9";
/// In which the program captures twice.
const CAPTURES: Duration = Duration::from_millis(250);
const START: Duration = Duration::from_secs(60);
