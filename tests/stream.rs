//! Complete bodies as a client receives them, with the boundary as `B` and a `|` where the body is pending.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::task::noop_waker;
use futures::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderValue};
use mixed_replace::body::Chunks;
use mixed_replace::{KeepAlive, MixedReplace, Part, Wire};
use test_support::{WIRES, boundary};

/// A body that is polled by hand.
struct Viewer<S: Stream> {
    body: Pin<Box<S>>,
    boundary: String,
}

impl<S, E> Viewer<Chunks<MixedReplace<S>>>
where
    S: Stream<Item = Result<Part, E>>,
{
    fn new(response: MixedReplace<S>) -> Self {
        let boundary = boundary(response.headers().get("content-type").unwrap());
        Self { body: Box::pin(response.into_stream()), boundary }
    }

    fn poll(&mut self) -> Poll<Option<Result<Bytes, E>>> {
        self.body.as_mut().poll_next(&mut Context::from_waker(&noop_waker()))
    }

    /// Returns the bytes until the body is pending or ends.
    fn more(&mut self) -> (String, Poll<Option<E>>) {
        let mut bytes = Vec::new();
        loop {
            match self.poll() {
                Poll::Ready(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
                end => return (self.without_boundary(&bytes), end.map(|end| end.and_then(Result::err))),
            }
        }
    }

    fn without_boundary(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8(bytes.to_vec()).unwrap().replace(&self.boundary, "B");
        text.replace(&format!("X-Padding: {}\r\n", ".".repeat(111)).repeat(5), "<padding>")
    }

    /// Returns all bytes, and how the body ends.
    fn collect(mut self) -> (String, Option<E>) {
        let mut bytes = String::new();
        for _ in 0..10 {
            let (more, end) = self.more();
            bytes += &more;
            if let Poll::Ready(end) = end {
                assert!(matches!(self.poll(), Poll::Ready(None)), "nothing follows the end");
                return (bytes, end);
            }
            bytes.push('|');
        }
        panic!("the body does not end: {bytes}");
    }
}

fn css<E>(text: &'static str) -> Result<Part, E> {
    Ok(Part::new(mime::TEXT_CSS, text).unwrap())
}

fn svg<E>(text: &'static str) -> Result<Part, E> {
    Ok(Part::svg(text).unwrap())
}

fn collect<E: 'static>(wire: Wire, parts: Vec<Result<Part, E>>) -> (String, Option<E>) {
    Viewer::new(MixedReplace::new(stream::iter(parts), wire)).collect()
}

#[test]
fn complete_stream_bytes() {
    let parts = || vec![css("one"), css("two")];
    assert_eq!(
        collect::<()>(Wire::Browser, parts()),
        (
            "--B\r\nContent-Type: text/css\r\n<padding>\r\none\r\n--B\r\nContent-Type: text/css\r\n\r\n\
             two\r\n--B\r\nContent-Type: text/css\r\n\r\ntwo\r\n--B--\r\n"
                .to_owned(),
            None
        )
    );
    assert_eq!(
        collect::<()>(Wire::Machine, parts()),
        (
            "--B\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\none\r\n--B\r\n\
             Content-Type: text/css\r\nContent-Length: 3\r\n\r\ntwo\r\n--B\r\n\
             Content-Type: text/css\r\nContent-Length: 3\r\n\r\ntwo\r\n--B--\r\n"
                .to_owned(),
            None
        )
    );
    assert_eq!(
        collect::<()>(Wire::Script, parts()),
        (
            "--B\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\none\r\n--B\r\n\
             Content-Type: text/css\r\nContent-Length: 3\r\n\r\ntwo\r\n--B--\r\n"
                .to_owned(),
            None
        )
    );
}

#[test]
fn empty_stream_bytes() {
    for wire in WIRES {
        assert_eq!(collect::<()>(wire, vec![]), ("--B--\r\n".to_owned(), None), "{wire:?}");
    }
}

