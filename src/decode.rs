//! The wire grammar, reading side (RFC 2046 §5.1.1), for what cameras and other servers really send.
//!
//! [`Decoder`] turns bytes into parts and does no input or output of its own; [`Parts`] drives it over any stream of
//! [`Bytes`](bytes::Bytes).

mod delimiter;
mod error;
mod head;
mod limits;
mod parts;
mod scan;
mod state;

use bytes::BytesMut;

use self::delimiter::Delimiter;
pub use self::error::DecodeError;
pub use self::limits::Limits;
pub use self::parts::{Parts, PartsError};
use self::state::{State, Step};
use crate::boundary::Boundary;
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
/// At its `Content-Length` if a delimiter follows there, or if the body is a JPEG picture that ends there (with
/// `ff d9`, T.81 B.1.1): such a picture is delivered at once, even where the sender holds its delimiter back. Any other
/// length is a lie, which some cameras tell, and the part ends at the first delimiter, as it does where there is no
/// length. A sender that holds the delimiter back until it has the next part is then seen one part late.
///
/// # What is forgiven
///
/// Dashes too many or too few in the announced boundary; another boundary in the body than announced; no first
/// delimiter, doubled ones, no line end before or behind them; line ends of LF, CR and CRCRLF; header lines that are none;
/// text between parts; a `Content-Type` that is missing (`text/plain`, RFC 2046 §5.1, or the picture that the body
/// is) or unregistered (`image/jpg`). A part that is empty, or no picture although it says so, is left out and
/// [counted](Self::skipped), since a [`Part`] is neither. So are header fields that no part may carry (`Set-Cookie`
/// and the like), or that do not fit: what comes out can be sent on.
///
/// What is not forgiven is too much of anything: see [`Limits`].
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
/// use mixed_replace::{Boundary, Decoder};
///
/// let mut decoder = Decoder::new(Boundary::from_static("ThisRandomString"));
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
    /// The body has held it, so there is nothing left to learn.
    confirmed: bool,
    /// A `Content-Length` was wrong.
    lied: bool,
    limits: Limits,
    state: State,
    /// In the buffer, up to where what ends the current piece is known not to be.
    searched: usize,
    /// How many bytes have left the buffer.
    taken: u64,
    skipped: u64,
}

impl Decoder {
    /// For bodies with this boundary, with the default [`Limits`].
    ///
    /// Should the first delimiter in the body be another, followed by a header, the body is right.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::{Boundary, Decoder};
    ///
    /// let mut decoder = Decoder::new(Boundary::from_static("announced"));
    /// let part = decoder.decode(&mut BytesMut::from("--sent\r\nContent-Type: text/plain\r\n\r\non\r\n--sent--"))?;
    /// assert_eq!(&part.unwrap().body()[..], b"on");
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    pub fn new(boundary: Boundary) -> Self {
        Self { delimiter: Some(Delimiter::new(boundary)), ..Self::detect() }
    }

    /// For bodies whose boundary nobody named: the first line that begins with two dashes and is followed by a header
    /// names it.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::{Boundary, Decoder};
    ///
    /// let mut decoder = Decoder::detect();
    /// let part = decoder.decode(&mut BytesMut::from("--x\nContent-Type: text/plain\n\non\n--x--"))?;
    /// assert_eq!(&part.unwrap().body()[..], b"on");
    /// assert_eq!(decoder.boundary(), Some(&Boundary::from_static("x")));
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    pub fn detect() -> Self {
        Self {
            delimiter: None,
            confirmed: false,
            lied: false,
            limits: Limits::new(),
            state: State::Junk { from: 0, line_start: true },
            searched: 0,
            taken: 0,
            skipped: 0,
        }
    }

    /// For a response with this `Content-Type`: with the boundary that it [names](Boundary::from_content_type), or
    /// [detecting](Self::detect) it.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Decoder};
    ///
    /// let decoder = Decoder::for_content_type("multipart/x-mixed-replace;boundary=--myboundary");
    /// assert_eq!(decoder.boundary(), Some(&Boundary::from_static("--myboundary")));
    /// assert_eq!(Decoder::for_content_type("multipart/x-mixed-replace").boundary(), None);
    /// ```
    pub fn for_content_type(value: impl AsRef<[u8]>) -> Self {
        Boundary::from_content_type(value).map_or_else(|_| Self::detect(), Self::new)
    }

    /// With other limits than the default ones; see [`Limits`] for an example.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The boundary: the one that was named, or the one that the body has taught by now, as in
    /// [`detect`](Self::detect)'s example.
    #[must_use]
    pub fn boundary(&self) -> Option<&Boundary> {
        self.delimiter.as_ref().map(Delimiter::boundary)
    }

    /// Whether the close-delimiter has come. Nothing behind it is a part.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::{Boundary, Decoder};
    ///
    /// let mut decoder = Decoder::new(Boundary::from_static("x"));
    /// assert_eq!(decoder.decode(&mut BytesMut::from("--x--"))?, None);
    /// assert!(decoder.is_closed());
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// How many parts were left out, because they were empty or no pictures although they said so.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::{Boundary, Decoder};
    ///
    /// let mut decoder = Decoder::new(Boundary::from_static("x"));
    /// let busy = "--x\r\nContent-Type: image/jpeg\r\n\r\n<html>busy</html>\r\n--x--";
    /// assert_eq!(decoder.decode(&mut BytesMut::from(busy))?, None);
    /// assert_eq!(decoder.skipped(), 1);
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The next part, or `None` if that needs more bytes than `src` holds.
    ///
    /// What it takes from `src` is gone from there; the caller only ever appends.
    ///
    /// # Errors
    ///
    /// If a limit is exceeded. No further part will come then.
    ///
    /// # Examples
    ///
    /// A picture with its length comes out as soon as its last byte is there.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::{Boundary, Decoder};
    ///
    /// let mut decoder = Decoder::new(Boundary::from_static("x"));
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

    /// The next part when `src` holds all that will ever come; to be called until it gives none.
    ///
    /// `None` is a clean end, behind the close-delimiter. A last part without a delimiter is delivered if it has its
    /// `Content-Length`, or is a JPEG picture that has its end.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if there was no close-delimiter, as with every camera that is switched off. Or if a
    /// limit is exceeded.
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
                State::Body(head) => self.body(head, src, eof),
                State::Closed => {
                    self.take(src, src.len());
                    return Ok(None);
                }
                State::Delimiter => self.delimiter_line(src, eof),
                State::Failed(error) => Err(error),
                State::Head { line, lines } => self.head(line, lines, src, eof),
                State::Junk { from, line_start } => self.junk(from, line_start, src, eof),
            };
            let error = match step {
                Ok(Step::Again) => continue,
                Ok(Step::Part(part)) => return Ok(Some(part)),
                Ok(Step::Wait) if !eof => return Ok(None),
                Ok(Step::Wait) => DecodeError::Truncated { offset: self.taken + src.len() as u64 },
                Err(error) => error,
            };
            self.state = State::Failed(error);
            return Err(error);
        }
    }
}
