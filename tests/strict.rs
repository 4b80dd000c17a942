//! Random parts sent in random ways produce bodies that follow the grammar exactly and contain the sent parts.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

mod strict {
    pub(crate) mod reader;
}

use std::io::{self, ErrorKind, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::{Stream, stream};
use http::{HeaderName, HeaderValue};
use mixed_replace::write::WriteError;
use mixed_replace::{Boundary, Encoder, KeepAlive, MixedReplace, Part, Wire, Writer, hub};
use test_support::WIRES;

use self::strict::reader::{self, End, ReadPart, read};

const ROUNDS: u64 = 300;

/// The parts that a client must receive.
struct Expected {
    wire: Wire,
    parts: Vec<ReadPart>,
    last: Option<Part>,
}

impl Expected {
    fn new(wire: Wire) -> Self {
        Self { wire, parts: Vec::new(), last: None }
    }

    fn part(&mut self, part: &Part) {
        let promised = self.last.as_ref().filter(|last| last.content_type() != part.content_type());
        if let Some(last) = promised.filter(|_| self.wire == Wire::Browser) {
            self.parts.push(self.read_part(last));
        }
        self.parts.push(self.read_part(part));
        self.last = Some(part.clone());
    }

    fn repeat(&mut self) {
        let last = self.last.as_ref().map(|last| self.read_part(last));
        self.parts.extend(last);
    }

    /// Repeats the last part if its line or header block has already been sent.
    fn close(&mut self) {
        if self.wire != Wire::Script {
            self.repeat();
        }
    }

    fn read_part(&self, part: &Part) -> ReadPart {
        let title = |name: &HeaderName| {
            let words = name.as_str().split('-').map(|word| {
                let mut letters = word.chars();
                letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
            });
            words.collect::<Vec<String>>().join("-")
        };
        let mut headers = Vec::new();
        if self.wire != Wire::Browser {
            headers
                .extend(part.headers().iter().map(|(name, value)| (title(name), value.to_str().unwrap().to_owned())));
        }
        ReadPart { content_type: part.content_type().to_string(), headers, body: part.body().to_vec() }
    }

    /// Compares these bytes with the expectation, at the end or between two parts.
    #[track_caller]
    fn check(&self, bytes: &[u8], boundary: &str, closed: bool) {
        if bytes.is_empty() {
            assert!(self.parts.is_empty() && !closed);
            return;
        }
        let read = read(bytes, boundary, self.wire);
        assert!(read.parts == self.parts, "{:?}: {:#?}\nfor\n{:#?}", self.wire, read.parts, self.parts);
        let promised =
            self.last.iter().filter(|_| self.wire == Wire::Browser).map(|last| last.content_type().to_string());
        assert_eq!(read.end, if closed { End::Closed } else { End::Waits(promised.last()) });
    }
}

/// A stream of parts controlled by the test, and a pulse for its keep-alive.
#[derive(Clone, Default)]
struct Fed(Arc<Mutex<Feed>>);

#[derive(Default)]
struct Feed {
    next: Option<Result<Part, &'static str>>,
    ended: bool,
    repeats: usize,
}

impl Fed {
    fn parts(&self) -> impl Stream<Item = Result<Part, &'static str>> + use<> {
        let fed = self.clone();
        stream::poll_fn(move |_| {
            let mut feed = fed.0.lock().unwrap();
            match feed.next.take() {
                None if !feed.ended => Poll::Pending,
                next => Poll::Ready(next),
            }
        })
    }

    fn pulse(&self) -> KeepAlive {
        let fed = self.clone();
        KeepAlive::new(stream::poll_fn(move |_| {
            let mut feed = fed.0.lock().unwrap();
            let Some(rest) = feed.repeats.checked_sub(1) else { return Poll::Pending };
            feed.repeats = rest;
            Poll::Ready(Some(()))
        }))
    }
}

