//! A part: headers and body of one replacement (RFC 2046 §5.1).

mod error;
mod header;
pub(crate) mod parameter;
pub(crate) mod stamp;

use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderMap;
use mime::Mime;

use self::header::{CONTENT_TYPE, LINE_MAX, line_len};
use crate::picture::{self, InvalidPicture};

pub use self::error::InvalidPart;
pub use self::header::InvalidHeader;
pub(crate) use self::header::is_token;

/// One replacement: a type, a body, and optional header fields.
///
/// ```text
/// Content-Type: image/jpeg          the type
/// X-Camera: Yard                    headers, in the order they were added
/// X-Timestamp: 1764150000.123456    the time of capture
/// X-Sequence: 17                    the number
/// Content-Length: 31415             written only by the encoder
///
/// ...                               the body
/// ```
///
/// The constructors reject what viewers are known to fail on: an empty body crashes Chromium's tab, and an image that a
/// browser cannot open ends its stream (see [`picture`]). Other limits are those of the strictest readers: a header line
/// of at most 127 bytes, at most 15 lines, at most 255 bytes together.
///
/// A [`Decoder`](crate::Decoder) returns images as a camera sent them, damaged ones included, so that they can be recorded
/// and looked into. Each is checked when it is sent on, by [`check_picture`](Self::check_picture).
///
/// # Time and number
///
/// A part knows [when it was captured](Self::captured) and its [number](Self::sequence). A source may set them;
/// [`Publisher::publish`](crate::Publisher::publish) sets what is not set. They are sent on the machine and the script wire,
/// which [`Encoder::timestamps`](crate::Encoder::timestamps) turns off, and read by a [`Decoder`](crate::Decoder). So a relay
/// passes on the time at the camera. They are not compared by `==`.
///
/// Cloning is cheap: the body is shared.
///
/// # Examples
///
/// ```
/// use mixed_replace::Part;
///
/// let part = Part::text("12:00")?;
/// assert_eq!(part.content_type(), &mime::TEXT_PLAIN_UTF_8);
/// assert_eq!(&part.body()[..], b"12:00");
/// # Ok::<(), mixed_replace::InvalidPart>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Part {
    content_type: Mime,
    headers: HeaderMap,
    /// Whether some of the headers were received and cannot be sent.
    has_unsent: bool,
    captured: Option<SystemTime>,
    sequence: Option<u64>,
    body: Bytes,
    /// A browser accepts the body: it was checked, or its type needs no check.
    checked: bool,
}

