//! What passes of a part from a sender that is not trusted.

use mime::Mime;

use crate::jpeg;
use crate::part::{InvalidPart, Part};
use crate::picture;

/// The reason why a part does not pass.
#[derive(Debug)]
pub(crate) enum NotPassed {
    Damaged(InvalidPart),
    /// It is not a picture. This is its type.
    Type(Mime),
}

/// Returns what to publish of a part: a picture, its time and its number.
///
/// A sender is not trusted with the viewers' browsers. No other type and no other header field passes, and the body tells the
/// type rather than `Content-Type`. UVC webcams omit the Huffman tables, which are added.
pub(crate) fn passed(part: Part, trusted: bool) -> Result<Part, NotPassed> {
    let is_jpeg = part.body().starts_with(b"\xff\xd8");
    if trusted && !is_jpeg {
        return Ok(part);
    }
    let content_type = match picture::sniff(part.body()) {
        Some(content_type) => content_type,
        // Rejected as damaged below.
        None if picture::is_checked(part.content_type()) => part.content_type().clone(),
        None => return Err(NotPassed::Type(part.content_type().clone())),
    };
    let body = part.body().clone();
    let body = if is_jpeg { jpeg::with_huffman_tables(body) } else { body };
    let mut picture = Part::new(content_type, body).map_err(NotPassed::Damaged)?;
    for (name, value) in part.headers().iter().filter(|_| trusted) {
        // A header that cannot be sent on is left out.
        let _ = picture.insert_header(name.clone(), value.clone());
    }
    Ok(picture.stamped_as(&part))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

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
        super::passed(part.clone(), trusted).unwrap()
    }

    #[test]
    fn passes_only_the_picture_and_its_time_and_number() {
        let headers = "Content-Type: image/png\r\nX-Timestamp: 1764150000.5\r\nX-Sequence: 17\r\nX-Camera: Yard\r\n\
            Set-Cookie: a=b\r\nRefresh: 0";
        let part = decoded(headers, include_bytes!("../picture/dot.png"));
        let passed = passed(&part, false);
        assert_eq!(passed.content_type(), &"image/png");
        assert!(passed.headers().is_empty(), "{:?}", passed.headers());
        assert_eq!(passed.captured(), Some(UNIX_EPOCH + Duration::from_millis(1_764_150_000_500)));
        assert_eq!(passed.sequence(), Some(17));
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
            let Err(NotPassed::Type(content_type)) = super::passed(part.clone(), false) else { panic!("{active}") };
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
