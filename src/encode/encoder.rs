//! The encoder: its wire, its boundary and its options.

use http::HeaderValue;

use super::content_type::InvalidContentType;
use super::error::EncodeError;
use super::framing::tail;
use super::part::EncodedPart;
use super::search::Search;
use crate::boundary::Boundary;
use crate::part::Part;
use crate::wire::Wire;

/// An encoder of parts for one [`Wire`]. It holds configuration only, and no state of a client.
///
/// On the machine wire, with the boundary `B`:
///
/// ```text
/// opening    --B CRLF
/// part       Content-Type: image/jpeg CRLF Content-Length: 3 CRLF CRLF ... CRLF --B CRLF
/// closing    Content-Type: image/jpeg CRLF Content-Length: 3 CRLF CRLF ... CRLF --B-- CRLF
/// ```
///
/// The closing repeats the last part, because its delimiter has already been sent. This is harmless
/// since the repeat replaces an equal part.
///
/// Most programs use [`MixedReplace`](crate::MixedReplace), which drives an encoder for one client.
///
/// # Examples
///
/// ```
/// use mixed_replace::{Boundary, Encoder, Part, Wire};
///
/// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine);
/// let part = encoder.encode(&Part::text("on")?)?;
/// assert_eq!(encoder.opening(&part), "--ThisRandomString\r\n");
/// assert_eq!(
///     part.to_bytes(),
///     "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\non\r\n--ThisRandomString\r\n"
/// );
/// assert_eq!(
///     encoder.closing(Some(&part)).to_bytes(),
///     "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\non\r\n--ThisRandomString--\r\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Encoder {
    pub(super) boundary: Boundary,
    pub(super) wire: Wire,
    pub(super) content_type: HeaderValue,
    pub(super) search: Search,
    /// The bytes after every body, on the browser wire up to the next part's type.
    pub(super) tail: Vec<u8>,
    pub(super) heartbeat: Option<(Part, EncodedPart)>,
    /// Whether parts are events, which must not be repeated. The opening then starts with CRLF.
    pub(super) events: bool,
    /// Whether parts have a `Content-Length`.
    pub(super) lengths: bool,
    /// Whether the time and the number of a part are sent.
    pub(super) timestamps: bool,
}

