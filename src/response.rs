//! The heads of our responses, written once for all stacks.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING, VARY, X_CONTENT_TYPE_OPTIONS,
};

use crate::encode::title_case;
use crate::part::Part;

/// Returns the head of a stream. Each field keeps something from holding parts back or changing them.
pub(crate) fn stream_head(content_type: HeaderValue) -> [(HeaderName, HeaderValue); 6] {
    [
        (CONTENT_TYPE, content_type),
        // A cached stream would grow for ever; no-transform addresses proxies that recompress.
        (CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform")),
        // Compression layers skip a response with a coding; theirs would delay parts until a block is full.
        (CONTENT_ENCODING, HeaderValue::from_static("identity")),
        // The wire follows from it.
        (VARY, HeaderValue::from_static("Accept")),
        // nginx buffers otherwise.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]
}

/// Returns the head of a response that is one part. The fields of the part replace ours.
pub(crate) fn part_head(part: &Part) -> HeaderMap {
    let content_type = HeaderValue::from_str(part.content_type().as_ref());
    let mut head = HeaderMap::from_iter([
        (CONTENT_TYPE, content_type.unwrap_or_else(|_| unreachable!("a part's type is checked when it is made"))),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]);
    let own: HeaderMap = part.sent_headers().map(|(name, value)| (name.clone(), value.clone())).collect();
    head.extend(own);
    head
}

/// Returns a text that is neither cached nor sniffed.
pub(crate) fn text(content_type: &'static str, text: impl Into<Bytes>) -> http::Response<Bytes> {
    let mut response = http::Response::new(text.into());
    response.headers_mut().extend([
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]);
    response
}

/// Returns a head as bytes: the first line, these fields unless `more` replaces them, those of `more`, and the last line.
pub(crate) fn head_bytes(
    first_line: &str,
    fields: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    more: &HeaderMap,
    last_line: &str,
) -> Bytes {
    let mut head = first_line.as_bytes().to_vec();
    let mut write = |name: &HeaderName, value: &HeaderValue| {
        head.extend(title_case(name));
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    };
    for (name, value) in fields {
        if FRAMING.contains(&name) || !more.contains_key(&name) {
            write(&name, &value);
        }
    }
    more.iter().filter(|(name, _)| !FRAMING.contains(name)).for_each(|(name, value)| write(name, value));
    head.extend_from_slice(last_line.as_bytes());
    Bytes::from(head)
}

/// Fields that say where a stream begins and ends. Callers cannot set them.
const FRAMING: [HeaderName; 4] = [CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING];
