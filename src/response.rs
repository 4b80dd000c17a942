//! The heads of our responses, written once for all stacks.

#[cfg(any(feature = "axum", feature = "actix-web"))]
use http::header::HeaderMap;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};

#[cfg(any(feature = "axum", feature = "actix-web"))]
use crate::part::Part;

/// The head of a stream. Each field keeps away something that would hold parts back or change them.
pub(crate) fn stream_head(content_type: HeaderValue) -> [(HeaderName, HeaderValue); 6] {
    [
        (CONTENT_TYPE, content_type),
        // A stream in a cache would grow for ever; no-transform is for proxies that recompress.
        (CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform")),
        // Compression layers leave a response alone that has a coding; theirs would hold parts back until a block is full.
        (CONTENT_ENCODING, HeaderValue::from_static("identity")),
        // The wire follows from it.
        (VARY, HeaderValue::from_static("Accept")),
        // nginx buffers otherwise.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]
}

/// The head of one part alone, an ordinary response: the still picture. The part's own fields replace ours.
#[cfg(any(feature = "axum", feature = "actix-web"))]
pub(crate) fn part_head(part: &Part) -> HeaderMap {
    let content_type = HeaderValue::from_str(part.content_type().as_ref());
    let mut head = HeaderMap::from_iter([
        (CONTENT_TYPE, content_type.unwrap_or_else(|_| unreachable!("a part's type is checked when it is made"))),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]);
    head.extend(part.headers().clone());
    head
}
