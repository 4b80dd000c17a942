//! The crate's sources with real programs: ffmpeg and GStreamer, over pipes, HTTP and TCP.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deploy_tests::relay::decoded;
use interop_tests::browsers::picture::PALETTE;
use mixed_replace::source::{self, Monitor, Status};
use mixed_replace::{Hub, Part, decode, hub};
use test_support::net::free_port;
use test_support::{Children, must_be_installed};
use tokio::time::{sleep, timeout};

#[tokio::test]
#[ignore = "needs ffmpeg"]
async fn shows_ffmpeg_with_and_without_framing() {
    must_be_installed("ffmpeg");
    for format in ["mjpeg", "mpjpeg"] {
        let source = source::command("ffmpeg", ffmpeg(&["-f", format, "-"]));
        let monitor = source.monitor();
        shows_pictures(&source.spawn(), &monitor, format).await;
    }
}

#[tokio::test]
#[ignore = "needs ffmpeg"]
async fn shows_ffmpeg_that_listens_for_http() {
    must_be_installed("ffmpeg");
    for format in ["mjpeg", "mpjpeg"] {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}/camera");
        let mut command = Command::new("ffmpeg");
        command.args(ffmpeg(&["-f", format, "-listen", "1", &url]));
        let _ffmpeg = Children::start(&command, Stdio::null(), Stdio::null());
        let source = source::http(&url).unwrap().pauses(Duration::from_millis(50), Duration::from_millis(100));
        let monitor = source.monitor();
        shows_pictures(&source.spawn(), &monitor, format).await;
    }
}

#[tokio::test]
#[ignore = "needs GStreamer"]
async fn shows_gstreamer_with_and_without_framing() {
    must_be_installed("gst-launch-1.0");
    for muxer in [&[][..], &["multipartmux", "!"]] {
        let source = source::command("gst-launch-1.0", gstreamer(&[muxer, &["fdsink"]].concat()));
        let monitor = source.monitor();
        shows_pictures(&source.spawn(), &monitor, &format!("{muxer:?}")).await;
    }
}

