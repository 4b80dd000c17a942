//! An encoded part, split into the pieces that are cheapest to send.

use bytes::Bytes;

use super::frame::{Frame, Put, fill, lengths};

/// An encoded part: head, body and tail on one wire.
#[must_use]
#[derive(Clone, Debug)]
pub struct EncodedPart {
    framing: Framing,
    head_len: usize,
    body: Bytes,
}

#[derive(Clone, Debug)]
enum Framing {
    /// Head and tail. None of the body is copied.
    Separate(Vec<u8>),
    /// Head, the body's first and last `EDGE` bytes, tail.
    Edges(Bytes),
    /// Head, body, tail.
    Contiguous(Bytes),
}

impl EncodedPart {
    /// Encodes a part without copying the body.
    #[inline]
    pub(super) fn separate(frame: &impl Frame, body: Bytes) -> Self {
        let (head_len, tail_len) = lengths(frame);
        let mut framing = Vec::with_capacity(head_len + tail_len);
        fill(&mut framing, frame, &[]);
        Self { framing: Framing::Separate(framing), head_len, body }
    }

    /// Encodes a part with the copies that [`chunks`](Self::chunks) needs. Takes at most two
    /// allocations, one of them for sharing the body. The guard is dropped with the last chunk.
    pub(super) fn to_send(frame: &impl Frame, body: &Bytes, guard: impl Send + 'static) -> Self {
        let (head_len, tail_len) = lengths(frame);
        let edges = body.get(..EDGE).zip(body.get(body.len().saturating_sub(EDGE)..));
        let Some((first, last)) = edges.filter(|_| body.len() > COPY_UP_TO) else {
            return Self::new_contiguous(frame, body, guard);
        };
        let framing_len = head_len + 2 * EDGE + tail_len;
        let framing = if framing_len <= INLINE {
            let mut bytes = Inline { bytes: [0; INLINE], len: 0 };
            fill(&mut bytes, frame, &[first, last]);
            Bytes::from_owner(Guarded { bytes, _guard: guard })
        } else {
            let mut bytes = Vec::with_capacity(framing_len);
            fill(&mut bytes, frame, &[first, last]);
            Bytes::from_owner(Guarded { bytes, _guard: guard })
        };
        Self { framing: Framing::Edges(framing), head_len, body: body.clone() }
    }

    /// Encodes a part into one piece. The guard is dropped with it.
    pub(super) fn new_contiguous(frame: &impl Frame, body: &[u8], guard: impl Send + 'static) -> Self {
        let (head_len, tail_len) = lengths(frame);
        let mut contiguous = Vec::with_capacity(head_len + body.len() + tail_len);
        fill(&mut contiguous, frame, &[body]);
        let contiguous = Bytes::from_owner(Guarded { bytes: contiguous, _guard: guard });
        let body = contiguous.slice(head_len..contiguous.len() - tail_len);
        Self { framing: Framing::Contiguous(contiguous), head_len, body }
    }

    /// Returns the number of bytes of the part on the wire.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a part is never empty")]
    pub fn len(&self) -> usize {
        self.head().len() + self.body.len() + self.tail().len()
    }

    /// Returns the body of the part.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the complete part in one piece. Copies the body unless it already is.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &self.framing {
            Framing::Contiguous(contiguous) => contiguous.clone(),
            _ => Bytes::from([self.head(), &self.body, self.tail()].concat()),
        }
    }

    /// Returns the complete part in the pieces that are cheapest to send: one copied piece for a
    /// body up to 64 KiB, otherwise three, the middle one sharing the body.
    ///
    /// Each of the three has at least 256 bytes, because HTTP/2 stacks count smaller ones against
    /// the connection. So the outer two contain 256 bytes of the body each, the only ones copied.
    ///
    /// Each call copies again. To send a part to many clients, collect the pieces once and clone
    /// them.
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> + use<> {
        self.pieces().into_iter().flatten()
    }

    /// Returns the complete part if it is in one piece.
    pub(crate) fn contiguous(&self) -> Option<&Bytes> {
        match &self.framing {
            Framing::Contiguous(contiguous) => Some(contiguous),
            _ => None,
        }
    }

    fn pieces(&self) -> [Option<Bytes>; 3] {
        match &self.framing {
            Framing::Separate(_) => Self::to_send(&(self.head(), self.tail()), &self.body, ()).pieces(),
            Framing::Edges(framing) => {
                let cut = self.head_len + EDGE;
                let middle = self.body.slice(EDGE..self.body.len() - EDGE);
                [Some(framing.slice(..cut)), Some(middle), Some(framing.slice(cut..))]
            }
            Framing::Contiguous(contiguous) => [Some(contiguous.clone()), None, None],
        }
    }

    pub(super) fn head(&self) -> &[u8] {
        self.framing().0.get(..self.head_len).unwrap_or_default()
    }

    pub(super) fn tail(&self) -> &[u8] {
        let (framing, copied) = self.framing();
        framing.get(self.head_len + copied..).unwrap_or_default()
    }

    /// Returns the framing and the number of bytes of the body in it.
    fn framing(&self) -> (&[u8], usize) {
        match &self.framing {
            Framing::Separate(framing) => (framing, 0),
            Framing::Edges(framing) => (framing, 2 * EDGE),
            Framing::Contiguous(framing) => (framing, self.body.len()),
        }
    }
}

/// An inline buffer, so that an owner of the bytes takes one allocation.
struct Inline {
    bytes: [u8; INLINE],
    len: usize,
}

impl Put for Inline {
    fn put(&mut self, piece: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.len..self.len + piece.len()) {
            room.copy_from_slice(piece);
            self.len += piece.len();
        }
    }
}

impl AsRef<[u8]> for Inline {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Bytes and a guard that lives as long as they do.
struct Guarded<B, G> {
    bytes: B,
    _guard: G,
}

impl<B: AsRef<[u8]>, G> AsRef<[u8]> for Guarded<B, G> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// Up to this size a copy costs less than extra buffers in a server's `writev`.
const COPY_UP_TO: usize = 64 * 1024;
/// h2 counts DATA frames below this size against a connection.
const EDGE: usize = 256;
/// Enough for the framing and the edges of a large part with a boundary that readers accept.
const INLINE: usize = 960;
