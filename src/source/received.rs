//! The pictures in the bytes of a camera or a program.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::header::HeaderName;

use super::Error;
use super::error::cause;
use super::open::Item;
use crate::decode::{AnyParts, DecodeError, ReadError};
use crate::jpeg;
use crate::part::Part;
use crate::picture;

/// The items in a stream of parts: pictures, unless the sender is trusted.
pub(super) struct Received<S> {
    parts: AnyParts<S>,
    trusted: bool,
    /// The number of damaged pictures that were reported.
    damaged: u64,
    /// An item that is returned after the report of damaged pictures before it.
    next: Option<Result<Item, Error>>,
}

impl<S> Received<S> {
    pub(super) fn new(parts: AnyParts<S>, trusted: bool) -> Self {
        Self { parts, trusted, damaged: 0, next: None }
    }
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Stream for Received<S> {
    type Item = Result<Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(item) = self.next.take() {
            return Poll::Ready(Some(item));
        }
        let part = Pin::new(&mut self.parts).poll_next(cx);
        let part = part.map(|part| match part {
            Some(Ok(part)) => Some(Ok(item(part, self.trusted))),
            Some(Err(error)) => Some(Err(Error::transient(match error {
                // As endless streams end.
                ReadError::Decode(DecodeError::Truncated { .. }) => return Some(Err(Error::ended())),
                ReadError::Io(error) => cause(&error),
                error => error.to_string(),
            }))),
            None => None,
        });
        let damaged = self.parts.damaged() - self.damaged;
        if damaged == 0 {
            return part;
        }
        self.damaged += damaged;
        match part {
            Poll::Ready(Some(item)) => self.next = Some(item),
            // The parts stay ended.
            Poll::Ready(None) => {}
            Poll::Pending => cx.waker().wake_by_ref(),
        }
        Poll::Ready(Some(Ok(Item::Damaged(damaged, self.parts.last_damage().cloned()))))
    }
}

/// Returns what to publish of a part: a picture and its time.
///
/// A sender is not trusted with the viewers' browsers. No other type and no other header field passes, and the type is told
/// by the body and not by `Content-Type`. UVC webcams omit the Huffman tables.
pub(super) fn item(part: Part, trusted: bool) -> Item {
    let is_jpeg = part.body().starts_with(b"\xff\xd8");
    if trusted && !is_jpeg {
        return Item::Part(part);
    }
    let content_type = match picture::sniff(part.body()) {
        Some(content_type) => content_type,
        // Rejected as damaged below.
        None if picture::is_checked(part.content_type()) => part.content_type().clone(),
        None => return Item::Refused(part.content_type().clone()),
    };
    let body = part.body().clone();
    let body = if is_jpeg { jpeg::with_huffman_tables(body) } else { body };
    let mut picture = match Part::new(content_type, body) {
        Ok(picture) => picture,
        Err(error) => return Item::Damaged(1, Some(error)),
    };
    for (name, value) in part.headers() {
        if trusted || *name == TIME {
            // A header that cannot be sent on is left out.
            let _ = picture.insert_header(name.clone(), value.clone());
        }
    }
    Item::Part(picture)
}

const TIME: HeaderName = HeaderName::from_static("x-timestamp");

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::decode::Decoder;

    fn decoded(headers: &str, body: &[u8]) -> Part {
        let mut bytes = BytesMut::from(format!("--x\r\n{headers}\r\n\r\n").as_bytes());
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(b"\r\n--x--");
        Decoder::detect().decode(&mut bytes).unwrap().unwrap()
    }

    fn passed(part: &Part, trusted: bool) -> Part {
        match item(part.clone(), trusted) {
            Item::Part(part) => part,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn passes_only_the_picture_and_its_time() {
        let headers = "Content-Type: image/png\r\nX-Timestamp: 12.5\r\nX-Camera: Yard\r\nSet-Cookie: a=b\r\nRefresh: 0";
        let part = decoded(headers, include_bytes!("../picture/dot.png"));
        let passed = passed(&part, false);
        assert_eq!(passed.content_type(), &"image/png");
        let fields: Vec<_> = passed.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(fields, [("x-timestamp", &b"12.5"[..])]);
        assert_eq!(passed.body(), part.body());
    }

    #[test]
    fn type_is_told_by_the_bytes() {
        let part = decoded("Content-Type: application/octet-stream", include_bytes!("../picture/dot.jpg"));
        assert_eq!(passed(&part, false).content_type(), &"image/jpeg");
    }

    #[test]
    fn refuses_active_types_unless_trusted() {
        let images = ["image/svg+xml", "image/x+xml", "image/bmp", "image/avif"];
        for active in images.into_iter().chain(["text/html", "application/xml", "application/pdf", "text/plain"]) {
            let part = decoded(&format!("Content-Type: {active}"), b"<script>");
            let Item::Refused(content_type) = item(part.clone(), false) else { panic!("{active}") };
            assert_eq!(content_type.essence_str(), active);
            assert_eq!(passed(&part, true).content_type(), &active);
        }
    }

    #[test]
    fn trusted_picture_keeps_headers_that_a_part_may_carry() {
        let headers = "Content-Type: image/jpeg\r\nX-Camera: Yard\r\nSet-Cookie: a=b";
        let part = decoded(headers, include_bytes!("../picture/dot.jpg"));
        let names: Vec<_> = passed(&part, true).headers().keys().map(|name| name.as_str().to_owned()).collect();
        assert_eq!(names, ["x-camera"]);
    }
}
