//! The wire grammar, reading side (RFC 2046 §5.1.1), for what cameras and other servers really send.
//!
//! [`Decoder`] turns bytes into parts and does no input or output of its own; [`Parts`] drives it over any stream of
//! [`Bytes`](bytes::Bytes).

mod announced;
mod delimiter;
mod ending;
mod error;
mod head;
mod json;
mod limits;
mod parts;
mod scan;
mod state;

use bytes::BytesMut;

use self::announced::Announced;
use self::delimiter::Delimiter;
pub use self::error::DecodeError;
pub use self::limits::Limits;
pub use self::parts::{Parts, PartsError};
use self::state::{After, Junk, State, Step};
use crate::part::Part;

/// Turns the bytes of a `multipart` body, of `x-mixed-replace` or any other subtype, into parts.
///
/// ```text
/// --B CRLF Content-Type: image/jpeg CRLF Content-Length: 3 CRLF CRLF ... CRLF --B CRLF
///                                                       the part's body  ^^^^^^^^ its delimiter
/// ```
///
/// The caller owns the buffer, appends whatever has come, in pieces of any size, and calls [`decode`](Self::decode)
/// until it asks for more. The work is linear in the bytes, and with a `Content-Length` that holds it does not grow with
/// the body. Bodies are cut out of the buffer, not copied, so a part that is kept keeps that buffer alive.
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
/// So an image that is cut short is returned only if its sender ends it with a delimiter. A length after which something
/// else follows is wrong, as some cameras' are. From then on the decoder looks for a delimiter, and uses lengths only
/// where an image has its end.
///
/// # What is forgiven
///
/// Dashes too many or too few in the announced boundary, or none at all in the body; another boundary in the body than
/// announced, or one with a comma; no first delimiter, doubled ones, no line end before or behind them; line ends of LF,
/// CR and CRCRLF; header lines that are none; text between parts; a `Content-Type` that is missing (`text/plain`,
/// RFC 2046 §5.1, or the picture that the body is), unregistered (`image/jpg`), or that of another image format. A part
/// that is empty, or no image although it says so, is left out and [counted](Self::skipped).
///
/// What is not forgiven is too much of anything: see [`Limits`].
///
/// # What can be sent on
///
/// A part is returned as it was sent, with [all its headers](Part::headers) and its [name](Part::name). Publishing it
/// leaves out headers that no part may carry, and fails for an image with a damaged header.
///
/// # Trust
///
/// The sender chooses types and bodies. An active type (`text/html`, `image/svg+xml`) that is sent on runs as your
/// origin: let pass only the types that you expect.
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
/// let part = decoder.decode(&mut bytes)?.expect("its delimiter has come");
/// assert_eq!(&part.body()[..], b"12:00");
/// assert_eq!(decoder.decode_eof(&mut bytes)?, None);
/// # Ok::<(), mixed_replace::decode::DecodeError>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Unknown only until the body has taught it.
    delimiter: Option<Delimiter>,
    /// What it is if the announced boundary contains its comma.
    uncut: Option<Delimiter>,
    /// The body has held it, so there is nothing left to learn.
    confirmed: bool,
    /// Whether the lengths so far were right. Unknown before the first one.
    lengths: Option<bool>,
    limits: Limits,
    state: State,
    /// In the buffer, up to where what ends the current piece is known not to be.
    searched: usize,
    /// How many bytes have left the buffer.
    taken: u64,
    skipped: u64,
}

impl Decoder {
    /// Creates a decoder for bodies with this boundary, with the default [`Limits`].
    ///
    /// Takes any boundary that a sender may have chosen, such as `--myboundary`, and not only those that can be
    /// [sent](crate::Boundary). If the first delimiter in the body is another one, followed by a header, the body is
    /// right. A string that cannot be a boundary, because it is empty, has more than 200 bytes, or contains others than
    /// printable ASCII, counts as none: see [`detect`](Self::detect).
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
        Self { delimiter: Announced::new(boundary.as_ref(), announced::MAX).map(Delimiter::new), ..Self::detect() }
    }

    /// Creates a decoder for bodies without an announced boundary: the first line that begins with two dashes and is
    /// followed by a header names it.
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

    /// Creates a decoder for a response with this `Content-Type`: with the boundary that it names, or
    /// [detecting](Self::detect) it.
    ///
    /// Takes `boundary = x`, `;;boundary=x`, quoted values with escapes, any case of the name, stray CRs, and values that
    /// RFC 2046 would refuse, up to 200 printable characters. Does not look at the type in front of the parameters. Takes
    /// any bytes, because a [`HeaderValue`](http::HeaderValue) cannot hold all that cameras send.
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

    /// Sets other limits than the default ones; see [`Limits`] for an example.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Returns the boundary: the one that was named, or the one that the body has taught by now, as in
    /// [`detect`](Self::detect)'s example.
    #[must_use]
    pub fn boundary(&self) -> Option<&str> {
        self.delimiter.as_ref().map(Delimiter::boundary)
    }

    /// Returns `true` once the close-delimiter has come. Nothing after it is a part.
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

    /// Returns how many parts were left out, because they were empty or no images although they said so.
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
    /// Removes the bytes that it has used from `src`. The caller only ever appends.
    ///
    /// # Errors
    ///
    /// Any [`DecodeError`] but [`Truncated`](DecodeError::Truncated) if a limit is exceeded. Each further call returns the
    /// same error.
    ///
    /// # Examples
    ///
    /// A picture with its length comes out as soon as its last byte is there.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let mut decoder = Decoder::new("x");
    /// let bytes = b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff...\0\xff\xd9";
    /// let mut buffer = BytesMut::from(&bytes[..]);
    /// let part = decoder.decode(&mut buffer)?.expect("it is whole");
    /// assert_eq!(&part.body()[..], b"\xff\xd8\xff...\0\xff\xd9");
    /// assert!(buffer.is_empty());
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    pub fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Part>, DecodeError> {
        self.run(src, false)
    }

    /// Returns the next part when `src` holds all that will ever come. Call it until it returns `None` or an error.
    ///
    /// `None` is a clean end, behind the close-delimiter. A last part without a delimiter is delivered if it has its
    /// `Content-Length`, or is an image that has its end.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if there was no close-delimiter, as with every camera that is switched off. Any other
    /// [`DecodeError`] if a limit is exceeded.
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
    /// assert_eq!(decoder.decode_eof(&mut bytes), Err(DecodeError::Truncated { offset: 28 }));
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
