//! The programs of docs/programs.md, each as a process.

#![cfg(unix)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use std::{env, thread};

macro_rules! programs {
    ($($name:ident),*) => {
        $(mod $name {
            include!(concat!("programs/", stringify!($name), ".rs"));

            #[test]
            #[ignore = "the process of another test"]
            fn process() {
                // Without an address it was started with all ignored tests, and has nothing to do.
                if std::env::var_os(super::ADDRESS).is_some() {
                    std::process::Termination::report(main());
                }
            }
        })*

        #[test]
        fn programs_are_those_of_the_documentation() {
            $({
                let program = include_str!(concat!("programs/", stringify!($name), ".rs"));
                let lines = program.lines().count();
                assert!(lines <= 40, "{}: {lines} lines", stringify!($name));
                let program = program.replace("super::address()", "\"127.0.0.1:3000\"");
                let program = program.replace("&super::camera()", "\"http://user:password@10.0.0.7/video.cgi\"");
                let docs = include_str!("../../../docs/programs.md");
                assert!(docs.contains(&format!("```rust\n{program}```\n")), "{program}");
                assert!(docs.contains(&format!(") | {lines} |\n")), "{}: {lines} lines", stringify!($name));
            })*
        }
    };
}
programs! { by_name, drawn, layers, nine, path_actix, path_axum, poem, relay, rocket, sizes, status }

/// In place of the documentation's.
fn address() -> String {
    env::var(ADDRESS).unwrap()
}

/// In place of the documentation's.
fn camera() -> String {
    env::var(CAMERA).unwrap()
}

#[test]
fn webcam_is_for_those_with_the_login() {
    let server = Server::start("layers");
    assert!(server.get("/live", "").starts_with("HTTP/1.1 401 "));
    assert!(server.get("/", LOGIN).contains("<img src=\"/live\""));
    server.streams("/live", &format!("{LOGIN}Accept-Encoding: gzip\r\n"));
    server.stops();
}

#[test]
fn cameras_come_and_go() {
    let (server, camera) = (Server::start("by_name"), Server::start("drawn"));
    assert!(server.get("/cameras/yard", "").starts_with("HTTP/1.1 404 "));
    let url = format!("http://{}/live", camera.address);
    assert!(server.send("PUT", "/admin/yard", "", &url).starts_with("HTTP/1.1 204 "));
    assert!(server.send("PUT", "/admin/door", "", "ftp://x").starts_with("HTTP/1.1 400 "));
    let viewer = server.streams("/cameras/yard", "");
    assert!(server.send("DELETE", "/admin/yard", "", "").starts_with("HTTP/1.1 204 "));
    assert!(server.get("/cameras/yard", "").starts_with("HTTP/1.1 404 "));
    drop(viewer);
    assert!(server.send("PUT", "/admin/yard", "", &url).starts_with("HTTP/1.1 204 "));
    let _viewer = server.streams("/cameras/yard", "");
    server.stops();
}

#[test]
fn relay_and_wall_show_drawn_frames() {
    let camera = Server::start("drawn");
    let url = format!("http://{}/live", camera.address);
    let (relay, wall) = (Server::with_camera("relay", &url), Server::with_camera("nine", &url));
    let _viewer = relay.streams("/live", "");
    assert!(wall.get("/", "").contains("<mixed-replace src=\"/wall#camera-9\">"));
    let _viewer = wall.streams("/wall?of=camera-9", "Accept: multipart/mixed\r\n");
    relay.stops();
    wall.stops();
    camera.stops();
}

#[test]
fn note_is_shown_to_those_with_the_login() {
    let server = Server::start("status");
    assert!(server.get("/", "").starts_with("HTTP/1.1 401 "));
    assert!(server.get("/?snapshot", LOGIN).contains("All is well"));
    let form = format!("{LOGIN}Content-Type: application/x-www-form-urlencoded\r\n");
    assert!(server.send("POST", "/note", &form, "note=%3Cb%3E").starts_with("HTTP/1.1 303 "));
    assert!(server.get("/?snapshot", LOGIN).contains("<h1>&lt;b></h1>"));
    server.stops();
}

#[test]
fn path_and_framework_programs_stream_a_file() {
    for (program, path) in
        [("path_axum", "/cameras/yard"), ("path_actix", "/cameras/yard"), ("poem", "/live"), ("rocket", "/live")]
    {
        let server = Server::start(program);
        let _viewer = server.streams(path, "");
        assert!(server.get("/cameras/roof", "").starts_with("HTTP/1.1 404 "), "{program}");
        server.stops();
    }
}

