//! A part: headers and body of one replacement (RFC 2046 §5.1).

mod error;
mod header;
pub(crate) mod parameter;
pub(crate) mod stamp;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, HeaderMap, HeaderName, HeaderValue};
use mime::Mime;

use self::header::{CONTENT_TYPE, LINE_MAX, line_len};
use self::stamp::{SEQUENCE, TIMESTAMP};
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
    pub fn png(body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        Self::new(mime::IMAGE_PNG, body)
    }

    /// Creates an SVG drawing, `image/svg+xml`.
    ///
    /// # Errors
    ///
    /// [`InvalidPart::Empty`] if the body is empty.
    pub fn svg(body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        Self::new(mime::IMAGE_SVG, body)
    }

    /// Creates a page, `text/html; charset=utf-8`.
    ///
    /// # Errors
    ///
    /// [`InvalidPart::Empty`] if the body is empty.
    pub fn html(body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        Self::new(mime::TEXT_HTML_UTF_8, body)
    }

    /// Creates a text, `text/plain; charset=utf-8`.
    ///
    /// # Errors
    ///
    /// [`InvalidPart::Empty`] if the body is empty.
    pub fn text(body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        Self::new(mime::TEXT_PLAIN_UTF_8, body)
    }

    /// Creates a JSON value, `application/json`. The body is not checked.
    ///
    /// # Errors
    ///
    /// [`InvalidPart::Empty`] if the body is empty.
    pub fn json(body: impl Into<Bytes>) -> Result<Self, InvalidPart> {
        Self::new(mime::APPLICATION_JSON, body)
    }

    /// Inserts a header field, replacing those of the same name. It is written between `Content-Type` and `Content-Length`.
    ///
    /// The browser wire leaves such fields out: there a part's header block is sent before the part is known.
    ///
    /// `X-Timestamp` with seconds since 1970, and `X-Sequence` with a number, are not kept as headers: they set
    /// [`captured`](Self::captured) and [`sequence`](Self::sequence). With any other value, they are sent in place of the
    /// part's own.
    ///
    /// # Errors
    ///
    /// The part is then unchanged.
    ///
    /// - [`InvalidHeader::Forbidden`] if the field frames or guards a response: `Content-Length` and the like, `Set-Cookie`,
    ///   `Content-Security-Policy`.
    /// - [`InvalidHeader::Value`] if the value is empty, holds anything but printable ASCII, or begins or ends with a space.
    /// - [`InvalidHeader::LineTooLong`], [`InvalidHeader::TooManyLines`] or [`InvalidHeader::BlockTooLong`] if a limit of the
    ///   [strictest readers](Self) would be exceeded.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{HeaderName, HeaderValue};
    /// use mixed_replace::Part;
    ///
    /// let mut part = Part::text("12:00")?;
    /// part.insert_header(HeaderName::from_static("x-camera"), HeaderValue::from_static("Yard"))?;
    /// assert_eq!(part.headers()["x-camera"], "Yard");
    ///
    /// let error = part.insert_header(http::header::SET_COOKIE, HeaderValue::from_static("a=b")).unwrap_err();
    /// assert_eq!(error.to_string(), "a part cannot carry the header set-cookie");
    /// assert_eq!(part.headers().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn insert_header(&mut self, name: HeaderName, value: HeaderValue) -> Result<(), InvalidHeader> {
        header::check(&name, &value, self)?;
        if name == TIMESTAMP {
            self.captured = None;
        } else if name == SEQUENCE {
            self.sequence = None;
        }
        if !self.read_stamp(&name, &value) {
            self.headers.insert(name, value);
        }
        Ok(())
    }

    /// Sets the time or the number from a field, unless it is set. Returns `false` if the field is another one, or has
    /// another kind of value.
    fn read_stamp(&mut self, name: &HeaderName, value: &HeaderValue) -> bool {
        if *name == TIMESTAMP {
            self.captured = self.captured.or_else(|| stamp::parse_timestamp(value.as_bytes()));
        } else if *name == SEQUENCE {
            self.sequence = self.sequence.or_else(|| stamp::parse_sequence(value.as_bytes()));
        }
        let read = *name == TIMESTAMP && self.captured.is_some() || *name == SEQUENCE && self.sequence.is_some();
        if read {
            // One that was no time, before it.
            self.headers.remove(name);
        }
        read
    }

    /// Adds the headers of a received part, of which only those are sent that [`insert_header`](Self::insert_header) accepts.
    pub(crate) fn with_received_headers(
        mut self,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Self {
        for (name, value) in headers {
            if self.read_stamp(&name, &value) {
                continue;
            }
            self.has_unsent |= header::check(&name, &value, &self).is_err();
            // A map has room for some 32,000 fields, far above the decoder's limit unless that was raised.
            if self.headers.try_append(name, value).is_err() {
                break;
            }
        }
        self
    }

    /// Sets the time at which the part was captured: when the camera took the picture, the sensor was read, or the page was
    /// made.
    ///
    /// It replaces a header `X-Timestamp`. It is sent with microseconds, if it is in one of the years from 2000 to 2199. A part
    /// whose headers leave no room for it is sent without it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use mixed_replace::{Boundary, Encoder, Part, Wire};
    ///
    /// let captured = UNIX_EPOCH + Duration::from_micros(1_764_150_000_123_456);
    /// let part = Part::text("12:00")?.captured_at(captured).with_sequence(17);
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine);
    /// assert_eq!(
    ///     encoder.encode(&part)?.to_bytes(),
    ///     "Content-Type: text/plain; charset=utf-8\r\nX-Timestamp: 1764150000.123456\r\nX-Sequence: 17\r\n\
    ///      Content-Length: 5\r\n\r\n12:00\r\n--ThisRandomString\r\n"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn captured_at(mut self, time: SystemTime) -> Self {
        self.headers.remove(TIMESTAMP);
        self.captured = Some(time);
        self
    }

    /// Returns the time at which the part was captured, or `None` if it is not known.
    ///
    /// For a part from a [`Decoder`](crate::Decoder) it is the sender's `X-Timestamp`, by the sender's clock.
    /// `source::http` and [`Ingest`](crate::serve::Ingest) translate it into the clock of this machine, if the two
    /// differ by more than two seconds. A value that cannot be seconds since 1970 stays a header: many cameras send the
    /// seconds since they were switched on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let sent = "--x\r\nX-Timestamp: 1764150000.123456\r\nX-Sequence: 17\r\n\r\non\r\n--x--";
    /// let part = Decoder::new("x").decode(&mut BytesMut::from(sent))?.expect("a part");
    /// assert_eq!(part.captured(), Some(UNIX_EPOCH + Duration::from_micros(1_764_150_000_123_456)));
    /// assert_eq!(part.sequence(), Some(17));
    /// assert!(part.headers().is_empty());
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    #[must_use]
    pub fn captured(&self) -> Option<SystemTime> {
        self.captured
    }

    /// Sets the number of the part in its source, sent as `X-Sequence`. It replaces a header of that name.
    ///
    /// A reader finds out by it which parts it was not sent.
    pub fn with_sequence(mut self, sequence: u64) -> Self {
        self.headers.remove(SEQUENCE);
        self.sequence = Some(sequence);
        self
    }

    /// Returns the number of the part in its source, or `None` if it has none.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// Returns whether a part with this time and number, equal to this one, is this one again: what a keep-alive of another
    /// server sends, also on another connection, after which its clock is compared anew.
    pub(crate) fn is_again(&self, captured: Option<SystemTime>, sequence: Option<u64>) -> bool {
        let same_number = sequence.is_some() && sequence == self.sequence;
        match (captured, self.captured) {
            (None, _) => same_number,
            (Some(time), own) if own == Some(time) => sequence.is_none() || same_number,
            (Some(time), Some(own)) => {
                let apart = time.duration_since(own).unwrap_or_else(|before| before.duration());
                same_number && apart <= SAME_TIME
            }
            _ => false,
        }
    }

    /// Copies the time and the number of another part.
    pub(crate) fn stamped_as(self, part: &Self) -> Self {
        Self { captured: part.captured, sequence: part.sequence, ..self }
    }

    /// Sets the time and the number if they are not known. If they are `sent`, they replace headers of these names, such as the
    /// time since a camera was switched on.
    pub(crate) fn stamped(mut self, now: SystemTime, sequence: impl FnOnce() -> u64, sent: bool) -> Self {
        if self.captured.is_none() {
            self.captured = Some(now);
            if sent {
                self.headers.remove(TIMESTAMP);
            }
        }
        if self.sequence.is_none() {
            self.sequence = Some(sequence());
            if sent {
                self.headers.remove(SEQUENCE);
            }
        }
        self
    }

    /// Returns the type, without the header's name.
    #[must_use]
    pub fn content_type(&self) -> &Mime {
        &self.content_type
    }

    /// Returns the header fields, without the type, the length, the [time](Self::captured) and the
    /// [number](Self::sequence).
    ///
    /// A part that a [`Decoder`](crate::Decoder) returns has all fields that its sender wrote, whatever their names,
    /// within the decoder's [`Limits`](crate::decode::Limits). When such a part is sent on, those are left out that
    /// [`insert_header`](Self::insert_header) does not accept, such as `Set-Cookie` and lines for which there is no room.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::{Boundary, Decoder, Encoder, Wire};
    ///
    /// let sent = "--x\r\nContent-Type: text/plain\r\nX-Online: true\r\nSet-Cookie: a=b\r\n\r\non\r\n--x--";
    /// let part = Decoder::new("x").decode(&mut BytesMut::from(sent))?.expect("a part");
    /// assert_eq!(part.headers()["set-cookie"], "a=b");
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine);
    /// assert_eq!(
    ///     encoder.encode(&part)?.to_bytes(),
    ///     "Content-Type: text/plain\r\nX-Online: true\r\nContent-Length: 2\r\n\r\non\r\n--ThisRandomString\r\n"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the header fields that are sent with the part.
    pub(crate) fn sent_headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        header::sent(self)
    }

    /// Returns the name that the sender of a received part gave it, in `Content-Disposition` (RFC 7578 §4.2): its `name`,
    /// or else its `filename`.
    ///
    /// Hikvision cameras tell the pictures of an event apart like this.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let sent = "--x\r\nContent-Disposition: form-data; name=\"plate.xml\"\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--x--";
    /// let part = Decoder::new("x").decode(&mut BytesMut::from(sent))?.expect("a part");
    /// assert_eq!(part.name().as_deref(), Some("plate.xml"));
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<Cow<'_, str>> {
        let value = self.headers.get(CONTENT_DISPOSITION)?.as_bytes();
        let name = parameter::find(value, b"name").or_else(|| parameter::find(value, b"filename"))?;
        Some(match name.content {
            Cow::Borrowed(name) => String::from_utf8_lossy(name),
            Cow::Owned(name) => Cow::Owned(String::from_utf8_lossy(&name).into_owned()),
        })
    }

    /// Returns the body, which is never empty.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the body without the rest.
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

