//! Malicious cameras: nothing harmful reaches a viewer, and the error names the problem.

use std::time::Duration;

use futures::future::join_all;
use mixed_replace::source::{self, Status};

use crate::support::{Fake, SOON, pictures, watch};

#[tokio::test]
async fn active_types_and_foreign_headers_are_left_out() {
    let camera = Fake::start(|connection| {
        connection.begin("Set-Cookie: response=1\r\n")?;
        for active in ["text/html", "image/svg+xml", "application/xml", "text/javascript", "image/jpeg", "image/gif"] {
            let header = format!("Content-Type: {active}\r\n");
            connection.part(&header, b"<script>alert(1)</script><svg onload=alert(1)>")?;
        }
        let header = "Content-Type: image/jpeg\r\nSet-Cookie: part=1\r\nX-Sequence: 17\r\nRefresh: 0;url=//evil\r\n\
            X: a\rSet-Cookie: smuggled=1\r\nContent-Security-Policy: x\r\n";
        loop {
            connection.part(header, &pictures()[0])?;
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let mut watched = watch!(source::http(&camera.url()).unwrap());
    for _ in 0..3 {
        let part = watched.next(SOON).await.unwrap();
        assert_eq!((part.body(), part.content_type()), (&pictures()[0], &mime::IMAGE_JPEG));
        assert!(part.headers().is_empty(), "{:?}", part.headers());
        assert_eq!(part.sequence(), Some(17));
    }
    // A script under an image type is a damaged picture; the decoder skips it.
    let stats = watched.monitor.stats();
    assert_eq!((stats.parts_damaged, stats.parts_refused), (2, 4), "{stats:?}");
}

#[tokio::test]
async fn error_names_the_reason_why_a_response_is_no_stream() {
    let elsewhere = Fake::showing(5);
    let other_host = elsewhere.authority().replace("127.0.0.1", "localhost");
    let cases: [(Fake, &str); 13] = [
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
            Fake::start(move |connection| {
                connection.answer("301 Moved", &format!("Location: http://{other_host}/stream\r\n"), "")
            }),
            "which is not followed",
        ),
        (
            Fake::start(|connection| connection.answer("307 Temporary Redirect", "Location: /stream\r\n", "")),
            "(307), and again and again",
        ),
        (
            Fake::start(|connection| connection.answer("302 Found", "Location: file:///etc/passwd\r\n", "")),
            "it redirects to file:///etc/passwd (302), which is not followed",
        ),
        (
            Fake::start(|connection| connection.answer("200 OK", "Content-Type: text/html\r\n", "<script>")),
            "it sends text/html instead of a multipart stream",
        ),
        (
            Fake::start(|connection| connection.answer("404 Not Found", "X-Header: \x01\r\n", "")),
            "it has no stream at this path (404)",
        ),
        (Fake::start(|connection| connection.answer("503 Busy", "", "")), "it answers 503 Service Unavailable"),
        (
            Fake::start(|connection| {
                connection.write("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")?;
                loop {
                    connection.write([0; 65_536])?;
                }
            }),
            "its picture exceeds the limit of 16777216 bytes",
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
    join_all(cases.map(async |(camera, expected)| {
        let mut watched = watch!(source::http(&camera.url_for("admin:s3cret")).unwrap());
        let error = watched.error(SOON).await;
        let text = error.to_string();
        assert!(text.contains(expected) && !text.is_empty(), "{expected}: {text}");
        assert!(text.len() < 200 && !text.contains(['\n', '\r', '\x01']), "{text}");
        assert!(!text.contains("root:pass") && !text.contains("key=abc") && !text.contains("s3cret"), "{text}");
    }))
    .await;
    assert_eq!(elsewhere.times().len(), 0, "another host is not contacted");
}

#[tokio::test]
async fn login_is_not_sent_to_another_port() {
    let other = Fake::start(|connection| {
        let challenge = "WWW-Authenticate: Basic realm=\"x\"\r\n";
        connection.answer("401 Unauthorized", challenge, "")
    });
    let to = format!("Location: {}\r\n", other.url());
    let camera = Fake::start(move |connection| connection.answer("302 Found", &to, ""));
    let source = source::http(&camera.url_for("admin:s3cret")).unwrap();
    let mut watched = watch!(source.header(http::header::COOKIE, "session=1".parse().unwrap()));
    let error = watched.error(SOON).await.to_string();
    assert!(error.starts_with("it requires a user and a password"), "{error}");
    assert_eq!(camera.requests().len(), 1);
    assert!(camera.requests()[0].contains("\r\nCookie: session=1\r\n"));
    let requests = other.requests().concat();
    assert!(!requests.contains("Authorization") && !requests.contains("session"), "{requests}");
}

#[tokio::test]
async fn body_is_not_sent_to_another_port() {
    let other = Fake::showing(5);
    let to = format!("Location: {}\r\n", other.url());
    let camera = Fake::start(move |connection| {
        connection.body("user=admin&pwd=s3cret".len())?;
        connection.answer("307 Temporary Redirect", &to, "")
    });
    let source = source::http(&camera.url()).unwrap().method(http::Method::POST).body("user=admin&pwd=s3cret");
    let error = watch!(source).error(SOON).await;
    assert!(error.to_string().starts_with("it redirects the request's body to another port (307"), "{error}");
    assert_eq!(other.times().len(), 0);
}

#[tokio::test]
async fn overloaded_camera_is_tried_again_soon() {
    let statuses = ["408 Request Timeout", "429 Too Many Requests", "500 Error", "403 Forbidden", "410 Gone"];
    let errors = join_all(statuses.map(async |status| {
        let camera = Fake::start(move |connection| connection.answer(status, "", ""));
        watch!(source::http(&camera.url()).unwrap()).error(SOON).await.is_permanent()
    }));
    assert_eq!(errors.await, [false, false, false, true, true]);
}

#[tokio::test]
async fn reason_of_a_loss_is_that_of_its_own_attempt() {
    let camera = Fake::start(|connection| {
        if connection.number > 0 {
            return connection.hang();
        }
        connection.begin("")?;
        connection.part("Content-Type: text/html\r\n", b"<script>alert(1)</script>")
    });
    let mut watched = watch!(source::http(&camera.url()).unwrap().timeout(Duration::from_secs(1)));
    let reasons = ["it sends text/html instead of pictures", "no picture for 1s"];
    for reason in reasons {
        let lost = |status: &Status| matches!(status, Status::Waiting { error, .. } if error.to_string() == reason);
        watched.until(SOON, lost).await;
    }
}

#[tokio::test]
async fn camera_without_pictures_is_given_up_with_its_type() {
    let camera = Fake::start(|connection| {
        connection.begin("")?;
        loop {
            connection.part("Content-Type: text/html; charset=utf-8\r\n", b"<script>alert(1)</script>")?;
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let mut watched = watch!(source::http(&camera.url()).unwrap().timeout(Duration::from_secs(1)));
    assert_eq!(watched.error(SOON).await.to_string(), "it sends text/html instead of pictures");
    let mut trusting = watch!(source::http(&camera.url()).unwrap().trusted(true));
    assert_eq!(trusting.next(SOON).await.unwrap().content_type(), &mime::TEXT_HTML_UTF_8);
}
