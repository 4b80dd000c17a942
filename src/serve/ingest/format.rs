//! What a body is, by its type or its first bytes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use mime::Mime;
use pin_project_lite::pin_project;

use crate::picture;
use crate::serve::rejection::Rejection;

/// The format of a body.
pub(super) enum Format {
    /// The first bytes say which.
    Detected,
    Image(Mime),
    Jpegs,
    /// With the type that names the boundary.
    Multipart(Option<HeaderValue>),
}

impl Format {
    pub(super) fn of_headers(headers: &HeaderMap) -> Result<Self, Rejection> {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Self::Detected) };
        let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        let essence = String::from_utf8_lossy(essence).trim().to_ascii_lowercase();
        // HTML forms of any site can send this type.
        if essence.starts_with("multipart/") && essence != "multipart/form-data" {
            return Ok(Self::Multipart(Some(value.clone())));
        }
        Ok(match essence.as_str() {
            name if picture::names_jpeg(name) && headers.contains_key(CONTENT_LENGTH) => Self::Image(mime::IMAGE_JPEG),
            name if picture::names_jpeg(name) => Self::Jpegs,
            name if picture::names_jpegs(name) => Self::Detected,
            _ => match essence.parse() {
                Ok(content_type) if picture::is_checked(&content_type) => Self::Image(content_type),
                _ => {
                    let essence: String = essence.chars().take(60).collect();
                    return Err(Rejection::Unsupported(format!("unsupported type {essence:?}")));
                }
            },
        })
    }

    /// Returns the format of a body that begins with these bytes.
    pub(super) fn of_body(first: &[u8]) -> Self {
        if first.trim_ascii_start().starts_with(b"--") {
            return Self::Multipart(None);
        }
        match picture::sniff(first) {
            Some(content_type) if content_type != mime::IMAGE_JPEG => Self::Image(content_type),
            _ => Self::Jpegs,
        }
    }
}

/// The number of bytes after which a format is detected: enough for a RIFF header.
pub(super) const SNIFFED: usize = 12;

/// Some bytes of a body, or the end of one that is incomplete.
pub(super) type Chunk = Result<Bytes, Rejection>;

pin_project! {
    /// The body of a request.
    pub(super) struct Incoming<S> {
        #[pin]
        body: S,
        started: bool,
        ended: bool,
    }
}

impl<S> Incoming<S> {
    pub(super) fn new(body: S) -> Self {
        Self { body, started: false, ended: false }
    }

    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    /// Returns `true` after the last byte, and after an error.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }
}

impl<S, B, E> Stream for Incoming<S>
where
    S: Stream<Item = Result<B, E>>,
    B: Into<Bytes>,
{
    type Item = Chunk;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Chunk>> {
        let this = self.project();
        *this.started = true;
        if *this.ended {
            return Poll::Ready(None);
        }
        let next = ready!(this.body.poll_next(cx));
        *this.ended = !matches!(next, Some(Ok(_)));
        Poll::Ready(next.map(|chunk| chunk.map_or(Err(Rejection::Incomplete), |bytes| Ok(bytes.into()))))
    }
}
