//! The bytes of a part, and those before the first and after the last one.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

use super::encoder::Encoder;
use super::error::EncodeError;
use super::part::EncodedPart;
use crate::boundary::Boundary;
use crate::part::Part;
use crate::part::stamp::Stamp;
use crate::wire::Wire;

impl Encoder {
    /// Returns the bytes to send before the first part: the dash-boundary line, and on the browser
    /// wire the header block of `first`.
    ///
    /// There is no preamble, since it crashes a tab in Chromium. A stream of events starts with the
    /// delimiter's CRLF. On the browser wire the header block of a first body below 600 bytes gets
    /// `X-Padding: …` lines, because WebKitGTK holds back the first 512 bytes of a response.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Encoder, Part, Wire};
    ///
    /// let opening = |wire| {
    ///     let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), wire);
    ///     Ok::<_, mixed_replace::encode::EncodeError>(encoder.opening(&encoder.encode(&Part::text(".".repeat(600))?)?))
    /// };
    /// assert_eq!(opening(Wire::Machine)?, "--ThisRandomString\r\n");
    /// assert_eq!(
    ///     opening(Wire::Browser)?,
    ///     "--ThisRandomString\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    /// );
    /// # Ok::<(), mixed_replace::encode::EncodeError>(())
    /// ```
    #[must_use]
    pub fn opening(&self, first: &EncodedPart) -> Bytes {
        if self.events {
            return Bytes::copy_from_slice(first.tail());
        }
        let Some(block) = first.tail().strip_prefix(CRLF) else { return Bytes::new() };
        match (self.wire, block.strip_suffix(CRLF)) {
            (Wire::Browser, Some(lines)) if first.body().len() < PADDED_BELOW => {
                let padding = PADDING_LINE.repeat(PADDING_LINES);
                Bytes::from([lines, padding.as_slice(), CRLF].concat())
            }
            _ => Bytes::copy_from_slice(block),
        }
    }

    /// Encodes a part, followed by the framing that can be sent before the next part is known.
    ///
    /// A body up to 64 KiB is copied into one piece with its framing. A larger one is shared. A
    /// boundary of your choice is searched for, at the speed of memory.
    ///
    /// # Errors
    ///
    /// - [`EncodeError::BoundaryInPart`] if the part holds the boundary where a reader would take
    ///   it for a delimiter. Readers of `multipart/x-mixed-replace` search inside lines too.
    /// - [`EncodeError::InvalidPart`] if the part is a damaged image, as a
    ///   [`Decoder`](crate::Decoder) may return.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Encoder, Part, Wire};
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Browser);
    /// let part = encoder.encode(&Part::text("on")?)?;
    /// assert_eq!(
    ///     part.to_bytes(),
    ///     "on\r\n--ThisRandomString\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    /// );
    /// let error = encoder.encode(&Part::text("not ThisRandomString!")?).unwrap_err();
    /// assert_eq!(error.to_string(), "the part holds the boundary \"ThisRandomString\"");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode(&self, part: &Part) -> Result<EncodedPart, EncodeError> {
        self.check(part)?;
        let encode = |head: &[&[u8]], tail: &[&[u8]]| EncodedPart::for_one_client(head, part.body(), tail);
        Ok(self.encode_with(part, None, &self.stamp(part, None), encode))
    }

    /// Encodes a [checked](Self::check) part into one piece of any size. For many clients one copy
    /// costs less than extra buffers in each client's write.
    pub(crate) fn encode_contiguous(&self, part: &Part) -> EncodedPart {
        let encode = |head: &[&[u8]], tail: &[&[u8]]| EncodedPart::contiguous(head, part.body(), tail);
        self.encode_with(part, None, &self.stamp(part, None), encode)
    }

    /// Encodes a part with this `Content-Location` (RFC 2557 §4.2) in place of its own, into one piece. The browser wire
    /// leaves it out.
    pub(crate) fn encode_located(
        &self,
        part: &Part,
        location: &str,
        timestamps: bool,
    ) -> Result<EncodedPart, EncodeError> {
        let stamp = if timestamps { self.stamp(part, Some(location)) } else { Stamp::none() };
        self.search_located(part, Some(location), &stamp)?;
        let encode = |head: &[&[u8]], tail: &[&[u8]]| EncodedPart::contiguous(head, part.body(), tail);
        Ok(self.encode_with(part, Some(location), &stamp, encode))
    }

    pub(super) fn stamp(&self, part: &Part, location: Option<&str>) -> Stamp {
        if !self.timestamps || self.wire == Wire::Browser {
            return Stamp::none();
        }
        let located = location.map_or(0, |location| LOCATION.len() - CRLF.len() + location.len());
        Stamp::new(part, located)
    }

    /// Calls `encode` with the slices of the part's head and tail.
    fn encode_with(
        &self,
        part: &Part,
        location: Option<&str>,
        stamp: &Stamp,
        encode: impl FnOnce(&[&[u8]], &[&[u8]]) -> EncodedPart,
    ) -> EncodedPart {
        let (content_type, tail) = (part.content_type().as_ref().as_bytes(), self.tail.as_slice());
        let (extra, mut digits) = (extra_lines(part, location), itoa::Buffer::new());
        let [name, value, extra, stamp, length, digits, end] =
            self.header_block(content_type, &extra, stamp.as_bytes(), digits.format(part.body().len()));
        match self.wire {
            Wire::Browser => encode(&[], &[tail, content_type, BLANK_LINE]),
            Wire::Machine => encode(&[name, value, extra, stamp, length, digits, end], &[tail]),
            Wire::Script => encode(&[CRLF, name, value, extra, stamp, length, digits, end], &[tail]),
        }
    }

    /// Returns a header block. The type is first, the length last, and names are in Title-Case. For
    /// each of the three there is a consumer that requires it.
    pub(super) fn header_block<'a>(
        &self,
        content_type: &'a [u8],
        extra: &'a [u8],
        stamp: &'a [u8],
        length: &'a str,
    ) -> [&'a [u8]; 7] {
        let [name, length] = if self.lengths { [CONTENT_LENGTH, length.as_bytes()] } else { [&[][..]; 2] };
        [CONTENT_TYPE, content_type, extra, stamp, name, length, BLANK_LINE]
    }

    /// Returns the bytes to send between two parts of different types on the browser wire, or
    /// `None` on other wires or if the type does not change.
    ///
    /// On the browser wire the header block of the next part has already been sent, with the type
    /// of `last`. So the body of `last` is repeated under that block, followed by the block of
    /// `next`.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Encoder, Part, Wire};
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Browser);
    /// let text = encoder.encode(&Part::text("on")?)?;
    /// let html = encoder.encode(&Part::html("<p>on")?)?;
    /// assert_eq!(
    ///     encoder.bridge(&text, &html).unwrap().to_bytes(),
    ///     "on\r\n--ThisRandomString\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    /// );
    /// assert!(encoder.bridge(&text, &text).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn bridge(&self, last: &EncodedPart, next: &EncodedPart) -> Option<EncodedPart> {
        (last.tail() != next.tail()).then(|| last.reframed(&[], &[next.tail()]))
    }

    /// Returns the end of the stream: the close-delimiter, after a repeat of the last part on the
    /// browser and machine wires, where the delimiter of another part has already been sent.
    ///
    /// Without a last part it is only `--B-- CRLF`, with a leading CRLF in a stream of events.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Encoder, Part, Wire};
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine);
    /// let part = encoder.encode(&Part::text("on")?)?;
    /// assert_eq!(
    ///     encoder.closing(Some(&part)).to_bytes(),
    ///     "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\non\r\n--ThisRandomString--\r\n"
    /// );
    /// assert_eq!(encoder.closing(None).to_bytes(), "--ThisRandomString--\r\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn closing(&self, last: Option<&EncodedPart>) -> EncodedPart {
        let close = if self.lengths { CLOSE } else { DASHES };
        let (dashes, boundary) = (DELIMITER, self.boundary.as_str().as_bytes());
        let framing = |tail: &[&[u8]]| EncodedPart::contiguous(&[], &[], tail);
        match (last, self.wire) {
            (None, _) if self.events => framing(&[dashes, boundary, close]),
            (None, _) => framing(&[DASHES, boundary, close]),
            (Some(_), Wire::Script) => framing(&[close]),
            (Some(last), _) => last.reframed(&[last.head()], &[dashes, boundary, close]),
        }
    }
}

