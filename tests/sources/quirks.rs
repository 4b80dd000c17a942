//! Cameras with unusual behaviour: each is shown, over the expected number of connections.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mixed_replace::source::{self, Status};

use crate::support::{Connection, Fake, SOON, Watched, pictures, watch};

#[tokio::test]
async fn shows_cameras_with_unusual_behaviour() {
    let cases: [(&str, Fake, usize); 14] = [
        ("matches header names by case", Fake::start(matches_case), 2),
        ("serves one connection at a time and keeps it after a 401", Fake::one_at_a_time(one_connection), 2),
        ("raw JPEGs as application/octet-stream", raw("Content-Type: application/octet-stream\r\n"), 1),
        ("raw JPEGs as video/x-motion-jpeg", raw("Content-Type: video/x-motion-jpeg\r\n"), 1),
        ("raw JPEGs as video/mjpeg", raw("Content-Type: Video/MJPEG; charset=x\r\n"), 1),
        ("raw JPEGs as image/jpeg", raw("Content-Type: image/jpeg\r\n"), 1),
        ("raw JPEGs without a type", raw(""), 1),
        (
            "raw JPEGs, the first one from its middle",
            Fake::start(|connection| {
                connection.write("HTTP/1.0 200 OK\r\nContent-Type: video/mjpeg\r\n\r\n\x01\x02\x03")?;
                connection.jpegs(5)
            }),
            1,
        ),
        (
            "parts as application/octet-stream",
            Fake::start(|connection| {
                connection.write("HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--fake\r\n")?;
                connection.parts(5)
            }),
            1,
        ),
        (
            "parts without a type and without the first delimiter",
            Fake::start(|connection| {
                connection.write("HTTP/1.0 200 OK\r\n\r\n")?;
                connection.parts(5)
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
                connection.parts(5)
            }),
            1,
        ),
        (
            "other dashes than announced, lines of LF, a wrong length, a header line without a colon",
            Fake::start(|connection| {
                connection
                    .write("HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;; boundary = \"--x\"\r\n\r\n")?;
                loop {
                    connection.write("--x\nContent-Type: image/jpeg\nContent-Length: 99999\njunk\n\n")?;
                    connection.write(&pictures()[0])?;
                    connection.write("\n--x\n--x\n")?;
                    sleep(Duration::from_millis(200));
                }
            }),
            1,
        ),
        (
            "chunked, in chunks of 100 bytes",
            Fake::start(|connection| {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=fake\r\n";
                connection.write(format!("{head}Transfer-Encoding: chunked\r\n\r\n"))?;
                let picture = &pictures()[0];
                let head = format!("--fake\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len());
                loop {
                    for chunk in [head.as_bytes(), picture, b"\r\n"].concat().chunks(100) {
                        connection.write([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())?;
                    }
                    sleep(Duration::from_millis(200));
                }
            }),
            1,
        ),
        (
            "redirects to another path",
            Fake::start(|connection| match connection.request.starts_with("GET /stream ") {
                true => connection.answer("302 Found", "Location: /other?a=b\r\n", ""),
                false => {
                    assert!(connection.request.starts_with("GET /other?a=b "), "{}", connection.request);
                    connection.stream(5)
                }
            }),
            2,
        ),
    ];
    let mut watched: Vec<_> = cases
        .iter()
        .map(|(_, camera, _)| watch!(source::http(&camera.url_for("admin:s3cret")).unwrap()))
        .collect::<Vec<Watched>>();
    for (watched, (behaviour, camera, connections)) in watched.iter_mut().zip(&cases) {
        for _ in 0..3 {
            let part = watched.next(SOON).await;
            let part = part.unwrap_or_else(|| panic!("{behaviour}: no picture: {:?}", watched.monitor.status()));
            assert_eq!(part.body(), &pictures()[0], "{behaviour}");
        }
        assert_eq!(camera.times().len(), *connections, "{behaviour}");
        assert_eq!(watched.monitor.status(), Status::Live, "{behaviour}");
        assert_eq!(watched.monitor.stats().parts_damaged, 0, "{behaviour}");
    }
}

#[tokio::test]
async fn scheme_may_be_left_out() {
    let camera = Fake::showing(5);
    let mut watched = watch!(source::http(&format!("{}/stream?a=b", camera.authority())).unwrap());
    watched.sees(&pictures()[0], SOON).await;
    let requests = camera.requests();
    assert!(requests[0].starts_with("GET /stream?a=b HTTP/1.1\r\n"), "{requests:?}");
    assert!(requests[0].contains(&format!("\r\nHost: {}\r\n", camera.authority())), "{requests:?}");
}

#[tokio::test]
async fn camera_that_closes_every_four_seconds_is_back_within_one() {
    // Ten times as fast, with shorter pauses: those that do not begin anew would reach 0.8 s.
    let camera = Fake::start(|connection| {
        connection.begin("")?;
        for _ in 0..4 {
            connection.picture()?;
            sleep(Duration::from_millis(100));
        }
        Ok(())
    });
    let source = source::http(&camera.url()).unwrap().pauses(Duration::from_millis(50), Duration::from_secs(10));
    let mut watched = watch!(source);
    let begin = Instant::now();
    while camera.times().len() < 9 {
        assert!(begin.elapsed() < SOON, "{:?}", camera.times());
        let _ = watched.next(Duration::from_millis(100)).await;
    }
    let total = begin.elapsed();
    assert!(total < Duration::from_secs(8), "the sum of such pauses: {total:?} {:?}", camera.times());
    assert_eq!(watched.monitor.stats().attempts, 9);
}

#[tokio::test]
async fn damaged_pictures_are_left_out_and_counted() {
    // After a header that no decoder gets through, as in the last two, Chromium and WebKitGTK show no further picture.
    let damaged: [&[u8]; 5] =
        [b"\xff\xd8", b"no picture", b"\xff\xd8\0\0", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xfe\0\x04ab\xff\xd9"];
    let framed = Fake::start(move |connection| {
        connection.begin("")?;
        for body in damaged.iter().cycle().take(30) {
            connection.part("Content-Type: image/jpeg\r\n", body)?;
            connection.picture()?;
            sleep(Duration::from_millis(20));
        }
        connection.parts(5)
    });
    let raw = Fake::start(move |connection| {
        connection.write("HTTP/1.0 200 OK\r\n\r\n")?;
        for _ in 0..30 {
            connection.write(&pictures()[0])?;
            // Truncated.
            connection.write(&pictures()[1][..400])?;
            sleep(Duration::from_millis(20));
        }
        connection.jpegs(5)
    });
    for camera in [framed, raw] {
        let mut watched = watch!(source::http(&camera.url()).unwrap());
        let begin = Instant::now();
        while watched.monitor.stats().parts_damaged < 30 {
            assert!(begin.elapsed() < SOON, "{:?}", watched.monitor.stats());
            let part = watched.next(SOON).await.expect("a picture");
            assert_eq!(part.body(), &pictures()[0]);
        }
        let stats = watched.monitor.stats();
        assert_eq!((watched.monitor.status(), &stats.last_error), (Status::Live, &None));
        assert_eq!((stats.parts_damaged, stats.parts_refused, stats.attempts), (30, 0, 1));
        assert_eq!(camera.times().len(), 1);
    }
}

#[tokio::test]
async fn camera_with_only_damaged_pictures_is_given_up_with_that_reason() {
    let camera = Fake::start(|connection| {
        connection.begin("")?;
        loop {
            connection.part("Content-Type: image/jpeg\r\n", b"\xff\xd8\xff\xd9")?;
            sleep(Duration::from_millis(10));
        }
    });
    let mut watched = watch!(source::http(&camera.url()).unwrap().timeout(Duration::from_secs(1)));
    let error = watched.error(SOON).await.to_string();
    assert!(error.starts_with("it sends only damaged pictures: "), "{error}");
    assert!(watched.monitor.stats().parts_damaged > 10, "{:?}", watched.monitor.stats());
}

#[tokio::test]
async fn huffman_tables_of_webcams_are_added() {
    let picture = &pictures()[0];
    let mut bare = picture[..2].to_vec();
    let mut rest = &picture[2..];
    while rest[1] != 0xda {
        let (segment, after) = rest.split_at(2 + usize::from(u16::from_be_bytes([rest[2], rest[3]])));
        if segment[1] != 0xc4 {
            bare.extend_from_slice(segment);
        }
        rest = after;
    }
    bare.extend_from_slice(rest);
    let framed = bare.clone();
    let cameras = [
        Fake::start(move |connection| {
            connection.begin("")?;
            connection.part("Content-Type: image/jpeg\r\n", &framed)?;
            connection.hang()
        }),
        Fake::start(move |connection| {
            connection.write("HTTP/1.0 200 OK\r\n\r\n")?;
            connection.write(&bare)?;
            connection.hang()
        }),
    ];
    for camera in cameras {
        let mut watched = watch!(source::http(&camera.url()).unwrap());
        let part = watched.next(SOON).await.expect("a picture");
        assert!(part.body().windows(2).any(|marker| marker == b"\xff\xc4"));
        let mut decoder = jpeg_decoder::Decoder::new(&part.body()[..]);
        assert!(decoder.decode().is_ok());
    }
}

/// Accepts Basic if the header names are in Title-Case.
fn matches_case(connection: &mut Connection) -> io::Result<()> {
    let named = ["\r\nHost: ", "\r\nUser-Agent: "].iter().all(|name| connection.request.contains(name));
    if named && connection.request.contains("\r\nAuthorization: Basic YWRtaW46czNjcmV0\r\n") {
        return connection.stream(5);
    }
    connection.answer("401 Unauthorized", "WWW-Authenticate: Basic realm=\"cam\"\r\n", "")
}

/// Keeps its only connection open after a 401 until the client closes it.
fn one_connection(connection: &mut Connection) -> io::Result<()> {
    if connection.request.contains("Authorization: ") {
        return connection.stream(5);
    }
    connection.write(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"cam\"\r\nContent-Length: 9\r\n\r\nforbidden",
    )?;
    connection.hang()
}

fn raw(headers: &'static str) -> Fake {
    Fake::start(move |connection| {
        connection.write(format!("HTTP/1.1 200 OK\r\n{headers}\r\n"))?;
        connection.jpegs(5)
    })
}
