//! The blocking writer: the same bytes as the async path, bounded memory, and its errors.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{Stream as _, stream};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use mixed_replace::write::{Head, WriteError};
use mixed_replace::{Boundary, Encoder, KeepAlive, MixedReplace, Part, Wire, Writer};
use test_support::WIRES;

/// A step of a stream.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "only a few values exist")]
enum Step {
    Fail,
    Part(Part),
    Repeat,
}

#[test]
fn writes_the_bytes_of_the_async_path() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..200 {
        let steps = steps(&mut random);
        for wire in WIRES {
            let (expected, boundary) = by_mixed_replace(&steps, wire);
            let encoder = Encoder::new(boundary, wire);
            let most = random.below(100_000) + 1;
            let written = by_writer(&steps, Writer::with_encoder(Slow { most, ..Slow::default() }, encoder));
            assert!(written == expected, "{wire:?}, {most} bytes at a time: {steps:?}");
        }
    }
}

/// Parts of a few types, with sizes around the copy limit, and repeats. The source may fail at the end.
fn steps(random: &mut Random) -> Vec<Step> {
    let mut steps = Vec::new();
    for _ in 0..random.below(6) {
        let len = [1, 2, 599, 600, 700, 65_535, 65_536, 65_537, 200_000][random.below(9)];
        let line: String = (0..17).map(|_| [' ', '\r', '\n', '-', 'x'][random.below(5)]).collect();
        let text = line.repeat(len / 17 + 1)[..len].to_owned();
        let mut part = [Part::text, Part::html, Part::json][random.below(3)](text).unwrap();
        if random.below(3) == 0 {
            part.insert_header(HeaderName::from_static("x-number"), HeaderValue::from(len)).unwrap();
        }
        steps.push(Step::Part(part));
        steps.extend((0..random.below(3)).map(|_| Step::Repeat));
    }
    if random.below(4) == 0 {
        steps.push(Step::Fail);
    }
    steps
}

fn by_writer(steps: &[Step], mut writer: Writer<Slow>) -> Vec<u8> {
    for step in steps {
        match step {
            Step::Fail => return writer.fail().unwrap().taken,
            Step::Part(part) => writer.write(part).unwrap(),
            Step::Repeat => writer.repeat().unwrap(),
        }
    }
    writer.finish().unwrap().taken
}

/// Returns the bytes and the boundary between their parts.
fn by_mixed_replace(steps: &[Step], wire: Wire) -> (Vec<u8>, Boundary) {
    let script = Arc::new(Mutex::new(Script { steps: steps.iter().cloned().collect(), sent: false }));
    let of_parts = Arc::clone(&script);
    let parts = stream::poll_fn(move |_| of_parts.lock().unwrap().part());
    let ticks = stream::poll_fn(move |_| script.lock().unwrap().tick());
    let body = MixedReplace::new(parts, wire).keep_alive(KeepAlive::new(ticks));
    let headers = body.headers();
    let (_, boundary) = headers["content-type"].to_str().unwrap().rsplit_once('=').unwrap();
    let boundary = boundary.parse().unwrap();
    let mut body = pin!(body.into_stream());
    let mut bytes = Vec::new();
    // It is pending only once, before it fails.
    for _ in 0..1000 {
        match body.as_mut().poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(chunk))) => bytes.extend(chunk),
            Poll::Ready(Some(Err(_)) | None) => return (bytes, boundary),
            Poll::Pending => {}
        }
    }
    panic!("the stream hangs");
}

/// The steps as a source for `MixedReplace`.
struct Script {
    steps: VecDeque<Step>,
    sent: bool,
}

impl Script {
    fn part(&mut self) -> Poll<Option<io::Result<Part>>> {
        if matches!(self.steps.front(), Some(Step::Repeat)) {
            return Poll::Pending;
        }
        self.sent = true;
        Poll::Ready(self.steps.pop_front().map(|step| match step {
            Step::Part(part) => Ok(part),
            Step::Fail | Step::Repeat => Err(io::Error::other("unplugged")),
        }))
    }

