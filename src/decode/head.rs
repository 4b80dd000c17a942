//! The header block of a part, and the part that is made of it and a body.

use std::borrow::Cow;

use bytes::{Buf as _, Bytes};
use http::header::{HeaderName, HeaderValue};
use mime::Mime;

use super::scan::{LineEnd, bytes_from, bytes_to, line_end, line_ends};
use crate::part::{Part, fits};
use crate::picture;

/// A parsed header block, without the lines that cannot be read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Head {
    content_type: Option<Mime>,
    /// `Content-Length`: the greatest `u64` if it does not fit, `None` if two of them differ.
    pub(super) length: Option<u64>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Head {
    pub(super) fn parse(block: &[u8]) -> Self {
        let mut head = Self::default();
        let mut length = None;
        for (name, value) in Fields(block) {
            if name.eq_ignore_ascii_case(b"content-type") {
                head.content_type = head.content_type.or_else(|| content_type(&value));
            } else if name.eq_ignore_ascii_case(b"content-length") {
                let other = content_length(&value);
                length = Some(length.map_or(other, |length| if length == other { length } else { None }));
            } else if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(&value)) {
                // The encoder's own padding for browsers that hold back the first bytes.
                if name != "x-padding" {
                    head.headers.push((name, value));
                }
            }
        }
        head.length = length.flatten();
        head
    }

    /// Returns the kind of the body by its type.
    pub(super) fn kind(&self) -> Kind {
        let Some(content_type) = &self.content_type else { return Kind::Other };
        match (content_type.type_(), content_type.suffix().unwrap_or_else(|| content_type.subtype())) {
            (_, mime::JSON) => Kind::Json,
            (_, mime::XML) | (mime::TEXT, _) => Kind::Text,
            (mime::IMAGE, _) => Kind::Image,
            _ => Kind::Other,
        }
    }

    /// Creates a part, or returns `None` if the body is empty, or no image although its type is one that is checked.
    ///
    /// An image gets the type of its first bytes, as in browsers.
    pub(super) fn into_part(self, mut body: Bytes) -> Option<Part> {
        let content_type = match self.content_type {
            Some(jpeg) if matches!(jpeg.essence_str(), "image/jpg" | "image/pjpeg") => mime::IMAGE_JPEG,
            Some(declared) => declared,
            None => picture::sniff(&body).unwrap_or(mime::TEXT_PLAIN),
        };
        if picture::is_checked(&content_type) {
            // Some senders write a blank line too many. No image begins with one.
            body.advance(line_ends(&body));
        }
        Some(Part::received(content_type, body).ok()?.with_received_headers(self.headers))
    }
}

/// The kind of a body, by which its end is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// An image declared as such.
    Image,
    Json,
    /// Anything else, or an image without a type.
    Other,
    /// Text or XML.
    Text,
}

/// An iterator over the fields of a header block, with continuation lines joined (RFC 5322 §2.2.3).
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn line(&mut self) -> &'a [u8] {
        let (len, next) = match line_end(self.0, true) {
            LineEnd::Found { len, next } => (len, next),
            LineEnd::Missing { len } => (len, len),
        };
        let line = bytes_to(self.0, len);
        self.0 = bytes_from(self.0, next);
        line
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], Cow<'a, [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let line = self.line();
            let Some((name, value)) = memchr::memchr(b':', line).and_then(|colon| line.split_at_checked(colon)) else {
                continue;
            };
            let mut value = Cow::Borrowed(bytes_from(value, 1).trim_ascii());
            while let [b' ' | b'\t', ..] = self.0 {
                let more = self.line().trim_ascii();
                let space = if value.is_empty() { &b""[..] } else { b" " };
                value.to_mut().extend([space, more].concat());
            }
            return Some((name.trim_ascii(), value));
        }
        None
    }
}

fn content_type(value: &[u8]) -> Option<Mime> {
    if value.eq_ignore_ascii_case(b"image/jpeg") {
        return Some(mime::IMAGE_JPEG);
    }
    let read = |value: &[u8]| {
        let mime = std::str::from_utf8(value).ok()?.parse::<Mime>().ok()?;
        (fits(&mime) && mime.subtype() != "").then_some(mime)
    };
    // If only the parameters are invalid, the type is still valid.
    read(value).or_else(|| read(value.split(|byte| *byte == b';').next()?.trim_ascii()))
}

