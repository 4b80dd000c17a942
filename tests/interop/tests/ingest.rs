//! Programs that send pictures to an [`Ingest`], started as users start them.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use axum::Router;
use interop_tests::senders::Pictures;
use mixed_replace::{Hub, Ingest, hub};
use test_support::{Children, must_be_installed};

struct Site {
    url: String,
    hub: Hub,
    _runtime: tokio::runtime::Runtime,
}

fn site() -> Site {
    let (publisher, hub) = hub::channel();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let app = Router::new().route_service("/in", Ingest::new(publisher));
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, app).await });
    Site { url, hub, _runtime: runtime }
}

/// Runs a program until `count` pictures have been published, each of which a decoder opens.
fn sends(program: &str, arguments: impl Fn(&str) -> String, count: u64) {
    must_be_installed(program);
    let site = site();
    let mut command = Command::new("sh");
    command.arg("-c").arg(arguments(&site.url));
    let _children = Children::start(&command, Stdio::null(), Stdio::inherit());
    let started = Instant::now();
    let mut last = None;
    while site.hub.stats().parts_published < count {
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", site.hub.stats());
        let latest = site.hub.latest();
        if latest != last {
            let picture = latest.clone().unwrap();
            jpeg_decoder::Decoder::new(&picture.body()[..]).decode().unwrap();
            last = latest;
        }
        sleep(Duration::from_millis(5));
    }
    let stats = site.hub.stats();
    assert_eq!(stats.parts_invalid, 0, "{stats:?}");
}

const TEST_PICTURE: &str = "ffmpeg -v error -re -f lavfi -i testsrc=size=320x240:rate=25";

#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg_posts_parts() {
    sends("ffmpeg", |url| format!("exec {TEST_PICTURE} -f mpjpeg {url}"), 25);
}

#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg_posts_parts_with_their_type() {
    let named = |url: &str| {
        format!("exec {TEST_PICTURE} -f mpjpeg -content_type 'multipart/x-mixed-replace;boundary=ffmpeg' {url}")
    };
    sends("ffmpeg", named, 25);
}

#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg_puts_jpeg_after_jpeg() {
    sends("ffmpeg", |url| format!("exec {TEST_PICTURE} -f image2pipe -c:v mjpeg -method PUT {url}"), 25);
    sends("ffmpeg", |url| format!("exec {TEST_PICTURE} -f mjpeg {url}"), 25);
}

#[test]
#[ignore = "needs ffmpeg and curl"]
fn curl_sends_what_a_program_writes() {
    sends("curl", |url| format!("{TEST_PICTURE} -f mjpeg - | curl -sS -T - {url}"), 25);
    let posted = |url: &str| {
        format!("{TEST_PICTURE} -f mjpeg - | curl -sS -X POST -H 'Content-Type: video/x-motion-jpeg' -T - {url}")
    };
    sends("curl", posted, 25);
}

#[test]
#[ignore = "needs GStreamer"]
fn gstreamer_sends_jpeg_after_jpeg() {
    let pictures =
        "gst-launch-1.0 -q videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=25/1 ! jpegenc";
    sends("gst-launch-1.0", |url| format!("{pictures} ! fdsink | curl -sS -T - {url}"), 25);
    // One PUT for each buffer.
    sends("gst-launch-1.0", |url| format!("exec {pictures} ! curlhttpsink location={url} content-type=image/jpeg"), 25);
    sends("gst-launch-1.0", |url| format!("exec {pictures} ! souphttpclientsink location={url}"), 25);
}

#[test]
#[ignore = "needs curl"]
fn curl_uploads_single_pictures_and_is_told_what_was_taken() {
    must_be_installed("curl");
    let (site, pictures) = (site(), Pictures::new(3));
    for number in 0..3 {
        let file = pictures.folder().join(format!("{number:03}.jpg"));
        let output = Command::new("curl").args(["-sS", "-T"]).arg(file).arg(&site.url).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), r#"{"published":1,"skipped":0}"#);
        assert_eq!(site.hub.latest().unwrap().body(), &pictures.bytes()[number]);
    }
    let output = Command::new("curl").args(["-sS", "-d", "x", &site.url]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("unsupported type \"application/x-www-form-urlencoded\"; send a picture"), "{text}");
}