/// Returns the bytes after every body, on the browser wire up to the next part's type.
pub(super) fn tail(boundary: &Boundary, wire: Wire) -> Vec<u8> {
    let tail: &[&[u8]] = match wire {
        Wire::Browser => &[DELIMITER, boundary.as_str().as_bytes(), CRLF, CONTENT_TYPE],
        Wire::Machine => &[DELIMITER, boundary.as_str().as_bytes(), CRLF],
        Wire::Script => &[DELIMITER, boundary.as_str().as_bytes()],
    };
    tail.concat()
}

/// Returns the part's further header lines, each preceded by CRLF, with this `Content-Location` in place of its own.
pub(super) fn extra_lines(part: &Part, location: Option<&str>) -> Vec<u8> {
    let line_len = |(name, value): (&HeaderName, &HeaderValue)| CRLF.len() + name.as_str().len() + 2 + value.len();
    let headers = || part.sent_headers().filter(|(name, _)| location.is_none() || *name != header::CONTENT_LOCATION);
    let location = location.map(|location| [LOCATION, location.as_bytes()]).unwrap_or_default();
    let located = location.map(<[u8]>::len).iter().sum::<usize>();
    let mut lines = Vec::with_capacity(located + headers().map(line_len).sum::<usize>());
    location.iter().for_each(|piece| lines.extend_from_slice(piece));
    for (name, value) in headers() {
        lines.extend_from_slice(CRLF);
        lines.extend(title_case(name));
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
    }
    lines
}

/// Returns `Content-Type` for `content-type`, the form in which the `http` crate stores names.
pub(crate) fn title_case(name: &HeaderName) -> impl Iterator<Item = u8> {
    let mut start = true;
    name.as_str().bytes().map(move |byte| {
        let byte = if start { byte.to_ascii_uppercase() } else { byte };
        start = byte == b'-';
        byte
    })
}

const CRLF: &[u8] = b"\r\n";
const BLANK_LINE: &[u8] = b"\r\n\r\n";
const DASHES: &[u8] = b"--";
const DELIMITER: &[u8] = b"\r\n--";
const CLOSE: &[u8] = b"--\r\n";
const CONTENT_TYPE: &[u8] = b"Content-Type: ";
const LOCATION: &[u8] = b"\r\nContent-Location: ";
const CONTENT_LENGTH: &[u8] = b"\r\nContent-Length: ";
const PADDED_BELOW: usize = 600;
const PADDING_LINE: &[u8; 124] = b"X-Padding: \
................................................................\
...............................................\r\n";
const PADDING_LINES: usize = 5;
