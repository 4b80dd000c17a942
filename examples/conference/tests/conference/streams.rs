//! Streams of pictures, sent and received.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::room::{Person, Room, answer};
use bytes::BytesMut;
use interop_tests::browsers::picture::PALETTE;
use mixed_replace::{Decoder, Part};

/// The parts of a running response.
struct Parts {
    connection: TcpStream,
    decoder: Decoder,
    buffer: BytesMut,
}

impl Parts {
    /// Requests over HTTP/1.0, which has no chunks.
    fn of(room: &Room, path: &str) -> Self {
        let mut connection = room.connect();
        write!(connection, "GET {path} HTTP/1.0\r\nHost: room\r\nAccept: multipart/mixed\r\n\r\n").unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            connection.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.contains("content-type: multipart/mixed; boundary="), "{head}");
        Self { connection, decoder: Decoder::detect(), buffer: BytesMut::new() }
    }

    fn next(&mut self) -> Option<Part> {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            if let Some(part) = self.decoder.decode(&mut self.buffer).unwrap() {
                return Some(part);
            }
            match self.connection.read(&mut chunk).unwrap() {
                0 => return self.decoder.decode_eof(&mut self.buffer).unwrap(),
                read => self.buffer.extend_from_slice(&chunk[..read]),
            }
        }
    }

    /// Returns the next picture of a participant.
    fn of_person(&mut self, id: u64) -> Part {
        loop {
            let part = self.next().expect("the stream continues");
            if part.headers().get("content-location").is_some_and(|value| value == &id.to_string()) {
                return part;
            }
        }
    }
}

/// An endless request that sends parts.
struct Sending(TcpStream);

impl Sending {
    fn begin(room: &Room, person: &Person) -> Self {
        let content_type = "Content-Type: multipart/x-mixed-replace; boundary=x";
        Self(room.begin(&person.path("POST"), &[&person.authorization(), content_type, "Transfer-Encoding: chunked"]))
    }