#[test]
fn stream_with_change_of_type_bytes() {
    let parts = || vec![css("one"), svg("<svg/>"), css("two")];
    assert_eq!(
        collect::<()>(Wire::Browser, parts()).0,
        "--B\r\nContent-Type: text/css\r\n<padding>\r\none\r\n--B\r\nContent-Type: text/css\r\n\r\n\
         one\r\n--B\r\nContent-Type: image/svg+xml\r\n\r\n<svg/>\r\n--B\r\nContent-Type: image/svg+xml\r\n\r\n\
         <svg/>\r\n--B\r\nContent-Type: text/css\r\n\r\ntwo\r\n--B\r\nContent-Type: text/css\r\n\r\ntwo\r\n--B--\r\n"
    );
    assert_eq!(
        collect::<()>(Wire::Machine, parts()).0,
        "--B\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\none\r\n--B\r\n\
         Content-Type: image/svg+xml\r\nContent-Length: 6\r\n\r\n<svg/>\r\n--B\r\n\
         Content-Type: text/css\r\nContent-Length: 3\r\n\r\ntwo\r\n--B\r\n\
         Content-Type: text/css\r\nContent-Length: 3\r\n\r\ntwo\r\n--B--\r\n"
    );
    assert_eq!(
        collect::<()>(Wire::Script, parts()).0,
        "--B\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\none\r\n--B\r\n\
         Content-Type: image/svg+xml\r\nContent-Length: 6\r\n\r\n<svg/>\r\n--B\r\n\
         Content-Type: text/css\r\nContent-Length: 3\r\n\r\ntwo\r\n--B--\r\n"
    );
}

/// On an error a browser blanks the picture, while a recorder must detect the truncation. Servers discard
/// buffered data when a body fails, unless the body is pending once before it fails.
#[test]
fn failed_stream_ends_without_close_delimiter() {
    let parts = || vec![css("one"), Err("no camera"), css("never")];
    assert_eq!(
        collect(Wire::Browser, parts()),
        (
            "--B\r\nContent-Type: text/css\r\n<padding>\r\none\r\n--B\r\nContent-Type: text/css\r\n\r\none\r\n--B--\r\n"
                .to_owned(),
            None
        )
    );
    assert_eq!(
        collect(Wire::Machine, parts()),
        ("--B\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\none\r\n--B\r\n|".to_owned(), Some("no camera"))
    );
    assert_eq!(
        collect(Wire::Script, parts()),
        ("--B\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\none\r\n--B|".to_owned(), Some("no camera"))
    );
}

#[test]
fn stream_failed_before_first_part_has_no_close_delimiter() {
    assert_eq!(collect(Wire::Browser, vec![Err("no camera")]), ("--B--\r\n".to_owned(), None));
    for wire in [Wire::Machine, Wire::Script] {
        assert_eq!(collect(wire, vec![Err("no camera")]), ("|".to_owned(), Some("no camera")), "{wire:?}");
    }
}

/// A panic is the end of its connection, as of any handler's.
#[test]
fn panic_of_the_source_passes_through_the_body() {
    for wire in WIRES {
        let panic = stream::once(async { panic!("no camera") });
        let mut viewer = Viewer::new(MixedReplace::new(stream::iter([css::<()>("one")]).chain(panic), wire));
        assert!(matches!(viewer.poll(), Poll::Ready(Some(Ok(_)))), "the part before it");
        let panic = catch_unwind(AssertUnwindSafe(|| viewer.poll())).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"no camera"), "{wire:?}");
        assert!(matches!(viewer.poll(), Poll::Ready(None)), "the source is not polled again");
    }
}

/// When a body fails, HTTP/2 stacks discard all unwritten data, and a slow client on HTTP/1.1 loses up to eight
/// pictures. A body with a keep-alive therefore waits for the release of its last part; the keep-alive limits the wait.
#[test]
fn failure_waits_for_release_of_last_part() {
    for (wire, len) in [(Wire::Machine, 10), (Wire::Machine, 3_000), (Wire::Script, 50_000), (Wire::Machine, 200_000)] {
        let picture = || Part::new(mime::TEXT_CSS, vec![b'x'; len]).unwrap();
        for parts in 1..3 {
            let source = stream::iter((0..parts).map(move |_| Ok(picture())).chain([Err("no camera")]));
            let body = MixedReplace::new(source, wire).keep_alive(KeepAlive::new(stream::pending()));
            let mut viewer = Viewer::new(body);
            let mut buffered = Vec::new();
            while let Poll::Ready(Some(chunk)) = viewer.poll() {
                buffered.push(chunk.unwrap());
            }
            while !buffered.is_empty() {
                for _ in 0..3 {
                    assert!(viewer.poll().is_pending(), "{wire:?}, {len} bytes");
                }
                buffered.remove(0);
            }
            assert_eq!(viewer.more(), (String::new(), Poll::Ready(Some("no camera"))), "{wire:?}, {len} bytes");
        }
    }
}