impl Part {
    /// Creates a part of any type.
    ///
    /// `image/jpeg` has no parameters (RFC 2046 §4.2), so they are removed: ffmpeg accepts the bare type only.
    ///
    /// # Errors
    ///
    /// - [`InvalidPart::Empty`] if the body is empty.
    /// - [`InvalidPart::Picture`] if the type is one of those that [`picture::check`] knows, and the body fails the check.
    /// - [`InvalidPart::Type`] if the type is a range such as `image/*`, or the line `Content-Type: …` would be longer than
    ///   127 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Part;
    ///
    /// let part = Part::new("application/xml".parse()?, "<on/>")?;
    /// assert_eq!(part.content_type().essence_str(), "application/xml");
    /// assert!(Part::new(mime::TEXT_CSS, "").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(content_type: Mime, body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        let mut part = Self::unchecked(content_type, body.into())?;
        part.check_picture()?;
        part.checked = true;
        Ok(part)
    }

    /// Creates a part of what a camera sent, damaged or not, under the type that its first bytes say.
    pub(crate) fn received(content_type: Mime, body: Bytes) -> Result<Self, InvalidPart> {
        let content_type = picture::correct(content_type, &body)?;
        Self::unchecked(content_type, body)
    }

    fn unchecked(content_type: Mime, body: Bytes) -> Result<Self, InvalidPart> {
        if body.is_empty() {
            return Err(InvalidPart::Empty);
        }
        if !fits(&content_type) {
            return Err(InvalidPart::Type(content_type));
        }
        let content_type = match content_type.essence_str() {
            "image/jpeg" => mime::IMAGE_JPEG,
            _ => content_type,
        };
        let checked = !picture::is_checked(&content_type);
        let headers = HeaderMap::new();
        Ok(Self { content_type, headers, has_unsent: false, captured: None, sequence: None, body, checked })
    }

    /// Checks that a browser can be given this part: the check of [`picture::check`], done once.
    ///
    /// Parts from the constructors pass. One from a [`Decoder`](crate::Decoder) may be a damaged image, which everything that
    /// sends parts rejects or leaves out.
    ///
    /// # Errors
    ///
    /// Those of [`picture::check`].
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let mut bytes = BytesMut::from(&b"--x\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xd9\r\n--x--"[..]);
    /// let part = Decoder::detect().decode(&mut bytes)?.expect("it is complete");
    /// let error = part.check_picture().unwrap_err();
    /// assert_eq!(error.to_string(), "invalid image/jpeg header: ends without a scan");
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    pub fn check_picture(&self) -> Result<(), InvalidPicture> {
        if self.checked { Ok(()) } else { picture::check(&self.content_type, &self.body) }
    }

    /// Creates a JPEG picture, `image/jpeg`.
    ///
    /// # Errors
    ///
    /// [`InvalidPart::Empty`] if the body is empty, [`InvalidPart::Picture`] if it is not a JPEG image or its header is damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Part;
    ///
    /// # fn capture() -> &'static [u8] {
    /// #     b"\xff\xd8\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0 ... \xff\xd9"
    /// # }
    /// assert_eq!(Part::jpeg(capture())?.content_type(), &mime::IMAGE_JPEG);
    /// assert_eq!(
    ///     Part::jpeg("GIF89a").unwrap_err().to_string(),
    ///     "invalid image/jpeg body: starts with 47 49 46 38"
    /// );
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    pub fn jpeg(body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        Self::new(mime::IMAGE_JPEG, body)
    }

    /// Creates a PNG picture, `image/png`.
    ///
    /// # Errors
    ///
    /// [`InvalidPart::Empty`] if the body is empty, [`InvalidPart::Picture`] if it is not a PNG image or its header is damaged.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Part;
    ///
    /// // A PNG image has a header chunk after its signature.
    /// let error = Part::png(&b"\x89PNG\r\n\x1a\n"[..]).unwrap_err();
    /// assert!(error.to_string().starts_with("invalid image/png"));
    /// ```
    pub fn png(body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        Self::new(mime::IMAGE_PNG, body)
    }

    /// Creates an SVG drawing, `image/svg+xml`.
    ///
    /// # Errors
    ///
    /// [`InvalidPart::Empty`] if the body is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Part;
    ///
    /// let part = Part::svg("<svg xmlns='http://www.w3.org/2000/svg'/>")?;
    /// assert_eq!(part.content_type(), &mime::IMAGE_SVG);
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    pub fn svg(body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        Self::new(mime::IMAGE_SVG, body)
    }

    /// Creates a page, `text/html; charset=utf-8`.
    ///
    /// # Errors
    ///
    /// [`InvalidPart::Empty`] if the body is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Part;
    ///
    /// let part = Part::html("<!doctype html><title>Line 1</title><h1>All is well</h1>")?;
    /// assert_eq!(part.content_type(), &mime::TEXT_HTML_UTF_8);
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    pub fn html(body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        Self::new(mime::TEXT_HTML_UTF_8, body)
    }

    /// Creates a text, `text/plain; charset=utf-8`.
    ///
    /// # Errors
    ///
    /// [`InvalidPart::Empty`] if the body is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{InvalidPart, Part};
    ///
    /// assert_eq!(Part::text("12:00")?.content_type(), &mime::TEXT_PLAIN_UTF_8);
    /// assert_eq!(Part::text(""), Err(InvalidPart::Empty));
    /// # Ok::<(), InvalidPart>(())
    /// ```
    pub fn text(body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        Self::new(mime::TEXT_PLAIN_UTF_8, body)
    }

    /// Creates a JSON value, `application/json`. The body is not checked.
    ///
    /// # Errors
    ///
    /// [`InvalidPart::Empty`] if the body is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Part;
    ///
    /// let part = Part::json(r#"{"online":3}"#)?;
    /// assert_eq!(part.content_type(), &mime::APPLICATION_JSON);
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    pub fn json(body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        Self::new(mime::APPLICATION_JSON, body)
    }

    /// Returns the type, without the header's name.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Part;
    ///
    /// let part = Part::text("12:00")?;
    /// assert_eq!(part.content_type().essence_str(), "text/plain");
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    #[must_use]
    pub fn content_type(&self) -> &Mime {
        &self.content_type
    }

    /// Returns the body, which is never empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Part;
    ///
    /// let part = Part::text("12:00")?;
    /// assert_eq!(part.body(), "12:00");
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the body without the rest.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use mixed_replace::Part;
    ///
    /// let body: Bytes = Part::text("12:00")?.into_body();
    /// assert_eq!(body, "12:00");
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    #[must_use]
    pub fn into_body(self) -> Bytes {
        self.body
    }
}