    /// The first pulse after a part has no effect.
    fn tick(&mut self) -> Poll<Option<()>> {
        if !std::mem::take(&mut self.sent) {
            self.steps.pop_front();
        }
        Poll::Ready(Some(()))
    }
}

/// A writer that accepts some bytes at a time, is sometimes interrupted, and if `blocks` is set is full at every second
/// call.
#[derive(Default)]
struct Slow {
    taken: Vec<u8>,
    most: usize,
    calls: usize,
    blocks: bool,
    flushed: usize,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls % 7 == 0 {
            return Err(ErrorKind::Interrupted.into());
        }
        if self.blocks && self.calls % 2 == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = bytes.len().min(self.most);
        self.taken.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed = self.taken.len();
        Ok(())
    }
}

fn text(text: &str) -> Part {
    Part::text(text.to_owned()).unwrap()
}

fn encoder(wire: Wire) -> Encoder {
    Encoder::new(Boundary::from_static("ThisRandomString"), wire)
}

#[test]
fn flushes_each_part() {
    for wire in WIRES {
        let mut slow = Slow { most: 10, ..Slow::default() };
        let mut writer = Writer::with_encoder(&mut slow, encoder(wire));
        writer.write(&text("first")).unwrap();
        drop(writer);
        assert!(slow.flushed > 0 && slow.flushed == slow.taken.len());
        assert!(!slow.taken.ends_with(b"--\r\n"), "dropping it writes nothing");
    }
}

#[test]
fn continues_after_a_timeout() {
    let parts = [text("first"), text(&"second ".repeat(20_000)), Part::json("3").unwrap()];
    for wire in WIRES {
        let mut expected = Vec::new();
        let mut writer = Writer::with_encoder(&mut expected, encoder(wire));
        parts.iter().for_each(|part| writer.write(part).unwrap());
        drop(writer);

        let mut slow = Slow { most: 1000, blocks: true, ..Slow::default() };
        let mut writer = Writer::with_encoder(&mut slow, encoder(wire));
        for part in &parts {
            let mut written = writer.write(part);
            while let Err(WriteError::Io(error)) = written {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                written = writer.flush();
            }
            written.unwrap();
        }
        drop(writer);
        assert!(slow.taken == expected, "{wire:?}");
    }
}

#[test]
fn rejects_next_part_while_one_is_incomplete() {
    let mut full = [0; 100];
    let mut writer = Writer::with_encoder(&mut full[..], encoder(Wire::Script));
    let (part, live) = counted(100_000);
    assert!(matches!(writer.write(&part), Err(WriteError::Io(error)) if error.kind() == ErrorKind::WriteZero));
    drop(part);
    for _ in 0..10 {
        assert!(matches!(writer.write(&counted(100_000).0), Err(WriteError::Io(_))));
        assert!(matches!(writer.repeat(), Err(WriteError::Io(_))));
    }
    assert_eq!(live.load(Ordering::Relaxed), 1);
}

