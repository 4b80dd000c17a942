//! The parts in bytes whose framing nobody has announced.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use pin_project_lite::pin_project;

use super::{DecodeError, Decoder, Limits, Parts, PartsError};
use crate::derive::transparent_error;
use crate::jpeg::{Pictures, PicturesError, SplitError, Splitter, with_huffman_tables};
use crate::part::{InvalidPart, Part};

/// A stream of the parts in a stream of bytes: a `multipart` body, or JPEG pictures one after another.
///
/// The first bytes tell which: a multipart body begins with a delimiter, or with a header line if its first delimiter is
/// missing. Pictures get the Huffman tables that webcams omit. Damaged ones are left out and counted.
#[derive(Debug)]
pub(crate) struct AnyParts<S> {
    framing: Framing<S>,
    limits: Limits,
    /// The number of line breaks in front of everything else, while the framing is unknown.
    breaks: usize,
    /// There was an error, or the end. The framing stays, since it has counted damaged pictures.
    pub(super) ended: bool,
    invalid: u64,
    last_invalid: Option<InvalidPart>,
}

#[derive(Debug)]
enum Framing<S> {
    Unknown(Option<Prefixed<S>>),
    Multipart(Box<Parts<Prefixed<S>>>),
    Jpegs(Box<Pictures<Prefixed<S>>>),
}

pin_project! {
    /// Bytes that were read already, then the rest.
    #[derive(Debug)]
    pub(crate) struct Prefixed<S> {
        first: BytesMut,
        #[pin]
        rest: S,
    }
}

impl<S> Prefixed<S> {
    pub(crate) fn new(first: BytesMut, rest: S) -> Self {
        Self { first, rest }
    }
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> AnyParts<S> {
    /// Creates a stream of the parts in these bytes.
    pub(crate) fn new(bytes: S, limits: Limits) -> Self {
        Self::with(Framing::Unknown(Some(Prefixed::new(BytesMut::new(), bytes))), limits)
    }

    /// Creates a stream of the parts of a body with this `Content-Type`, which is a `multipart` one.
    #[cfg(feature = "client")]
    pub(crate) fn multipart(bytes: S, content_type: &[u8], limits: Limits) -> Self {
        let decoder = Decoder::for_content_type(content_type).limits(limits);
        let parts = Parts::new(Prefixed::new(BytesMut::new(), bytes), decoder);
        Self::with(Framing::Multipart(Box::new(parts)), limits)
    }

    fn with(framing: Framing<S>, limits: Limits) -> Self {
        Self { framing, limits, breaks: 0, ended: false, invalid: 0, last_invalid: None }
    }

    /// Returns the number of parts that were left out because they were damaged.
    pub(crate) fn damaged(&self) -> u64 {
        self.invalid
            + match &self.framing {
                Framing::Unknown(_) => 0,
                Framing::Multipart(parts) => parts.decoder().skipped(),
                Framing::Jpegs(pictures) => pictures.broken(),
            }
    }

    /// Returns the reason why the last picture was left out, if it was complete.
    #[cfg(any(feature = "client", feature = "process"))]
    pub(crate) fn last_damage(&self) -> Option<&InvalidPart> {
        self.last_invalid.as_ref()
    }

    #[expect(clippy::indexing_slicing, reason = "the line breaks are the first bytes")]
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, ReadError>>> {
        loop {
            match &mut self.framing {
                Framing::Unknown(bytes) => {
                    let Some(prefixed) = bytes else { return Poll::Ready(None) };
                    let chunk = match ready!(Pin::new(&mut prefixed.rest).poll_next(cx)).transpose() {
                        Ok(chunk) => chunk,
                        Err(error) => return Poll::Ready(Some(Err(ReadError::Io(error)))),
                    };
                    let ended = chunk.is_none();
                    prefixed.first.extend_from_slice(&chunk.unwrap_or_default());
                    // Each byte is looked at once, however many line breaks there are.
                    let new = prefixed.first.iter().skip(self.breaks);
                    self.breaks += new.take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                    if self.breaks > self.limits.max_junk_bytes {
                        let starts_with = prefixed.first.iter().take(8).copied().collect();
                        let error = SplitError::NoPicture { bytes: self.breaks as u64, starts_with };
                        return Poll::Ready(Some(Err(ReadError::NoPicture(error))));
                    }
                    let is_multipart = match is_multipart(&prefixed.first[self.breaks..]) {
                        Some(known) => known,
                        None if !ended => continue,
                        None => false,
                    };
                    let Some(bytes) = bytes.take() else { return Poll::Ready(None) };
                    self.framing = if is_multipart {
                        Framing::Multipart(Box::new(Parts::new(bytes, Decoder::detect().limits(self.limits))))
                    } else {
                        let splitter = Splitter::new().max_picture_bytes(self.limits.max_part_bytes);
                        Framing::Jpegs(Box::new(Pictures::new(bytes, splitter)))
                    };
                }
                Framing::Multipart(parts) => {
                    let part = ready!(Pin::new(parts).poll_next(cx));
                    return Poll::Ready(part.map(|part| part.map_err(Into::into)));
                }
                Framing::Jpegs(pictures) => match ready!(Pin::new(pictures).poll_next(cx)) {
                    Some(Ok(picture)) => match Part::jpeg(with_huffman_tables(picture)) {
                        Ok(part) => return Poll::Ready(Some(Ok(part))),
                        Err(error) => {
                            self.invalid += 1;
                            self.last_invalid = Some(error);
                        }
                    },
                    // Counted by the splitter, which goes on at the next picture.
                    Some(Err(PicturesError::Split(SplitError::TooLarge { .. } | SplitError::Truncated { .. }))) => {}
                    Some(Err(PicturesError::Split(error))) => {
                        return Poll::Ready(Some(Err(ReadError::NoPicture(error))));
                    }
                    Some(Err(PicturesError::Source(error))) => return Poll::Ready(Some(Err(ReadError::Io(error)))),
                    None => return Poll::Ready(None),
                },
            }
        }
    }
}

/// Ends with the first error.
impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Stream for AnyParts<S> {
    type Item = Result<Part, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let part = ready!(self.poll_part(cx));
        self.ended = !matches!(part, Some(Ok(_)));
        Poll::Ready(part)
    }
}

