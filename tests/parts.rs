//! `Parts`, the decoder over a stream, polled by hand.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::{fmt, io};

use bytes::Bytes;
use futures::{FutureExt as _, Stream, StreamExt as _, executor::block_on, stream};
use mixed_replace::decode::{DecodeError, Parts, PartsError};
use mixed_replace::{Decoder, MixedReplace, Part, Wire};

type Item = Option<Result<Bytes, io::Error>>;
type Polled = Poll<Option<Result<Part, PartsError<io::Error>>>>;

/// A stream of the given items. A `None` is a pending poll.
struct Script(VecDeque<Item>);

impl Stream for Script {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.0.pop_front() {
            Some(Some(item)) => Poll::Ready(Some(item)),
            Some(None) => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

fn parts<const N: usize>(items: [Item; N]) -> Parts<Script> {
    Parts::new(Script(items.into()), Decoder::new("b"))
}

fn bytes(text: &'static str) -> Item {
    Some(Ok(Bytes::from_static(text.as_bytes())))
}

fn poll(parts: &mut Parts<Script>) -> Polled {
    parts.poll_next_unpin(&mut Context::from_waker(Waker::noop()))
}

#[track_caller]
fn assert_part(polled: Polled, body: &str) {
    match polled {
        Poll::Ready(Some(Ok(part))) => assert_eq!(part.body(), body),
        other => panic!("no part: {other:?}"),
    }
}

#[track_caller]
fn assert_truncated(polled: Polled, at: u64) {
    match polled {
        Poll::Ready(Some(Err(PartsError::Decode(DecodeError::Truncated { offset, .. })))) => assert_eq!(offset, at),
        other => panic!("not truncated: {other:?}"),
    }
}

fn assert_end(polled: &Polled) {
    assert!(matches!(polled, Poll::Ready(None)), "{polled:?}");
}

#[test]
fn loses_nothing_between_two_polls() {
    let mut parts =
        parts([bytes("--b\r\n\r\non"), None, bytes("e\r\n-"), None, bytes("-b\r\n\r\ntwo\r\n--b\r\n"), None]);
    assert!(poll(&mut parts).is_pending());
    assert!(parts.next().now_or_never().is_none(), "polled once, then dropped");
    assert_part(poll(&mut parts), "one");
    assert_part(poll(&mut parts), "two");
    assert!(poll(&mut parts).is_pending());
}

#[test]
fn ends_at_the_close_delimiter_without_waiting_for_the_source() {
    let mut parts = parts([bytes("--b\r\n\r\none\r\n--b--"), None]);
    assert_part(poll(&mut parts), "one");
    assert_end(&poll(&mut parts));
    assert!(parts.decoder().is_closed());
    assert_end(&poll(&mut parts));
}

#[test]
fn distinguishes_truncation_from_clean_end() {
    let mut parts = parts([bytes("--b\r\nContent-Length: 3\r\n\r\none")]);
    assert_part(poll(&mut parts), "one");
    assert_truncated(poll(&mut parts), 29);
    assert_end(&poll(&mut parts));
}

#[test]
fn passes_on_source_errors() {
    let mut parts = parts([bytes("--b\r\n\r\none\r\n--b\r\n\r\ntw"), Some(Err(io::Error::other("reset"))), bytes("o")]);
    assert_part(poll(&mut parts), "one");
    let Poll::Ready(Some(Err(error))) = poll(&mut parts) else { panic!("no error") };
    assert_eq!(error.to_string(), "reset");
    assert!(matches!(error, PartsError::Source(_)));
    assert_end(&poll(&mut parts));
}

#[test]
fn names_the_limit() {
    let mut parts = parts([bytes("--b\r\nContent-Length: 99999999999\r\n\r\n"), None]);
    let Poll::Ready(Some(Err(error))) = poll(&mut parts) else { panic!("no error") };
    assert_eq!(error.to_string(), "the part at byte 36 exceeds the limit of 16777216 bytes");
    assert_end(&poll(&mut parts));
}

#[test]
fn reads_output_of_mixed_replace() {
    for (wire, bodies) in [
        (Wire::Browser, &["one", "two", "three", "three"][..]),
        (Wire::Machine, &["one", "two", "three", "three"]),
        (Wire::Script, &["one", "two", "three"]),
    ] {
        let source = stream::iter(["one", "two", "three"]).map(Part::text);
        let response = MixedReplace::new(source, wire);
        let decoder = Decoder::for_content_type(&response.headers()["content-type"]);
        let read: Vec<_> = block_on(Parts::new(response.into_stream(), decoder).map(Result::unwrap).collect());
        let read: Vec<_> = read.iter().map(|part| &part.body()[..]).collect();
        assert_eq!(read, bodies.iter().map(|body| body.as_bytes()).collect::<Vec<_>>(), "{wire:?}");
    }
}

#[test]
fn is_send_sync_and_unpin() {
    fn check<T: Send + Sync + Unpin + fmt::Debug>() {}
    check::<Decoder>();
    check::<Parts<stream::Empty<()>>>();
    check::<PartsError<io::Error>>();
}
