//! Malicious cameras: nothing harmful reaches a viewer, and the status names the problem.

use std::time::{Duration, Instant};

use browser_tests::picture::PALETTE;
use relay_tests::{Fake, relay};
use test_support::{Viewer, get};

#[test]
fn skips_active_types_and_foreign_headers() {
    let camera = Fake::start(|connection| {
        connection.begin("Set-Cookie: response=1\r\n")?;
        for active in ["text/html", "image/svg+xml", "application/xml", "text/javascript", "image/jpeg", "image/gif"] {
            let header = format!("Content-Type: {active}\r\n");
            connection.part(&header, b"<script>alert(1)</script><svg onload=alert(1)>")?;
        }
        let header = "Content-Type: image/jpeg\r\nSet-Cookie: part=1\r\nX-Timestamp: 12.5\r\nRefresh: 0;url=//evil\r\n\
            X: a\rSet-Cookie: smuggled=1\r\nX-Timestamp: 13\r\nContent-Security-Policy: x\r\n";
        loop {
            connection.part(header, PALETTE[0].jpeg().body())?;
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let relay = relay(&[camera.url()]);
    let mut viewer = Viewer::open(&relay.url("/cameras/1"));
    for _ in 0..3 {
        let part = viewer.next(Duration::from_secs(3)).unwrap();
        assert_eq!(part.body(), PALETTE[0].jpeg().body());
        assert_eq!(part.content_type(), &"image/jpeg");
        let names: Vec<_> = part.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(names, [("x-timestamp", &b"12.5"[..])]);
    }
    // A script under an image type is a damaged picture; the decoder skips it.
    let state = relay.state();
    let camera = &state["cameras"][0];
    assert_eq!((&camera["damaged"], &camera["refused"]), (&2.into(), &4.into()), "{camera}");

    let (head, still) = get(&relay.url("/cameras/1?snapshot"));
    assert!(!head.to_ascii_lowercase().contains("set-cookie"), "{head}");
    assert_eq!(&still, PALETTE[0].jpeg().body());
}

#[test]
fn names_the_reason_why_a_response_is_not_a_stream() {
    let cases: [(Fake, &str); 9] = [
        (
            Fake::start(|connection| {
                connection.begin("")?;
                connection.write("X-".to_owned() + &"a".repeat(1_000_000))?;
                connection.hang()
            }),
            "limit of 8192 bytes",
        ),
        (
            Fake::start(|connection| {
                connection.begin("")?;
                loop {
                    connection.write("X-Header: x\r\n")?;
                }
            }),
            "limit of 64 lines",
        ),
        (
            Fake::start(|connection| {
                connection.begin("")?;
                connection.write(format!("Content-Length: {}\r\n\r\n", u64::MAX))?;
                connection.hang()
            }),
            "limit of 16777216 bytes",
        ),
        (
            Fake::start(|connection| {
                connection.begin("Content-Encoding: gzip\r\n")?;
                connection.write([0x1f, 0x8b].repeat(1000))?;
                connection.hang()
            }),
            "it compresses its stream (gzip)",
        ),
        (
            Fake::start(|connection| {
                let to = "Location: http://root:pass@169.254.169.254/latest/meta-data?key=abc\r\n";
                connection.answer("302 Found", to, "")
            }),
            "it redirects to http://169.254.169.254/latest/meta-data (302), which is not followed",
        ),
        (
            Fake::start(|connection| connection.answer("200 OK", "Content-Type: text/html\r\n", "<script>")),
            "it sends text/html instead of a multipart stream",
        ),
        (
            Fake::start(|connection| connection.answer("200 OK", "Content-Type: image/jpeg\r\n", "x")),
            "it sends a single picture (image/jpeg)",
        ),
        (
            Fake::start(|connection| connection.answer("404 Not Found", "X-Header: \x01\r\n", "")),
            "it has no stream at this path (404)",
        ),
        (
            Fake::start(|connection| {
                connection.write("HTTP/1.1 200 OK\r\n")?;
                loop {
                    connection.write("X-Header: x\r\n")?;
                }
            }),
            "",
        ),
    ];
    let cameras: Vec<_> = cases.iter().map(|(camera, _)| camera.url()).collect();
    let relay = relay(&cameras);
    let mut viewers: Vec<_> =
        (1..=cases.len()).map(|number| Viewer::open(&relay.url(&format!("/cameras/{number}")))).collect();
    let state = relay.state_when(Duration::from_secs(5), |state| {
        state["cameras"].as_array().unwrap().iter().all(|camera| camera["problem"].is_string())
    });
    for (camera, (_, expected)) in cases.iter().enumerate() {
        let problem = state["cameras"][camera]["problem"].as_str().unwrap();
        assert!(problem.contains(expected) && !problem.is_empty(), "{expected}: {problem}");
        assert!(problem.len() < 200 && !problem.contains('\n'), "{problem}");
        assert!(relay.log().contains(problem), "{}", relay.log());
    }
    assert!(!format!("{state}{}", relay.log()).contains("root:pass"));
    let (_, no_signal) = get(&relay.url("/no-signal"));
    let deadline = Instant::now() + Duration::from_secs(7);
    for viewer in &mut viewers {
        let part = viewer.next(deadline.saturating_duration_since(Instant::now())).expect("a part");
        assert_eq!(part.body(), &no_signal);
    }
}

#[test]
fn camera_without_pictures_is_given_up_with_its_type() {
    let camera = Fake::start(|connection| {
        connection.begin("")?;
        loop {
            connection.part("Content-Type: text/html; charset=utf-8\r\n", b"<script>alert(1)</script>")?;
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let relay = relay(&[camera.url()]);
    let _viewer = Viewer::open(&relay.url("/cameras/1"));
    let state = relay.state_when(Duration::from_secs(17), |state| state["cameras"][0]["problem"].is_string());
    assert_eq!(state["cameras"][0]["problem"], "it sends text/html instead of JPEG or PNG pictures");
    assert!(relay.log().contains("it sends text/html instead of JPEG or PNG pictures"));
}
