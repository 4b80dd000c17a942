//! Rejected requests and their error messages.

use std::io::{Read as _, Write as _};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::room::{Person, Room, answer};

/// Returns a complete picture of 320x240.
fn picture() -> Vec<u8> {
    interop_tests::browsers::picture::PALETTE[0].jpeg().body().to_vec()
}

fn room() -> (Room, Person) {
    let room = Room::start(&["--demo", "1"]);
    let person = room.join("Ada");
    (room, person)
}

#[test]
fn publishes_a_posted_picture() {
    let (room, person) = room();
    let posted = room.post(&person, "image/jpeg", &picture());
    assert_eq!((posted.status, posted.text().as_str()), (200, r#"{"published":1,"skipped":0}"#));
    let snapshot = room.ask(&format!("GET /people/{}?snapshot", person.id), &[], b"");
    assert_eq!((snapshot.status, snapshot.field("content-type")), (200, Some("image/jpeg")));
    assert_eq!(snapshot.body, picture());
    assert_eq!(snapshot.field("cross-origin-resource-policy"), Some("same-origin"));
}

#[test]
fn rejects_a_picture_of_20_mb() {
    let (room, person) = room();
    // The scan goes on, without the end of the picture.
    let large = [&picture()[..picture().len() - 2], &vec![0; 20_000_000]].concat();
    let refused = room.post(&person, "image/jpeg", &large);
    assert_eq!(refused.status, 413, "{refused:?}");
    assert_eq!(refused.text(), "a part exceeds the limit of 500000 bytes");

    // Without a length, the body is read up to the limit.
    let mut chunked = room.begin(&person.path("POST"), &[&person.authorization(), "Content-Type: image/jpeg", CHUNKED]);
    for chunk in large.chunks(100_000) {
        let _ = write!(chunked, "{:x}\r\n", chunk.len());
        let _ = chunked.write_all(chunk);
        let _ = chunked.write_all(b"\r\n");
    }
    let _ = chunked.write_all(b"0\r\n\r\n");
    assert_eq!(answer(chunked).status, 413);

    // The same after 100 (Continue).
    let lines = [&person.authorization()[..], "Content-Type: image/jpeg", CHUNKED, "Expect: 100-continue"];
    let mut response = room.begin(&person.path("POST"), &lines);
    let mut answered = [0; 25];
    response.read_exact(&mut answered).unwrap();
    assert_eq!(&answered, b"HTTP/1.1 100 Continue\r\n\r\n");
    let _ = write!(response, "{:x}\r\n", large.len());
    let _ = response.write_all(&large);
    let _ = response.write_all(b"\r\n0\r\n\r\n");
    assert_eq!(answer(response).status, 413);

    // With a length and `Expect`, the response comes before the body.
    let lines =
        [&person.authorization()[..], "Content-Type: image/jpeg", "Content-Length: 20000000", "Expect: 100-continue"];
    let response = answer(room.begin(&person.path("POST"), &lines));
    assert_eq!(response.status, 413, "{response:?}");

    let head = format!("--x\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", large.len());
    let refused = room.post(&person, "multipart/x-mixed-replace; boundary=x", &[head.as_bytes(), &large].concat());
    assert_eq!(refused.status, 413);
    assert_eq!(room.post(&person, "image/jpeg", &picture()).status, 200, "the room still works");
}

#[test]
fn rejects_bodies_other_than_complete_jpegs() {
    let (room, person) = room();
    let cut = &picture()[..picture().len() - 10];
    let part = |kind: &str, body: &str| {
        format!("--x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}\r\n--x--\r\n", body.len()).into_bytes()
    };
    for (content_type, body, status, message) in [
        ("text/plain", &b"hello"[..], 415, "unsupported type \"text/plain\"; send a picture"),
        ("text/html", &picture(), 415, "unsupported type \"text/html\"; "),
        ("image/jpeg", b"hello, I am a picture", 422, "invalid image/jpeg body: starts with 68 65 6c 6c"),
        ("image/jpeg", b"", 422, "invalid image/jpeg body: empty"),
        ("image/jpeg", cut, 422, "the picture is incomplete, or followed by other data"),
        ("image/png", PNG, 422, "invalid image/jpeg body: starts with 89 50 4e 47"),
        (
            "multipart/x-mixed-replace; boundary=x",
            &part("text/html", "<script>"),
            422,
            "unsupported type of a part: text/html",
        ),
        (
            "multipart/x-mixed-replace; boundary=x",
            &part("image/jpeg", "<script>"),
            422,
            "the body has no complete picture",
        ),
    ] {
        let refused = room.post(&person, content_type, body);
        assert_eq!(refused.status, status, "{content_type}: {refused:?}");
        assert!(refused.text().starts_with(message), "{}", refused.text());
    }
    let none = room.ask(&format!("GET /people/{}?snapshot", person.id), &[], b"");
    assert_eq!(none.status, 503, "nothing was published: {none:?}");
    let untyped = room.ask(&person.path("POST"), &[&person.authorization()], &picture());
    assert_eq!(untyped.status, 200, "the first bytes of a body without a type say what it is: {untyped:?}");
}

#[test]
fn limits_the_rate_of_pictures() {
    let (room, person) = room();
    let start = Instant::now();
    // 31 pictures at 15 a second. The response to each waits for its turn.
    for _ in 0..31 {
        assert_eq!(room.post(&person, "image/jpeg", &picture()).status, 200);
    }
    assert!(start.elapsed() >= Duration::from_millis(1990), "{:?}", start.elapsed());
}

#[test]
fn limits_the_number_of_participants() {
    let room = Room::start(&["--people", "2", "--demo", "3"]);
    let (ada, _grace) = (room.join("Ada"), room.join("Grace"));
    let refused = room.try_join("Alan");
    assert_eq!((refused.status, refused.field("retry-after")), (503, Some("10")));
    assert!(refused.text().starts_with("all 2 seats are taken; "), "{}", refused.text());
    assert_eq!(room.ask(&ada.path("DELETE"), &[&ada.authorization()], b"").status, 204);
    assert_eq!(room.try_join("Alan").status, 201);
    assert_eq!(room.names(), ["Demo 1", "Demo 2", "Demo 3", "Grace", "Alan"]);
}

#[test]
fn limits_the_number_of_viewers() {
    let room = Room::start(&["--demo", "0"]);
    let watch = || room.begin("GET /watch?of=list", &["Accept: multipart/mixed"]);
    let viewers: Vec<_> = (0..200)
        .map(|_| {
            let mut viewer = watch();
            let mut head = [0; 12];
            viewer.read_exact(&mut head).unwrap();
            assert_eq!(&head, b"HTTP/1.1 200");
            viewer
        })
        .collect();
    let refused = answer(watch());
    assert!(refused.status == 503 && refused.field("retry-after").is_some(), "{refused:?}");
    drop(viewers);
}

#[test]
fn concurrent_joins_take_no_more_than_all_seats() {
    let room = Room::start(&["--people", "5"]);
    let joined: usize = std::thread::scope(|scope| {
        let guests: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| (0..10).map(|_| room.try_join("Eve").status).filter(|status| *status == 201).count())
            })
            .collect();
        guests.into_iter().map(|guest| guest.join().unwrap()).sum()
    });
    assert_eq!(joined, 5);
    assert_eq!(room.names().len(), 6);
}

