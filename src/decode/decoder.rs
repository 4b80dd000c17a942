//! The decoder: its buffer, its counters, and the loop over its states.

use bytes::BytesMut;

use super::announced::Announced;
use super::delimiter::Delimiter;
use super::state::{After, Junk, State, Step};
use super::{DecodeError, Limits};
use crate::part::Part;

/// A decoder of `multipart` bodies, of `x-mixed-replace` or any other subtype.
///
/// ```text
/// --B CRLF Content-Type: image/jpeg CRLF Content-Length: 3 CRLF CRLF ... CRLF --B CRLF
///                                                       the part's body  ^^^^^^^^ its delimiter
/// ```
///
/// The caller owns the buffer, appends bytes in pieces of any size, and calls [`decode`](Self::decode) until it returns
/// `None`. The work is linear in the bytes, and does not grow with images whose `Content-Length` is right. Bodies are cut
/// out of the buffer without copying, so a part keeps that buffer alive.
///
/// # Where a part ends
///
/// A part is returned as soon as its end is certain, if possible before the next delimiter, which may come hours later.
///
/// | part | ends |
/// |---|---|
/// | text, JSON, XML with a `Content-Length` | there |
/// | JPEG, PNG, GIF, WebP with a `Content-Length` | there, if the image has its end there, perhaps padded |
/// | anything else with a `Content-Length` | there, if a line end follows, or if all lengths so far were right |
/// | JPEG, PNG, GIF, WebP without a length | at the end of the image |
/// | any | at its delimiter |
///
/// So an image that is cut short is returned only at its delimiter. Within the length of a text, lines may begin like a
/// delimiter. If one begins another part of the stream, the bytes after the text show whether the length is right.
///
/// A length is wrong if anything but a delimiter follows the part, as with some cameras. From then on the decoder looks for
/// delimiters, and uses a length only where an image has its end.
///
/// # Faults of senders
///
/// The decoder accepts:
///
/// - too many or too few dashes in the announced boundary, or none in the body
/// - a boundary in the body that differs from the announced one, or contains a comma
/// - no first delimiter, doubled delimiters, and no line end before or after a delimiter
/// - line ends of LF, CR and CRCRLF
/// - header lines without a colon, and text between parts
/// - a missing `Content-Type`, which is `text/plain` (RFC 2046 §5.1) or that of the image in the body; an unregistered
///   one (`image/jpg`); that of another image format
///
/// It leaves out a part that is empty, or that is no image although its type says so, and [counts](Self::skipped) it. It
/// ends in an error when a stream exceeds its [`Limits`].
///
/// # Sending parts on
///
/// A part is returned as it was sent, with [all its headers](Part::headers) and its [name](Part::name). Publishing it
/// leaves out headers that no part may carry, and fails for an image with a damaged header.
///
/// # Trust
///
/// The sender chooses types and bodies. A part of an active type (`text/html`, `image/svg+xml`) that is sent on runs with
/// your origin, so send on only the types that you expect.
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use mixed_replace::Decoder;
///
/// let mut decoder = Decoder::new("ThisRandomString");
/// let mut bytes = BytesMut::from("--ThisRandomString\r\nContent-Type: text/plain\r\n\r\n12:");
/// assert_eq!(decoder.decode(&mut bytes)?, None);
///
/// bytes.extend_from_slice(b"00\r\n--ThisRandomString--\r\n");
/// let part = decoder.decode(&mut bytes)?.expect("a delimiter follows");
/// assert_eq!(&part.body()[..], b"12:00");
/// assert_eq!(decoder.decode_eof(&mut bytes)?, None);
/// # Ok::<(), mixed_replace::decode::DecodeError>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Decoder {
    /// `None` until the body shows it.
    pub(super) delimiter: Option<Delimiter>,
    /// The delimiter if the announced boundary contains a comma.
    pub(super) uncut: Option<Delimiter>,
    /// The body contains `delimiter`.
    pub(super) confirmed: bool,
    /// Whether all lengths so far were right. `None` before the first one.
    pub(super) lengths: Option<bool>,
    pub(super) limits: Limits,
    pub(super) state: State,
    /// The number of bytes in the buffer that do not contain the end of the current line or body.
    pub(super) searched: usize,
    /// The number of bytes that have left the buffer.
    pub(super) taken: u64,
    pub(super) skipped: u64,
}

