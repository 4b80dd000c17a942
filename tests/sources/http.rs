//! Stills, requests of other methods, and what is sent.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue};
use mixed_replace::source::{self, Status};

use crate::support::{Fake, SOON, pictures, watch};

#[tokio::test]
async fn single_picture_is_requested_again_and_again() {
    for (content_type, with_length) in [("image/jpeg", true), ("image/jpeg", false), ("image/jpg", true)] {
        let camera = Fake::start(move |connection| {
            let picture = &pictures()[connection.number % 2];
            let headers = format!("Content-Type: {content_type}\r\n");
            if with_length {
                return connection.answer("200 OK", &headers, picture);
            }
            connection.write(format!("HTTP/1.0 200 OK\r\n{headers}\r\n"))?;
            connection.write(picture)
        });
        let source = source::http(&camera.url()).unwrap().poll_every(Duration::from_millis(50));
        let mut watched = watch!(source);
        for number in 0..6 {
            let part = watched.next(SOON).await.unwrap_or_else(|| panic!("{number}: {:?}", watched.monitor.status()));
            assert_eq!(part.body(), &pictures()[number % 2], "{content_type} {with_length}");
        }
        assert_eq!((watched.monitor.status(), watched.monitor.stats().attempts), (Status::Live, 1));
        let times = camera.times();
        let mean = (times[5] - times[0]).as_secs_f64() / 5.0;
        assert!((0.045..0.5).contains(&mean), "{mean}");
    }
}

#[tokio::test]
async fn still_of_any_type_or_none_is_shown() {
    let png = include_bytes!("../../src/picture/dot.png");
    for headers in ["Content-Type: image/png\r\n", "Content-Type: image/jpeg\r\n", "", "Content-Type: text\r\n"] {
        let camera = Fake::start(move |connection| connection.answer("200 OK", headers, png));
        let mut watched = watch!(source::snapshots(&camera.url(), Duration::from_secs(1)).unwrap());
        if headers.ends_with("text\r\n") {
            let error = watched.error(SOON).await.to_string();
            assert_eq!(error, "it sends text instead of a multipart stream");
        } else {
            let part = watched.next(SOON).await.expect(headers);
            assert_eq!((part.content_type(), &part.body()[..]), (&mime::IMAGE_PNG, &png[..]));
        }
    }
}

#[tokio::test]
async fn damaged_still_is_left_out_and_the_next_one_shown() {
    let camera = Fake::start(|connection| match connection.number {
        0 => connection.answer("200 OK", "Content-Type: image/jpeg\r\n", b"\xff\xd8\xff\xd9"),
        1 => connection.answer("200 OK", "Content-Type: image/jpeg\r\n", ""),
        2 => connection.answer("503 Busy", "", ""),
        _ => connection.answer("200 OK", "Content-Type: image/jpeg\r\n", &pictures()[0]),
    });
    let mut watched = watch!(source::snapshots(&camera.url(), Duration::from_millis(20)).unwrap());
    watched.sees(&pictures()[0], SOON).await;
    assert_eq!(watched.monitor.stats().parts_damaged, 2);
    assert_eq!(watched.monitor.stats().attempts, 2, "once more after the 503");
}

#[tokio::test]
async fn snapshots_of_a_stream_are_an_error_that_names_the_remedy() {
    let camera = Fake::showing(5);
    let mut watched = watch!(source::snapshots(&camera.url(), Duration::from_secs(1)).unwrap());
    let error = watched.error(SOON).await;
    assert_eq!(error.to_string(), "it sends a stream and no single picture: use `source::http`");
    assert!(error.is_permanent());
}