#[test]
fn checks_names() {
    let room = Room::start(&[]);
    for bad in ["", "   ", "a\nb", "\u{7}", &"x".repeat(41)] {
        let refused = room.try_join(bad);
        assert_eq!(refused.status, 400, "{bad:?}");
        assert!(refused.text().starts_with("invalid name; send {\"name\": \"…\"}"));
    }
    assert_eq!(room.ask("POST /people", &["Content-Type: text/plain"], b"{\"name\":\"Eve\"}").status, 400);
    assert_eq!(room.try_join(&"x".repeat(2000)).status, 400);
    assert_eq!(room.try_join(" Žofie 🦀 ").status, 201);
    assert_eq!(room.names(), ["Demo 1", "Žofie 🦀"]);
}

#[test]
fn sending_needs_the_participants_own_token() {
    let (room, ada) = room();
    let eve = room.join("Eve");
    let post =
        |path: &str, lines: &[&str]| room.ask(path, &[lines, &["Content-Type: image/jpeg"]].concat(), &picture());
    for method in ["POST", "DELETE"] {
        let path = ada.path(method);
        let none = post(&path, &[]);
        assert_eq!((none.status, none.field("www-authenticate")), (401, Some("Bearer")), "{none:?}");
        assert!(none.text().contains("with the token that joining returned"));
        assert_eq!(post(&path, &["Authorization: Basic YTpi"]).status, 401);
        assert_eq!(post(&path, &["Authorization: Bearer"]).status, 401);
        let other = post(&path, &[&eve.authorization()]);
        assert_eq!(other.status, 403);
        assert!(other.text().contains("wrong token for this participant"));
        assert_eq!(post(&path, &[&format!("Authorization: Bearer {}", &ada.token[..31])]).status, 403);
        assert_eq!(
            post(&format!("{method} /people/1"), &[&eve.authorization()]).status,
            403,
            "a demo participant has no token"
        );
        assert_eq!(post(&format!("{method} /people/99"), &[&eve.authorization()]).status, 404);
    }
    assert_eq!(post(&eve.path("POST"), &[&eve.authorization()]).status, 200);
    assert_eq!(post(&eve.path("DELETE"), &[&eve.authorization()]).status, 204);
    let gone = post(&eve.path("POST"), &[&eve.authorization()]);
    assert_eq!(gone.status, 404);
    assert!(gone.text().contains("join again"), "{}", gone.text());
    assert_eq!(room.names(), ["Demo 1", "Ada"]);
}

