//! The first programs of the README, each as a process with a bad camera, ended by SIGTERM.

#![cfg(all(unix, feature = "actix-web", feature = "axum", feature = "process"))]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
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

mod webcam_axum_program {
    include!("first_program/webcam_axum.rs");

    pub(super) fn run() -> std::io::Result<()> {
        main()
    }
}

mod webcam_actix_program {
    include!("first_program/webcam_actix.rs");

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
    for program in [
        include_str!("first_program/axum.rs"),
        include_str!("first_program/actix.rs"),
        include_str!("first_program/webcam_axum.rs"),
        include_str!("first_program/webcam_actix.rs"),
    ] {
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
#[ignore = "the process of another test"]
fn shows_webcam_with_axum() {
    if env::var_os(ADDRESS).is_some() {
        webcam_axum_program::run().unwrap();
    }
}

#[test]
#[ignore = "the process of another test"]
fn shows_webcam_with_actix() {
    if env::var_os(ADDRESS).is_some() {
        webcam_actix_program::run().unwrap();
    }
}

#[test]
fn webcam_is_started_for_its_viewer_and_ends_with_the_program() {
    for program in ["shows_webcam_with_axum", "shows_webcam_with_actix"] {
        let folder = folder(program);
        fs::write(folder.join("picture.jpg"), GOOD).unwrap();
        // In place of ffmpeg, which has no camera here.
        let ffmpeg = "#!/bin/sh\ncd \"${0%/*}\"\necho $$ >pid\n[ \"$6\" = /dev/video0 ] || exit 1\n\
            while cat picture.jpg; do sleep 0.1; done\n";
        fs::write(folder.join("ffmpeg"), ffmpeg).unwrap();
        fs::set_permissions(folder.join("ffmpeg"), fs::Permissions::from_mode(0o755)).unwrap();
        let (mut server, mut viewer) = start(program, &folder);
        // Its beginning gets the tables that webcams omit.
        let scan = GOOD.windows(2).position(|marker| marker == b"\xff\xda").unwrap();
        read_until(&mut viewer, &mut Vec::new(), &GOOD[scan..]);

        let pid = fs::read_to_string(folder.join("pid")).unwrap();
        let ffmpeg = Path::new("/proc").join(pid.trim());
        assert!(ffmpeg.exists());
        server.0.kill().unwrap();
        server.0.wait().unwrap();
        let start = Instant::now();
        while ffmpeg.exists() && !fs::read_to_string(ffmpeg.join("stat")).is_ok_and(|stat| stat.contains(") Z ")) {
            assert!(start.elapsed() < START, "its output is closed");
            thread::sleep(Duration::from_millis(20));
        }
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

fn folder(program: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(program);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Starts a program in a folder whose programs it finds first, and requests its stream.
fn start(program: &str, folder: &Path) -> (Server, TcpStream) {
    // Nobody else gets this port in between: the system hands out others first.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", program, "--ignored", "--nocapture"]).current_dir(folder);
    command.env("PATH", format!("{}:{}", folder.display(), env::var("PATH").unwrap()));
    let server = Server(command.env(ADDRESS, address.to_string()).spawn().unwrap());

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
    (server, viewer)
}

/// Reads until these bytes have come.
fn read_until(viewer: &mut TcpStream, received: &mut Vec<u8>, bytes: &[u8]) {
    let mut chunk = [0; 4096];
    while !contains(received, bytes) {
        let len = viewer.read(&mut chunk).unwrap();
        assert!(len > 0, "ends with {}", received.escape_ascii());
        received.extend_from_slice(&chunk[..len]);
    }
}

fn survives_bad_frames_and_ends_on_sigterm(program: &str) {
    // On a busy machine a connection may be open still when actix looks first, which it does again after a second.
    let ends_in_time = |_| end_after_bad_frames(program) < Duration::from_secs(1);
    assert!((0..3).any(ends_in_time), "takes a second to end, each time");
}

/// Returns how long the program took to end.
fn end_after_bad_frames(program: &str) -> Duration {
    let folder = folder(program);
    let (mut server, mut viewer) = start(program, &folder);
    // Nothing at all: picture.jpg is not there yet.
    thread::sleep(CAPTURES);
    let half = &GOOD[..GOOD.len() / 2];
    for bad in [&b""[..], b"\xff\xd8", half, b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\nIHDR"] {
        put(&folder, bad);
        thread::sleep(CAPTURES);
    }
    put(&folder, GOOD);
    let mut received = Vec::new();
    read_until(&mut viewer, &mut received, GOOD);
    assert!(!contains(&received, b"PNG"), "{}", received.escape_ascii());

    let signaled = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &server.0.id().to_string()]).status().unwrap().success());
    // Of an HTTP/1.1 response in chunks, the last chunk is what follows.
    read_until(&mut viewer, &mut received, b"--\r\n\r\n0\r\n\r\n");
    assert!(server.0.wait().unwrap().success());
    signaled.elapsed()
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
