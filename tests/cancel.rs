//! Drops a future that waits for a body, or the body, at each point where it is pending.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::task::noop_waker_ref;
use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use mixed_replace::{KeepAlive, MixedReplace, Part, Wire};
use test_support::WIRES;

/// A stream that is pending before each item and before its end, and owns a value.
struct Halting<S> {
    source: S,
    halt: bool,
    _owned: Arc<()>,
}

impl<S: Stream + Unpin> Stream for Halting<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.halt = !self.halt;
        if self.halt { Poll::Pending } else { self.source.poll_next_unpin(cx) }
    }
}

/// Three parts, the second of another type and large, the third followed by an error.
fn body(wire: Wire, owned: &Arc<()>) -> impl Stream<Item = Result<Bytes, &'static str>> + Unpin + use<> {
    let parts = [
        Ok(Part::text("one").unwrap()),
        Ok(Part::svg("<svg/>".repeat(20_000)).unwrap()),
        Ok(Part::text("three").unwrap()),
        Err("no camera"),
    ];
    let source = Halting { source: stream::iter(parts), halt: false, _owned: owned.clone() };
    // A pulse for every poll but the first, each pending once.
    let pulse = Halting { source: stream::repeat(()), halt: false, _owned: owned.clone() };
    MixedReplace::new(source, wire).keep_alive(KeepAlive::new(pulse)).into_stream()
}

type Log = Vec<Poll<Option<Result<Bytes, &'static str>>>>;

fn boundary(log: &Log) -> String {
    let Some(Poll::Ready(Some(Ok(first)))) = log.iter().find(|polled| polled.is_ready()) else { panic!("no part") };
    String::from_utf8(first.slice(2..24).to_vec()).unwrap()
}

/// Returns the log with its boundary replaced by 22 times `B`.
fn text(log: &Log) -> Vec<Poll<Option<Result<String, &'static str>>>> {
    let boundary = boundary(log);
    let show = |chunk: Bytes| String::from_utf8(chunk.to_vec()).unwrap().replace(&boundary, &"B".repeat(22));
    log.iter().map(|polled| polled.clone().map_ok(show)).collect()
}

/// The maximum number of polls.
const ENOUGH: usize = 100;

#[test]
fn waiting_future_does_not_block_others() {
    for wire in WIRES {
        let mut cx = Context::from_waker(noop_waker_ref());
        let mut polled = body(wire, &Arc::default());
        let mut by_futures = body(wire, &Arc::default());
        let (mut log, mut log_of_futures) = (Log::new(), Log::new());
        for _ in 0..ENOUGH {
            log.push(polled.poll_next_unpin(&mut cx));
            // A future for each poll, dropped after it.
            log_of_futures.push(match by_futures.next().now_or_never() {
                Some(item) => Poll::Ready(item),
                None => Poll::Pending,
            });
        }
        let pending = log.iter().filter(|polled| polled.is_pending()).count();
        assert!(pending >= 3, "{wire:?}: {pending}");
        assert!(matches!(log.last(), Some(Poll::Ready(None))), "{wire:?}");
        assert_eq!(text(&log), text(&log_of_futures), "{wire:?}");
    }
}

#[test]
fn dropped_body_drops_source_and_pulse() {
    for wire in WIRES {
        for polls in 0..ENOUGH {
            let owned = Arc::new(());
            let mut body = body(wire, &owned);
            let chunks: Vec<_> =
                (0..polls).map(|_| body.poll_next_unpin(&mut Context::from_waker(noop_waker_ref()))).collect();
            drop(body);
            assert_eq!(Arc::strong_count(&owned), 1, "{wire:?} after {polls} polls");
            // Chunks that were taken before stay valid.
            for chunk in chunks {
                if let Poll::Ready(Some(Ok(chunk))) = chunk {
                    assert!(std::str::from_utf8(&chunk).is_ok());
                }
            }
        }
    }
}

/// A server creates a body for a HEAD request and drops it.
#[test]
fn unpolled_body_does_not_poll_its_source() {
    let untouched = stream::poll_fn(|_| -> Poll<Option<Result<Part, ()>>> { panic!("polled") });
    let response = MixedReplace::new(untouched, Wire::Machine);
    drop((response.headers(), response.into_stream()));
}
