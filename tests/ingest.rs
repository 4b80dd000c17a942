//! Pictures that come in by a request, on axum and on actix-web over TCP, which respond alike.
#![cfg(all(feature = "axum", feature = "actix-web"))]

mod both;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use actix_web::web;
use axum::Router;
use futures::future::join_all;
use mixed_replace::decode::Limits;
use mixed_replace::hub::DatedPart;
use mixed_replace::{Hub, Ingest, Part, hub};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::sleep;

use self::both::{answer, ask, eventually, servers};

const JPEG: &[u8] = include_bytes!("../src/picture/dot.jpg");
const PNG: &[u8] = include_bytes!("../src/picture/dot.png");
const GIF: &[u8] = include_bytes!("../src/picture/dot.gif");
const WEBP: &[u8] = include_bytes!("../src/picture/dot.webp");
const MAX: usize = 20_000;
const TIMEOUT: Duration = Duration::from_millis(700);

/// Servers with one ingest: the addresses of axum and actix.
struct Site {
    addresses: [String; 2],
    hub: Hub,
}

async fn site(change: impl Fn(Ingest) -> Ingest) -> Site {
    let (publisher, hub) = hub::channel();
    let ingest = change(Ingest::new(publisher).limits(Limits::new().max_part_bytes(MAX)).part_timeout(TIMEOUT));
    let app = Router::new().route_service("/in", ingest.clone());
    let addresses = servers(app, move |app| {
        app.route("/in", web::to(ingest.clone()));
    });
    Site { addresses: addresses.await, hub }
}

impl Site {
    /// Returns the body of the latest part.
    fn shown(&self) -> Vec<u8> {
        self.hub.latest().map(|part| part.into_body().to_vec()).unwrap_or_default()
    }
}

/// A picture that differs from others.
fn jpeg(number: u8) -> Vec<u8> {
    let mut jpeg = JPEG.to_vec();
    // A comment after SOI.
    jpeg.splice(2..2, [0xff, 0xfe, 0, 3, number]);
    jpeg
}

