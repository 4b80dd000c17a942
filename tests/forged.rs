//! A part's author can forge neither another part nor another header.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream as _;
use futures::task::noop_waker;
use http::{HeaderName, HeaderValue};
use memchr::memmem;
use mime::Mime;
use mixed_replace::hub;
use mixed_replace::{Boundary, Encoder, Part, Subscriber, Wire, body};
use test_support::{WIRES, boundary};

/// A pseudorandom number generator with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 20) % limit as u64).unwrap()
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// Returns a body made of the pieces of a delimiter, with the boundary complete or in halves.
    fn body(&mut self, boundary: &str) -> Vec<u8> {
        let (front, back) = boundary.split_at(boundary.len() / 2);
        let delimiter = format!("\r\n--{boundary}");
        let pieces = [
            "\r\n",
            "\n",
            "\r",
            "-",
            "--",
            front,
            back,
            front,
            back,
            &delimiter[..delimiter.len() - 1],
            "Content-Type: ",
        ];
        let mut body: Vec<u8> = (0..=self.below(8)).flat_map(|_| self.one(&pieces).bytes()).collect();
        if self.below(4) == 0 {
            body.extend(delimiter.bytes().chain(*b"\r\nContent-Type: text/html\r\n\r\nforged"));
        }
        body
    }
}

/// Returns the bodies found by a reader that accepts the boundary anywhere, as Blink, Gecko, WebKit and motion do.
fn split_anywhere(stream: &[u8], boundary: &str) -> Vec<Vec<u8>> {
    let at: Vec<_> = memmem::find_iter(stream, boundary).collect();
    let between = at.windows(2).map(|pair| &stream[pair[0] + boundary.len()..pair[1]]);
    let bodies = between.map(|piece| {
        let block = memmem::find(piece, b"\r\n\r\n").expect("the end of a header block") + 4;
        piece[block..].strip_suffix(b"\r\n--").expect("a delimiter on a separate line").to_vec()
    });
    bodies.collect()
}

/// Returns the bodies found by a reader that accepts a delimiter only at the start of a line.
fn split_at_lines(stream: &[u8], boundary: &str) -> Vec<Vec<u8>> {
    let dash_boundary = format!("--{boundary}");
    let begins = |at: &usize| *at == 0 || matches!(stream[at - 1], b'\r' | b'\n');
    let at: Vec<_> = memmem::find_iter(stream, &dash_boundary).filter(begins).collect();
    let between = at.windows(2).map(|pair| &stream[pair[0] + dash_boundary.len()..pair[1]]);
    let bodies = between.map(|piece| {
        let block = memmem::find(piece, b"\r\n\r\n").expect("the end of a header block") + 4;
        piece[block..].strip_suffix(b"\r\n").expect("a line end before the delimiter").to_vec()
    });
    bodies.collect()
}

#[test]
fn no_encoded_body_is_split() {
    let mut random = Random(7);
    let (mut sent, mut refused) = (0, 0);
    for round in 0..30_000 {
        let boundary = random.one(&["Bd", "ThisRandomString", "a-b", "0123456789abcdef0123456789abcdef01234567"]);
        let wire = WIRES[round % 3];
        let encoder = Encoder::new(Boundary::from_static(boundary), wire);
        let body = random.body(boundary);
        let part = Part::new(mime::TEXT_PLAIN, body.clone()).unwrap();
        let Ok(encoded) = encoder.encode(&part) else {
            assert!(memmem::find(&body, boundary.as_bytes()).is_some(), "rejected without a boundary: {body:?}");
            refused += 1;
            continue;
        };
        let closing = encoder.closing(Some(&encoded)).to_bytes();
        let stream = [encoder.opening(&encoded), encoded.to_bytes(), encoded.to_bytes(), closing].concat();
        let found = match wire {
            Wire::Script => split_at_lines(&stream, boundary),
            _ => split_anywhere(&stream, boundary),
        };
        let times = if wire == Wire::Script { 2 } else { 3 };
        assert_eq!(found, vec![body; times], "{wire:?} {boundary}");
        sent += 1;
    }
    assert!(sent > 5_000 && refused > 5_000, "{sent} sent, {refused} rejected");
}

/// A viewer knows the boundary of the hub, and may also be the author of the next part.
#[test]
fn no_published_body_is_split() {
    let (mut sent, mut refused) = (0, 0);
    for round in 1..300 {
        let mut random = Random(round);
        let (publisher, hub) = hub::channel();
        let mut viewers = WIRES.map(|wire| {
            let subscriber = hub.subscribe(wire).unwrap();
            let boundary = boundary(&subscriber.headers()["content-type"]);
            (wire, boundary, subscriber.into_stream(), Vec::new())
        });
        let boundary = viewers[0].1.clone();
        let mut bodies = Vec::new();
        for _ in 0..10 {
            let body = random.body(&boundary);
            let forged = memmem::find(&body, boundary.as_bytes()).is_some();
            let taken = publisher.publish(Part::new(mime::TEXT_PLAIN, body.clone()).unwrap());
            assert_eq!(taken.is_err(), forged, "{body:?}");
            for (_, _, viewer, stream) in &mut viewers {
                let bytes = take(viewer);
                assert_eq!(bytes.is_empty(), forged, "a rejected part writes nothing");
                stream.extend(bytes);
            }
            if forged {
                refused += 1;
            } else {
                sent += 1;
                bodies.push(body);
            }
        }
        drop(publisher);
        for (wire, boundary, mut viewer, mut stream) in viewers {
            stream.extend(take(&mut viewer));
            let found = split_anywhere_or_at_lines(wire, &stream, &boundary);
            let mut expected = bodies.clone();
            if wire != Wire::Script {
                expected.extend(bodies.last().cloned());
            }
            assert_eq!(found, expected, "{wire:?}");
        }
    }
    assert!(sent > 1_000 && refused > 500, "{sent} sent, {refused} rejected");
}

