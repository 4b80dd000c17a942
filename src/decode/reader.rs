//! The decoder over a blocking reader.

use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;

use super::any::AnyParts;
use super::{Limits, ReadError};
use crate::part::Part;

/// An iterator over the parts in a blocking reader: a socket, a pipe, a file, standard input.
///
/// Reads a `multipart` body whose boundary it detects, or JPEG pictures one after another, to which it adds the Huffman
/// tables that webcams omit. Such a picture is left out and [counted](Self::damaged) if it is damaged. A part of a
/// multipart body is returned as it was sent, as a [`Decoder`](super::Decoder) does.
///
/// The reader is not an HTTP client: pass a response's body.
///
/// # Errors
///
/// An item is an error if the reader fails ([`ReadError::Io`]), if a multipart body cannot be decoded or ends without its
/// close-delimiter ([`ReadError::Decode`]), or if there is no picture in the bytes ([`ReadError::NoPicture`]). It is the
/// last item.
///
/// # Examples
///
/// ```
/// use mixed_replace::decode::Reader;
///
/// let body = &b"--x\r\nContent-Type: text/plain\r\n\r\n12:00\r\n--x\r\n\r\n12:01\r\n--x--"[..];
/// let parts: Vec<_> = Reader::new(body).collect::<Result<_, _>>()?;
/// assert_eq!(parts.iter().map(|part| &part.body()[..]).collect::<Vec<_>>(), [b"12:00", b"12:01"]);
///
/// // The output of `ffmpeg -f mjpeg -`, `rpicam-vid --codec mjpeg -o -` and others.
/// let picture = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0\0\xff\xd9";
/// let mut pictures = Reader::new(&picture[..]);
/// assert_eq!(pictures.next().transpose()?.map(|part| part.content_type().clone()), Some(mime::IMAGE_JPEG));
/// assert!(pictures.next().is_none());
/// # Ok::<(), mixed_replace::decode::ReadError>(())
/// ```
///
/// A hub on a thread:
///
/// ```no_run
/// use std::net::TcpStream;
/// use mixed_replace::{decode, hub};
///
/// let (publisher, hub) = hub::channel();
/// let socket = TcpStream::connect("camera:9000")?;
/// for part in decode::Reader::new(socket) {
///     // Only a closed hub ends the loop. A damaged picture is counted by the hub.
///     if publisher.publish(part?).is_err_and(|error| error.is_closed()) {
///         break;
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "iterators do nothing unless they are advanced"]
pub struct Reader<R> {
    parts: AnyParts<Chunks<R>>,
}

impl<R: Read + Unpin> Reader<R> {
    /// Creates an iterator with the default [`Limits`].
    ///
    /// The reader needs no buffer: it is read in pieces of up to 64 KiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::decode::Reader;
    ///
    /// let mut parts = Reader::new(&b"--x\r\nContent-Type: text/plain\r\n\r\n12:00\r\n--x--"[..]);
    /// assert_eq!(parts.next().transpose()?.map(|part| part.into_body()), Some("12:00".into()));
    /// assert!(parts.next().is_none());
    /// # Ok::<(), mixed_replace::decode::ReadError>(())
    /// ```
    pub fn new(reader: R) -> Self {
        Self::with_limits(reader, Limits::new())
    }

    /// Creates an iterator with these limits. Pictures without framing are limited by
    /// [`max_part_bytes`](Limits::max_part_bytes).
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::decode::{Limits, Reader};
    ///
    /// let body = &b"--x\r\nContent-Type: text/plain\r\n\r\n12:00\r\n--x--"[..];
    /// let mut parts = Reader::with_limits(body, Limits::new().max_part_bytes(4));
    /// assert!(parts.next().is_some_and(|part| part.is_err()));
    /// assert!(parts.next().is_none());
    /// ```
    pub fn with_limits(reader: R, limits: Limits) -> Self {
        Self { parts: AnyParts::new(Chunks { reader, buffer: BytesMut::new() }, limits) }
    }

    /// Returns the number of parts that were left out because they were empty, damaged, or no images although their types
    /// said so.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::decode::Reader;
    ///
    /// let body = &b"--x\r\nContent-Type: image/jpeg\r\n\r\n<html>busy</html>\r\n--x--"[..];
    /// let mut parts = Reader::new(body);
    /// assert!(parts.next().is_none());
    /// assert_eq!(parts.damaged(), 1);
    /// ```
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.parts.damaged()
    }
}

impl<R: Read + Unpin> Iterator for Reader<R> {
    type Item = Result<Part, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match Pin::new(&mut self.parts).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(item) => item,
            Poll::Pending => unreachable!("`Chunks` is never pending"),
        }
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("ended", &self.parts.ended).finish_non_exhaustive()
    }
}

/// The chunks of a reader, as a stream that blocks in place of being pending.
struct Chunks<R> {
    reader: R,
    buffer: BytesMut,
}

impl<R: Read + Unpin> Stream for Chunks<R> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { reader, buffer } = &mut *self;
        // Cleared once: each read leaves the rest of the buffer for the next one.
        if buffer.len() < CHUNK / 4 {
            *buffer = BytesMut::zeroed(CHUNK);
        }
        loop {
            match reader.read(buffer) {
                Ok(0) => return Poll::Ready(None),
                Ok(len) => return Poll::Ready(Some(Ok(buffer.split_to(len.min(buffer.len())).freeze()))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

/// The size of a read in bytes, that of a pipe's buffer.
const CHUNK: usize = 64 * 1024;