#[test]
#[ignore = "needs GStreamer"]
fn reads_gstreamer_on_a_tcp_socket_without_a_runtime() {
    must_be_installed("gst-launch-1.0");
    let port = free_port();
    let mut command = Command::new("gst-launch-1.0");
    let sink = ["multipartmux", "!", "tcpserversink", "host=127.0.0.1", &format!("port={port}")];
    command.args(gstreamer(&sink));
    let _gstreamer = Children::start(&command, Stdio::null(), Stdio::null());
    let begin = Instant::now();
    let socket = loop {
        match std::net::TcpStream::connect(("127.0.0.1", port)) {
            Ok(socket) => break socket,
            Err(error) => assert!(begin.elapsed() < START, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    for part in decode::Reader::new(socket).take(5) {
        assert_eq!(decoded(&part.unwrap()), (320, 240));
    }
}

/// `gphoto2 --stdout --capture-movie` writes pictures of a camera's viewfinder, after some text on standard error.
#[tokio::test]
async fn shows_output_like_that_of_gphoto2() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("picture.jpg");
    fs::write(&picture, PALETTE[0].jpeg().body()).unwrap();
    let script = format!(
        "echo 'Capturing preview frames as movie to stdout. Press Ctrl-C to abort.' >&2
         while cat {}; do sleep 0.05; done",
        picture.display()
    );
    let source = source::command("sh", ["-c", &script]);
    let monitor = source.monitor();
    shows_pictures(&source.spawn(), &monitor, "gphoto2").await;
}

#[tokio::test]
#[ignore = "needs ffmpeg"]
async fn killed_ffmpeg_is_back_within_two_seconds_and_the_last_picture_stays() {
    must_be_installed("ffmpeg");
    let alone = first_picture_of_ffmpeg_itself();
    let source = source::command("ffmpeg", ffmpeg(&["-f", "mjpeg", "-"]));
    let mut monitor = source.monitor();
    let hub = source.spawn_with(hub::builder().stale_after(Duration::from_secs(20), Part::text("no signal").unwrap()));
    shows_pictures(&hub, &monitor, "before").await;
    for round in 1..=3 {
        let [ffmpeg] = children()[..] else { panic!("one child: {:?}", children()) };
        let killed = Instant::now();
        assert!(Command::new("kill").args(["-9", &ffmpeg.to_string()]).status().unwrap().success());
        let lost = loop {
            if let Some(Status::Waiting { error, .. }) = timeout(START, monitor.changed()).await.unwrap() {
                break error.to_string();
            }
        };
        let viewer = hub.clone();
        let viewer = tokio::spawn(async move { viewer.snapshot(Duration::ZERO).await });
        assert_eq!(lost, "ffmpeg has stopped, signal: 9 (SIGKILL)");
        assert!(hub.latest().is_some_and(|part| part.content_type() == &"image/jpeg"));
        let next = viewer.await.unwrap().unwrap();
        println!("round {round}: pictures again {:?} after kill -9", killed.elapsed());
        assert_eq!(next.part.content_type(), &"image/jpeg");
        assert!(killed.elapsed() < Duration::from_secs(2) + alone, "{:?}", killed.elapsed());
        assert_eq!(zombies(), 0);
    }
}

/// Returns the time from its start.
fn first_picture_of_ffmpeg_itself() -> Duration {
    let start = Instant::now();
    let mut command = Command::new("ffmpeg");
    let mut first =
        command.args(ffmpeg(&["-f", "mjpeg", "-frames:v", "1", "-"])).stdout(Stdio::piped()).spawn().unwrap();
    assert!(decode::Reader::new(first.stdout.take().unwrap()).next().unwrap().is_ok());
    let time = start.elapsed();
    first.wait().unwrap();
    time
}

#[tokio::test]
#[ignore = "needs ffmpeg"]
async fn ffmpeg_runs_only_while_somebody_watches() {
    must_be_installed("ffmpeg");
    let alone = first_picture_of_ffmpeg_itself();

    let linger = Duration::from_secs(1);
    let source = source::command("ffmpeg", ffmpeg(&["-f", "mjpeg", "-"]));
    let monitor = source.monitor();
    let hub = source.spawn_with(hub::builder().linger(linger));
    sleep(Duration::from_millis(200)).await;
    assert_eq!(children(), Vec::<u32>::new());
    for _ in 0..3 {
        let asked = Instant::now();
        assert!(timeout(START, hub.snapshot(Duration::ZERO)).await.unwrap().is_some());
        println!("first picture {:?} after the viewer came; ffmpeg itself takes {alone:?}", asked.elapsed());
        let left = Instant::now();
        while monitor.status() != Status::Asleep {
            assert!(left.elapsed() < START);
            sleep(Duration::from_millis(5)).await;
        }
        println!("ffmpeg is gone {:?} after the last viewer left; the linger is {linger:?}", left.elapsed());
        assert!(left.elapsed() >= linger - Duration::from_millis(50));
        assert_eq!((children(), zombies()), (vec![], 0));
    }
}

/// Takes five pictures out of a hub that decode completely.
async fn shows_pictures(hub: &Hub, monitor: &Monitor, what: &str) {
    for _ in 0..5 {
        let picture = timeout(START, hub.snapshot(Duration::ZERO)).await;
        let picture = picture.unwrap_or_else(|_| panic!("{what}: no picture: {:?}", monitor.status()));
        assert_eq!(decoded(&picture.expect("an open hub").part), (320, 240), "{what}");
    }
    assert_eq!(monitor.status(), Status::Live, "{what}");
    assert_eq!(monitor.stats().parts_damaged, 0, "{what}");
}

/// Returns arguments of ffmpeg with a test picture, 15 a second.
fn ffmpeg<'a>(output: &[&'a str]) -> Vec<&'a str> {
    let input = ["-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=15"];
    [&input[..], output].concat()
}

/// Returns a pipeline of GStreamer with a test picture, 15 a second.
fn gstreamer<'a>(sink: &[&'a str]) -> Vec<&'a str> {
    let caps = "video/x-raw,width=320,height=240,framerate=15/1";
    let source = ["-q", "videotestsrc", "is-live=true", "!", caps, "!", "jpegenc", "!"];
    [&source[..], sink].concat()
}

/// Returns the programs that this process runs.
fn children() -> Vec<u32> {
    processes().into_iter().filter(|(_, state)| !state.starts_with('Z')).map(|(process, _)| process).collect()
}

fn zombies() -> usize {
    processes().into_iter().filter(|(_, state)| state.starts_with('Z')).count()
}

fn processes() -> Vec<(u32, String)> {
    let listing = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat=,comm="]).output().unwrap().stdout;
    let own = std::process::id().to_string();
    let listing = String::from_utf8_lossy(&listing).into_owned();
    let children = listing.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [process, parent, state, name] = fields[..] else { return None };
        (parent == own && name != "ps").then(|| (process.parse().unwrap(), state.to_owned()))
    });
    children.collect()
}

const START: Duration = Duration::from_secs(20);