#[test]
fn body_holds_every_part_of_its_stream() {
    for seed in 1..ROUNDS {
        let mut random = Random(seed);
        let wire = WIRES[random.below(3)];
        let fed = Fed::default();
        let response = MixedReplace::new(fed.parts(), wire).keep_alive(fed.pulse());
        let boundary = reader::boundary(response.headers()["content-type"].to_str().unwrap(), wire);
        let mut body = Box::pin(response.into_stream());
        let (mut expected, mut bytes) = (Expected::new(wire), Vec::new());

        for _ in 0..random.below(6) {
            let part = random.part();
            expected.part(&part);
            fed.0.lock().unwrap().next = Some(Ok(part));
            assert_eq!(more(body.as_mut(), &mut bytes), Poll::Pending, "seed {seed}");
            expected.check(&bytes, &boundary, false);
            // The first pulse has no effect because bytes were sent after the previous one.
            let repeats = random.below(4);
            fed.0.lock().unwrap().repeats = repeats;
            (1..repeats).for_each(|_| expected.repeat());
            assert_eq!(more(body.as_mut(), &mut bytes), Poll::Pending, "seed {seed}");
            expected.check(&bytes, &boundary, false);
        }
        let fails = random.below(3) == 0;
        fed.0.lock().unwrap().next = fails.then_some(Err("failed"));
        fed.0.lock().unwrap().ended = true;
        let end = (0..5).find_map(|_| match more(body.as_mut(), &mut bytes) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => None,
        });
        let closed = !fails || wire == Wire::Browser;
        assert_eq!(end.expect("an end"), if closed { Ok(()) } else { Err("failed") }, "seed {seed}");
        if closed {
            expected.close();
        }
        expected.check(&bytes, &boundary, closed);
    }
}

#[test]
fn subscriber_gets_latest_published_part() {
    for seed in 1..ROUNDS {
        let mut random = Random(seed);
        let (publisher, hub) = hub::builder().timestamps(false).build();
        let mut viewers: Vec<_> = (0..1 + random.below(3))
            .map(|_| {
                let wire = WIRES[random.below(3)];
                let response = hub.subscribe(wire).unwrap();
                let boundary = reader::boundary(response.headers()["content-type"].to_str().unwrap(), wire);
                (Box::pin(response.into_stream()), boundary, Expected::new(wire), Vec::new())
            })
            .collect();
        let mut latest = None;
        for _ in 0..random.below(6) {
            let part = random.part();
            publisher.publish(part.clone()).unwrap();
            latest = Some(part);
            for (body, boundary, expected, bytes) in &mut viewers {
                // A slow viewer is polled less often than parts are published.
                if random.below(3) > 0 {
                    expected.part(latest.as_ref().unwrap());
                    assert_eq!(more(body.as_mut(), bytes), Poll::Pending, "seed {seed}");
                    expected.check(bytes, boundary, false);
                }
            }
        }
        drop(publisher);
        for (body, boundary, expected, bytes) in &mut viewers {
            if expected.last != latest {
                expected.part(latest.as_ref().unwrap());
            }
            expected.close();
            assert_eq!(more(body.as_mut(), bytes), Poll::Ready(Ok(())), "seed {seed}");
            expected.check(bytes, boundary, true);
        }
    }
}

#[test]
fn writer_writes_every_part_despite_interruptions() {
    let mut refused = 0;
    for seed in 1..ROUNDS {
        let mut random = Random(seed);
        let wire = WIRES[random.below(3)];
        let boundary: Boundary = "BoundaryOf40LettersWhichIsTheLongestOne1"[..16 + random.below(25)].parse().unwrap();
        let encoder = Encoder::new(boundary.clone(), wire);
        assert_eq!(reader::boundary(encoder.content_type().to_str().unwrap(), wire), boundary.as_str());
        let patient = Arc::new(AtomicBool::new(false));
        let narrow = Narrow { bytes: Vec::new(), random: Random(seed), patient: Arc::clone(&patient) };
        let mut writer = Writer::with_encoder(narrow, encoder);
        let mut expected = Expected::new(wire);
        for _ in 0..random.below(6) {
            let part = random.part_with(boundary.as_str());
            let written = match writer.write(&part) {
                Err(WriteError::Encode(_)) => {
                    refused += 1;
                    continue;
                }
                written => written,
            };
            expected.part(&part);
            finished(written, &mut writer);
            if random.below(3) == 0 {
                let repeated = writer.repeat();
                finished(repeated, &mut writer);
                expected.repeat();
            }
        }
        let fails = random.below(3) == 0;
        let closed = !fails || wire == Wire::Browser;
        if closed {
            expected.close();
        }
        // Calls that end a stream consume the writer, so it cannot be used after an error.
        patient.store(true, Ordering::Relaxed);
        let bytes = if fails { writer.fail() } else { writer.finish() }.unwrap().bytes;
        expected.check(&bytes, boundary.as_str(), closed);
    }
    assert!(refused > 10, "{refused}");
}