    /// Sends a picture with its length, as the page does, so that it is complete before the next delimiter.
    fn send(&mut self, picture: &Part) -> std::io::Result<()> {
        let head = format!("--x\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.body().len());
        let part = [head.as_bytes(), picture.body(), b"\r\n"].concat();
        self.0.write_all(&[format!("{:x}\r\n", part.len()).as_bytes(), &part, b"\r\n"].concat())
    }
}

#[test]
fn publishes_each_part_before_the_next_is_sent() {
    let room = Room::start(&["--demo", "0"]);
    let ada = room.join("Ada");
    let (mut all, mut one) = (Parts::of(&room, "/watch"), None);
    let mut sending = Sending::begin(&room, &ada);
    for colour in PALETTE {
        let picture = colour.jpeg();
        sending.send(&picture).unwrap();
        assert_eq!(all.of_person(ada.id).body(), picture.body());
        // The response waits for the first picture.
        let one = one.get_or_insert_with(|| Parts::of(&room, &format!("/people/{}", ada.id)));
        assert_eq!(one.next().unwrap().body(), picture.body());
        sleep(Duration::from_millis(70));
    }
    sending.0.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(answer(sending.0).status, 200);
}

#[test]
fn reads_a_fast_stream_at_the_rate_limit() {
    let room = Room::start(&["--demo", "0"]);
    let ada = room.join("Ada");
    let mut sending = Sending::begin(&room, &ada);
    let start = Instant::now();
    // 45 pictures at 15 a second.
    (0..45).for_each(|_| sending.send(&PALETTE[0].jpeg()).unwrap());
    sending.0.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(answer(sending.0).status, 200);
    assert!(start.elapsed() > Duration::from_millis(2300), "{:?}", start.elapsed());
}

#[test]
fn a_new_request_replaces_a_stalled_one() {
    let room = Room::start(&["--demo", "0"]);
    let ada = room.join("Ada");
    let mut lost = Sending::begin(&room, &ada);
    lost.send(&PALETTE[0].jpeg()).unwrap();
    let mut all = Parts::of(&room, "/watch");
    assert_eq!(all.of_person(ada.id).body(), PALETTE[0].jpeg().body());
    let mut new = Sending::begin(&room, &ada);
    new.send(&PALETTE[1].jpeg()).unwrap();
    assert_eq!(all.of_person(ada.id).body(), PALETTE[1].jpeg().body());
    assert_eq!(answer(lost.0).status, 409);
    new.send(&PALETTE[2].jpeg()).unwrap();
    assert_eq!(all.of_person(ada.id).body(), PALETTE[2].jpeg().body());
}

#[test]
fn sends_the_list_at_once_and_after_each_change() {
    let room = Room::start(&["--demo", "0"]);
    let mut all = Parts::of(&room, "/watch?of=list");
    let mut list = || all.next().map(|part| String::from_utf8_lossy(part.body()).into_owned()).unwrap();
    assert_eq!(list(), r#"{"tracks":{"list":"live"}}"#);
    assert!(list().contains(r#""people":[]"#));
    // A list that waited for its clock would nearly always be the old one when the response is there.
    for _ in 0..5 {
        let ada = room.join("Ada");
        assert_eq!(room.names(), ["Ada"]);
        while !list().contains(r#""name":"Ada""#) {}
        assert_eq!(room.ask(&ada.path("DELETE"), &[&ada.authorization()], b"").status, 204);
        assert!(room.names().is_empty());
        while !list().contains(r#""people":[]"#) {}
    }
}

#[test]
fn tells_the_tracks_that_come_and_go() {
    let room = Room::start(&["--demo", "0"]);
    let mut all = Parts::of(&room, "/watch");
    let mut told = |text: String| while all.next().expect("the stream continues").body() != text.as_bytes() {};
    told(r#"{"tracks":{"list":"live"}}"#.to_owned());
    for name in ["Ada", "Grace"] {
        let person = room.join(name);
        told(format!(r#"{{"tracks":{{"{}":"waiting"}}}}"#, person.id));
        assert_eq!(room.ask(&person.path("DELETE"), &[&person.authorization()], b"").status, 204);
        told(format!(r#"{{"tracks":{{"{}":"ended"}}}}"#, person.id));
    }
}

#[test]
fn a_stalled_viewer_delays_nobody_and_keeps_one_part() {
    let room = Room::start(&["--demo", "0"]);
    let ada = room.join("Ada");
    let stalled: Vec<_> = (0..50).map(|_| room.begin("GET /watch", &["Accept: multipart/mixed"])).collect();
    let mut all = Parts::of(&room, "/watch");
    let mut sending = Sending::begin(&room, &ada);
    // Noise does not compress, so the picture is large.
    let large = noise();
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", room.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let mut before = 0;
    for round in 0..60 {
        sending.send(&large).unwrap();
        assert_eq!(all.of_person(ada.id).body(), large.body());
        if round == 20 {
            before = memory();
        }
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < 10_000, "{grown} kB more for 40 pictures of {} kB, 50 stalled viewers", large.body().len() / 1000);
    drop(stalled);
}

/// Returns a picture of about 200 kB.
fn noise() -> Part {
    let mut seed = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    })
    .take(400 * 400 * 3)
    .collect();
    let mut file = Vec::new();
    jpeg_encoder::Encoder::new(&mut file, 80).encode(&noise, 400, 400, jpeg_encoder::ColorType::Rgb).unwrap();
    Part::jpeg(file).unwrap()
}

#[test]
fn closes_streams_on_shutdown() {
    for signal in ["INT", "TERM"] {
        let mut room = Room::start(&["--demo", "2"]);
        let ada = room.join("Ada");
        let mut sending = Sending::begin(&room, &ada);
        sending.send(&PALETTE[0].jpeg()).unwrap();
        let viewers = ["/watch", "/watch?of=list", "/people/1"].map(|path| {
            let mut parts = Parts::of(&room, path);
            std::thread::spawn(move || {
                let parts = std::iter::from_fn(|| parts.next()).count();
                assert!(parts > 0);
            })
        });
        let _stalled = room.begin("GET /watch", &[]);
        sleep(Duration::from_secs(1));
        let (success, took) = room.stop(signal);
        assert!(success && took < Duration::from_secs(10), "{signal}: {success}, {took:?}");
        for viewer in viewers {
            viewer.join().expect("the stream ends with a close-delimiter");
        }
    }
}

#[test]
fn reports_startup_errors_in_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for (arguments, code, line) in [
        (
            &["--listen", &address][..],
            1,
            format!("{address} is in use by another program; --listen takes another address"),
        ),
        (&["--speed"], 2, "invalid option '--speed' (--help lists the options)".to_owned()),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_conference")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("conference: {line}\n"));
        assert!(output.stdout.is_empty());
    }
}
