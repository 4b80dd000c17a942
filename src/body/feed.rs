//! The body of a viewer whose parts are offered one at a time, the newest once the previous one is
//! written.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;

use super::queue::Queue;
use super::respond::Respond;
use super::tracked::tracked;
use crate::derive::opaque_debug;
use crate::encode::{EncodedPart, Encoder};
use crate::sync::on_drop;

/// The next step of a viewer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(unnameable_types, reason = "for implementations of this crate")]
pub enum Step<P> {
    End,
    /// Send this part.
    Part(P),
    /// Send the last part again.
    Repeat,
    /// Wait until woken.
    Wait,
}

impl<P> Step<P> {
    pub(crate) fn map<Q>(self, map: impl FnOnce(P) -> Q) -> Step<Q> {
        match self {
            Self::End => Step::End,
            Self::Part(part) => Step::Part(map(part)),
            Self::Repeat => Step::Repeat,
            Self::Wait => Step::Wait,
        }
    }
}

/// The source of a viewer's steps: its place in a hub, or places in several hubs.
///
/// Parts of several hubs must be encoded with one boundary. A source that takes them in turn yields
/// a [`Step::Part`] for a repeat too, since the queue knows only the last part of all.
#[expect(unnameable_types, reason = "for implementations of this crate")]
pub trait Supply: Unpin + Sized {
    type Part: Borrow<EncodedPart> + Unpin;

    /// Returns the encoder that has encoded the parts.
    fn encoder(&self) -> &Arc<Encoder>;

    /// Starts watching, on the first poll of the body.
    fn start(&mut self);

    /// Returns the next step. `gated` means that the transport releases chunks once they are
    /// written. If not, `taken` is the number of bytes of the previous part, or zero.
    fn poll_step(&mut self, gated: bool, taken: u64, cx: &mut Context<'_>) -> Step<Self::Part>;

    /// Returns the function to call when the transport has released the last part, of so many
    /// bytes.
    fn release(&self, bytes: u64) -> impl FnOnce() + Send + 'static;

    fn into_feed(self) -> Feed<Self> {
        let queue = Queue::new(Arc::clone(self.encoder()));
        Feed { supply: self, queue, started: false, ended: false, bytes: 0 }
    }
}

/// The state of a body.
#[expect(unnameable_types, reason = "inside of a `Body` or of `Chunks`")]
pub struct Feed<S: Supply> {
    pub(crate) supply: S,
    queue: Queue<S::Part, Arc<Encoder>>,
    started: bool,
    ended: bool,
    /// The number of bytes of the current part that have been returned.
    bytes: u64,
}

impl<S: Supply> Feed<S> {
    /// Returns the next chunk. `gated` means that the transport keeps a chunk until it is written.
    pub(crate) fn poll_chunk(&mut self, gated: bool, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if !std::mem::replace(&mut self.started, true) {
            self.supply.start();
            if gated {
                // The server now writes the response's head in a segment of its own. From a small first segment TCP
                // learns that the receiver has room: over loopback, as to a proxy, parts then go out in fewer and
                // larger segments.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        loop {
            if let Some(chunk) = self.queue.next_chunk() {
                self.bytes += chunk.len() as u64;
                if !gated || !self.queue.is_empty() || self.ended {
                    return Poll::Ready(Some(chunk));
                }
                let release = self.supply.release(std::mem::take(&mut self.bytes));
                return Poll::Ready(Some(tracked(chunk, on_drop(release))));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match self.supply.poll_step(gated, std::mem::take(&mut self.bytes), cx) {
                Step::End => {
                    self.ended = true;
                    self.queue.close();
                }
                Step::Part(part) => self.queue.push(part),
                Step::Repeat => self.queue.repeat(),
                Step::Wait => {
                    self.queue.shrink();
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<S: Supply> Respond for S {
    type Error = Infallible;
    type Sending = Feed<S>;

    fn content_type(&self) -> HeaderValue {
        self.encoder().content_type()
    }

    fn into_sending(self) -> Feed<S> {
        self.into_feed()
    }

    fn poll_chunk(
        mut feed: Pin<&mut Feed<S>>,
        gated: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        feed.poll_chunk(gated, cx).map(|chunk| chunk.map(Ok))
    }
}

opaque_debug!(Feed<S: Supply>);