fn part(body: &[u8]) -> Vec<u8> {
    let head = format!("--x\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body, b"\r\n"].concat()
}

fn with_length(method: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let content_type =
        if content_type.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
    let head = format!("{method} /in HTTP/1.1\r\nHost: x\r\n{content_type}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat()
}

fn chunked_head(content_type: &str) -> Vec<u8> {
    format!("POST /in HTTP/1.1\r\nHost: x\r\n{content_type}Transfer-Encoding: chunked\r\n\r\n").into_bytes()
}

/// The body in pieces of a size that no part has.
fn chunked(content_type: &str, body: &[u8]) -> Vec<u8> {
    let chunks = body.chunks(97).flat_map(chunk);
    chunked_head(content_type).into_iter().chain(chunks).chain(*b"0\r\n\r\n").collect()
}

const MULTIPART: &str = "Content-Type: multipart/x-mixed-replace; boundary=x\r\n";

/// What is sent, the request, the status, a piece of the response, and the picture that is shown then.
type Row<'a> = (&'a str, Vec<u8>, u16, &'a str, &'a [u8]);

#[tokio::test]
async fn every_stack_takes_the_same() {
    let site = site(|ingest| ingest).await;
    let (one, two) = (jpeg(1), jpeg(2));
    let damaged = b"\xff\xd8\xff\xd9".as_slice();
    let parts = |parts: &[&[u8]]| [parts.iter().flat_map(|body| part(body)).collect(), b"--x--\r\n".to_vec()].concat();
    let html = b"--x\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>\r\n--x--";
    let octets = "Content-Type: application/octet-stream\r\n";
    let large = [&one[..], &vec![0; MAX]].concat();
    let both = [&one[..], b"\0\0", &two].concat();
    let rows: Vec<Row<'_>> = vec![
        ("a picture", with_length("POST", "image/jpeg", &one), 200, r#"{"published":1,"skipped":0}"#, &one),
        ("by PUT", with_length("PUT", "image/jpeg", &two), 200, r#"{"published":1,"skipped":0}"#, &two),
        ("PNG", with_length("PUT", "image/png", PNG), 200, r#"{"published":1,"skipped":0}"#, PNG),
        ("GIF", with_length("PUT", "Image/GIF; a=b", GIF), 200, r#"{"published":1,"skipped":0}"#, GIF),
        ("WebP", with_length("PUT", "image/webp", WEBP), 200, r#"{"published":1,"skipped":0}"#, WEBP),
        ("PNG as JPEG", with_length("PUT", "image/jpeg", PNG), 200, r#"{"published":1,"skipped":0}"#, PNG),
        ("no type", with_length("PUT", "", &one), 200, r#"{"published":1,"skipped":0}"#, &one),
        ("no type, PNG", chunked("", PNG), 200, r#"{"published":1,"skipped":0}"#, PNG),
        ("no type, parts", chunked("", &parts(&[&one, &two])), 200, r#"{"published":2,"skipped":0}"#, &two),
        ("parts", chunked(MULTIPART, &parts(&[&two, &one])), 200, r#"{"published":2,"skipped":0}"#, &one),
        (
            "another subtype",
            chunked("Content-Type: multipart/mixed\r\n", &parts(&[&one, &two])),
            200,
            r#"{"published":2,"skipped":0}"#,
            &two,
        ),
        ("no close-delimiter", chunked(MULTIPART, &part(&one)), 200, r#"{"published":1,"skipped":0}"#, &one),
        (
            "a damaged part",
            chunked(MULTIPART, &parts(&[&two, damaged, b"no picture", &one])),
            200,
            r#"{"published":2,"skipped":2}"#,
            &one,
        ),
        ("no length", chunked("Content-Type: image/jpeg\r\n", &both), 200, r#"{"published":2,"skipped":0}"#, &two),
        ("JPEGs", chunked("Content-Type: video/x-motion-jpeg\r\n", &both), 200, r#"{"published":2,"skipped":0}"#, &two),
        (
            "the last one cut",
            chunked(octets, &[&two[..], &one, &one[..one.len() - 5]].concat()),
            200,
            r#"{"published":2,"skipped":1}"#,
            &one,
        ),
        (
            "a form",
            with_length("POST", "multipart/form-data; boundary=x", &parts(&[&two])),
            415,
            "unsupported type",
            &one,
        ),
        ("HTML", with_length("POST", "text/html", b"<script>"), 415, "accept: image/jpeg, ", &one),
        ("SVG", with_length("POST", "image/svg+xml", b"<svg/>"), 415, "unsupported type \"image/svg+xml\"", &one),
        ("curl -d", with_length("POST", "application/x-www-form-urlencoded", &two), 415, "send a picture", &one),
        (
            "H.264",
            chunked(octets, &[b"\0\0\0\x01\x67".as_slice(), &[0x64; 300]].concat()),
            415,
            "no JPEG picture in 305",
            &one,
        ),
        ("an HTML part", chunked(MULTIPART, html), 422, "unsupported type of a part: text/html", &one),
        ("a damaged picture", with_length("POST", "image/jpeg", damaged), 422, "ends without a scan", &one),
        ("text as JPEG", with_length("POST", "image/jpeg", b"hello"), 422, "starts with 68 65 6c 6c", &one),
        ("nothing", with_length("POST", "image/jpeg", b""), 422, "empty", &one),
        ("nothing at all", with_length("POST", "", b""), 422, "the body has no picture", &one),
        ("only damaged parts", chunked(MULTIPART, &parts(&[damaged])), 422, "ends without a scan", &one),
        ("too large", with_length("POST", "image/jpeg", &large), 413, "a part exceeds the limit of 20000 bytes", &one),
        ("too large, chunked", chunked("Content-Type: image/png\r\n", &large), 413, "exceeds the limit", &one),
        ("a large part", chunked(MULTIPART, &parts(&[&large])), 413, "exceeds the limit", &one),
        (
            "a large JPEG",
            chunked(octets, &[&one[..one.len() - 2], &vec![0; MAX]].concat()),
            413,
            "exceeds the limit",
            &one,
        ),
        (
            "long headers",
            chunked(MULTIPART, format!("--x\r\nA: {}", "b".repeat(9_000)).as_bytes()),
            400,
            "the line at byte 5 exceeds the limit of 8192 bytes",
            &one,
        ),
        (
            "another site",
            with_length("POST", "image/jpeg\r\nSec-Fetch-Site: cross-site", &two),
            403,
            "pages of other sites may not send",
            &one,
        ),
        ("same origin", with_length("POST", "image/jpeg\r\nSec-Fetch-Site: same-origin", &one), 200, "}", &one),
        ("GET", b"GET /in HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 405, "allow: POST, PUT\r\n", &one),
        ("HEAD", b"HEAD /in HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 405, "allow: POST, PUT\r\n", &one),
        ("OPTIONS", b"OPTIONS /in HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 405, "allow: POST, PUT\r\n", &one),
        ("DELETE", with_length("DELETE", "image/jpeg", &two), 405, "allow: POST, PUT\r\n", &one),
    ];
    for (what, request, status, contains, shown) in rows {
        for (stack, address) in site.addresses.iter().enumerate() {
            let until =
                if contains.contains(": image") || contains.starts_with("allow") { "\r\n\r\n" } else { contains };
            let answer = ask(address, &request, until).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}, stack {stack}: {answer}");
            assert!(answer.contains(contains), "{what}, stack {stack}: {answer}");
            assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
            assert_eq!(site.shown(), shown, "{what}, stack {stack}");
        }
    }
}

#[tokio::test]
async fn each_part_is_published_as_soon_as_it_is_complete() {
    let site = site(|ingest| ingest).await;
    let jpegs = "Content-Type: video/x-motion-jpeg\r\n";
    for address in &site.addresses {
        for (content_type, frame) in [(MULTIPART, part as fn(&[u8]) -> Vec<u8>), (jpegs, |body| body.to_vec())] {
            let mut sender = TcpStream::connect(address).await.unwrap();
            sender.write_all(&chunked_head(content_type)).await.unwrap();
            for number in 0..5 {
                sender.write_all(&chunk(&frame(&jpeg(number)))).await.unwrap();
                eventually("the part is published", || site.shown() == jpeg(number)).await;
            }
            sender.write_all(b"0\r\n\r\n").await.unwrap();
            assert!(answer(&mut sender, "}").await.ends_with(r#"{"published":5,"skipped":0}"#));
        }
    }
}

#[tokio::test]
async fn second_sender_is_rejected_or_takes_over() {
    for takeover in [false, true] {
        let site = site(|ingest| ingest.takeover(takeover).part_timeout(None)).await;
        for (stack, address) in site.addresses.iter().enumerate() {
            let mut first = TcpStream::connect(address).await.unwrap();
            first.write_all(&[chunked_head(MULTIPART), chunk(&part(&jpeg(1)))].concat()).await.unwrap();
            eventually("the part is published", || site.shown() == jpeg(1)).await;
            let started = Instant::now();
            let second = ask(address, with_length("POST", "image/jpeg", &jpeg(2)), "\r\n\r\n").await;
            if takeover {
                assert!(second.starts_with("HTTP/1.1 200 "), "stack {stack}: {second}");
                let first = answer(&mut first, "a newer request sends").await;
                assert!(first.starts_with("HTTP/1.1 409 "), "{first}");
                assert_eq!(site.shown(), jpeg(2));
            } else {
                assert!(second.starts_with("HTTP/1.1 409 "), "stack {stack}: {second}");
                assert_eq!(site.shown(), jpeg(1));
                first.write_all(&[chunk(&part(&jpeg(3))), b"0\r\n\r\n".to_vec()].concat()).await.unwrap();
                assert!(answer(&mut first, "}").await.ends_with(r#"{"published":2,"skipped":0}"#));
                let next = ask(address, with_length("POST", "image/jpeg", &jpeg(4)), "}").await;
                assert!(next.starts_with("HTTP/1.1 200 "), "the place is free again: {next}");
            }
            assert!(started.elapsed() < Duration::from_secs(5));
        }
    }
}

#[tokio::test]
async fn rejected_sender_that_goes_on_is_disconnected() {
    join_all([0, 1].map(async |stack: usize| {
        let site = site(|ingest| ingest.part_timeout(None)).await;
        let address = &site.addresses[stack];
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(&[chunked_head(MULTIPART), chunk(&part(&jpeg(1)))].concat()).await.unwrap();
        eventually("the part is published", || site.shown() == jpeg(1)).await;
        let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
        let sending = tokio::spawn(async move {
            let mut bytes = chunked_head(MULTIPART);
            while writer.write_all(&bytes).await.is_ok() {
                bytes = chunk(&part(&jpeg(2)));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        tokio::time::timeout(Duration::from_secs(20), sending)
            .await
            .unwrap_or_else(|_| panic!("stack {stack}"))
            .unwrap();
        let mut answer = Vec::new();
        // A reset may discard the response.
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut answer).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 409 "), "{}", answer.escape_ascii());
    }))
    .await;
}

/// Each has a site of its own, so that the time limits pass at the same time.
#[tokio::test]
async fn silent_and_dripping_senders_get_408_and_make_room() {
    let silent = join_all(
        [
            ("nothing", chunked_head(MULTIPART)),
            ("half a part", [chunked_head(MULTIPART), chunk(&part(&jpeg(1))[..40])].concat()),
            ("half a picture", [chunked_head(""), chunk(&jpeg(1)[..40])].concat()),
            ("three bytes of an unknown type", [chunked_head(""), chunk(&jpeg(1)[..3])].concat()),
            ("a length and less", with_length("POST", "image/jpeg", &[0; 500])[..200].to_vec()),
        ]
        .map(async |(what, head)| {
            for (stack, address) in site(|ingest| ingest).await.addresses.iter().enumerate() {
                let started = Instant::now();
                let mut sender = TcpStream::connect(address).await.unwrap();
                sender.write_all(&head).await.unwrap();
                let answer = answer(&mut sender, "no part was published").await;
                assert!(answer.starts_with("HTTP/1.1 408 "), "{what}, stack {stack}: {answer}");
                assert!(started.elapsed() >= TIMEOUT, "{what}");
            }
        }),
    );
    // One byte at a time, of a part or of a body without a type, and skipped parts, however long it goes on.
    let dripping = join_all(
        [
            (MULTIPART, part(&jpeg(1)).chunks(1).map(<[u8]>::to_vec).collect::<Vec<_>>(), 20),
            ("", vec![b"\n".to_vec()], 150),
            (MULTIPART, vec![b"--x\r\n\r\n\r\n".to_vec()], 100),
        ]
        .map(async |(head, bytes, gap)| {
            for address in &site(|ingest| ingest).await.addresses {
                let mut sender = TcpStream::connect(address).await.unwrap();
                sender.write_all(&chunked_head(head)).await.unwrap();
                let (mut reading, mut writing) = sender.into_split();
                let bytes = bytes.clone();
                let drips = tokio::spawn(async move {
                    for bytes in bytes.iter().cycle().take(600) {
                        if writing.write_all(&chunk(bytes)).await.is_err() {
                            break;
                        }
                        sleep(Duration::from_millis(gap)).await;
                    }
                });
                let mut answer = Vec::new();
                while !String::from_utf8_lossy(&answer).contains("no part was published") {
                    assert!(tokio::io::AsyncReadExt::read_buf(&mut reading, &mut answer).await.unwrap() > 0);
                }
                drips.abort();
            }
        }),
    );
    tokio::join!(silent, dripping);
}

#[tokio::test]
async fn regular_parts_keep_a_sender_beyond_the_time_limit() {
    let site = site(|ingest| ingest).await;
    for address in &site.addresses {
        let mut sender = TcpStream::connect(address).await.unwrap();
        sender.write_all(&chunked_head(MULTIPART)).await.unwrap();
        for number in 0..24 {
            // Damaged parts do not end a request.
            let body = if number % 2 == 0 { jpeg(number) } else { b"\xff\xd8\xff\xd9".to_vec() };
            sender.write_all(&chunk(&part(&body))).await.unwrap();
            sleep(TIMEOUT / 12).await;
        }
        sender.write_all(b"0\r\n\r\n").await.unwrap();
        assert!(answer(&mut sender, "}").await.ends_with(r#"{"published":12,"skipped":12}"#));
    }
}

#[tokio::test]
async fn disconnected_sender_makes_room_and_keeps_the_last_picture() {
    let site = site(|ingest| ingest).await;
    for address in &site.addresses {
        for number in 0..3 {
            let mut sender = TcpStream::connect(address).await.unwrap();
            let (first, next) = (part(&jpeg(number)), &part(&jpeg(9))[..30]);
            sender.write_all(&[chunked_head(MULTIPART), chunk(&first), chunk(next)].concat()).await.unwrap();
            eventually("the part is published", || site.shown() == jpeg(number)).await;
            drop(sender);
            let mut answer = String::new();
            for _ in 0..100 {
                answer = ask(address, with_length("POST", "image/jpeg", &jpeg(7)), "}").await;
                if answer.starts_with("HTTP/1.1 200 ") {
                    break;
                }
                sleep(Duration::from_millis(10)).await;
            }
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
    }
}

#[tokio::test]
async fn min_interval_paces_single_pictures_and_streams() {
    const INTERVAL: Duration = Duration::from_millis(400);
    // The interval may be longer than the time limit of a part.
    let paced = |ingest: Ingest| ingest.part_timeout(INTERVAL / 2).min_interval(INTERVAL).takeover(true);
    let jpegs = |numbers: std::ops::Range<u8>| numbers.flat_map(jpeg).collect::<Vec<_>>();
    let parts = |numbers: std::ops::Range<u8>| numbers.flat_map(|number| part(&jpeg(number))).collect::<Vec<_>>();
    join_all([0, 1].map(async |stack: usize| {
        let site = site(paced).await;
        let address = &site.addresses[stack];
        sleep(INTERVAL).await;
        let started = Instant::now();
        for (requests, request, taken) in [
            (0..1, with_length("POST", "image/jpeg", &jpeg(0)), 1),
            (1..3, with_length("POST", "image/jpeg", &jpeg(1)), 1),
            (3..6, chunked(MULTIPART, &parts(0..3)), 3),
            (6..9, chunked("Content-Type: video/x-motion-jpeg\r\n", &jpegs(0..3)), 3),
        ] {
            // Each range holds the intervals that have passed by the end of its pictures.
            for _ in 0..requests.len() / taken {
                let answer = ask(address, &request, "}").await;
                let tally = format!(r#"{{"published":{taken},"skipped":0}}"#);
                assert!(answer.ends_with(&tally), "stack {stack}: {answer}");
            }
            let intervals = u32::try_from(requests.end - 1).unwrap();
            assert!(started.elapsed() >= INTERVAL * intervals, "stack {stack}: {:?}", started.elapsed());
            assert!(started.elapsed() < INTERVAL * intervals + Duration::from_secs(5), "stack {stack}");
        }
        // A picture that is rejected does not wait, and a newer request does not wait for an older one.
        let started = Instant::now();
        let damaged = ask(address, with_length("POST", "image/jpeg", b"hello"), "68 65").await;
        assert!(damaged.starts_with("HTTP/1.1 422 "), "stack {stack}: {damaged}");
        let mut older = TcpStream::connect(address).await.unwrap();
        older.write_all(&with_length("POST", "image/jpeg", &jpeg(20))).await.unwrap();
        sleep(INTERVAL / 8).await;
        let newer = ask(address, with_length("POST", "image/jpeg", &jpeg(21)), "}").await;
        assert!(newer.starts_with("HTTP/1.1 200 "), "stack {stack}: {newer}");
        if started.elapsed() < INTERVAL * 3 / 2 {
            assert!(answer(&mut older, "a newer request sends").await.starts_with("HTTP/1.1 409 "));
        }
        assert_eq!(site.shown(), jpeg(21));
    }))
    .await;
}

#[tokio::test]
async fn check_sees_each_part() {
    let site =
        site(|ingest| ingest.check(|part: Part| if part.body()[6] == 9 { Err("no nines") } else { Ok(part) })).await;
    for address in &site.addresses {
        let answer = ask(address, with_length("POST", "image/jpeg", &jpeg(9)), "no nines").await;
        assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
        let parts = [part(&jpeg(8)), part(&jpeg(9)), b"--x--".to_vec()].concat();
        let answer = ask(address, chunked(MULTIPART, &parts), "}").await;
        assert!(answer.ends_with(r#"{"published":1,"skipped":1}"#), "{answer}");
        assert_eq!(site.shown(), jpeg(8));
    }
}

#[tokio::test]
async fn headers_of_a_part_pass_only_if_the_sender_is_trusted() {
    let fields = "Content-Type: image/jpeg\r\nX-Sequence: 17\r\nX-Camera: yard\r\nExpires: 0\r\nSet-Cookie: a=b";
    let body = [format!("--x\r\n{fields}\r\n\r\n").as_bytes(), JPEG, b"\r\n--x--"].concat();
    for (trusted, expected) in [(false, &[][..]), (true, &["x-camera", "expires"])] {
        let site = site(|ingest| ingest.trusted(trusted)).await;
        for address in &site.addresses {
            ask(address, chunked(MULTIPART, &body), "}").await;
            let part = site.hub.latest().unwrap();
            assert_eq!(part.sequence(), Some(17));
            assert_eq!(part.headers().keys().map(|name| name.as_str()).collect::<Vec<_>>(), expected);
        }
    }
}

#[tokio::test]
async fn huffman_tables_of_webcams_are_added() {
    // The picture without its DHT segments (T.81 B.2.4.2).
    let mut without = JPEG.to_vec();
    while let Some(at) = without.windows(2).position(|marker| marker == [0xff, 0xc4]) {
        let len = usize::from(u16::from_be_bytes([without[at + 2], without[at + 3]]));
        without.drain(at..at + 2 + len);
    }
    let site = site(|ingest| ingest).await;
    let requests = [
        with_length("POST", "image/jpeg", &without),
        chunked(MULTIPART, &part(&without)),
        chunked("Content-Type: video/mjpeg\r\n", &without),
    ];
    for request in requests {
        let answer = ask(&site.addresses[0], request, "}").await;
        assert!(answer.ends_with(r#"{"published":1,"skipped":0}"#), "{answer}");
        assert!(site.shown().windows(2).any(|marker| marker == [0xff, 0xc4]));
    }
}

#[tokio::test]
async fn closed_hub_responds_503() {
    let site = site(|ingest| ingest).await;
    site.hub.close();
    for address in &site.addresses {
        for request in [with_length("POST", "image/jpeg", JPEG), chunked(MULTIPART, &part(JPEG))] {
            let answer = ask(address, request, "closed").await;
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        }
    }
}

#[tokio::test]
async fn rejected_request_that_expects_100_is_not_asked_for_its_body() {
    let site = site(|ingest| ingest).await;
    for address in &site.addresses {
        let expect = "Expect: 100-continue\r\nConnection: close\r\n";
        let request =
            format!("PUT /in HTTP/1.1\r\nHost: x\r\nContent-Type: text/html\r\nContent-Length: 9\r\n{expect}\r\n");
        let answer = ask(address, request, "send a picture").await;
        // actix asks for it before it calls a handler.
        let answer = answer.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&answer);
        assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_connections_leave_the_sender_alone() {
    let site = Arc::new(site(|ingest| ingest.part_timeout(Duration::from_secs(20))).await);
    for stack in [0, 1] {
        let address = site.addresses[stack].clone();
        let mut sender = TcpStream::connect(&address).await.unwrap();
        sender.write_all(&chunked_head(MULTIPART)).await.unwrap();
        sender.write_all(&chunk(&part(&jpeg(1)))).await.unwrap();
        eventually("the part is published", || site.shown() == jpeg(1)).await;
        let started = Instant::now();
        let mut rejected = 0;
        for _ in 0..20 {
            let connects = (0..100).map(|_| async {
                let request = [chunked_head(MULTIPART), chunk(&part(&jpeg(5)))].concat();
                ask(&address, [request, b"0\r\n\r\n".to_vec()].concat(), "another request is sending").await
            });
            let answers = join_all(connects).await;
            rejected += answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 409 ")).count();
        }
        println!("stack {stack}: 2,000 rejected senders in {:?}", started.elapsed());
        assert_eq!(rejected, 2000);
        assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
        assert_eq!(site.shown(), jpeg(1));
        sender.write_all(&[chunk(&part(&jpeg(2))), b"0\r\n\r\n".to_vec()].concat()).await.unwrap();
        assert!(answer(&mut sender, "}").await.ends_with(r#"{"published":2,"skipped":0}"#));
    }
}

#[tokio::test]
async fn viewers_get_what_is_sent() {
    let site = site(|ingest| ingest).await;
    let waits = site.hub.clone();
    let waits = tokio::spawn(async move { waits.snapshot(Duration::ZERO).await });
    ask(&site.addresses[0], with_length("POST", "image/jpeg", JPEG), "}").await;
    let DatedPart { part, .. } = waits.await.unwrap().unwrap();
    assert_eq!(part.body(), JPEG);
}

/// Each row has the sender's clock, by the second before this machine's, whether it sends a `Date`, and the age of its picture.
#[tokio::test]
async fn picture_has_the_time_at_which_its_sender_captured_it() {
    let rows =
        [(0.0, true, 0.5), (0.0, false, 1.5), (3600.0, true, 600.0), (3600.0, false, 0.0), (-3600.0, true, 600.0)];
    for (behind, dated, age) in rows {
        let sender =
            |age: f64| SystemTime::now() - Duration::from_secs(7200) + Duration::from_secs_f64(7200.0 - behind - age);
        let date = format!("Date: {}\r\n", httpdate::fmt_http_date(sender(0.0)));
        let captured = sender(age).duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let stamp = format!("X-Timestamp: {captured:.6}\r\nX-Sequence: 17\r\n");
        let head = if dated { date } else { String::new() };
        let multipart =
            [format!("--x\r\nContent-Type: image/jpeg\r\n{stamp}\r\n").as_bytes(), JPEG, b"\r\n--x--"].concat();
        let requests = [
            chunked(&format!("{MULTIPART}{head}"), &multipart),
            chunked(&format!("Content-Type: image/png\r\n{head}{stamp}"), PNG),
        ];
        for request in requests {
            let site = site(|ingest| ingest).await;
            ask(&site.addresses[0], request, "}").await;
            let part = site.hub.latest().unwrap();
            let seen = part.captured().unwrap().elapsed().unwrap().as_secs_f64();
            // A `Date` leaves a second open.
            assert!((age - 1.0..age + 5.0).contains(&seen), "{behind} {dated} {age}: {seen}");
            assert_eq!(part.sequence(), Some(17));
        }
    }
}
