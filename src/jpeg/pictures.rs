//! A stream of pictures from a stream of bytes.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use futures_core::Stream;
use pin_project_lite::pin_project;

use super::{Found, SplitError, Splitter, with_eoi};
use crate::derive::transparent_error;
use crate::picture::marker::View;

pin_project! {
    /// A stream of JPEG pictures, split from a stream of bytes by a [`Splitter`].
    ///
    /// The bytes may be a child's output or standard input (`tokio_util::io::ReaderStream`, with a buffer of 64 KiB
    /// rather than its 4), a socket, or an upload. A picture within one chunk is a slice of it and not copied. A longer
    /// one is copied once into a separate buffer with room for an eighth more than the previous picture, and a second time
    /// only if it outgrows that.
    ///
    /// A [`PicturesError::Split`] does not end the stream. After a [`PicturesError::Source`] the source is polled again.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when a future of the next item is dropped: the bytes received so far stay in the stream. Dropping
    /// the stream drops them.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use bytes::Bytes;
    /// use futures::{FutureExt, TryStreamExt, stream};
    /// use mixed_replace::jpeg::{Pictures, Splitter};
    ///
    /// let chunks: [&[u8]; 2] = [b"\xff\xd8\xff\xc0\x00\x02\xff\xda", b"\x00\x02...\xff\xd9\xff"];
    /// let bytes = stream::iter(chunks.map(|chunk| Ok::<_, Infallible>(Bytes::from_static(chunk))));
    /// let mut pictures = Pictures::new(bytes, Splitter::new());
    /// let picture = pictures.try_next().now_or_never().unwrap()?.unwrap();
    /// assert_eq!(picture[..], *b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff\xd9");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "a stream does nothing unless it is polled"]
    #[derive(Debug)]
    pub struct Pictures<S> {
        #[pin]
        source: S,
        ended: bool,
        splitter: Splitter,
        // The bytes not yet split: `held`, then the rest of `chunk`.
        held: BytesMut,
        chunk: Bytes,
        room: usize,
    }
}

impl<S> Pictures<S> {
    /// Creates a stream of the pictures in these bytes. The splitter sets the limits.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use futures::{FutureExt, StreamExt, stream};
    /// use mixed_replace::jpeg::{Pictures, PicturesError, Splitter};
    ///
    /// let reset = stream::iter([Err::<Bytes, _>("connection reset")]);
    /// let mut pictures = Pictures::new(reset, Splitter::new().max_picture_bytes(1 << 20));
    /// let next = pictures.next().now_or_never().unwrap();
    /// assert_eq!(next, Some(Err(PicturesError::Source("connection reset"))));
    /// ```
    pub fn new<B, E>(bytes: S, splitter: Splitter) -> Self
    where
        S: Stream<Item = Result<B, E>>,
        B: Into<Bytes>,
    {
        Self { source: bytes, ended: false, splitter, held: BytesMut::new(), chunk: Bytes::new(), room: 0 }
    }

    /// Returns the number of skipped bytes; see [`Splitter::skipped`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use futures::{FutureExt, StreamExt, stream};
    /// use mixed_replace::jpeg::{Pictures, Splitter};
    ///
    /// let (cut, complete) = (b"\xff\xd8\xff\xdb\x00\x43..", b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff\xd9");
    /// let bytes = stream::iter([Ok::<_, Infallible>([&cut[..], complete].concat())]);
    /// let mut pictures = Pictures::new(bytes, Splitter::new());
    /// assert_eq!(pictures.next().now_or_never().unwrap().unwrap()?, &complete[..]);
    /// assert_eq!((pictures.skipped(), pictures.broken()), (8, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.splitter.skipped()
    }

    /// Returns the number of pictures that were given up; see [`Splitter::broken`] and, for an example, [`skipped`](Self::skipped).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use futures::{StreamExt, executor::block_on, stream};
    /// use mixed_replace::jpeg::{Pictures, Splitter};
    ///
    /// let (cut, complete) = (b"\xff\xd8\xff\xdb\x00\x43..", b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff\xd9");
    /// let mut pictures = Pictures::new(stream::iter([Ok::<_, Infallible>([&cut[..], complete].concat())]), Splitter::new());
    /// assert!(block_on(pictures.next()).is_some_and(|picture| picture.is_ok()));
    /// assert_eq!(pictures.broken(), 1);
    /// ```
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.splitter.broken()
    }
}

impl<S, B, E> Stream for Pictures<S>
where
    S: Stream<Item = Result<B, E>>,
    B: Into<Bytes>,
{
    type Item = Result<Bytes, PicturesError<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        while !*this.ended {
            match this.splitter.find(View::new(this.held, this.chunk)) {
                Err(error) => return Poll::Ready(Some(Err(PicturesError::Split(error)))),
                Ok(Found::Junk(len)) => {
                    let held = len.min(this.held.len());
                    this.held.advance(held);
                    this.chunk.advance(len - held);
                }
                Ok(Found::Picture(len)) => {
                    *this.room = len + len / 8;
                    return Poll::Ready(Some(Ok(take(this.held, this.chunk, len))));
                }
                Ok(Found::Unended(len)) => {
                    *this.room = len + len / 8;
                    return Poll::Ready(Some(Ok(with_eoi(&take(this.held, this.chunk, len)))));
                }
                Ok(Found::More) => {
                    hold(this.held, this.chunk, *this.room);
                    match ready!(this.source.as_mut().poll_next(cx)) {
                        Some(Ok(chunk)) => *this.chunk = chunk.into(),
                        Some(Err(error)) => return Poll::Ready(Some(Err(PicturesError::Source(error)))),
                        None => *this.ended = true,
                    }
                }
            }
        }
        Poll::Ready(this.splitter.split_eof(this.held).map_err(PicturesError::Split).transpose())
    }
}

fn take(held: &mut BytesMut, chunk: &mut Bytes, len: usize) -> Bytes {
    if held.is_empty() {
        return chunk.split_to(len);
    }
    let held_len = len.min(held.len());
    held.extend_from_slice(&chunk.split_to(len - held_len));
    held.split_to(len).freeze()
}

fn hold(held: &mut BytesMut, chunk: &mut Bytes, room: usize) {
    if chunk.is_empty() {
        return;
    }
    if held.is_empty() {
        held.reserve(room.max(chunk.len()));
    }
    held.extend_from_slice(&mem::take(chunk));
}

/// The error of a [`Pictures`] stream.
///
/// # Examples
///
/// ```
/// use futures::executor::block_on_stream;
/// use mixed_replace::jpeg::{Pictures, PicturesError, Splitter};
///
/// let output = futures::stream::iter([Ok::<_, std::io::Error>("usage: camera [options]")]);
/// let mut pictures = block_on_stream(Pictures::new(output, Splitter::new()));
/// assert!(matches!(pictures.next(), Some(Err(PicturesError::Split(_)))));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PicturesError<E> {
    /// The source failed.
    Source(E),
    /// The bytes are not JPEG pictures.
    Split(SplitError),
}

transparent_error!(PicturesError<E>, Source, Split);
