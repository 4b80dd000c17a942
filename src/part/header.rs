//! The header fields of a part, and the check of their names, their values and their number.

use std::borrow::Cow;

use http::header::{CONTENT_DISPOSITION, HeaderMap, HeaderName, HeaderValue};

use super::{Part, parameter};
use crate::derive::{error_messages, io_error};

/// The reason why a part cannot carry a header field.
///
/// # Examples
///
/// ```
/// use mixed_replace::{InvalidHeader, Part};
///
/// let mut part = Part::text("on")?;
/// let error = part.insert_header("set-cookie".parse()?, "a=b".parse()?).unwrap_err();
/// assert!(matches!(error, InvalidHeader::Forbidden { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// With this field, the header block of the part would be too long for GStreamer.
    #[non_exhaustive]
    BlockTooLong {
        /// The name of the field.
        name: HeaderName,
        /// The limit in bytes.
        max_bytes: usize,
    },
    /// The field frames or guards a response, and readers disagree on its meaning in a part.
    #[non_exhaustive]
    Forbidden {
        /// The name of the field.
        name: HeaderName,
    },
    /// The line of this field would be too long for ffmpeg.
    #[non_exhaustive]
    LineTooLong {
        /// The name of the field.
        name: HeaderName,
        /// The limit in bytes.
        max_bytes: usize,
    },
    /// With this field, the part would have too many header lines for the crate `multipart-stream`.
    #[non_exhaustive]
    TooManyLines {
        /// The name of the field.
        name: HeaderName,
        /// The limit in lines, including the type and the length.
        max_lines: usize,
    },
    /// The value is empty, holds anything but printable ASCII, or begins or ends with a space.
    #[non_exhaustive]
    Value {
        /// The name of the field.
        name: HeaderName,
    },
}

error_messages! { InvalidHeader {
    Self::BlockTooLong { name, max_bytes } => "with the header {name} the part's headers exceed {max_bytes} bytes";
    Self::Forbidden { name } => "a part cannot carry the header {name}";
    Self::LineTooLong { name, max_bytes } => "the header {name} exceeds {max_bytes} bytes";
    Self::TooManyLines { name, max_lines } => "with the header {name} the part has more than {max_lines} header lines";
    Self::Value { name } => "the value of the header {name} must be printable ASCII without spaces at its ends";
} }

io_error!(InvalidHeader, InvalidData);

impl Part {
    /// Inserts a header field, replacing those of the same name. It is written between `Content-Type` and `Content-Length`.
    ///
    /// The browser wire leaves such fields out: there a part's header block is sent before the part is known.
    ///
    /// `X-Timestamp` with seconds since 1970, and `X-Sequence` with a number, are not kept as headers: they set
    /// [`captured`](Self::captured) and [`sequence`](Self::sequence). With any other value, they are sent in place of the
    /// part's own.
    ///
    /// # Errors
    ///
    /// The part is then unchanged.
    ///
    /// - [`InvalidHeader::Forbidden`] if the field frames or guards a response: `Content-Length` and the like, `Set-Cookie`,
    ///   `Content-Security-Policy`.
    /// - [`InvalidHeader::Value`] if the value is empty, holds anything but printable ASCII, or begins or ends with a space.
    /// - [`InvalidHeader::LineTooLong`], [`InvalidHeader::TooManyLines`] or [`InvalidHeader::BlockTooLong`] if a limit of the
    ///   [strictest readers](Self) would be exceeded.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{HeaderName, HeaderValue};
    /// use mixed_replace::Part;
    ///
    /// let mut part = Part::text("12:00")?;
    /// part.insert_header(HeaderName::from_static("x-camera"), HeaderValue::from_static("Yard"))?;
    /// assert_eq!(part.headers()["x-camera"], "Yard");
    ///
    /// let error = part.insert_header(http::header::SET_COOKIE, HeaderValue::from_static("a=b")).unwrap_err();
    /// assert_eq!(error.to_string(), "a part cannot carry the header set-cookie");
    /// assert_eq!(part.headers().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn insert_header(&mut self, name: HeaderName, value: HeaderValue) -> Result<(), InvalidHeader> {
        check(&name, &value, self)?;
        if !self.replace_stamp(&name, &value) {
            self.headers.insert(name, value);
        }
        Ok(())
    }

    /// Adds the headers of a received part, of which only those are sent that [`insert_header`](Self::insert_header) accepts.
    pub(crate) fn with_received_headers(
        mut self,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Self {
        for (name, value) in headers {
            if self.read_stamp(&name, &value) {
                continue;
            }
            self.has_unsent |= check(&name, &value, &self).is_err();
            // A map has room for some 32,000 fields, far above the decoder's limit unless that was raised.
            if self.headers.try_append(name, value).is_err() {
                break;
            }
        }
        self
    }

    /// Returns the header fields, without the type, the length, the [time](Self::captured) and the
    /// [number](Self::sequence).
    ///
    /// A part that a [`Decoder`](crate::Decoder) returns has all fields that its sender wrote, whatever their names,
    /// within the decoder's [`Limits`](crate::decode::Limits). When such a part is sent on, those are left out that
    /// [`insert_header`](Self::insert_header) does not accept, such as `Set-Cookie` and lines for which there is no room.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::{Boundary, Decoder, Encoder, Wire};
    ///
    /// let sent = "--x\r\nContent-Type: text/plain\r\nX-Online: true\r\nSet-Cookie: a=b\r\n\r\non\r\n--x--";
    /// let part = Decoder::new("x").decode(&mut BytesMut::from(sent))?.expect("a part");
    /// assert_eq!(part.headers()["set-cookie"], "a=b");
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine);
    /// assert_eq!(
    ///     encoder.encode(&part)?.to_bytes(),
    ///     "Content-Type: text/plain\r\nX-Online: true\r\nContent-Length: 2\r\n\r\non\r\n--ThisRandomString\r\n"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the header fields that are sent with the part, in their order, each that has room after those before it.
    pub(crate) fn sent_headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let mut room = self.has_unsent.then(|| Room::new(self));
        self.headers.iter().filter(move |(name, value)| room.as_mut().is_none_or(|room| room.take(name, value).is_ok()))
    }

    /// Returns the name that the sender of a received part gave it, in `Content-Disposition` (RFC 7578 §4.2): its `name`,
    /// or else its `filename`.
    ///
    /// Hikvision cameras tell the pictures of an event apart like this.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let sent = "--x\r\nContent-Disposition: form-data; name=\"plate.xml\"\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--x--";
    /// let part = Decoder::new("x").decode(&mut BytesMut::from(sent))?.expect("a part");
    /// assert_eq!(part.name().as_deref(), Some("plate.xml"));
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<Cow<'_, str>> {
        let value = self.headers.get(CONTENT_DISPOSITION)?.as_bytes();
        let name = parameter::find(value, b"name").or_else(|| parameter::find(value, b"filename"))?;
        Some(match name.content {
            Cow::Borrowed(name) => String::from_utf8_lossy(name),
            Cow::Owned(name) => Cow::Owned(String::from_utf8_lossy(&name).into_owned()),
        })
    }
}