#[test]
fn webcam_comes_in_several_sizes() {
    let server = Server::start("sizes");
    assert!(server.get("/", "").contains("<img src=/live "));
    for (address, width) in
        [("/live", WIDTH), ("/live?width=full", WIDTH), ("/live?width=640", 640), ("/live?width=1", 320)]
    {
        // The frame header of a baseline JPEG ends with the height, the width and three components.
        let has_width = |bytes: &[u8]| bytes.starts_with(b"\xff\xc0\0\x11\x08") && bytes[7..9] == width.to_be_bytes();
        let _viewer = server.sends(address, "", |received| received.windows(10).any(has_width));
    }
    assert!(server.get("/live?width=wide", "").starts_with("HTTP/1.1 400 "));
    server.stops();
}

/// A program, which does not outlive its test.
struct Server {
    address: String,
    process: Child,
}

impl Server {
    fn start(program: &str) -> Self {
        Self::with_camera(program, "")
    }

    fn with_camera(program: &str, camera: &str) -> Self {
        // Nobody else gets this port in between: the system hands out others first.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = folder(&format!("{program}-{}", address.port()));
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", &format!("{program}::process"), "--ignored", "--nocapture"]).current_dir(&folder);
        command.env("PATH", format!("{}:{}", folder.display(), env::var("PATH").unwrap()));
        command.env("ROCKET_PORT", address.port().to_string()).env(CAMERA, camera);
        let process = command.env(ADDRESS, address.to_string()).spawn().unwrap();
        let server = Self { address: address.to_string(), process };
        let start = Instant::now();
        while let Err(error) = TcpStream::connect(address) {
            assert!(start.elapsed() < LIMIT, "{program}: no server: {error}");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn get(&self, path: &str, head: &str) -> String {
        self.send("GET", path, head, "")
    }

    /// Sends a request, and returns the response.
    fn send(&self, method: &str, path: &str, head: &str, body: &str) -> String {
        let mut received = Vec::new();
        let mut client = self.request(method, path, &format!("{head}Content-Length: {}\r\n", body.len()), body);
        client.read_to_end(&mut received).unwrap();
        String::from_utf8_lossy(&received).into_owned()
    }

    /// Reads a stream until a picture has come, and returns the connection.
    fn streams(&self, path: &str, head: &str) -> TcpStream {
        self.sends(path, head, |received| received.windows(2).any(|bytes| bytes == b"\xff\xd8"))
    }

    /// Reads a stream until it has what is expected, and returns the connection.
    fn sends(&self, path: &str, head: &str, expected: impl Fn(&[u8]) -> bool) -> TcpStream {
        let mut client = self.request("GET", path, head, "");
        let (mut received, mut chunk) = (Vec::new(), vec![0; 256 * 1024]);
        while !expected(&received) {
            let len = client.read(&mut chunk).unwrap();
            assert!(
                len > 0,
                "{path} ends after {} bytes: {}",
                received.len(),
                received[..received.len().min(999)].escape_ascii()
            );
            received.extend_from_slice(&chunk[..len]);
        }
        // nginx buffers a stream without this field.
        let head = String::from_utf8_lossy(&received).to_ascii_lowercase();
        assert!(head.contains("\r\nx-accel-buffering: no\r\n"), "{head}");
        client
    }

    fn request(&self, method: &str, path: &str, head: &str, body: &str) -> TcpStream {
        let mut client = TcpStream::connect(&self.address).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        write!(client, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n{body}").unwrap();
        client
    }

    /// Sends SIGTERM. actix-web's own time limit is 30 seconds.
    fn stops(mut self) {
        let start = Instant::now();
        assert!(Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap().success());
        self.process.wait().unwrap();
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Makes a folder with the pictures and the ffmpeg of the programs.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    for name in ["picture.jpg", "yard.jpg", "door.jpg"] {
        fs::write(folder.join(name), picture()).unwrap();
    }
    // In place of ffmpeg, which has no camera here.
    let ffmpeg = "#!/bin/sh\nwhile cat \"${0%/*}/picture.jpg\"; do sleep 0.1; done\n";
    fs::write(folder.join("ffmpeg"), ffmpeg).unwrap();
    fs::set_permissions(folder.join("ffmpeg"), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

const ADDRESS: &str = "ADDRESS_OF_PROGRAM";
const CAMERA: &str = "CAMERA_OF_PROGRAM";
const LIMIT: Duration = Duration::from_secs(60);
const LOGIN: &str = "Authorization: Basic YWRhOnNlY3JldA==\r\n";
/// The width of the picture.
const WIDTH: u16 = 960;

fn picture() -> &'static [u8] {
    static PICTURE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let (mut jpeg, grey) = (Vec::new(), image::RgbImage::new(WIDTH.into(), 540));
        image::codecs::jpeg::JpegEncoder::new(&mut jpeg).encode_image(&grey).unwrap();
        jpeg
    });
    &PICTURE
}