#[test]
fn holds_one_part_for_a_stalled_client() {
    for wire in WIRES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let live = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let written = Arc::new(AtomicUsize::new(0));
        let (of_thread, most_of_thread, written_by_thread) = (live.clone(), most.clone(), written.clone());
        let thread = thread::spawn(move || {
            let mut writer = Writer::new(server, wire);
            loop {
                let part = counted_by(&of_thread, 100_000);
                most_of_thread.fetch_max(of_thread.load(Ordering::Relaxed), Ordering::Relaxed);
                writer.write(&part)?;
                written_by_thread.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Until the socket buffers are full and writes block.
        let mut before = usize::MAX;
        while before != written.load(Ordering::Relaxed) || before == 0 {
            before = written.load(Ordering::Relaxed);
            thread::sleep(Duration::from_millis(300));
        }
        assert_eq!(live.load(Ordering::Relaxed), 1, "{wire:?}: the part that is being written, and no other");
        assert!(most.load(Ordering::Relaxed) <= 2, "the last part, until the next one exists");
        client.read_exact(&mut [0; 10]).unwrap();
        drop(client);
        let ended: Result<(), WriteError> = thread.join().unwrap();
        assert!(ended.unwrap_err().is_disconnected());
        assert_eq!(live.load(Ordering::Relaxed), 0);
    }
}

/// Creates a part of this size, and counts the parts that exist.
fn counted(len: usize) -> (Part, Arc<AtomicUsize>) {
    let live = Arc::new(AtomicUsize::new(0));
    (counted_by(&live, len), live)
}

fn counted_by(live: &Arc<AtomicUsize>, len: usize) -> Part {
    live.fetch_add(1, Ordering::Relaxed);
    Part::text(Bytes::from_owner(Counted(vec![b'.'; len], Arc::clone(live)))).unwrap()
}

struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn distinguishes_disconnect_from_other_errors() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut writer = Writer::new(listener.accept().unwrap().0, Wire::Machine);
    writer.write(&text("on")).unwrap();
    drop(reader);
    let error = loop {
        match writer.repeat() {
            Ok(()) => thread::sleep(Duration::from_millis(10)),
            Err(error) => break error,
        }
    };
    assert!(error.is_disconnected());
    assert_eq!(error.to_string(), "the client has disconnected");

    let error = Writer::new(&mut [0; 3][..], Wire::Machine).write(&text("on")).unwrap_err();
    assert!(!error.is_disconnected());
    assert_eq!(error.to_string(), "the stream cannot be written");
    assert_eq!(io::Error::from(error).kind(), ErrorKind::WriteZero);

    let error = Writer::with_encoder(Vec::new(), encoder(Wire::Machine)).write(&text("ThisRandomString")).unwrap_err();
    assert_eq!(error.to_string(), "the part cannot be sent to this client");
    assert_eq!(io::Error::from(error).to_string(), "the part holds the boundary \"ThisRandomString\"");
}

#[test]
fn keep_alive_counts_from_last_write() {
    let mut writer = Writer::new(Vec::new(), Wire::Machine).keep_alive_interval(Duration::from_millis(40));
    writer.repeat().unwrap();
    thread::sleep(Duration::from_millis(50));
    assert_eq!(writer.until_keep_alive(), Duration::ZERO);
    let hour = Duration::from_secs(3600);
    let mut writer = Writer::new(Vec::new(), Wire::Machine).keep_alive_interval(hour);
    writer.repeat().unwrap();
    thread::sleep(Duration::from_millis(50));
    let before = Instant::now();
    writer.write(&text("on")).unwrap();
    let until = writer.until_keep_alive();
    assert!(until <= hour && until >= hour - before.elapsed(), "{until:?}");
    let never = Writer::new(Vec::new(), Wire::Machine).keep_alive_interval(Duration::MAX);
    assert!(never.until_keep_alive() > Duration::from_secs(1 << 40));
}

#[test]
fn heads() {
    let mut more = HeaderMap::new();
    more.append(SET_COOKIE, HeaderValue::from_static("a=1"));
    more.append(SET_COOKIE, HeaderValue::from_static("b=2"));
    more.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    more.insert(CONTENT_LENGTH, HeaderValue::from_static("3"));
    for (head, first, last) in [
        (Head::Cgi, "Status: 200 OK", ""),
        (Head::Http10, "HTTP/1.0 200 OK", "Connection: close\r\n"),
        (Head::Http11, "HTTP/1.1 200 OK", "Connection: close\r\n"),
    ] {
        let mut bytes = Vec::new();
        let mut writer = Writer::with_encoder(&mut bytes, encoder(Wire::Script));
        writer.write_head(head, &more).unwrap();
        drop(writer);
        let expected = format!(
            "{first}\r\n\
             Content-Type: multipart/mixed; boundary=ThisRandomString\r\n\
             Content-Encoding: identity\r\n\
             Vary: Accept\r\n\
             X-Accel-Buffering: no\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Set-Cookie: a=1\r\n\
             Set-Cookie: b=2\r\n\
             Cache-Control: no-store\r\n\
             {last}\r\n"
        );
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}

/// xorshift64* with a fixed seed, so that failures are reproducible.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        usize::try_from(high).unwrap() % end
    }
}
