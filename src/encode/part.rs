//! An encoded part, in the pieces that are cheapest to send.

use std::iter;

use bytes::Bytes;

/// An encoded part: head, body and tail on one wire.
///
/// # Examples
///
/// ```
/// use mixed_replace::{Boundary, Encoder, Part, Wire};
///
/// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine);
/// let part = encoder.encode(&Part::text("on")?)?;
/// assert_eq!(part.body(), b"on");
/// let chunks: Vec<_> = part.chunks().collect();
/// assert_eq!(chunks, [part.to_bytes()]);
/// assert_eq!(part.len(), chunks[0].len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct EncodedPart {
    /// Head, body, tail. Of a shared body only the first and last [`EDGE`] bytes.
    copied: Bytes,
    head_len: usize,
    tail_len: usize,
    shared: Option<Bytes>,
}

impl EncodedPart {
    /// Encodes a part into one piece. The head and the tail are lists of slices.
    pub(super) fn contiguous(head: &[&[u8]], body: &[u8], tail: &[&[u8]]) -> Self {
        Self::new(head, [body, &[]], tail, None)
    }

    /// Encodes a part for one client, without copying a large body.
    pub(super) fn for_one_client(head: &[&[u8]], body: &Bytes, tail: &[&[u8]]) -> Self {
        match body.get(..EDGE).zip(body.get(body.len().saturating_sub(EDGE)..)) {
            Some((first, last)) if body.len() > COPY_UP_TO => Self::new(head, [first, last], tail, Some(body.clone())),
            _ => Self::contiguous(head, body, tail),
        }
    }

    fn new(head: &[&[u8]], body: [&[u8]; 2], tail: &[&[u8]], shared: Option<Bytes>) -> Self {
        let len = |pieces: &[&[u8]]| pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let (head_len, tail_len) = (len(head), len(tail));
        let mut copied = Vec::with_capacity(head_len + len(&body) + tail_len);
        head.iter().chain(&body).chain(tail).for_each(|piece| copied.extend_from_slice(piece));
        Self { copied: Bytes::from(copied), head_len, tail_len, shared }
    }

    /// Returns the number of bytes of the part on the wire.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Encoder, Part, Wire};
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Browser);
    /// let part = encoder.encode(&Part::text("on")?)?;
    /// let tail = "\r\n--ThisRandomString\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
    /// assert_eq!(part.len(), "on".len() + tail.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a part is never empty")]
    pub fn len(&self) -> usize {
        self.head_len + self.body().len() + self.tail_len
    }

    /// Returns the body of the part.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Encoder, Part, Wire};
    ///
    /// let part = Encoder::random(Wire::Machine).encode(&Part::text("on")?)?;
    /// assert_eq!(part.body(), b"on");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "the copied bytes begin with the head and end with the tail")]
    pub fn body(&self) -> &[u8] {
        match &self.shared {
            Some(body) => body,
            None => &self.copied[self.head_len..self.copied.len() - self.tail_len],
        }
    }

    /// Returns the complete part in one piece. Copies a body of more than 64 KiB, unless it already
    /// is in one piece.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Encoder, Part, Wire};
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine);
    /// assert_eq!(
    ///     encoder.encode(&Part::text("on")?)?.to_bytes(),
    ///     "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\non\r\n--ThisRandomString\r\n"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &self.shared {
            Some(body) => Bytes::from([self.head(), body, self.tail()].concat()),
            None => self.copied.clone(),
        }
    }

    /// Returns the complete part in the pieces that are cheapest to send: one for a body up to
    /// 64 KiB, otherwise three, the middle one sharing the body.
    ///
    /// Each of the three has at least 256 bytes, because HTTP/2 stacks count smaller ones against
    /// the connection. So the outer two contain 256 bytes of the body each, the only ones copied.
    ///
    /// Copies nothing, so an encoded part can be sent to many clients.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Encoder, Part, Wire};
    ///
    /// let part = Encoder::random(Wire::Machine).encode(&Part::text(".".repeat(100_000))?)?;
    /// assert_eq!(part.chunks().count(), 3);
    /// assert_eq!(part.chunks().collect::<Vec<_>>().concat(), part.to_bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> + use<> {
        let (first, more) = match &self.shared {
            Some(body) => {
                let cut = self.head_len + EDGE;
                (self.copied.slice(..cut), Some([body.slice(EDGE..body.len() - EDGE), self.copied.slice(cut..)]))
            }
            None => (self.copied.clone(), None),
        };
        iter::once(first).chain(more.into_iter().flatten())
    }

    /// Passes on the chunks. For each viewer and part, an iterator takes 100 instructions more, of 2,270 in all.
    pub(crate) fn for_each_chunk(&self, mut f: impl FnMut(Bytes)) {
        match &self.shared {
            Some(_) => self.chunks().for_each(f),
            None => f(self.copied.clone()),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the copied bytes begin with the head")]
    pub(super) fn head(&self) -> &[u8] {
        &self.copied[..self.head_len]
    }

    #[expect(clippy::indexing_slicing, reason = "the copied bytes end with the tail")]
    pub(super) fn tail(&self) -> &[u8] {
        &self.copied[self.copied.len() - self.tail_len..]
    }

    /// Returns the same body between another head and tail, for one client.
    pub(super) fn reframed(&self, head: &[&[u8]], tail: &[&[u8]]) -> Self {
        let body = || self.copied.slice(self.head_len..self.copied.len() - self.tail_len);
        Self::for_one_client(head, &self.shared.clone().unwrap_or_else(body), tail)
    }

    /// Replaces the copied bytes, which are in the first and the last chunk, with equal ones.
    pub(crate) fn map_copied(self, map: impl FnOnce(Bytes) -> Bytes) -> Self {
        Self { copied: map(self.copied), ..self }
    }
}

/// Up to this size a copy costs less than extra buffers in a server's `writev`.
const COPY_UP_TO: usize = 64 * 1024;
/// h2 counts DATA frames below this size against a connection.
const EDGE: usize = 256;