#[tokio::test]
async fn request_has_the_method_body_and_headers_that_a_camera_requires() {
    let camera = Fake::start(|connection| {
        let is_right = connection.request.starts_with("POST /stream HTTP/1.1\r\n")
            && connection.request.contains("\r\nContent-Type: application/json\r\n")
            && connection.field("content-length") == Some("13")
            && connection.body(13)? == r#"{"channel":1}"#;
        if is_right { connection.stream(5) } else { connection.answer("400 Bad Request", "", "") }
    });
    let source = source::http(&camera.url()).unwrap().method(Method::POST).body(r#"{"channel":1}"#);
    let mut watched = watch!(source.header(CONTENT_TYPE, HeaderValue::from_static("application/json")));
    watched.sees(&pictures()[0], SOON).await;
}

#[tokio::test]
async fn no_secret_is_shown() {
    let camera = Fake::start(|connection| connection.answer("500 No", "", ""));
    let url = format!("http://admin:s3cret@{}/a?password=s3cret", camera.authority());
    let source = source::http(&url).unwrap().header(CONTENT_TYPE, HeaderValue::from_static("s3cret"));
    let shown = format!("{source:?}");
    let mut watched = watch!(source);
    let error = watched.error(SOON).await;
    let shown = format!("{shown} {error} {error:?} {:?} {:?}", watched.monitor.status(), watched.monitor);
    assert!(!shown.contains("s3cret"), "{shown}");
    let error = source::http("ftp://admin:s3cret@cam/?password=s3cret").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

/// The server's clock is an hour late. Its camera took each picture a tenth of a second ago, and the frozen one ten minutes ago.
#[tokio::test]
async fn time_of_a_server_whose_clock_is_wrong_is_translated_by_its_date() {
    const HOUR: Duration = Duration::from_secs(3600);
    for (name, stream, behind, least) in [
        ("a stream", true, Duration::from_millis(100), 0),
        ("a frozen camera", true, Duration::from_secs(600), 598),
        ("a still", false, Duration::from_secs(600), 598),
    ] {
        let camera = Fake::start(move |connection| {
            let now = SystemTime::now() - HOUR;
            let captured = (now - behind).duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
            let date = format!("Date: {}\r\n", httpdate::fmt_http_date(now));
            let stamp = format!("X-Timestamp: {captured:.6}\r\nX-Sequence: 17\r\n");
            if !stream {
                let headers = format!("Content-Type: image/jpeg\r\n{date}{stamp}");
                return connection.answer("200 OK", &headers, &pictures()[0]);
            }
            connection.begin(&date)?;
            loop {
                connection.part(&format!("Content-Type: image/jpeg\r\n{stamp}"), &pictures()[0])?;
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let mut watched = watch!(source::http(&camera.url()).unwrap().poll_every(Duration::from_millis(50)));
        let part = watched.next(SOON).await.unwrap();
        let age = part.captured().unwrap().elapsed().unwrap().as_secs();
        assert!((least..least + 10).contains(&age), "{name}: {age}");
        assert_eq!(part.sequence(), Some(17), "{name}");
        if stream {
            watched.until(SOON, |_| true).await;
            let begin = Instant::now();
            while watched.hub.stats().parts_repeated < 3 {
                assert!(begin.elapsed() < SOON, "{name}: {:?}", watched.hub.stats());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// An ESP32 sends the time since it was switched on, and others nothing.
#[tokio::test]
async fn time_that_is_no_date_is_replaced_by_that_of_arrival() {
    for stamp in ["", "X-Timestamp: 12.5\r\n", "X-Timestamp: 1764150000123\r\n"] {
        for trusted in [false, true] {
            let camera = Fake::start(move |connection| {
                connection.begin("")?;
                connection.part(&format!("Content-Type: image/jpeg\r\n{stamp}"), &pictures()[0])?;
                std::thread::sleep(SOON);
                Ok(())
            });
            let mut watched = watch!(source::http(&camera.url()).unwrap().trusted(trusted));
            let part = watched.next(SOON).await.unwrap();
            assert!(part.captured().unwrap().elapsed().unwrap() < SOON, "{stamp}");
            assert!(part.headers().is_empty(), "{:?}", part.headers());
        }
    }
}
