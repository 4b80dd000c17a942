//! The decoder over a stream of bytes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use pin_project_lite::pin_project;

use super::{DecodeError, Decoder};
use crate::derive::transparent_error;
use crate::part::Part;

pin_project! {
    /// A stream of the parts in a stream of bytes, such as a camera's response body.
    ///
    /// Returns `None` after the close-delimiter, without waiting for the end of the bytes. Otherwise the last item is an
    /// error: the source's, or a [`DecodeError`], which is [`Truncated`](DecodeError::Truncated) if the bytes end without a
    /// close-delimiter. Every part that was complete by then is returned before.
    ///
    /// The bytes are copied once, into one buffer, and bodies are cut out of that. The buffer holds at most one part and
    /// the rest of the chunk that completed it. It grows with the bytes that come, and by a length that a sender announces
    /// at most 64 KiB ahead of them. A part keeps the buffer alive that it was cut out of.
    ///
    /// # Cancel safety
    ///
    /// Dropping a future such as `next()` loses nothing: the beginning of the next part stays in the buffer. Dropping
    /// `Parts` drops the source and that beginning.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use futures::{executor::block_on_stream, stream};
    /// use mixed_replace::{Decoder, decode::Parts};
    ///
    /// let chunks = ["--x\r\nContent-Type: text/plain\r\n\r\n12", ":00\r\n--x--\r\n"];
    /// let body = stream::iter(chunks.map(|chunk| Ok::<_, std::io::Error>(Bytes::from(chunk))));
    /// let mut parts = block_on_stream(Parts::new(body, Decoder::new("x")));
    /// assert_eq!(&parts.next().unwrap()?.body()[..], b"12:00");
    /// assert!(parts.next().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Parts<S> {
        #[pin]
        bytes: S,
        decoder: Decoder,
        buffer: BytesMut,
        phase: Phase,
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Reading,
    /// After the end of the source.
    Draining,
    Done,
}

impl<S> Parts<S> {
    /// Creates a stream of the parts that `decoder` finds in `bytes`, within the decoder's limits.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use futures::{TryStreamExt, executor::block_on, stream};
    /// use mixed_replace::{Decoder, decode::Parts};
    ///
    /// let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from("--x\r\n\r\n12:00\r\n--x--"))]);
    /// let parts: Vec<_> = block_on(Parts::new(body, Decoder::new("x")).try_collect())?;
    /// assert_eq!(parts[0].body(), "12:00");
    /// # Ok::<(), mixed_replace::decode::PartsError<std::io::Error>>(())
    /// ```
    pub fn new(bytes: S, decoder: Decoder) -> Self {
        Self { bytes, decoder, buffer: BytesMut::new(), phase: Phase::Reading }
    }

    /// Returns the decoder, which knows the [boundary](Decoder::boundary) and the number of parts
    /// [skipped](Decoder::skipped).
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use futures::stream;
    /// use mixed_replace::{Decoder, decode::Parts};
    ///
    /// let body = stream::empty::<Result<Bytes, std::io::Error>>();
    /// let parts = Parts::new(body, Decoder::for_content_type("multipart/mixed; boundary=x"));
    /// assert_eq!(parts.decoder().boundary(), Some("x"));
    /// ```
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }
}

impl<S, B, E> Stream for Parts<S>
where
    S: Stream<Item = Result<B, E>>,
    B: Into<Bytes>,
{
    type Item = Result<Part, PartsError<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            let part = match this.phase {
                Phase::Reading => this.decoder.decode(this.buffer),
                Phase::Draining => this.decoder.decode_eof(this.buffer),
                Phase::Done => return Poll::Ready(None),
            };
            match part {
                Ok(Some(part)) => return Poll::Ready(Some(Ok(part))),
                Ok(None) if *this.phase == Phase::Reading && !this.decoder.is_closed() => {}
                Ok(None) => {
                    *this.phase = Phase::Done;
                    return Poll::Ready(None);
                }
                Err(error) => {
                    *this.phase = Phase::Done;
                    return Poll::Ready(Some(Err(PartsError::Decode(error))));
                }
            }
            match ready!(this.bytes.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) => append(this.buffer, &chunk.into(), this.decoder),
                Some(Err(error)) => {
                    *this.phase = Phase::Done;
                    return Poll::Ready(Some(Err(PartsError::Source(error))));
                }
                None => *this.phase = Phase::Draining,
            }
        }
    }
}

/// An error after which [`Parts`] returns no more parts: the source's, or the decoder's.
///
/// # Examples
///
/// ```
/// use futures::{FutureExt, StreamExt, stream};
/// use mixed_replace::{Decoder, decode::{DecodeError, Parts, PartsError}};
///
/// let body = stream::iter([Ok("--x\r\nContent-Ty"), Err("connection reset")]);
/// let next = Parts::new(body, Decoder::detect()).next().now_or_never().unwrap();
/// assert_eq!(next, Some(Err(PartsError::Source("connection reset"))));
///
/// let body = stream::iter([Ok::<_, &str>("--x\r\nContent-Ty")]);
/// let next = Parts::new(body, Decoder::detect()).next().now_or_never().unwrap();
/// assert!(matches!(next, Some(Err(PartsError::Decode(DecodeError::Truncated { offset: 15, .. })))));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PartsError<E> {
    /// The bytes cannot be decoded.
    Decode(DecodeError),
    /// The source of the bytes failed.
    Source(E),
}

transparent_error!(PartsError<E>, Decode, Source);

/// Appends a chunk, with room for the rest of the part, or for as much again as is in the buffer.
///
/// `BytesMut` would double a buffer that a part just below its limit has filled.
fn append(buffer: &mut BytesMut, chunk: &[u8], decoder: &Decoder) {
    if !buffer.try_reclaim(chunk.len()) {
        let ahead = match decoder.missing_bytes(buffer) {
            Some(missing) => missing.saturating_sub(chunk.len()).min(buffer.len().max(AHEAD)),
            None => buffer.len(),
        };
        let len = buffer.len() + chunk.len();
        let most = decoder.limits.max_part_bytes.max(decoder.limits.max_header_bytes).saturating_add(AHEAD / 2);
        let capacity = (len + ahead).min(most).max(len);
        // Both conversions move the allocation, unless a part shares it.
        let mut bytes = Vec::from(std::mem::take(buffer));
        bytes.reserve_exact(capacity - bytes.len());
        *buffer = BytesMut::from(Bytes::from(bytes));
    }
    buffer.extend_from_slice(chunk);
}

/// The number of bytes that are allocated ahead for a length that a sender announces.
const AHEAD: usize = 64 * 1024;