/// Checks that the field can be sent in addition to those of other names that can.
fn check(name: &HeaderName, value: &HeaderValue, part: &Part) -> Result<(), InvalidHeader> {
    let mut room = Room::new(part);
    part.sent_headers().filter(|(other, _)| *other != name).for_each(|(name, value)| room.add(name, value));
    room.take(name, value)
}

/// Returns the room beside the fields of the part that can be sent, and beside a line of so many bytes.
pub(super) fn room(part: &Part, line: usize) -> Room {
    let mut room = Room::new(part);
    part.sent_headers().for_each(|(name, value)| room.add(name, value));
    if line > 0 {
        room.add_line(line);
    }
    room
}

/// The used part of a header block.
pub(super) struct Room {
    lines: usize,
    /// From the dash-boundary to the blank line, as the machine wire writes it.
    block: usize,
}

impl Room {
    fn new(part: &Part) -> Self {
        let lines = [
            DASH_BOUNDARY,
            line_len(CONTENT_TYPE, part.content_type().as_ref().len()),
            line_len("Content-Length", digits(part.body().len())),
        ];
        Self { lines: TYPE_AND_LENGTH, block: lines.iter().map(|line| line + CRLF).sum::<usize>() + CRLF }
    }

    fn take(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<(), InvalidHeader> {
        if is_forbidden(name.as_str()) {
            return Err(InvalidHeader::Forbidden { name: name.clone() });
        }
        let bytes = value.as_bytes();
        if !bytes.iter().all(|b| (0x20..0x7f).contains(b)) || bytes.trim_ascii() != bytes || bytes.is_empty() {
            return Err(InvalidHeader::Value { name: name.clone() });
        }
        let line = line_len(name.as_str(), value.len());
        if line > LINE_MAX {
            return Err(InvalidHeader::LineTooLong { name: name.clone(), max_bytes: LINE_MAX });
        }
        if self.lines + 1 > LINES_MAX {
            return Err(InvalidHeader::TooManyLines { name: name.clone(), max_lines: LINES_MAX });
        }
        if !self.take_line(line) {
            return Err(InvalidHeader::BlockTooLong { name: name.clone(), max_bytes: BLOCK_MAX });
        }
        Ok(())
    }

    /// Adds a line if there is room for it. Returns `false` if there is none.
    pub(super) fn take_line(&mut self, line: usize) -> bool {
        let fits = self.lines < LINES_MAX && self.block + line + CRLF <= BLOCK_MAX;
        if fits {
            self.add_line(line);
        }
        fits
    }

    fn add(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.add_line(line_len(name.as_str(), value.len()));
    }

    fn add_line(&mut self, line: usize) {
        self.lines += 1;
        self.block += line + CRLF;
    }
}

/// Returns the number of decimal digits.
fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// `name: value`, without the line end.
pub(super) fn line_len(name: &str, value: usize) -> usize {
    name.len() + ": ".len() + value
}

/// Returns `true` for `tchar` of RFC 9110 §5.6.2, a byte of a field name or of an unquoted parameter.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `name` is in lower case, as the `http` crate keeps it.
fn is_forbidden(name: &str) -> bool {
    FORBIDDEN.contains(&name) || FORBIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Gecko ends the stream at a name that merely begins with one of the first six; a `Cross-Origin-…`, CORS or security
/// field in a part has been read as the response's own (CVE-2010-1197, CVE-2024-1551). Where a part becomes a response of
/// its own, servers in front obey `X-Accel-…`, `X-Sendfile` and their like.
const FORBIDDEN_PREFIXES: &[&str] = &[
    "content-type",
    "content-length",
    "content-disposition",
    "content-range",
    "content-security-policy",
    "set-cookie",
    "access-control-",
    "cross-origin-",
    "proxy-",
    "sec-",
    "strict-transport-security",
    "x-accel-",
    "x-lighttpd-",
    "x-reproxy-",
    "x-sendfile",
];

/// `Content-Location` is not among them. It names the address of a part among several (RFC 2557 §4.2), nothing loads it, no
/// browser takes it for a base address, and a cache does not store a response under it (RFC 9110 §8.7).
const FORBIDDEN: &[&str] = &[
    "accept-ch",
    "alt-svc",
    "clear-site-data",
    "connection",
    "content-encoding",
    "content-transfer-encoding",
    "critical-ch",
    "document-policy",
    "feature-policy",
    "keep-alive",
    "link",
    "location",
    "mime-version",
    "nel",
    "origin-agent-cluster",
    "permissions-policy",
    "public-key-pins",
    "referrer-policy",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "sourcemap",
    "speculation-rules",
    "status",
    "te",
    "timing-allow-origin",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
    "x-sourcemap",
    "x-xss-protection",
];

pub(super) const CONTENT_TYPE: &str = "Content-Type";
const CRLF: usize = 2;
/// `--` and the longest boundary that all readers take.
const DASH_BOUNDARY: usize = 2 + 40;
/// ffmpeg reads a line into 128 bytes.
pub(super) const LINE_MAX: usize = 127;
/// multipart-stream parses at most 16 header lines.
const LINES_MAX: usize = 15;
const TYPE_AND_LENGTH: usize = 2;
/// GStreamer guesses the type of a stream from its first 256 bytes.
const BLOCK_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> Result<Part, InvalidHeader> {
        let mut part = Part::text("x").unwrap();
        part.insert_header(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()).map(|()| part)
    }

    #[test]
    fn rejects_framing_and_security_headers() {
        for name in [
            "content-type",
            "content-type-x",
            "content-length",
            "content-lengthy",
            "content-disposition",
            "content-range",
            "content-security-policy-report-only",
            "content-encoding",
            "set-cookie",
            "set-cookie2",
            "access-control-allow-origin",
            "cross-origin-resource-policy",
            "transfer-encoding",
            "strict-transport-security",
            "x-frame-options",
            "refresh",
        ] {
            let error = with(name, "x").unwrap_err();
            assert_eq!(error.to_string(), format!("a part cannot carry the header {name}"));
        }
    }

    #[test]
    fn rejects_invalid_header_values() {
        for value in ["a\tb", " a", "a ", ""] {
            assert!(with("x-a", value).unwrap_err().to_string().contains("x-a"), "{value:?}");
        }
        let latin = HeaderValue::from_bytes(b"\xe9").unwrap();
        assert!(Part::text("x").unwrap().insert_header(HeaderName::from_static("x-a"), latin).is_err());
        assert!(with("x-a", &"v".repeat(122)).is_ok());
        assert_eq!(with("x-a", &"v".repeat(123)).unwrap_err().to_string(), "the header x-a exceeds 127 bytes");
    }

    #[test]
    fn rejects_more_headers_than_the_strictest_reader_accepts() {
        let insert = |part: &mut Part, name: &str, value: &str| {
            part.insert_header(name.parse().unwrap(), value.parse().unwrap()).map_err(|error| error.to_string())
        };
        let mut part = Part::json("{}").unwrap();
        for letter in 'a'..='m' {
            insert(&mut part, &letter.to_string(), "1").unwrap();
        }
        let full = part.clone();
        let error = insert(&mut part, "x", "1").unwrap_err();
        assert_eq!(error, "with the header x the part has more than 15 header lines");
        assert_eq!(part, full, "a refused header leaves the part unchanged");

        let mut part = Part::json("{}").unwrap();
        insert(&mut part, "x", &"1".repeat(120)).unwrap();
        let error = insert(&mut part, "y", &"1".repeat(120)).unwrap_err();
        assert_eq!(error, "with the header y the part's headers exceed 255 bytes");
    }

    #[test]
    fn inserted_header_replaces_same_name() {
        let mut part = Part::json("{}").unwrap();
        for value in [100, 110, 120] {
            let value = "1".repeat(value).parse().unwrap();
            part.insert_header(HeaderName::from_static("x"), value).unwrap();
        }
        assert_eq!((part.headers().len(), part.headers()["x"].len()), (1, 120), "without room for two of them");
    }
}
