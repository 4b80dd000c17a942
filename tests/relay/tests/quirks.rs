//! Cameras with unusual behaviour: each is shown, over the expected number of connections.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use browser_tests::picture::PALETTE;
use relay_tests::{Connection, Fake, RELAY, relay};
use test_support::{Server, Viewer, get};

#[test]
fn shows_cameras_with_unusual_behaviour() {
    let cases: [(&str, Fake, usize); 10] = [
        ("matches header names by case", Fake::start(matches_case), 2),
        ("serves one connection at a time", Fake::one_at_a_time(one_connection), 2),
        ("raw JPEGs as application/octet-stream", raw("Content-Type: application/octet-stream\r\n"), 1),
        ("raw JPEGs as video/x-motion-jpeg", raw("Content-Type: video/x-motion-jpeg\r\n"), 1),
        ("raw JPEGs as video/mjpeg", raw("Content-Type: Video/MJPEG; charset=x\r\n"), 1),
        ("raw JPEGs without a type", raw(""), 1),
        (
            "raw JPEGs, the first one from its middle",
            Fake::start(|connection| {
                connection.write("HTTP/1.0 200 OK\r\nContent-Type: video/mjpeg\r\n\r\n\x01\x02\x03")?;
                connection.jpegs(PALETTE[0], 5)
            }),
            1,
        ),
        (
            "parts as application/octet-stream",
            Fake::start(|connection| {
                connection.write("HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--fake\r\n")?;
                parts(connection)
            }),
            1,
        ),
        (
            "parts without a type and without the first delimiter",
            Fake::start(|connection| {
                connection.write("HTTP/1.0 200 OK\r\n\r\n")?;
                parts(connection)
            }),
            1,
        ),
        (
            "response in lower case and in pieces",
            Fake::start(|connection| {
                for byte in "http/1.1 200 ok\r\n".replace("http", "HTTP").bytes() {
                    connection.write([byte])?;
                }
                connection.write("content-type:multipart/x-mixed-replace;boundary=fake\r\n\r\n--fake\r\n")?;
                parts(connection)
            }),
            1,
        ),
    ];
    let addresses: Vec<_> = cases.iter().map(|(_, camera, _)| camera.url_for("admin:s3cret")).collect();
    let relay = relay(&addresses);
    let mut viewers: Vec<_> =
        (1..=cases.len()).map(|number| Viewer::open(&relay.url(&format!("/cameras/{number}")))).collect();
    for (viewer, (behaviour, camera, connections)) in viewers.iter_mut().zip(&cases) {
        for _ in 0..3 {
            let part = viewer.next(Duration::from_secs(4));
            let part = part.unwrap_or_else(|| panic!("{behaviour}: no picture: {}", relay.log()));
            assert_eq!(part.body(), PALETTE[0].jpeg().body(), "{behaviour}");
        }
        assert_eq!(camera.times().len(), *connections, "{behaviour}");
    }
    let state = relay.state();
    for camera in state["cameras"].as_array().unwrap() {
        assert_eq!((&camera["state"], &camera["damaged"]), (&"live".into(), &0.into()), "{camera}");
    }
}

#[test]
fn scheme_may_be_left_out() {
    let camera = Fake::showing(PALETTE[0], 5);
    let relay = Server::start(RELAY, &["--camera", &format!("{}/stream?a=b", camera.authority())]);
    assert!(Viewer::open(&relay.url("/cameras/1")).next(Duration::from_secs(3)).is_some(), "{}", relay.log());
    let requests = camera.requests();
    assert!(requests[0].starts_with("GET /stream?a=b HTTP/1.1\r\n"), "{requests:?}");
    assert!(requests[0].contains(&format!("\r\nHost: {}\r\n", camera.authority())), "{requests:?}");
}

#[test]
fn camera_that_closes_every_four_seconds_is_back_within_one() {
    let camera = Fake::start(|connection| {
        connection.begin("")?;
        for _ in 0..20 {
            connection.picture(PALETTE[0])?;
            sleep(Duration::from_millis(200));
        }
        Ok(())
    });
    let relay = relay(&[camera.url()]);
    let mut viewer = Viewer::open(&relay.url("/cameras/1"));
    let (_, no_signal) = get(&relay.url("/no-signal"));
    let begin = Instant::now();
    // In this time, pauses that do not start anew would reach eight seconds.
    while begin.elapsed() < Duration::from_secs(25) {
        let part = viewer.next(Duration::from_secs(2)).expect("a picture every second or so");
        assert_ne!(part.body(), &no_signal);
    }
    let times = camera.times();
    assert!(times.len() >= 5, "{times:?}");
    for pair in times.windows(2) {
        let apart = (pair[1] - pair[0]).as_secs_f64();
        assert!(apart < 5.2, "{apart}: {times:?}");
    }
}

