//! A part's bytes, in the pieces that are cheapest to send.

use bytes::Bytes;

use super::frame::{Frame, Put, fill, lengths};

/// The bytes of one part on one wire: head, body, tail.
#[must_use]
#[derive(Clone, Debug)]
pub struct EncodedPart {
    framing: Framing,
    head_len: usize,
    body: Bytes,
}

#[derive(Clone, Debug)]
enum Framing {
    /// Head, tail: nothing of the body is copied.
    Separate(Vec<u8>),
    /// Head, the body's first and last `EDGE` bytes, tail.
    Edges(Bytes),
    /// Head, body, tail.
    Contiguous(Bytes),
}

impl EncodedPart {
    /// With nothing of the body copied.
    #[inline]
    pub(super) fn separate(frame: &impl Frame, body: Bytes) -> Self {
        let (head_len, tail_len) = lengths(frame);
        let mut framing = Vec::with_capacity(head_len + tail_len);
        fill(&mut framing, frame, &[]);
        Self { framing: Framing::Separate(framing), head_len, body }
    }

    /// With as much of the body copied as [`chunks`](Self::chunks) needs. Takes two allocations at most, one of which is that
    /// of a body which is shared from now on. The guard is dropped with the last of them.
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

    /// In one piece. The guard is dropped with it.
    pub(super) fn new_contiguous(frame: &impl Frame, body: &[u8], guard: impl Send + 'static) -> Self {
        let (head_len, tail_len) = lengths(frame);
        let mut contiguous = Vec::with_capacity(head_len + body.len() + tail_len);
        fill(&mut contiguous, frame, &[body]);
        let contiguous = Bytes::from_owner(Guarded { bytes: contiguous, _guard: guard });
        let body = contiguous.slice(head_len..contiguous.len() - tail_len);
        Self { framing: Framing::Contiguous(contiguous), head_len, body }
    }

    /// How many bytes the part takes on the wire.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a part is never empty")]
    pub fn len(&self) -> usize {
        self.head().len() + self.body.len() + self.tail().len()
    }

    /// The body of the part.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// All of it in one piece. Copies the body.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &self.framing {
            Framing::Contiguous(contiguous) => contiguous.clone(),
            _ => Bytes::from([self.head(), &self.body, self.tail()].concat()),
        }
    }

    /// All of it in the pieces that are cheapest to send: one up to 64 KiB of body, copied; above that three, of which
    /// the middle one shares the body.
    ///
    /// Each of the three has at least 256 bytes: HTTP/2 stacks count smaller ones against the connection. So the outer
    /// two begin and end with 256 bytes of the body each, which are all that is copied of it.
    ///
    /// Each call copies anew. What goes to many clients is best collected once, and cloned for each.
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> + use<> {
        self.pieces().into_iter().flatten()
    }

    /// All of it, if it is in one piece already.
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

    /// The framing, and how many bytes of the body stand in it.
    fn framing(&self) -> (&[u8], usize) {
        match &self.framing {
            Framing::Separate(framing) => (framing, 0),
            Framing::Edges(framing) => (framing, 2 * EDGE),
            Framing::Contiguous(framing) => (framing, self.body.len()),
        }
    }
}

/// A few bytes in place, so that an owner of them takes one allocation.
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

/// Bytes, and something that lives as long as any of them.
struct Guarded<B, G> {
    bytes: B,
    _guard: G,
}

impl<B: AsRef<[u8]>, G> AsRef<[u8]> for Guarded<B, G> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// One copy of this much costs less than the extra buffers do in a server's `writev`.
const COPY_UP_TO: usize = 64 * 1024;
/// h2 counts DATA frames below this size against a connection.
const EDGE: usize = 256;
/// What the framing and the edges of a large part need, unless the boundary is longer than readers take.
const INLINE: usize = 960;