impl Decoder {
    /// Creates a decoder for bodies with this boundary, with the default [`Limits`].
    ///
    /// Accepts any boundary that a sender may have chosen, such as `--myboundary`, and not only those that can be
    /// [sent](crate::Boundary). If the first delimiter in the body is another one and a header follows it, the decoder uses
    /// that one. A string that is empty, longer than 200 bytes, or not printable ASCII is ignored, as with
    /// [`detect`](Self::detect).
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let mut decoder = Decoder::new("announced");
    /// let part = decoder.decode(&mut BytesMut::from("--sent\r\nContent-Type: text/plain\r\n\r\non\r\n--sent--"))?;
    /// assert_eq!(&part.unwrap().body()[..], b"on");
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    pub fn new(boundary: impl AsRef<str>) -> Self {
        Self {
            delimiter: Announced::new(boundary.as_ref(), super::announced::MAX).map(Delimiter::new),
            ..Self::detect()
        }
    }

    /// Creates a decoder that detects the boundary: the first line that begins with two dashes, if a header follows.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let mut decoder = Decoder::detect();
    /// let part = decoder.decode(&mut BytesMut::from("--x\nContent-Type: text/plain\n\non\n--x--"))?;
    /// assert_eq!(&part.unwrap().body()[..], b"on");
    /// assert_eq!(decoder.boundary(), Some("x"));
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    pub fn detect() -> Self {
        Self {
            delimiter: None,
            uncut: None,
            confirmed: false,
            lengths: None,
            limits: Limits::new(),
            state: State::Junk(Junk { from: 0, line_start: true, after: After::Nothing }),
            searched: 0,
            taken: 0,
            skipped: 0,
        }
    }

    /// Creates a decoder for a response with this `Content-Type`. [Detects](Self::detect) the boundary if that names none.
    ///
    /// Accepts `boundary = x`, `;;boundary=x`, quoted values with escapes, any case of the name, stray CRs, and values that
    /// RFC 2046 does not allow, up to 200 printable characters. Ignores the type in front of the parameters. Accepts any
    /// bytes, because cameras send some that a [`HeaderValue`](http::HeaderValue) cannot hold.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Decoder;
    ///
    /// let decoder = Decoder::for_content_type("multipart/x-mixed-replace;; Boundary = \"--myboundary\"");
    /// assert_eq!(decoder.boundary(), Some("--myboundary"));
    /// assert_eq!(Decoder::for_content_type("multipart/x-mixed-replace").boundary(), None);
    /// ```
    pub fn for_content_type(value: impl AsRef<[u8]>) -> Self {
        let (boundary, uncut) = Announced::of_content_type(value.as_ref());
        Self { delimiter: boundary.map(Delimiter::new), uncut: uncut.map(Delimiter::new), ..Self::detect() }
    }

    /// Sets the limits. See [`Limits`] for the defaults and an example.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    /// use mixed_replace::decode::{DecodeError, Limits};
    ///
    /// let mut decoder = Decoder::new("x").limits(Limits::new().max_part_bytes(4));
    /// let error = decoder.decode(&mut BytesMut::from("--x\r\nContent-Length: 5\r\n\r\n")).unwrap_err();
    /// assert!(matches!(error, DecodeError::PartTooLong { .. }));
    /// ```
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Returns the boundary in the body, or the announced one before the first delimiter.
    ///
    /// [`detect`](Self::detect) has an example.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let mut decoder = Decoder::new("announced");
    /// assert_eq!(decoder.boundary(), Some("announced"));
    /// decoder.decode(&mut BytesMut::from("--sent\r\nContent-Type: text/plain\r\n\r\n"))?;
    /// assert_eq!(decoder.boundary(), Some("sent"));
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    #[must_use]
    pub fn boundary(&self) -> Option<&str> {
        self.delimiter.as_ref().map(Delimiter::boundary)
    }