/// The time, the number, and whether a part was checked are not compared.
impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.content_type == other.content_type && self.headers == other.headers && self.body == other.body
    }
}

impl Eq for Part {}

/// Returns whether a header line can hold this type.
pub(crate) fn fits(content_type: &Mime) -> bool {
    let text = content_type.as_ref();
    let is_range = content_type.type_() == mime::STAR || content_type.subtype() == mime::STAR;
    line_len(CONTENT_TYPE, text.len()) <= LINE_MAX && text.is_ascii() && !is_range
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_empty_body() {
        for empty in [Part::jpeg(""), Part::png(""), Part::svg(""), Part::html(""), Part::text(""), Part::json("")] {
            assert_eq!(empty, Err(InvalidPart::Empty));
        }
        assert_eq!(InvalidPart::Empty.to_string(), "a part cannot have an empty body");
    }

    #[test]
    fn rejects_body_that_is_no_picture() {
        let error = Part::png(&b"\x89PN"[..]).unwrap_err();
        assert_eq!(error.to_string(), "invalid image/png body: starts with 89 50 4e");
        assert!(Part::new(mime::IMAGE_GIF, "<html>").is_err());
        assert!(Part::jpeg(&b"\xff\xd8"[..]).is_err());
        assert!(Part::new("image/webp".parse().unwrap(), "anything").is_err());
        assert!(Part::new("image/avif".parse().unwrap(), "anything").is_ok());
    }

    #[test]
    fn rejects_overlong_type() {
        let long: Mime = format!("text/plain; a={}", "x".repeat(128 - 14 - 14)).parse().unwrap();
        assert_eq!(Part::new(long.clone(), "x"), Err(InvalidPart::Type(long)));
        let fits: Mime = format!("text/plain; a={}", "x".repeat(127 - 14 - 14)).parse().unwrap();
        assert!(Part::new(fits, "x").is_ok());
    }

    #[test]
    fn rejects_range_of_types() {
        for range in [mime::STAR_STAR, mime::IMAGE_STAR, "text/*;a=b".parse().unwrap()] {
            let error = Part::new(range.clone(), "x").unwrap_err().to_string();
            assert_eq!(error, format!("a part cannot have the content type {range}"));
        }
        assert!(Part::new("application/x-*".parse().unwrap(), "x").is_ok());
    }

    #[test]
    fn jpeg_content_type_has_no_parameters() {
        for claimed in ["image/jpeg; charset=binary", "Image/JPEG;q=0.9"] {
            let part = Part::new(claimed.parse().unwrap(), &include_bytes!("picture/dot.jpg")[..]).unwrap();
            assert_eq!(part.content_type().as_ref(), "image/jpeg");
        }
    }
}
