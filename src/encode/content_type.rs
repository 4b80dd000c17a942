//! A `Content-Type` that somebody else's protocol prescribes.

use std::fmt;

use http::HeaderValue;
use mime::Mime;

use crate::boundary::{Boundary, InvalidBoundary};

/// What an encoder has to know of it.
pub(super) struct Read {
    pub(super) value: HeaderValue,
    pub(super) boundary: Boundary,
    /// Whether it is `multipart/x-mixed-replace`.
    pub(super) replaces: bool,
}

pub(super) fn read(value: &[u8]) -> Result<Read, InvalidContentType> {
    let refuse = || InvalidContentType(Why::NotMultipart(String::from_utf8_lossy(value).into_owned()));
    let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii()).ok_or_else(refuse)?;
    let mime: Mime = text.parse().map_err(|_| refuse())?;
    if mime.type_() != mime::MULTIPART {
        return Err(refuse());
    }
    let boundary = Boundary::from_content_type(value).and_then(|lenient| lenient.as_str().parse());
    Ok(Read {
        value: HeaderValue::from_bytes(value).map_err(|_| refuse())?,
        boundary: boundary.map_err(|error| InvalidContentType(Why::Boundary(error)))?,
        replaces: mime.subtype() == "x-mixed-replace",
    })
}

/// Why a string is no `Content-Type` of a stream of parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidContentType(Why);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Why {
    Boundary(InvalidBoundary),
    NotMultipart(String),
}

impl fmt::Display for InvalidContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Boundary(_) => f.write_str("the content type names no boundary to send"),
            Why::NotMultipart(value) => write!(f, "the content type is no multipart/...: {value}"),
        }
    }
}

impl std::error::Error for InvalidContentType {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Why::Boundary(error) => Some(error),
            Why::NotMultipart(_) => None,
        }
    }
}

/// `InvalidData`.
impl From<InvalidContentType> for std::io::Error {
    fn from(error: InvalidContentType) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn takes_what_protocols_prescribe() {
        for (value, boundary, replaces) in [
            ("multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0", "graphql", false),
            ("multipart/mixed; boundary=\"-\"", "-", false),
            ("multipart/mixed; deferSpec=20220824; boundary=-", "-", false),
            ("Multipart/Related; type=\"text/xml\"; start=\"<a;boundary=b>\"; boundary=\"a b\"", "a b", false),
            ("multipart/X-Mixed-Replace;boundary=--myboundary", "--myboundary", true),
        ] {
            let read = read(value.as_bytes()).unwrap();
            assert_eq!(
                (&read.value, read.boundary.as_str(), read.replaces),
                (&value.parse().unwrap(), boundary, replaces)
            );
        }
    }

    #[test]
    fn refuses_what_nobody_could_read() {
        for value in [
            &b"text/event-stream"[..],
            b"multipart",
            b"multipart/mixed boundary=x",
            b"multipart/mixed; boundary = x",
            b"multipart/mixed; boundary=\"\"",
            b"multipart/mixed; boundary=x\r\nSet-Cookie: a=b",
            b"multipart/mixed; boundary=\"x\xff\"",
            b"",
        ] {
            let Err(InvalidContentType(Why::NotMultipart(said))) = read(value) else {
                panic!("{}", value.escape_ascii());
            };
            assert_eq!(said, String::from_utf8_lossy(value));
        }
        for (value, why) in [
            ("multipart/mixed", "the content type has no boundary parameter"),
            ("multipart/mixed; boundary=\"a;b\"", "a boundary cannot hold the byte ';'"),
            ("multipart/mixed; boundary=\"a \"", "a boundary cannot end in a space"),
        ] {
            let Err(error) = read(value.as_bytes()) else { panic!("{value}") };
            assert_eq!(error.to_string(), "the content type names no boundary to send");
            assert_eq!(error.source().unwrap().to_string(), why, "{value}");
        }
    }
}
