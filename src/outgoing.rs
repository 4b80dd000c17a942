//! One client's place in a stream: opening, chunks of the current part, repeats, closing.

use std::borrow::Borrow;
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::encode::{EncodedPart, Encoder};

/// What one client has been given, and the chunks that it is still to be given.
///
/// `P` is an [`EncodedPart`] of this client's own, or an `Arc` of one that it shares with others.
#[derive(Debug)]
pub(crate) struct Outgoing<P> {
    encoder: Encoder,
    last: Option<P>,
    chunks: VecDeque<Bytes>,
}

impl<P: Borrow<EncodedPart>> Outgoing<P> {
    pub(crate) fn new(encoder: Encoder) -> Self {
        Self { encoder, last: None, chunks: VecDeque::new() }
    }

    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The next bytes for this client, if there are any.
    pub(crate) fn next_chunk(&mut self) -> Option<Bytes> {
        self.chunks.pop_front()
    }

    /// Whether [`next_chunk`](Self::next_chunk) has given all.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Goes on to a new part.
    pub(crate) fn push(&mut self, part: P) {
        let next = part.borrow();
        match &self.last {
            None => {
                let opening = self.encoder.opening(next);
                self.chunks.extend(lead(&opening, next.chunks()));
            }
            Some(last) => {
                if let Some(bridge) = self.encoder.bridge(last.borrow(), next) {
                    self.chunks.extend(bridge.chunks());
                }
                self.chunks.extend(next.chunks());
            }
        }
        self.last = Some(part);
    }

    /// Whether there has been a part.
    pub(crate) fn has_begun(&self) -> bool {
        self.last.is_some()
    }

    /// The last part once more, if there has been one.
    pub(crate) fn repeat(&mut self) {
        self.chunks.extend(self.last.iter().flat_map(|last| last.borrow().chunks()));
    }

    /// The end. Nothing may be sent behind it.
    pub(crate) fn close(&mut self) {
        self.chunks.extend(self.encoder.closing(self.last.as_ref().map(Borrow::borrow)).chunks());
    }
}

/// `opening` in front of the first chunk, without copying more than the begin of that: an opening alone would be a
/// chunk so small that HTTP/2 stacks count it against the connection.
fn lead(opening: &[u8], mut chunks: impl Iterator<Item = Bytes>) -> impl Iterator<Item = Bytes> {
    let first = chunks.next().map(|mut chunk| {
        let copied = if chunk.len() < 2 * LEAD { chunk.len() } else { LEAD };
        let mut joined = BytesMut::with_capacity(opening.len() + copied);
        joined.extend_from_slice(opening);
        joined.extend_from_slice(&chunk.split_to(copied));
        [joined.freeze(), chunk]
    });
    first.into_iter().flatten().filter(|chunk| !chunk.is_empty()).chain(chunks)
}

const LEAD: usize = 1024;