fn split_anywhere_or_at_lines(wire: Wire, stream: &[u8], boundary: &str) -> Vec<Vec<u8>> {
    match wire {
        Wire::Script => split_at_lines(stream, boundary),
        _ => split_anywhere(stream, boundary),
    }
}

/// Returns the bytes that are ready for a viewer.
fn take(viewer: &mut body::Chunks<Subscriber>) -> Vec<u8> {
    let waker = noop_waker();
    let mut cx = Context::from_waker(&waker);
    let chunks = std::iter::from_fn(|| match Pin::new(&mut *viewer).poll_next(&mut cx) {
        Poll::Ready(chunk) => chunk.map(|chunk| chunk.unwrap()),
        Poll::Pending => None,
    });
    chunks.flat_map(Bytes::into_iter).collect()
}

/// CR, LF, NUL, other control characters, and framing and security headers, each among harmless text.
#[test]
fn no_header_value_adds_a_header() {
    const NAMES: &[&str] = &[
        "x-a",
        "X-A",
        "a",
        "set-cookie",
        "Set-Cookie",
        "content-type",
        "CONTENT-LENGTH",
        "content-security-policy",
        "transfer-encoding",
        "connection",
        "x-frame-options",
        "access-control-allow-origin",
        "content-disposition",
    ];
    const PIECES: &[&[u8]] = &[
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"\x01",
        b"\x0b",
        b"\x1f",
        b"\x7f",
        b"\t",
        b" ",
        b":",
        b": ",
        b"\x80",
        b"\xe9",
        b"\r\nSet-Cookie: a=b",
        b"\r\n\r\n",
        b"x",
        b"y",
        b"z",
        b"plain",
        b"a=b; c",
        b"--B",
        b"\r\n--B",
    ];
    let mut random = Random(11);
    let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine);
    let plain = Part::text("x").unwrap();
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..60_000 {
        let mut name = random.one(NAMES).as_bytes().to_vec();
        if random.below(3) == 0 {
            name.extend_from_slice(random.one(PIECES));
        }
        let value: Vec<u8> = (0..=random.below(3)).flat_map(|_| random.one(PIECES)).copied().collect();
        let with = HeaderName::from_bytes(&name).ok().zip(HeaderValue::from_bytes(&value).ok());
        let mut part = plain.clone();
        if with.is_none_or(|(name, value)| part.insert_header(name, value).is_err()) {
            assert_eq!(part, plain, "a rejected header leaves the part unchanged");
            refused += 1;
            continue;
        }
        taken += 1;
        let bytes = encoder.encode(&part).unwrap().to_bytes();
        let text = std::str::from_utf8(&bytes).unwrap();
        let lines: Vec<_> = text.split("\r\n").collect();
        assert_eq!(lines.len(), 7, "{text:?}");
        assert_eq!(lines[0], "Content-Type: text/plain; charset=utf-8");
        let (written, held) = lines[1].split_once(": ").unwrap();
        assert_eq!((written.to_ascii_lowercase().as_bytes(), held.as_bytes()), (&*name.to_ascii_lowercase(), &*value));
        assert_eq!(lines[2..], ["Content-Length: 1", "", "x", "--ThisRandomString", ""]);
        assert!(lines.iter().all(|line| line.bytes().all(|byte| (0x20..0x7f).contains(&byte))), "{text:?}");
        let lower = written.to_ascii_lowercase();
        let prefixes = ["content-type", "content-length", "content-security-policy", "set-cookie", "access-control-"];
        assert!(!prefixes.iter().any(|prefix| lower.starts_with(prefix)), "{text:?}");
        assert!(!["transfer-encoding", "connection", "x-frame-options"].contains(&&*lower), "{text:?}");
    }
    assert!(taken > 1_000 && refused > 10_000, "{taken} accepted, {refused} rejected");
}

/// The content type, which every part has.
#[test]
fn no_content_type_adds_a_header() {
    let mut random = Random(13);
    let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Browser);
    let mut taken = 0;
    for _ in 0..60_000 {
        let pieces = [
            "text",
            "/",
            "plain",
            ";",
            " ",
            "a",
            "=",
            "\"",
            "\\",
            "\r",
            "\n",
            "\r\n",
            "\0",
            "\x7f",
            "é",
            "Set-Cookie: a",
            "--B",
        ];
        let prefix = random.one(&["text/plain", "text/plain; a=", "text/plain; a=\"", "image/"]);
        let text: String = (0..=random.below(5)).map(|_| random.one(&pieces)).collect();
        let end = random.one(&["", "\""]);
        let Ok(content_type) = format!("{prefix}{text}{end}").parse::<Mime>() else { continue };
        let Ok(part) = Part::new(content_type, "x") else { continue };
        let opening = encoder.opening(&encoder.encode(&part).unwrap());
        let lines: Vec<_> = opening.split(|byte| *byte == b'\n').collect();
        // The delimiter, the type, five lines of padding, a blank line.
        assert_eq!(lines.len(), 9, "{opening:?}");
        assert!(lines[..8].iter().all(|line| line.ends_with(b"\r")), "{opening:?}");
        let content = |line: &&[u8]| line.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == b'\r');
        assert!(lines.iter().all(content), "{opening:?}");
        taken += 1;
    }
    assert!(taken > 500, "{taken}");
}