/// Retries until the write is complete.
fn finished(mut written: Result<(), WriteError>, writer: &mut Writer<Narrow>) {
    while let Err(error) = written {
        assert!(matches!(error, WriteError::Io(_)), "{error}");
        written = writer.flush();
    }
}

/// A writer that accepts some bytes at a time, and sometimes none.
struct Narrow {
    bytes: Vec<u8>,
    random: Random,
    patient: Arc<AtomicBool>,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.random.below(4) {
            0 if !self.patient.load(Ordering::Relaxed) => Err(ErrorKind::WouldBlock.into()),
            1 => Err(ErrorKind::Interrupted.into()),
            _ => {
                let most = bytes.len().min(1 + self.random.below(2000));
                self.bytes.extend_from_slice(&bytes[..most]);
                Ok(most)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Appends the ready bytes until the body is pending or ends.
fn more<S, E>(mut body: Pin<&mut S>, bytes: &mut Vec<u8>) -> Poll<Result<(), E>>
where
    S: Stream<Item = Result<Bytes, E>>,
{
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match body.as_mut().poll_next(&mut cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(chunk))) => {
                assert!(!chunk.is_empty(), "HTTP/2 stacks count empty frames");
                bytes.extend_from_slice(&chunk);
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
            Poll::Ready(None) => return Poll::Ready(Ok(())),
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn part(&mut self) -> Part {
        self.part_with("boundary")
    }

    /// Returns a body close to the limit of validity, sometimes containing `word`.
    fn part_with(&mut self, word: &str) -> Part {
        let body = |random: &mut Self, start: &[u8]| {
            let mut body = start.to_vec();
            for _ in 0..random.below(6) {
                body.extend_from_slice(random.pick(PIECES));
            }
            if random.below(12) == 0 {
                body.extend_from_slice(word.as_bytes());
            }
            let large = random.below(8) == 0;
            let least = random.pick(if large { &[65_536, 65_537, 70_000] } else { &[0, 1, 598, 600, 2047] });
            body.resize(body.len().max(least), b'-');
            body
        };
        let mut part = loop {
            let content_type = self.content_type();
            let start = self.pick(&[b"", JPEG, PNG, GIF]);
            if let Ok(part) = Part::new(content_type.parse().unwrap(), body(self, start)) {
                break part;
            }
        };
        for _ in 0..self.pick(&[0, 0, 1, 3, 20]) {
            let name = HeaderName::from_bytes(self.pick(NAMES).as_bytes()).unwrap();
            let value = (0..self.below(4)).map(|_| self.pick(VALUES)).collect::<Vec<_>>().concat();
            let long = if self.below(8) == 0 { "v".repeat(100 + self.below(30)) } else { String::new() };
            let Ok(value) = HeaderValue::from_bytes(&[&value, long.as_bytes()].concat()) else { continue };
            let _ = part.insert_header(name, value);
        }
        part
    }

    fn content_type(&mut self) -> String {
        let content_type = self.pick(TYPES).to_owned();
        match self.below(6) {
            0 => content_type + "; a=\"b c\"",
            1 => content_type + ";a=" + &"x".repeat(90 + self.below(30)),
            2 => content_type.to_uppercase(),
            _ => content_type,
        }
    }
}

const JPEG: &[u8] = include_bytes!("../src/picture/dot.jpg");
const PNG: &[u8] = include_bytes!("../src/picture/dot.png");
const GIF: &[u8] = include_bytes!("../src/picture/dot.gif");

const TYPES: &[&str] = &[
    "application/json",
    "application/octet-stream",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/svg+xml",
    "text/html",
    "text/plain",
];

const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n--",
    b"--\r\n",
    b"\r",
    b"\n",
    b"-",
    b"\0",
    b"\xff\xd9",
    b"\xff\xd8\xff",
    b"Content-Type: image/jpeg\r\n\r\n",
    b"Content-Length: 0\r\n",
    b"BoundaryOf40Letter",
    b"something",
];

const NAMES: &[&str] = &[
    "x",
    "X-Timestamp",
    "x--y",
    "x-",
    "-x",
    "etag",
    "x_y.z!",
    "3d-x",
    "content-id",
    "Content-Type",
    "content-types",
    "Content-Length",
    "content-lengthy",
    "content-disposition",
    "Content-Range",
    "set-cookie",
    "Set-Cookie2",
    "content-security-policy-report-only",
];

const VALUES: &[&[u8]] = &[b"v", b"12.5", b" ", b"\t", b"a: b", b"\xe9", b"\"q\"", b";", b"--"];
