//! The framing of a body on each wire: header block and delimiter.

use http::HeaderName;

use super::Encoder;
use crate::part::Part;
use crate::wire::Wire;

/// The bytes before and after a body.
pub(super) trait Frame {
    fn head(&self, to: &mut impl Put);
    fn tail(&self, to: &mut impl Put);
}

/// The framing of a part on an encoder's wire.
pub(super) struct Framed<'a> {
    encoder: &'a Encoder,
    part: &'a Part,
    content_type: &'a [u8],
    length: &'a [u8],
}

impl<'a> Framed<'a> {
    #[inline]
    pub(super) fn new(encoder: &'a Encoder, part: &'a Part, digits: &'a mut [u8; 20]) -> Self {
        let content_type = part.content_type().as_ref().as_bytes();
        let length = if encoder.wire == Wire::Browser { &[] } else { decimal(part.body().len(), digits) };
        Self { encoder, part, content_type, length }
    }

    /// Writes the type first, the length last, and names in Title-Case. For each of the three there
    /// is a consumer that requires it.
    #[inline]
    pub(super) fn header_block(&self, to: &mut impl Put) {
        to.put(CONTENT_TYPE);
        to.put(self.content_type);
        if !self.part.headers().is_empty() {
            extra_lines(self.part, to);
        }
        if self.encoder.lengths {
            to.put(CONTENT_LENGTH);
            to.put(self.length);
        }
        to.put(BLANK_LINE);
    }
}

impl Frame for Framed<'_> {
    #[inline]
    fn head(&self, to: &mut impl Put) {
        match self.encoder.wire {
            Wire::Browser => {}
            Wire::Machine => self.header_block(to),
            Wire::Script => {
                to.put(CRLF);
                self.header_block(to);
            }
        }
    }

    #[inline]
    fn tail(&self, to: &mut impl Put) {
        to.put(&self.encoder.tail);
        if self.encoder.wire == Wire::Browser {
            to.put(self.content_type);
            to.put(BLANK_LINE);
        }
    }
}

/// Head and tail as slices.
impl Frame for (&[u8], &[u8]) {
    fn head(&self, to: &mut impl Put) {
        to.put(self.0);
    }

    fn tail(&self, to: &mut impl Put) {
        to.put(self.1);
    }
}

#[inline]
pub(super) fn fill(to: &mut impl Put, frame: &impl Frame, body: &[&[u8]]) {
    frame.head(to);
    body.iter().for_each(|piece| to.put(piece));
    frame.tail(to);
}

#[inline]
pub(super) fn lengths(frame: &impl Frame) -> (usize, usize) {
    let (mut head, mut tail) = (0, 0);
    frame.head(&mut head);
    frame.tail(&mut tail);
    (head, tail)
}

pub(super) trait Put {
    fn put(&mut self, piece: &[u8]);
}

impl Put for Vec<u8> {
    #[inline]
    fn put(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }
}

/// Counts bytes.
impl Put for usize {
    #[inline]
    fn put(&mut self, piece: &[u8]) {
        *self += piece.len();
    }
}

/// Writes the part's further header lines, each preceded by CRLF.
#[cold]
fn extra_lines(part: &Part, to: &mut impl Put) {
    for (name, value) in part.sent_headers() {
        to.put(CRLF);
        title_case(name).for_each(|byte| to.put(&[byte]));
        to.put(b": ");
        to.put(value.as_bytes());
    }
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

/// Formats a number, two digits at a time: dependent divisions would dominate the cost.
#[inline]
fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    for pair in digits.rchunks_exact_mut(2) {
        let two = (number % 100).to_le_bytes()[0];
        pair.copy_from_slice(&[b'0' + two / 10, b'0' + two % 10]);
        number /= 100;
        start -= if number == 0 && two < 10 { 1 } else { 2 };
        if number == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}

pub(super) const CRLF: &[u8] = b"\r\n";
pub(super) const DELIMITER: &[u8] = b"\r\n--";
pub(super) const CLOSE: &[u8] = b"--\r\n";
pub(super) const DASHES: &[u8] = b"--";
pub(super) const BLANK_LINE: &[u8] = b"\r\n\r\n";
pub(super) const CONTENT_TYPE: &[u8] = b"Content-Type: ";
pub(super) const CONTENT_LENGTH: &[u8] = b"\r\nContent-Length: ";