impl Encoder {
    /// Creates an encoder with a boundary of your choice.
    ///
    /// Every part is searched for the boundary, since anyone who knows it could forge a part.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Encoder, Wire};
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Browser);
    /// assert_eq!(encoder.content_type(), "multipart/x-mixed-replace; boundary=ThisRandomString");
    /// ```
    #[must_use]
    pub fn new(boundary: Boundary, wire: Wire) -> Self {
        let search = if wire == Wire::Script { Search::LineStarts } else { Search::Anywhere };
        Self::with(wire.content_type(&boundary), boundary, wire, search)
    }

    /// Creates an encoder for events, with the subtype, fixed boundary and parameters of the given
    /// `Content-Type`. It uses the [script wire](Wire::Script), which repeats no part.
    ///
    /// The value is sent unchanged, since clients compare it as a string. Every part is searched
    /// for the boundary at the start of lines, or anywhere for `multipart/x-mixed-replace`. (A line
    /// of JSON cannot start with two dashes.)
    ///
    /// The body starts with CRLF unless the type is `multipart/x-mixed-replace`. It belongs to the
    /// first delimiter (RFC 2046 §5.1.1), and some clients require it: Relay's
    /// `fetch-multipart-graphql` reads a body that starts with `--B` as a preamble and loses the
    /// first event.
    ///
    /// # Errors
    ///
    /// [`InvalidContentType`] if the value is not a well-formed `multipart/…`, or has no boundary
    /// that can be [sent](Boundary).
    ///
    /// # Examples
    ///
    /// A subscription for GraphQL clients such as Apollo's:
    ///
    /// ```
    /// use mixed_replace::{Encoder, Part};
    ///
    /// let encoder = Encoder::for_content_type("multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0")?;
    /// let event = encoder.encode(&Part::json(r#"{"payload":{"data":{"online":3}}}"#)?)?;
    /// assert_eq!(
    ///     [encoder.opening(&event), event.to_bytes(), encoder.closing(Some(&event)).to_bytes()].concat(),
    ///     b"\r\n--graphql\r\n\
    ///       Content-Type: application/json\r\nContent-Length: 33\r\n\r\n{\"payload\":{\"data\":{\"online\":3}}}\r\n\
    ///       --graphql--\r\n"
    /// );
    /// let error = Encoder::for_content_type("text/event-stream").unwrap_err();
    /// assert_eq!(error.to_string(), "the content type must be multipart/...: text/event-stream");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_content_type(value: impl AsRef<[u8]>) -> Result<Self, InvalidContentType> {
        let super::content_type::Parsed { value, boundary, replaces } = super::content_type::parse(value.as_ref())?;
        let search = if replaces { Search::Anywhere } else { Search::LineStarts };
        Ok(Self { events: !replaces, timestamps: false, ..Self::with(value, boundary, Wire::Script, search) })
    }

    /// Creates an encoder with a random boundary, for one response.
    ///
    /// Only the client of the response knows the boundary, so parts are not searched for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Encoder, Wire};
    ///
    /// let encoder = Encoder::random(Wire::Script);
    /// assert!(encoder.content_type().to_str()?.starts_with("multipart/mixed; boundary="));
    /// # Ok::<(), http::header::ToStrError>(())
    /// ```
    #[must_use]
    pub fn random(wire: Wire) -> Self {
        let boundary = Boundary::random();
        Self::with(wire.content_type(&boundary), boundary, wire, Search::Nowhere)
    }

    fn with(content_type: HeaderValue, boundary: Boundary, wire: Wire, search: Search) -> Self {
        Self {
            tail: tail(&boundary, wire),
            boundary,
            wire,
            content_type,
            search,
            heartbeat: None,
            events: false,
            lengths: true,
            timestamps: true,
        }
    }

    /// Sets whether parts have a `Content-Length` on the script wire. On by default.
    ///
    /// Turn it off for Apollo iOS, which expects a part's header block to be one line with the
    /// type, and only `--` after the last delimiter. So without lengths the final CRLF is omitted
    /// too.
    ///
    /// On the machine wire parts always have a length, on the browser wire never.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Encoder, Part};
    ///
    /// let encoder = Encoder::for_content_type("multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0")?
    ///     .content_length(false);
    /// let event = encoder.encode(&Part::json("{}")?)?;
    /// assert_eq!(
    ///     [encoder.opening(&event), event.to_bytes(), encoder.closing(Some(&event)).to_bytes()].concat(),
    ///     b"\r\n--graphql\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql--"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn content_length(mut self, written: bool) -> Self {
        self.lengths = written || self.wire != Wire::Script;
        self.with_heartbeat_encoded()
    }

    /// Sets whether the time and the number of a part are sent, as `X-Timestamp` and `X-Sequence`. On by default, except with
    /// a [prescribed content type](Self::for_content_type), whose readers may not expect them.
    ///
    /// A part has them if it was [published](crate::Publisher::publish), received with them, or given them; see
    /// [`Part::captured_at`]. The browser wire never has them.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use mixed_replace::{Boundary, Encoder, Part, Wire};
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine).timestamps(false);
    /// let part = encoder.encode(&Part::text("on")?.captured_at(SystemTime::now()))?;
    /// assert_eq!(
    ///     part.to_bytes(),
    ///     "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\non\r\n--ThisRandomString\r\n"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn timestamps(mut self, sent: bool) -> Self {
        self.timestamps = sent;
        self.with_heartbeat_encoded()
    }

    /// Returns whether the time and the number of a part are sent.
    pub(crate) fn sends_timestamps(&self) -> bool {
        self.timestamps
    }

    fn with_heartbeat_encoded(mut self) -> Self {
        self.heartbeat = self.heartbeat.take().map(|(part, _)| (part.clone(), self.encode_contiguous(&part)));
        self
    }

    /// Sets the part that a keep-alive sends instead of the last part, such as GraphQL's `{}`. It
    /// is sent before the first part too.
    ///
    /// Without a heartbeat, a keep-alive sends nothing in a stream of events. Some clients need
    /// that: urql (through meros) reports `{}` as an error. Apollo Client ignores it. meros,
    /// Relay's reader and Go's pass it on as a part.
    ///
    /// Only the script wire uses the heartbeat. On the other wires each part replaces the previous
    /// one, so the last part is repeated.
    ///
    /// # Errors
    ///
    /// - [`EncodeError::BoundaryInPart`] if the part holds the boundary.
    /// - [`EncodeError::InvalidPart`] if the part is a damaged image.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Encoder, Part, Writer};
    ///
    /// let encoder = Encoder::for_content_type("multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0")?
    ///     .heartbeat(&Part::json("{}")?)?;
    /// let mut writer = Writer::with_encoder(Vec::new(), encoder);
    /// writer.repeat()?;
    /// assert_eq!(
    ///     writer.finish()?,
    ///     b"\r\n--graphql\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}\r\n--graphql--\r\n"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn heartbeat(mut self, part: &Part) -> Result<Self, EncodeError> {
        self.check(part)?;
        self.heartbeat = (self.wire == Wire::Script).then(|| (part.clone(), self.encode_contiguous(part)));
        Ok(self)
    }

    /// Returns the encoded [`heartbeat`](Self::heartbeat).
    pub(crate) fn heartbeat_part(&self) -> Option<&EncodedPart> {
        self.heartbeat.as_ref().map(|(_, encoded)| encoded)
    }

    /// Returns `true` if parts are events, which must not be repeated.
    pub(crate) fn is_for_events(&self) -> bool {
        self.events
    }

    /// Returns the boundary between parts.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Encoder;
    ///
    /// let encoder = Encoder::for_content_type("multipart/mixed;boundary=\"graphql\"")?;
    /// assert_eq!(encoder.boundary().as_str(), "graphql");
    /// # Ok::<(), mixed_replace::encode::InvalidContentType>(())
    /// ```
    #[must_use]
    pub fn boundary(&self) -> &Boundary {
        &self.boundary
    }

    /// Returns the wire of the encoder.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Encoder, Wire};
    ///
    /// let encoder = Encoder::for_content_type("multipart/mixed;boundary=\"graphql\"")?;
    /// assert_eq!(encoder.wire(), Wire::Script);
    /// # Ok::<(), mixed_replace::encode::InvalidContentType>(())
    /// ```
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// Returns the `Content-Type` of the response: [`Wire::content_type`], or the value passed to
    /// [`for_content_type`](Self::for_content_type).
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Encoder;
    ///
    /// let encoder = Encoder::for_content_type("multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0")?;
    /// assert_eq!(encoder.content_type(), "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0");
    /// # Ok::<(), mixed_replace::encode::InvalidContentType>(())
    /// ```
    #[must_use]
    pub fn content_type(&self) -> HeaderValue {
        self.content_type.clone()
    }
}