/// The times of a part that is received on two connections differ by the second that a `Date` leaves open at most.
const SAME_TIME: Duration = Duration::from_secs(2);

/// Returns whether a header line can hold this type.
pub(crate) fn fits(content_type: &Mime) -> bool {
    let text = content_type.as_ref();
    let is_range = content_type.type_() == mime::STAR || content_type.subtype() == mime::STAR;
    line_len(CONTENT_TYPE, text.len()) <= LINE_MAX && text.is_ascii() && !is_range
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> Result<Part, InvalidHeader> {
        let mut part = Part::text("x").unwrap();
        part.insert_header(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()).map(|()| part)
    }

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

    #[test]
    fn rejects_framing_and_security_headers() {
        for name in [
            "content-type",
            "content-type-x",
            "content-length",
            "content-lengthy",
            "content-disposition",
            "content-range",
            "content-security-policy-report-only",
            "content-encoding",
            "set-cookie",
            "set-cookie2",
            "access-control-allow-origin",
            "cross-origin-resource-policy",
            "transfer-encoding",
            "strict-transport-security",
            "x-frame-options",
            "refresh",
        ] {
            let error = with(name, "x").unwrap_err();
            assert_eq!(error.to_string(), format!("a part cannot carry the header {name}"));
        }
    }

    #[test]
    fn rejects_invalid_header_values() {
        for value in ["a\tb", " a", "a ", ""] {
            assert!(with("x-a", value).unwrap_err().to_string().contains("x-a"), "{value:?}");
        }
        let latin = HeaderValue::from_bytes(b"\xe9").unwrap();
        assert!(Part::text("x").unwrap().insert_header(HeaderName::from_static("x-a"), latin).is_err());
        assert!(with("x-a", &"v".repeat(122)).is_ok());
        assert_eq!(with("x-a", &"v".repeat(123)).unwrap_err().to_string(), "the header x-a exceeds 127 bytes");
    }

    #[test]
    fn rejects_more_headers_than_the_strictest_reader_accepts() {
        let insert = |part: &mut Part, name: &str, value: &str| {
            part.insert_header(name.parse().unwrap(), value.parse().unwrap()).map_err(|error| error.to_string())
        };
        let mut part = Part::json("{}").unwrap();
        for letter in 'a'..='m' {
            insert(&mut part, &letter.to_string(), "1").unwrap();
        }
        let full = part.clone();
        let error = insert(&mut part, "x", "1").unwrap_err();
        assert_eq!(error, "with the header x the part has more than 15 header lines");
        assert_eq!(part, full, "a refused header leaves the part unchanged");

        let mut part = Part::json("{}").unwrap();
        insert(&mut part, "x", &"1".repeat(120)).unwrap();
        let error = insert(&mut part, "y", &"1".repeat(120)).unwrap_err();
        assert_eq!(error, "with the header y the part's headers exceed 255 bytes");
    }

    #[test]
    fn inserted_header_replaces_same_name() {
        let mut part = Part::json("{}").unwrap();
        for value in [100, 110, 120] {
            let value = "1".repeat(value).parse().unwrap();
            part.insert_header(HeaderName::from_static("x"), value).unwrap();
        }
        assert_eq!((part.headers().len(), part.headers()["x"].len()), (1, 120), "without room for two of them");
    }
}