/// Returns `None` for anything but digits, such as `-1` from a sender that does not know the length.
fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0, |length: u64, digit| length.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn reads_lengths_leniently() {
        for (block, length) in [
            (&b"Content-Length:135\r\n"[..], Some(135)),
            (b"content-length:       7   \n", Some(7)),
            (b"Content-Length : 7\r", Some(7)),
            (b"Content-Length: 7\r\r\nContent-Length: 7\r\n", Some(7)),
            (b"Content-Length: 7\r\nContent-Length: 8\r\n", None),
            (b"Content-Length: 7\r\nContent-Length: x\r\n", None),
            (b"Content-Length: -1\r\n", None),
            (b"Content-Length: +5\r\n", None),
            (b"Content-Length: 0x10\r\n", None),
            (b"Content-Length: 7, 7\r\n", None),
            (b"Content-Length:\r\n", None),
            (b"Content-Length:\r\n 2\r\n", Some(2)),
            (b"Content-Length: 18446744073709551616\r\n", Some(u64::MAX)),
            (b"Content-Length: 99999999999999999999999999\r\n", Some(u64::MAX)),
            (b"no colon\r\n", None),
        ] {
            assert_eq!(Head::parse(block).length, length, "{}", block.escape_ascii());
        }
    }

    #[test]
    fn reads_types_leniently() {
        let jpeg = &b"\xff\xd8\xff\xd9"[..];
        for (block, body, content_type) in [
            (&b"Content-Type: image/jpeg\r\n"[..], jpeg, "image/jpeg"),
            (b"content-type:IMAGE/JPEG\n", jpeg, "image/jpeg"),
            (b"Content-Type: image/jpg\r\n", jpeg, "image/jpeg"),
            (b"Content-Type: image/jpeg;\r\n", jpeg, "image/jpeg"),
            (b"Content-Type: image/jpeg; ===\r\n", jpeg, "image/jpeg"),
            (b"Content-Type: image/\r\n", jpeg, "image/jpeg"),
            (b"", jpeg, "image/jpeg"),
            (b"", b"\x89PNG\r\n\x1a\n...", "image/png"),
            (b"", b"GIF89a", "image/gif"),
            (b"Content-Type: image/jpeg\r\n", b"\x89PNG\r\n\x1a\n...", "image/png"),
            (b"Content-Type: image/webp\r\n", jpeg, "image/jpeg"),
            (b"", b"Hello", "text/plain"),
            (b"Content-Type: jpeg\r\n", b"Hello", "text/plain"),
            (b"Content-Type: \xff/\xff\r\n", b"Hello", "text/plain"),
            (b"Content-Type: text/html;\r\n charset=utf-8\r\n", b"<p>", "text/html; charset=utf-8"),
            (b"Content-Type:\r\n text/html; charset=utf-8\r\n", b"<p>", "text/html; charset=utf-8"),
            (b"Content-Type: \n\t\r\n text/html\r\n", b"<p>", "text/html"),
            (b"Content-Type: image/jpeg\r\n", b"\x89PNG\r\n\x1a\n...", "image/png"),
            (b"Content-Type: image/png\r\n", b"RIFF....WEBPVP8 ", "image/webp"),
            (b"Content-Type: image/apng\r\n", b"\x89PNG\r\n\x1a\n...", "image/apng"),
            (b"Content-Type: image/avif\r\n", b"....ftypavif", "image/avif"),
            (b"Content-Type: application/xml; charset=\"UTF-8\"\r\n", b"<a/>", "application/xml; charset=\"utf-8\""),
            (b"Content-Type: text/xml\r\nContent-Type: text/css\r\n", b"<a/>", "text/xml"),
        ] {
            let part = Head::parse(block).into_part(Bytes::from_static(body)).unwrap();
            assert_eq!(part.content_type().as_ref(), content_type, "{}", block.escape_ascii());
        }
        let long = format!("Content-Type: text/css; a={}\r\n", "x".repeat(200));
        let part = Head::parse(long.as_bytes()).into_part(Bytes::from_static(b"x")).unwrap();
        assert_eq!(part.content_type(), &mime::TEXT_CSS);
    }

    #[test]
    fn skips_bodies_that_are_empty_or_no_picture() {
        let jpeg = Head::parse(b"Content-Type: image/jpeg\r\n");
        assert_eq!(jpeg.clone().into_part(Bytes::from_static(b"<html>busy</html>")), None);
        assert_eq!(jpeg.clone().into_part(Bytes::from_static(b"\r\n")), None);
        assert_eq!(Head::default().into_part(Bytes::new()), None);
        let part = jpeg.into_part(Bytes::from_static(b"\r\n\xff\xd8\xff\xd9")).unwrap();
        assert_eq!(&part.body()[..], b"\xff\xd8\xff\xd9");
    }

    #[test]
    fn finds_the_kind_of_a_body_by_its_type() {
        for (content_type, kind) in [
            ("text/plain", Kind::Text),
            ("text/html; charset=utf-8", Kind::Text),
            ("application/xml; charset=\"UTF-8\"", Kind::Text),
            ("image/svg+xml", Kind::Text),
            ("application/json", Kind::Json),
            ("text/json", Kind::Json),
            ("application/graphql-response+json", Kind::Json),
            ("image/jpeg", Kind::Image),
            ("image/avif", Kind::Image),
            ("application/octet-stream", Kind::Other),
            ("x", Kind::Other),
        ] {
            let block = format!("Content-Type: {content_type}\r\n");
            assert_eq!(Head::parse(block.as_bytes()).kind(), kind, "{content_type}");
        }
    }

    #[test]
    fn keeps_all_readable_headers() {
        let block = b"Content-Type: text/plain\r\n\
            X-Timestamp: 12.5\r\n\
            Set-Cookie: a=b\r\n\
            X-A: a\rX-B: c=d\r\n\
            X-Nul: a\0b\r\n\
            X-Latin: \xe9\r\n\
            X-Padding: ...\r\n\
            no colon\r\n\
            \xff\xfe\xfd: junk\r\n\
            two words: x\r\n\
            : nameless\r\n\
            Content-Disposition: form-data; name=\"n\"\r\n\
            X-Timestamp: 12.6\r\n";
        let part = Head::parse(block).into_part(Bytes::from_static(b"x")).unwrap();
        let headers: Vec<_> = part.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(
            headers,
            [
                ("x-timestamp", &b"12.5"[..]),
                ("x-timestamp", b"12.6"),
                ("set-cookie", b"a=b"),
                ("x-a", b"a"),
                ("x-b", b"c=d"),
                ("x-latin", b"\xe9"),
                ("content-disposition", b"form-data; name=\"n\""),
            ]
        );
        assert_eq!(part.name().as_deref(), Some("n"));
        let sent: Vec<_> = part.sent_headers().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(sent, [("x-timestamp", &b"12.5"[..]), ("x-timestamp", b"12.6"), ("x-a", b"a"), ("x-b", b"c=d")]);
    }

    /// Each row has a header block, the time in milliseconds and the number that are read from it, and the headers that stay.
    #[test]
    fn reads_time_and_number() {
        for (block, millis, sequence, headers) in [
            (&b"X-Timestamp: 1764150000.5\r\nX-Sequence: 17\r\n"[..], Some(1_764_150_000_500), Some(17), &[][..]),
            (b"x-timestamp:1764150000\nX-SEQUENCE:0\n", Some(1_764_150_000_000), Some(0), &[]),
            // An ESP32 sends the time since it was switched on.
            (b"X-Timestamp: 12.5\r\nX-Sequence: -1\r\n", None, None, &["x-timestamp: 12.5", "x-sequence: -1"]),
            (b"X-Timestamp: 12.5\r\nX-Timestamp: 1764150000.5\r\n", Some(1_764_150_000_500), None, &[]),
            (b"X-Timestamp: 1764150000.5\r\nX-Timestamp: 12.5\r\n", Some(1_764_150_000_500), None, &[]),
            (b"X-Timestamp: 1764150000.5\r\nX-Timestamp: 1764150001\r\n", Some(1_764_150_000_500), None, &[]),
            (b"X-Timestamp: 1764150000123\r\n", None, None, &["x-timestamp: 1764150000123"]),
            (b"X-Timestamp:\r\n", None, None, &["x-timestamp: "]),
            (b"X-Timestamp: \xff\r\n", None, None, &["x-timestamp: \\xff"]),
        ] {
            let part = Head::parse(block).into_part(Bytes::from_static(b"x")).unwrap();
            let time = millis.map(|millis| UNIX_EPOCH + Duration::from_millis(millis));
            assert_eq!((part.captured(), part.sequence()), (time, sequence), "{}", block.escape_ascii());
            let kept =
                part.headers().iter().map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii()));
            assert_eq!(kept.collect::<Vec<_>>(), headers, "{}", block.escape_ascii());
        }
    }
}
