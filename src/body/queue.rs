//! One client's queue of chunks: opening, parts, repeats, closing.

#[cfg(all(loom, test))]
mod models;

use std::borrow::Borrow;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

use super::tracked::{Flight, tracked};
use crate::encode::{EncodeError, EncodedPart, Encoder};
use crate::list::List;
use crate::part::Part;

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
    chunks: List<Bytes>,
    /// Counts unreleased parts, from the first call of [`send`](Self::send).
    flight: Option<Flight>,
}

impl<P: Borrow<EncodedPart>, E: Borrow<Encoder>> Queue<P, E> {
    pub(crate) fn new(encoder: E) -> Self {
        Self { encoder, opened: false, last: None, chunks: List::default(), flight: None }
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
        if let Some(bridge) = self.last.as_ref().and_then(|last| encoder.bridge(last.borrow(), next)) {
            self.chunks.extend(bridge.chunks());
        }
        if self.opened {
            next.for_each_chunk(|chunk| self.chunks.push(chunk));
        } else {
            let guard = self.flight.as_ref().map(Flight::guard);
            self.chunks.extend(lead(&encoder.opening(next), next.chunks(), guard));
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
                self.chunks.extend(lead(&encoder.opening(heartbeat), heartbeat.chunks(), None::<()>));
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
        self.flight.as_ref().map_or(Poll::Ready(()), |flight| flight.poll_released(cx))
    }
}

impl Queue<EncodedPart> {
    /// Encodes and appends a new part.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the part cannot be sent. The queue is then unchanged.
    pub(crate) fn send(&mut self, part: &Part) -> Result<(), EncodeError> {
        let encoded = self.encoder.encode(part)?;
        let guard = self.flight.get_or_insert_default().guard();
        self.push(encoded.map_copied(|copied| tracked(copied, guard)));
        Ok(())
    }
}

/// Prepends `opening` to the first chunk, copying at most its first bytes.
///
/// A chunk of only the opening would be so small that HTTP/2 stacks count it against the
/// connection.
fn lead(
    opening: &[u8],
    mut chunks: impl Iterator<Item = Bytes>,
    guard: Option<impl Send + 'static>,
) -> impl Iterator<Item = Bytes> {
    let first = chunks.next().map(|mut chunk| {
        let copied = if chunk.len() < 2 * LEAD { chunk.len() } else { LEAD };
        let mut bytes = BytesMut::with_capacity(opening.len() + copied);
        bytes.extend_from_slice(opening);
        bytes.extend_from_slice(&chunk.split_to(copied));
        [tracked(bytes.freeze(), guard), chunk]
    });
    first.into_iter().flatten().filter(|chunk| !chunk.is_empty()).chain(chunks)
}

/// The number of bytes of the first chunk to copy.
const LEAD: usize = 1024;
