//! A parser of `Content-Type` values that another protocol prescribes.

use http::HeaderValue;
use mime::Mime;

use crate::boundary::{Boundary, InvalidBoundary};
use crate::derive::error_messages;
use crate::part::parameter;

/// A parsed `Content-Type`.
pub(super) struct Parsed {
    pub(super) value: HeaderValue,
    pub(super) boundary: Boundary,
    /// Whether it is `multipart/x-mixed-replace`.
    pub(super) replaces: bool,
}

pub(super) fn parse(value: &[u8]) -> Result<Parsed, InvalidContentType> {
    let refuse = || InvalidContentType(Reason::NotMultipart(String::from_utf8_lossy(value).into_owned()));
    let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii()).ok_or_else(refuse)?;
    let mime: Mime = text.parse().map_err(|_| refuse())?;
    if mime.type_() != mime::MULTIPART {
        return Err(refuse());
    }
    // As readers do it: `mime` takes no notice of a backslash before a quote.
    let boundary = parameter::find(value, b"boundary").ok_or(InvalidContentType(Reason::NoBoundary))?;
    let boundary = std::str::from_utf8(&boundary.content).map_err(|_| refuse())?;
    let boundary = Boundary::fixed(boundary).map_err(|error| InvalidContentType(Reason::Boundary(error)))?;
    Ok(Parsed {
        value: HeaderValue::from_bytes(value).map_err(|_| refuse())?,
        boundary,
        replaces: mime.subtype() == "x-mixed-replace",
    })
}

/// The error of a `Content-Type` that cannot describe a stream of parts.
///
/// # Examples
///
/// ```
/// use mixed_replace::Encoder;
///
/// assert!(Encoder::for_content_type("text/html").is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidContentType(Reason);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Reason {
    Boundary(InvalidBoundary),
    NoBoundary,
    NotMultipart(String),
}

error_messages! { InvalidContentType {
    Self(Reason::Boundary(error)) => "{error}";
    Self(Reason::NoBoundary) => "the content type must have a boundary parameter";
    Self(Reason::NotMultipart(value)) => "the content type must be multipart/...: {value}";
} }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_content_types_of_protocols() {
        for (value, boundary, replaces) in [
            ("multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0", "graphql", false),
            ("multipart/mixed; boundary=\"-\"", "-", false),
            ("multipart/mixed; deferSpec=20220824; boundary=-", "-", false),
            ("Multipart/Related; type=\"text/xml\"; start=\"<a;boundary=b>\"; boundary=\"a b\"", "a b", false),
            ("multipart/X-Mixed-Replace;boundary=myboundary", "myboundary", true),
        ] {
            let parsed = parse(value.as_bytes()).unwrap();
            assert_eq!(
                (&parsed.value, parsed.boundary.as_str(), parsed.replaces),
                (&value.parse().unwrap(), boundary, replaces)
            );
        }
    }

    #[test]
    fn rejects_malformed_content_types() {
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
            let Err(InvalidContentType(Reason::NotMultipart(named))) = parse(value) else {
                panic!("{}", value.escape_ascii());
            };
            assert_eq!(named, String::from_utf8_lossy(value));
        }
        for (value, why) in [
            ("multipart/mixed", "the content type must have a boundary parameter"),
            // The quote of `start` is not closed, so the boundary belongs to its value.
            ("multipart/mixed; start=\"a\\\\\\\"; boundary=x", "the content type must have a boundary parameter"),
            ("multipart/mixed; boundary=\"a;b\"", "invalid boundary: must not contain ';'"),
            ("multipart/mixed; boundary=\"a \"", "invalid boundary: must not end with a space"),
            (
                "multipart/x-mixed-replace; boundary=--myboundary",
                "invalid boundary: must not start with a dash, or WebKitGTK shows no part",
            ),
        ] {
            let Err(error) = parse(value.as_bytes()) else { panic!("{value}") };
            assert_eq!(error.to_string(), why, "{value}");
        }
    }
}