#[test]
fn counts_and_skips_damaged_pictures() {
    // After a header that no decoder gets through, as in the last two, Chromium and WebKitGTK show no further picture.
    let damaged: [&[u8]; 5] =
        [b"\xff\xd8", b"no picture", b"\xff\xd8\0\0", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xfe\0\x04ab\xff\xd9"];
    let framed = Fake::start(move |connection| {
        connection.begin("")?;
        for body in damaged.iter().cycle().take(30) {
            connection.part("Content-Type: image/jpeg\r\n", body)?;
            connection.picture(PALETTE[0])?;
            sleep(Duration::from_millis(100));
        }
        parts(connection)
    });
    let raw = Fake::start(move |connection| {
        connection.write("HTTP/1.0 200 OK\r\n\r\n")?;
        for _ in 0..30 {
            connection.write(PALETTE[0].jpeg().body())?;
            // Truncated.
            connection.write(&PALETTE[1].jpeg().body()[..400])?;
            sleep(Duration::from_millis(100));
        }
        connection.jpegs(PALETTE[0], 5)
    });
    let relay = relay(&[framed.url(), raw.url()]);
    let mut viewers = [1, 2].map(|number| Viewer::open(&relay.url(&format!("/cameras/{number}"))));
    let all = |state: &serde_json::Value| [0, 1].iter().all(|camera| state["cameras"][camera]["damaged"] == 30);
    let begin = Instant::now();
    while !all(&relay.state()) {
        assert!(begin.elapsed() < Duration::from_secs(30), "{:#}", relay.state());
        for viewer in &mut viewers {
            let part = viewer.next(Duration::from_secs(4)).expect("a picture");
            assert_eq!(part.body(), PALETTE[0].jpeg().body());
        }
    }
    let state = relay.state();
    for (camera, fake) in [(0, &framed), (1, &raw)] {
        let camera = &state["cameras"][camera];
        assert_eq!((&camera["state"], &camera["problem"]), (&"live".into(), &serde_json::Value::Null), "{camera}");
        assert_eq!((&camera["damaged"], &camera["refused"]), (&30.into(), &0.into()), "{camera}");
        assert_eq!(fake.times().len(), 1, "{camera}");
    }
    // Each camera logs the 1st and the 10th.
    assert_eq!(relay.log().matches(" left out").count(), 4, "{}", relay.log());
}

#[test]
fn camera_with_only_damaged_pictures_is_given_up_with_that_reason() {
    let camera = Fake::start(|connection| {
        connection.begin("")?;
        loop {
            connection.part("Content-Type: image/jpeg\r\n", b"\xff\xd8\xff\xd9")?;
            sleep(Duration::from_millis(100));
        }
    });
    let relay = relay(&[camera.url()]);
    let _viewer = Viewer::open(&relay.url("/cameras/1"));
    let state = relay.state_when(Duration::from_secs(17), |state| state["cameras"][0]["problem"].is_string());
    let problem = state["cameras"][0]["problem"].as_str().unwrap();
    assert!(problem.starts_with("it sends only damaged pictures"), "{problem}");
    assert!(state["cameras"][0]["damaged"].as_u64() > Some(50), "{state}");
}

/// Accepts Basic if the header names are in Title-Case.
fn matches_case(connection: &mut Connection) -> io::Result<()> {
    let named = ["\r\nHost: ", "\r\nUser-Agent: "].iter().all(|name| connection.request.contains(name));
    if named && connection.request.contains("\r\nAuthorization: Basic YWRtaW46czNjcmV0\r\n") {
        return connection.stream(PALETTE[0], 5);
    }
    connection.answer("401 Unauthorized", "WWW-Authenticate: Basic realm=\"cam\"\r\n", "")
}

/// Keeps its only connection open after a 401 until the relay closes it.
fn one_connection(connection: &mut Connection) -> io::Result<()> {
    if connection.request.contains("Authorization: ") {
        return connection.stream(PALETTE[0], 5);
    }
    connection.write(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"cam\"\r\nContent-Length: 9\r\n\r\nforbidden",
    )?;
    connection.hang()
}

fn raw(headers: &'static str) -> Fake {
    Fake::start(move |connection| {
        connection.write(format!("HTTP/1.1 200 OK\r\n{headers}\r\n"))?;
        connection.jpegs(PALETTE[0], 5)
    })
}

fn parts(connection: &mut Connection) -> io::Result<()> {
    loop {
        connection.picture(PALETTE[0])?;
        sleep(Duration::from_millis(200));
    }
}