#[test]
fn release_of_last_part_wakes_failed_body() {
    let body = MixedReplace::new(stream::iter([css("one"), Err("no camera")]), Wire::Machine);
    let mut body = body.keep_alive(KeepAlive::new(stream::pending())).into_stream();
    let (waker, wakes) = futures_test_waker();
    let mut cx = Context::from_waker(&waker);
    let Poll::Ready(Some(Ok(chunk))) = body.poll_next_unpin(&mut cx) else { panic!("no part") };
    assert!(body.poll_next_unpin(&mut cx).is_pending());
    assert_eq!(wakes(), 1, "wakes a server that copies");
    assert!(body.poll_next_unpin(&mut cx).is_pending());
    assert_eq!(wakes(), 1);
    let rest = chunk.slice(5..);
    drop(chunk);
    assert_eq!(wakes(), 1, "a slice is still held");
    drop(rest);
    assert_eq!(wakes(), 2);
    assert_eq!(body.poll_next_unpin(&mut cx), Poll::Ready(Some(Err("no camera"))));
}

fn futures_test_waker() -> (std::task::Waker, impl Fn() -> usize) {
    struct Count(std::sync::atomic::AtomicUsize);
    impl futures::task::ArcWake for Count {
        fn wake_by_ref(this: &std::sync::Arc<Self>) {
            this.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let count = std::sync::Arc::new(Count(Default::default()));
    let waker = futures::task::waker(count.clone());
    (waker, move || count.0.load(std::sync::atomic::Ordering::SeqCst))
}

/// A collector of the body holds every chunk.
#[test]
fn failure_waits_no_longer_than_its_limit() {
    for ends in [false, true] {
        let (ticks, pulse) = mpsc::unbounded();
        let body = MixedReplace::new(stream::iter([css("one"), Err("no camera")]), Wire::Machine);
        let mut viewer = Viewer::new(body.keep_alive(KeepAlive::new(pulse)));
        let Poll::Ready(Some(Ok(_held))) = viewer.poll() else { panic!("no part") };
        assert!(viewer.poll().is_pending());
        assert!(viewer.poll().is_pending());
        if ends {
            drop(ticks);
        } else {
            ticks.unbounded_send(()).unwrap();
            assert!(viewer.poll().is_pending(), "the part was sent after the previous pulse");
            ticks.unbounded_send(()).unwrap();
        }
        assert_eq!(viewer.poll(), Poll::Ready(Some(Err("no camera"))));
    }
}

#[test]
fn large_part_is_sent_uncopied_in_three_chunks() {
    let payload = |len| Part::new(mime::TEXT_CSS, vec![b'x'; len]).unwrap();
    for wire in WIRES {
        for (len, chunks) in [(1, 1), (3_000, 2), (65_536, 2), (65_537, 3), (1_000_000, 3)] {
            let parts = [payload(len), payload(len)];
            let bodies = parts.clone().map(Part::into_body);
            let mut viewer = Viewer::new(MixedReplace::new(stream::iter(parts.map(Ok::<_, Infallible>)), wire));
            let mut next = || match viewer.poll() {
                Poll::Ready(Some(Ok(chunk))) => chunk,
                other => panic!("{other:?}"),
            };
            // The opening includes the first KiB of its part.
            let first: Vec<_> = (0..chunks).map(|_| next()).collect();
            let second: Vec<_> = (0..if chunks == 3 { 3 } else { 1 }).map(|_| next()).collect();
            for (chunks, body) in [(first, &bodies[0]), (second, &bodies[1])] {
                let sent: usize = chunks.iter().map(Bytes::len).sum();
                assert!((len..len + 900).contains(&sent), "{wire:?}: {sent} bytes for {len}");
                assert!(len < 1024 || chunks.iter().all(|chunk| chunk.len() >= 256), "{wire:?}, {len}: a small chunk");
                if let [_, middle, _] = chunks.as_slice() {
                    assert_eq!(middle.as_ptr(), body[256..].as_ptr(), "{wire:?}, {len}: copied");
                    assert_eq!(middle.len(), len - 512);
                }
            }
        }
    }
}

#[test]
fn repeats_nothing_without_a_pulse() {
    for wire in WIRES {
        let source = stream::iter([css::<()>("one")]).chain(stream::pending());
        let mut viewer = Viewer::new(MixedReplace::new(source, wire));
        assert!(viewer.more().0.contains("\r\none\r\n"));
        assert_eq!(viewer.more(), (String::new(), Poll::Pending), "{wire:?}");
    }
}

#[test]
fn accepts_any_stream_as_pulse() {
    for wire in WIRES {
        let (parts, source) = mpsc::unbounded();
        let (ticks, pulse) = mpsc::unbounded();
        let mut viewer = Viewer::new(MixedReplace::new(source, wire).keep_alive(KeepAlive::new(pulse)));
        let tick = |viewer: &mut Viewer<_>| {
            ticks.unbounded_send(()).unwrap();
            let (text, end) = viewer.more();
            assert_eq!(end, Poll::Pending);
            text
        };
        assert_eq!(tick(&mut viewer), "", "nothing to repeat yet");
        parts.unbounded_send(css::<()>("one")).unwrap();
        assert_eq!(viewer.more().0.matches("\r\none\r\n--B").count(), 1, "not repeated at once");
        let repeat = match wire {
            Wire::Browser => "one\r\n--B\r\nContent-Type: text/css\r\n\r\n",
            Wire::Machine => "Content-Type: text/css\r\nContent-Length: 3\r\n\r\none\r\n--B\r\n",
            _ => "\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\none\r\n--B",
        };
        assert_eq!(tick(&mut viewer), repeat);
        assert_eq!(tick(&mut viewer), repeat);
        parts.unbounded_send(css("two")).unwrap();
        assert_eq!(viewer.more().0, repeat.replace("one", "two"));
        assert_eq!(tick(&mut viewer), "", "a part was sent after the previous pulse");
        assert_eq!(tick(&mut viewer), repeat.replace("one", "two"));
        drop(parts);
        let end = match wire {
            Wire::Browser => "two\r\n--B--\r\n",
            Wire::Machine => "Content-Type: text/css\r\nContent-Length: 3\r\n\r\ntwo\r\n--B--\r\n",
            _ => "--\r\n",
        };
        assert_eq!(viewer.more(), (end.to_owned(), Poll::Ready(None)));
    }
}

#[test]
fn wire_follows_from_the_request() {
    for (accept, content_type, behind) in [
        (
            "image/avif,image/webp,*/*;q=0.8",
            "multipart/x-mixed-replace; boundary=B",
            "\r\nContent-Type: text/css\r\n\r\n",
        ),
        ("*/*", "multipart/x-mixed-replace; boundary=B", "\r\n"),
        ("multipart/mixed", "multipart/mixed; boundary=B", ""),
    ] {
        let request = HeaderMap::from_iter([(http::header::ACCEPT, HeaderValue::from_static(accept))]);
        let source = stream::iter([css::<()>("one")]).chain(stream::pending());
        let response = MixedReplace::new(source, Wire::for_request(&request));
        let headers = response.headers();
        let mut viewer = Viewer::new(response);
        assert_eq!(headers["content-type"].to_str().unwrap().replace(&viewer.boundary, "B"), content_type);
        let text = viewer.more().0;
        assert_eq!(text.split_once("one\r\n--B").unwrap().1, behind, "{accept}");
    }
}

#[test]
fn head_prevents_caching_and_buffering() {
    let headers = MixedReplace::new(stream::pending::<Result<Part, ()>>(), Wire::Machine).headers();
    let mut fields: Vec<_> = headers
        .iter()
        .filter(|(name, _)| *name != "content-type")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "cache-control: no-store, no-transform",
            "content-encoding: identity",
            "vary: Accept",
            "x-accel-buffering: no",
            "x-content-type-options: nosniff",
        ]
    );
}
