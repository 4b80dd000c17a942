//! The check of a part's header fields: their names, their values and their number.

use std::fmt;

use http::header::{HeaderName, HeaderValue};

use super::Part;

/// The reason why a part cannot carry a header field.
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

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlockTooLong { name, max_bytes } => {
                write!(f, "with the header {name} the part's headers exceed {max_bytes} bytes")
            }
            Self::Forbidden { name } => write!(f, "a part cannot carry the header {name}"),
            Self::LineTooLong { name, max_bytes } => write!(f, "the header {name} exceeds {max_bytes} bytes"),
            Self::TooManyLines { name, max_lines } => {
                write!(f, "with the header {name} the part has more than {max_lines} header lines")
            }
            Self::Value { name } => {
                write!(f, "the value of the header {name} must be printable ASCII without spaces at its ends")
            }
        }
    }
}

impl std::error::Error for InvalidHeader {}

/// `InvalidData`.
impl From<InvalidHeader> for std::io::Error {
    fn from(error: InvalidHeader) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

/// Checks that the field can be sent in addition to those of other names that can.
pub(super) fn check(name: &HeaderName, value: &HeaderValue, part: &Part) -> Result<(), InvalidHeader> {
    let mut room = Room::new(part);
    sent(part).filter(|(other, _)| *other != name).for_each(|(name, value)| room.add(name, value));
    room.take(name, value)
}

/// Returns the fields of the part that can be sent, in their order, each that has room after those before it.
pub(super) fn sent(part: &Part) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let mut room = part.has_unsent.then(|| Room::new(part));
    part.headers.iter().filter(move |(name, value)| room.as_mut().is_none_or(|room| room.take(name, value).is_ok()))
}

/// Returns the room beside the fields of the part that can be sent, and beside a line of so many bytes.
pub(super) fn room(part: &Part, line: usize) -> Room {
    let mut room = Room::new(part);
    sent(part).for_each(|(name, value)| room.add(name, value));
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
