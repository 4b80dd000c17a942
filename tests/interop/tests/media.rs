//! Media programs as senders.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use interop_tests::senders::{End, Pictures, Server, accept, get, get_raw};
use mixed_replace::Decoder;
use test_support::{Children, must_be_installed};

#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg() {
    let pictures = Pictures::new(60);
    // The boundary in its stream, and the content type in its manual.
    for content_type in [None, Some("multipart/x-mixed-replace;boundary=ffmpeg")] {
        let server = Server::told(|port| {
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-nostdin", "-loglevel", "error", "-i"]).arg(pictures.pattern());
            ffmpeg.args(["-c", "copy", "-f", "mpjpeg", "-listen", "1"]);
            if let Some(content_type) = content_type {
                ffmpeg.args(["-content_type", content_type]);
            }
            ffmpeg.arg(format!("http://127.0.0.1:{port}/"));
            ffmpeg
        });
        let received = get(&server.address, "/", None);
        assert_eq!(received.head["content-type"], content_type.unwrap_or("application/octet-stream"));
        assert_eq!(received.boundary.as_deref(), Some("ffmpeg"));
        received.are(pictures.bytes());
        assert_eq!(received.end, End::Truncated);
    }
}

/// With a custom boundary, and with pictures encoded by ffmpeg.
#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg_with_encoded_pictures() {
    let server = Server::told(|port| {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-loglevel", "fatal", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=30"]);
        ffmpeg.args(["-frames:v", "90", "-f", "mpjpeg", "-boundary_tag", "--x", "-listen", "1"]);
        ffmpeg.arg(format!("http://127.0.0.1:{port}/"));
        ffmpeg
    });
    let received = get(&server.address, "/", None);
    received.are_pictures();
    assert_eq!(received.boundary.as_deref(), Some("--x"));
    let mut distinct = received.bodies();
    distinct.dedup();
    assert_eq!((received.parts.len(), distinct.len(), received.end), (90, 90, End::Truncated));
}

#[test]
#[ignore = "needs GStreamer with its base and good plugins"]
fn gstreamer() {
    must_be_installed("gst-launch-1.0");
    let pictures = Pictures::new(60);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut gst = Command::new("gst-launch-1.0");
    gst.args(["--quiet", "multifilesrc", &format!("location={}", pictures.pattern().display())]);
    gst.args(["stop-index=59", "caps=image/jpeg,framerate=30/1", "!", "multipartmux", "boundary=ThisRandomString"]);
    gst.args(["!", "tcpclientsink", "host=127.0.0.1", &format!("port={port}")]);
    let _gst = Children::start(&gst, Stdio::null(), Stdio::inherit());
    let received = accept(listener, Decoder::new("ThisRandomString"));
    received.are(pictures.bytes());
    assert_eq!(received.end, End::Truncated);
}

/// A client of a running stream may start in the middle of a picture.
#[test]
#[ignore = "needs GStreamer with its base and good plugins"]
fn gstreamer_from_the_middle_of_its_stream() {
    let pictures = Pictures::new(60);
    let server = Server::told(|port| {
        let mut gst = Command::new("gst-launch-1.0");
        gst.args(["--quiet", "multifilesrc", &format!("location={}", pictures.pattern().display())]);
        gst.args(["stop-index=59", "loop=true", "caps=image/jpeg,framerate=100/1", "!", "multipartmux", "!"]);
        gst.args(["tcpserversink", "host=127.0.0.1", &format!("port={port}"), "sync=true"]);
        gst
    });
    for decoder in [Decoder::detect(), Decoder::new("ThisRandomString")] {
        let received = get_raw(&server.address, decoder, Some(90));
        received.are_pictures();
        let number = |body: &&[u8]| pictures.bytes().iter().position(|picture| picture == body);
        let numbers: Vec<_> =
            received.bodies().iter().map(|body| number(body).expect("a complete picture of the test")).collect();
        for pair in numbers.windows(2) {
            assert_eq!((pair[0] + 1) % 60, pair[1], "consecutive pictures: {numbers:?}");
        }
        assert_eq!((numbers.len(), received.end), (90, End::Enough));
    }
}