#[test]
fn removes_a_silent_participant_only() {
    let (room, ada) = room();
    let _silent = room.join("Eve");
    let start = Instant::now();
    let mut quiet = false;
    while room.names().contains(&"Eve".to_owned()) {
        assert!(start.elapsed() < Duration::from_secs(15), "still there");
        assert_eq!(room.post(&ada, "image/jpeg", &picture()).status, 200);
        quiet |= room.list()["people"][2]["quiet"] == true;
        sleep(Duration::from_millis(300));
    }
    assert!(start.elapsed() > Duration::from_secs(9), "too early");
    assert!(quiet, "the participant is marked as quiet first");
    assert_eq!(room.names(), ["Demo 1", "Ada"]);
}

#[test]
fn times_out_a_slow_body() {
    let (room, ada) = room();
    // The participant keeps its seat while a slow picture is read.
    sleep(Duration::from_secs(2));
    let lines = [&ada.authorization()[..], "Content-Type: image/jpeg", "Content-Length: 100000"];
    let mut drip = room.begin(&ada.path("POST"), &lines);
    let start = Instant::now();
    let mut feeder = drip.try_clone().unwrap();
    let feeding = std::thread::spawn(move || {
        while feeder.write_all(b"\xff").is_ok() && start.elapsed() < Duration::from_secs(25) {
            sleep(Duration::from_millis(200));
        }
    });
    let mut head = [0; 12];
    drip.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 408");
    assert!((9..13).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    // The connection ends too.
    let _ = drip.read_to_end(&mut Vec::new());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    feeding.join().unwrap();
}

#[test]
fn times_out_a_slow_request_head() {
    let (room, _) = room();
    let mut slow = room.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ro").unwrap();
    let start = Instant::now();
    let _ = slow.read_to_end(&mut Vec::new());
    assert!(start.elapsed() < Duration::from_secs(13), "{:?}", start.elapsed());
}

#[test]
fn times_out_a_silent_connection() {
    let (room, _) = room();
    let start = Instant::now();
    let mut silent = [room.connect(), room.connect()];
    // The first byte of the HTTP/2 preface, and of a request head too.
    silent[1].write_all(b"P").unwrap();
    for mut connection in silent {
        let _ = connection.read_to_end(&mut Vec::new());
        assert!(start.elapsed() < Duration::from_secs(13), "{:?}", start.elapsed());
    }
}

const PNG: &[u8] = include_bytes!("../../../../src/picture/dot.png");
const CHUNKED: &str = "Transfer-Encoding: chunked";
