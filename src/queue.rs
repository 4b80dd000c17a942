//! One client's place in a stream: opening, chunks of the current part, repeats, closing.

mod chunks;
#[cfg(all(loom, test))]
mod models;

use std::borrow::Borrow;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};

use self::chunks::Chunks;
use crate::encode::{EncodeError, EncodedPart, Encoder};
use crate::part::Part;
use crate::sync::Mutex;

/// What one client has been given, and the chunks that it is still to be given.
///
/// `P` is an [`EncodedPart`] of this client's own and `E` its [`Encoder`], or each an `Arc` of one that it shares with
/// others.
#[derive(Debug)]
pub(crate) struct Queue<P, E = Encoder> {
    encoder: E,
    /// Whether there was a part or a heartbeat.
    opened: bool,
    last: Option<P>,
    chunks: Chunks,
    /// From the first part on that was [sent](Self::send).
    flight: Option<Arc<Mutex<Flight>>>,
}

impl<P: Borrow<EncodedPart>, E: Borrow<Encoder>> Queue<P, E> {
    pub(crate) fn new(encoder: E) -> Self {
        Self { encoder, opened: false, last: None, chunks: Chunks::default(), flight: None }
    }

    pub(crate) fn encoder(&self) -> &Encoder {
        self.encoder.borrow()
    }

    /// The next bytes for this client, if there are any.
    pub(crate) fn next_chunk(&mut self) -> Option<Bytes> {
        self.chunks.pop()
    }

    /// Whether [`next_chunk`](Self::next_chunk) has given all.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Goes on to a new part.
    pub(crate) fn push(&mut self, part: P) {
        let (encoder, next) = (self.encoder.borrow(), part.borrow());
        match &self.last {
            Some(last) => {
                if let Some(bridge) = encoder.bridge(last.borrow(), next) {
                    self.chunks.extend(bridge.chunks());
                }
                // Most parts are that, of hubs all.
                match next.contiguous() {
                    Some(contiguous) => self.chunks.push(contiguous.clone()),
                    None => self.chunks.extend(next.chunks()),
                }
            }
            None if self.opened => self.chunks.extend(next.chunks()),
            None => {
                let guard = self.flight.as_ref().map(Hold::new);
                self.chunks.extend(lead(&encoder.opening(next), next.chunks(), guard));
            }
        }
        self.opened = true;
        self.last = Some(part);
    }

    /// Whether [`repeat`](Self::repeat) has something to send.
    pub(crate) fn can_repeat(&self) -> bool {
        let encoder = self.encoder.borrow();
        encoder.heartbeat_part().is_some() || (self.last.is_some() && !encoder.is_for_events())
    }

    /// What keeps the connection alive: the encoder's heartbeat, or else the last part once more unless it is an event.
    pub(crate) fn repeat(&mut self) {
        let encoder = self.encoder.borrow();
        match encoder.heartbeat_part() {
            Some(heartbeat) if self.opened => self.chunks.extend(heartbeat.chunks()),
            Some(heartbeat) => {
                self.chunks.extend(lead(&encoder.opening(heartbeat), heartbeat.chunks(), None));
                self.opened = true;
            }
            None if encoder.is_for_events() => {}
            None => self.chunks.extend(self.last.iter().flat_map(|last| last.borrow().chunks())),
        }
    }

    /// The end. Nothing may be sent behind it.
    pub(crate) fn close(&mut self) {
        let encoder = self.encoder.borrow();
        let last = match &self.last {
            Some(last) => Some(last.borrow()),
            None => encoder.heartbeat_part().filter(|_| self.opened),
        };
        self.chunks.extend(encoder.closing(last).chunks());
    }

    /// Keeps no more room than one chunk takes.
    pub(crate) fn shrink(&mut self) {
        self.chunks.shrink();
    }

    /// Ready when the server has let go of every chunk of the parts that were [sent](Self::send), since it has written
    /// them, or copied them. Nothing may be sent behind it.
    pub(crate) fn poll_released(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.last = None;
        let Some(flight) = &self.flight else { return Poll::Ready(()) };
        let mut flight = flight.lock().unwrap_or_else(PoisonError::into_inner);
        if flight.holders == 0 {
            return Poll::Ready(());
        }
        let before = match &flight.waker {
            Some(kept) if kept.will_wake(cx.waker()) => None,
            _ => flight.waker.replace(cx.waker().clone()),
        };
        drop(flight);
        // With the lock released: it is another task's, and may run that task's code.
        drop(before);
        Poll::Pending
    }
}

impl Queue<EncodedPart> {
    /// Goes on to a new part, for this client alone; nothing has happened if that holds the boundary.
    pub(crate) fn send(&mut self, part: &Part) -> Result<(), EncodeError> {
        self.encoder.check(part)?;
        let flight = self.flight.get_or_insert_default();
        let encoded = self.encoder.encode_to_send(part, Hold::new(flight));
        self.push(encoded);
        Ok(())
    }
}

/// How many owners of bytes there are that this client has been given.
#[derive(Debug, Default)]
struct Flight {
    holders: usize,
    waker: Option<Waker>,
}

/// Dropped together with the bytes it was given to.
#[derive(Debug)]
struct Hold(Arc<Mutex<Flight>>);

impl Hold {
    fn new(flight: &Arc<Mutex<Flight>>) -> Self {
        flight.lock().unwrap_or_else(PoisonError::into_inner).holders += 1;
        Self(Arc::clone(flight))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut flight = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flight.holders -= 1;
        let waker = if flight.holders == 0 { flight.waker.take() } else { None };
        drop(flight);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// `opening` in front of the first chunk, without copying more than the begin of that: an opening alone would be a
/// chunk so small that HTTP/2 stacks count it against the connection.
fn lead(opening: &[u8], mut chunks: impl Iterator<Item = Bytes>, guard: Option<Hold>) -> impl Iterator<Item = Bytes> {
    let first = chunks.next().map(|mut chunk| {
        let copied = if chunk.len() < 2 * LEAD { chunk.len() } else { LEAD };
        let mut bytes = BytesMut::with_capacity(opening.len() + copied);
        bytes.extend_from_slice(opening);
        bytes.extend_from_slice(&chunk.split_to(copied));
        [Bytes::from_owner(Lead { bytes, _guard: guard }), chunk]
    });
    first.into_iter().flatten().filter(|chunk| !chunk.is_empty()).chain(chunks)
}

struct Lead {
    bytes: BytesMut,
    _guard: Option<Hold>,
}

impl AsRef<[u8]> for Lead {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

const LEAD: usize = 1024;
