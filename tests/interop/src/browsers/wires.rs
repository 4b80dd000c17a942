//! A wire for the control tests that the crate does not write.

use bytes::{BufMut as _, Bytes, BytesMut};
use mixed_replace::Part;

/// The value of `Content-Type` for the classic wire.
pub const CLASSIC_TYPE: &str = "multipart/x-mixed-replace; boundary=ClassicBoundary0";

/// Encodes a part as most servers have since 1995: delimiter, headers and body, without the start of the next part.
#[must_use]
pub fn classic(part: &Part) -> Bytes {
    let mut bytes = BytesMut::new();
    let (content_type, len) = (part.content_type(), part.body().len());
    let head = format!("--ClassicBoundary0\r\nContent-Type: {content_type}\r\nContent-Length: {len}\r\n\r\n");
    bytes.put(head.as_bytes());
    bytes.put(part.body().clone());
    bytes.put(&b"\r\n"[..]);
    bytes.freeze()
}