    /// Returns `true` after the close-delimiter. No part follows it.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let mut decoder = Decoder::new("x");
    /// assert_eq!(decoder.decode(&mut BytesMut::from("--x--"))?, None);
    /// assert!(decoder.is_closed());
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Returns the number of parts that were left out because they were empty, or no images although their types said so.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let mut decoder = Decoder::new("x");
    /// let busy = "--x\r\nContent-Type: image/jpeg\r\n\r\n<html>busy</html>\r\n--x--";
    /// assert_eq!(decoder.decode(&mut BytesMut::from(busy))?, None);
    /// assert_eq!(decoder.skipped(), 1);
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns the next part, or `None` if that needs more bytes than `src` holds.
    ///
    /// Removes used bytes from the front of `src`. The caller only appends to it.
    ///
    /// # Errors
    ///
    /// - [`DecodeError::HeaderTooLong`], [`JunkTooLong`](DecodeError::JunkTooLong),
    ///   [`LineTooLong`](DecodeError::LineTooLong), [`PartTooLong`](DecodeError::PartTooLong) and
    ///   [`TooManyHeaders`](DecodeError::TooManyHeaders) if the stream exceeds one of the [`Limits`].
    /// - [`DecodeError::NoDelimiter`] if a part without a valid length exceeds its limit.
    ///
    /// Further calls return the same error.
    ///
    /// # Examples
    ///
    /// A picture with a length is returned with its last byte.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let mut decoder = Decoder::new("x");
    /// let bytes = b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff...\0\xff\xd9";
    /// let mut buffer = BytesMut::from(&bytes[..]);
    /// let part = decoder.decode(&mut buffer)?.expect("a complete picture");
    /// assert_eq!(&part.body()[..], b"\xff\xd8\xff...\0\xff\xd9");
    /// assert!(buffer.is_empty());
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    pub fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Part>, DecodeError> {
        self.run(src, false)
    }

    /// Returns the next part at the end of the stream, when no bytes follow those in `src`. Call it until it returns `None`
    /// or an error.
    ///
    /// `None` means that the stream ended with its close-delimiter. A last part without a delimiter is returned if it ends
    /// at its `Content-Length`, or is a complete image.
    ///
    /// # Errors
    ///
    /// - [`DecodeError::Truncated`] if there was no close-delimiter, as with a camera that is switched off.
    /// - The errors of [`decode`](Self::decode).
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    /// use mixed_replace::decode::DecodeError;
    ///
    /// let mut decoder = Decoder::detect();
    /// let mut bytes = BytesMut::from("--x\r\nContent-Length: 2\r\n\r\non");
    /// assert_eq!(decoder.decode(&mut bytes)?, None);
    /// assert!(decoder.decode_eof(&mut bytes)?.is_some());
    /// let end = decoder.decode_eof(&mut bytes);
    /// assert!(matches!(end, Err(DecodeError::Truncated { offset: 28, .. })));
    /// # Ok::<(), DecodeError>(())
    /// ```
    pub fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Part>, DecodeError> {
        self.run(src, true)
    }

    fn run(&mut self, src: &mut BytesMut, eof: bool) -> Result<Option<Part>, DecodeError> {
        loop {
            let step = match std::mem::replace(&mut self.state, State::Closed) {
                State::Body(body) => self.body(body, src, eof),
                State::Closed => {
                    self.take(src, src.len());
                    return Ok(None);
                }
                State::Delimiter => self.delimiter_line(src, eof),
                State::Failed(error) => Err(error),
                State::Head { line, lines } => self.head(line, lines, src, eof),
                State::Junk(junk) => self.junk(junk, src, eof),
            };
            let error = match step {
                Ok(Step::Again) => continue,
                Ok(Step::Part(part)) => return Ok(Some(part)),
                Ok(Step::Wait) if !eof => return Ok(None),
                Ok(Step::Wait) => DecodeError::Truncated { offset: self.taken + src.len() as u64 },
                Err(error) => error,
            };
            self.state = State::Failed(error.clone());
            return Err(error);
        }
    }
}
