//! Counts the allocations and copies of a part between the source and the server.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::task::noop_waker_ref;
use futures::{Stream, StreamExt as _, stream};
use http::{HeaderName, HeaderValue};
use mixed_replace::{Encoder, KeepAlive, MixedReplace, Part, Wire};
use test_support::WIRES;

/// Returns the number and the total size of the allocations that `work` makes.
fn made<R>(work: impl FnOnce() -> R) -> (u64, u64, R) {
    let mut done = None;
    let made = allocation_counter::measure(|| done = Some(work()));
    (made.count_total, made.bytes_total, done.unwrap())
}

/// A picture from a camera. Its bytes are not shared yet, which is the expensive case.
fn fresh(len: usize) -> Part {
    Part::new(mime::APPLICATION_OCTET_STREAM, vec![b'x'; len]).unwrap()
}

fn with_headers(len: usize) -> Part {
    let (time, frame) = (HeaderName::from_static("x-timestamp"), HeaderName::from_static("x-frame"));
    let mut part = fresh(len);
    part.insert_header(time, HeaderValue::from_static("1800000000.123456")).unwrap();
    part.insert_header(frame, HeaderValue::from_static("000001")).unwrap();
    part
}

/// A body whose source yields parts one by one.
struct Fed<S> {
    next: Rc<Cell<Option<Part>>>,
    body: S,
}

fn fed(wire: Wire) -> Fed<impl Stream<Item = Result<Bytes, ()>> + Unpin> {
    let next = Rc::new(Cell::new(None));
    let source = Rc::clone(&next);
    let source = stream::poll_fn(move |_| source.take().map_or(Poll::Pending, |part| Poll::Ready(Some(Ok(part)))));
    Fed { next, body: MixedReplace::new(source, wire).into_stream() }
}

impl<S: Stream<Item = Result<Bytes, ()>> + Unpin> Fed<S> {
    /// Returns every chunk of a part.
    fn feed(&mut self, part: Part) -> [Option<Bytes>; 3] {
        self.next.set(Some(part));
        let mut chunks = [const { None }; 3];
        for chunk in &mut chunks {
            if let Poll::Ready(Some(Ok(next))) = self.poll() {
                *chunk = Some(next);
            }
        }
        assert!(self.poll().is_pending());
        chunks
    }

    fn poll(&mut self) -> Poll<Option<Result<Bytes, ()>>> {
        self.body.poll_next_unpin(&mut Context::from_waker(noop_waker_ref()))
    }
}

#[test]
fn small_part_needs_two_allocations_and_one_copy() {
    for wire in WIRES {
        for len in [1, 100, 1_000, 10_000, 65_536] {
            // Further header lines take one more.
            for (part, limit) in [(fresh as fn(usize) -> Part, 2), (with_headers, 3)] {
                let mut fed = fed(wire);
                // The boundary and the opening cost once a response, not once a part.
                drop(fed.feed(part(len)));
                for nth in 2..10 {
                    let part = part(len);
                    let (allocations, bytes, chunks) = made(|| fed.feed(part));
                    assert!(allocations <= limit, "{wire:?}, {len} bytes, part {nth}: {allocations} allocations");
                    assert!(bytes < len as u64 + 400, "{wire:?}, {len} bytes, part {nth}: {bytes} bytes allocated");
                    assert_eq!(chunks.iter().flatten().count(), 1);
                }
            }
        }
    }
}

#[test]
fn large_part_needs_three_allocations_and_no_copy() {
    for wire in WIRES {
        for len in [65_537, 200_000, 1_000_000] {
            for (part, limit) in [(fresh as fn(usize) -> Part, 3), (with_headers, 4)] {
                let mut fed = fed(wire);
                drop(fed.feed(part(len)));
                for nth in 2..10 {
                    let part = part(len);
                    let payload = part.body()[256..].as_ptr();
                    let (allocations, bytes, chunks) = made(|| fed.feed(part));
                    assert!(allocations <= limit, "{wire:?}, {len} bytes, part {nth}: {allocations} allocations");
                    assert!(bytes < 1_200, "{wire:?}, {len} bytes, part {nth}: {bytes} bytes allocated");
                    let [Some(_), Some(middle), Some(_)] = &chunks else { panic!("three chunks, not {chunks:?}") };
                    assert_eq!(
                        (middle.as_ptr(), middle.len()),
                        (payload, len - 512),
                        "the middle chunk shares the payload"
                    );
                }
            }
        }
    }
}

/// The body is shared already, so only the framing and its release tracking are allocated.
#[test]
fn shared_large_part_needs_two_allocations() {
    for wire in WIRES {
        let part = fresh(100_000);
        let mut fed = fed(wire);
        drop(fed.feed(part.clone()));
        let (allocations, ..) = made(|| fed.feed(part));
        assert_eq!(allocations, 2, "{wire:?}");
    }
}

#[test]
fn encoding_needs_one_allocation_at_any_size() {
    for wire in WIRES {
        let encoder = Encoder::random(wire);
        for len in [1, 1_000, 65_536, 65_537, 1_000_000] {
            let part = fresh(len);
            // Sharing the body for the first time costs one allocation of the part.
            let _shared = part.clone();
            let (allocations, bytes, encoded) = made(|| encoder.encode(&part));
            assert_eq!(allocations, 1, "{wire:?}, {len} bytes");
            let copied = if len > 65_536 { 512 } else { len as u64 };
            assert!(bytes < copied + 200, "{wire:?}, {len} bytes: {bytes} bytes allocated");
            drop(encoded);
        }
    }
}

/// Neither the end nor a keep-alive copies a picture.
#[test]
fn repeat_copies_nothing() {
    for wire in WIRES {
        for len in [1_000, 60_000, 1_000_000] {
            let part = fresh(len);
            let body = MixedReplace::new(stream::iter([Ok::<_, ()>(part)]).chain(stream::pending()), wire);
            let mut body = body.keep_alive(KeepAlive::new(stream::repeat(()))).into_stream();
            let mut next = || match body.poll_next_unpin(&mut Context::from_waker(noop_waker_ref())) {
                Poll::Ready(Some(Ok(chunk))) => chunk,
                other => panic!("{other:?}"),
            };
            (0..20).for_each(|_| drop(next()));
            let (allocations, ..) = made(|| (0..20).for_each(|_| drop(next())));
            assert_eq!(allocations, 0, "{wire:?}, {len} bytes");
        }
    }
}