/// Returns whether a body that starts like this, after line breaks, is a multipart one. `None` if that needs more bytes.
fn is_multipart(text: &[u8]) -> Option<bool> {
    if text.starts_with(b"--") {
        return Some(true);
    }
    let name = text.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'-'));
    match name {
        Some(end) => Some(end > 0 && text.get(end) == Some(&b':')),
        None if text.len() > NAME => Some(false),
        None => None,
    }
}

impl<S: Stream<Item = Result<Bytes, E>>, E> Stream for Prefixed<S> {
    type Item = Result<Bytes, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if this.first.is_empty() {
            return this.rest.poll_next(cx);
        }
        Poll::Ready(Some(Ok(std::mem::take(this.first).freeze())))
    }
}

/// The error of a [`Reader`](super::Reader).
///
/// # Examples
///
/// ```
/// use mixed_replace::decode::{ReadError, Reader};
///
/// // The stream is cut off.
/// let mut reader = Reader::new("--x\r\nContent-Type: text/plain\r\n\r\n12:0".as_bytes());
/// assert!(matches!(reader.next(), Some(Err(ReadError::Decode(_)))));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The multipart body cannot be decoded.
    Decode(DecodeError),
    /// The reader failed.
    Io(io::Error),
    /// The bytes are neither a multipart body nor JPEG pictures.
    NoPicture(SplitError),
}

transparent_error!(ReadError, Decode, Io, NoPicture);

impl From<PartsError<io::Error>> for ReadError {
    fn from(error: PartsError<io::Error>) -> Self {
        match error {
            PartsError::Decode(error) => Self::Decode(error),
            PartsError::Source(error) => Self::Io(error),
        }
    }
}

/// The reader's kind of error, or `InvalidData`.
impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            ReadError::Decode(_) | ReadError::NoPicture(_) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// The length of the longest header name that a body may begin with.
const NAME: usize = 64;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn first_bytes_tell_the_framing() {
        for (first, expected) in [
            (&b""[..], None),
            (b"-", None),
            (b"--", Some(true)),
            (b"--frame\r\n", Some(true)),
            (b"Content-Ty", None),
            (b"Content-Type: image/jpeg\r\n", Some(true)),
            (b"Content-Length:", Some(true)),
            (b"\xff\xd8\xff", Some(false)),
            (b"\x01\x02", Some(false)),
            (b"hello\n", Some(false)),
            (b":", Some(false)),
            (&[b'a'; 65], Some(false)),
        ] {
            assert_eq!(is_multipart(first), expected, "{}", first.escape_ascii());
        }
    }

    fn items(chunks: Vec<io::Result<Bytes>>, limits: Limits) -> (Vec<String>, Vec<u64>) {
        let mut parts = AnyParts::new(futures::stream::iter(chunks), limits);
        let (mut items, mut damaged) = (Vec::new(), vec![parts.damaged()]);
        while let Poll::Ready(Some(item)) = Pin::new(&mut parts).poll_next(&mut Context::from_waker(Waker::noop())) {
            items.push(item.map_or_else(|error| error.to_string(), |part| part.content_type().to_string()));
            damaged.push(parts.damaged());
        }
        damaged.push(parts.damaged());
        (items, damaged)
    }

    #[test]
    fn damaged_pictures_stay_counted_after_an_error() {
        let picture = Bytes::from_static(include_bytes!("../picture/dot.jpg"));
        let cut = picture.slice(..picture.len() / 2);
        let reset = io::Error::new(io::ErrorKind::ConnectionReset, "reset");
        let chunks = vec![Ok(cut), Ok(picture.clone()), Ok(picture.slice(..20)), Err(reset)];
        let (items, damaged) = items(chunks, Limits::new());
        assert_eq!(items, ["image/jpeg", "reset"]);
        assert_eq!(damaged, [0, 1, 1, 1]);
    }

    #[test]
    fn leading_line_breaks_are_limited_as_junk() {
        let limits = Limits::new().max_junk_bytes(10);
        let breaks = || Ok(Bytes::from_static(b"\r\n\n"));
        let flood = vec![breaks(), breaks(), breaks(), breaks(), breaks()];
        let text = "no JPEG picture in 12 bytes that start with 0d 0a 0a 0d 0a 0a 0d 0a";
        assert_eq!(items(flood, limits).0, [text]);
        let body = Bytes::from_static(b"--x\r\nContent-Type: text/plain\r\n\r\na\r\n--x--");
        let some = vec![breaks(), breaks(), breaks(), Ok(body)];
        assert_eq!(items(some, limits).0, ["text/plain"]);
    }
}
