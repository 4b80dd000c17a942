//! One client's queue of chunks: opening, parts, repeats, closing.

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

/// The chunks that remain to be sent to one client, and the last part for repeats.
///
/// `P` is an [`EncodedPart`] and `E` an [`Encoder`], or each an `Arc` of one shared with other
/// clients.
#[derive(Debug)]
pub(crate) struct Queue<P, E = Encoder> {
    encoder: E,
    /// Whether a part or a heartbeat has been pushed.
    opened: bool,
    last: Option<P>,
    chunks: Chunks,
    /// Counts unreleased parts, from the first call of [`send`](Self::send).
    flight: Option<Arc<Mutex<Flight>>>,
}

impl<P: Borrow<EncodedPart>, E: Borrow<Encoder>> Queue<P, E> {
    pub(crate) fn new(encoder: E) -> Self {
        Self { encoder, opened: false, last: None, chunks: Chunks::default(), flight: None }
    }

    pub(crate) fn encoder(&self) -> &Encoder {
        self.encoder.borrow()
    }

    /// Removes the next chunk.
    pub(crate) fn next_chunk(&mut self) -> Option<Bytes> {
        self.chunks.pop()
    }

    /// Returns `true` if no chunk remains.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Appends a new part.
    pub(crate) fn push(&mut self, part: P) {
        let (encoder, next) = (self.encoder.borrow(), part.borrow());
        match &self.last {
            Some(last) => {
                if let Some(bridge) = encoder.bridge(last.borrow(), next) {
                    self.chunks.extend(bridge.chunks());
                }
                // Most parts are contiguous, and those of hubs always.
                match next.one_piece() {
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

    /// Returns `true` if [`repeat`](Self::repeat) would append something.
    pub(crate) fn can_repeat(&self) -> bool {
        let encoder = self.encoder.borrow();
        encoder.heartbeat_part().is_some() || (self.last.is_some() && !encoder.is_for_events())
    }

    /// Appends a keep-alive: the encoder's heartbeat, or else the last part unless it is an event.
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

    /// Appends the closing. Nothing may be appended after it.
    pub(crate) fn close(&mut self) {
        let encoder = self.encoder.borrow();
        let last = match &self.last {
            Some(last) => Some(last.borrow()),
            None => encoder.heartbeat_part().filter(|_| self.opened),
        };
        self.chunks.extend(encoder.closing(last).chunks());
    }

    /// Frees unused memory.
    pub(crate) fn shrink(&mut self) {
        self.chunks.shrink();
    }

    /// Waits until the server has released every chunk of the parts from [`send`](Self::send), so
    /// it has written or copied them. Nothing may be appended after it.
    pub(crate) fn poll_released(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.last = None;
        let Some(flight) = &self.flight else { return Poll::Ready(()) };
        let mut flight = flight.lock().unwrap_or_else(PoisonError::into_inner);
        if flight.holders == 0 {
            return Poll::Ready(());
        }
        let replaced = match &flight.waker {
            Some(kept) if kept.will_wake(cx.waker()) => None,
            _ => flight.waker.replace(cx.waker().clone()),
        };
        drop(flight);
        // Dropped after unlocking: this may run code of another task.
        drop(replaced);
        Poll::Pending
    }
}

impl Queue<EncodedPart> {
    /// Encodes and appends a new part.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the part cannot be sent. The queue is then unchanged.
    pub(crate) fn send(&mut self, part: &Part) -> Result<(), EncodeError> {
        self.encoder.check(part)?;
        let flight = self.flight.get_or_insert_default();
        let encoded = self.encoder.encode_to_send(part, Hold::new(flight));
        self.push(encoded);
        Ok(())
    }
}

/// The number of unreleased owners of this client's bytes.
#[derive(Debug, Default)]
struct Flight {
    holders: usize,
    waker: Option<Waker>,
}

/// A guard that is dropped together with the bytes that own it.
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

/// Prepends `opening` to the first chunk, copying at most its first bytes.
///
/// A chunk of only the opening would be so small that HTTP/2 stacks count it against the
/// connection.
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

/// The opening and the first bytes of a part.
struct Lead {
    bytes: BytesMut,
    _guard: Option<Hold>,
}

impl AsRef<[u8]> for Lead {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The number of bytes of the first chunk to copy.
const LEAD: usize = 1024;
