//! The wire grammar, writing side (RFC 2046 §5.1.1).
//!
//! ```text
//! body  = opening *part closing
//! ```
//!
//! A part's bytes end with the framing of the part that will follow it, as far as the [`Wire`] allows that to go out
//! in advance. So they are the same for every client and may stand between any two parts: encode once, send to many.

mod content_type;
mod frame;
mod part;

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem;

use self::frame::{CLOSE, CONTENT_TYPE, CRLF, DASHES, DELIMITER, Framed};
use crate::boundary::Boundary;
use crate::part::Part;
use crate::picture::InvalidPicture;
use crate::wire::Wire;

pub use self::content_type::InvalidContentType;
pub(crate) use self::frame::title_case;
pub use self::part::EncodedPart;

/// Turns parts into the bytes of one [`Wire`]. Holds configuration only, and no state of any client.
///
/// On the machine wire, with `B` for the boundary:
///
/// ```text
/// opening    --B CRLF
/// part       Content-Type: image/jpeg CRLF Content-Length: 3 CRLF CRLF ... CRLF --B CRLF
/// closing    Content-Type: image/jpeg CRLF Content-Length: 3 CRLF CRLF ... CRLF --B-- CRLF
/// ```
///
/// The closing holds the last part once more, because its header line is open already; replacing makes that harmless.
/// Most programs want [`MixedReplace`](crate::MixedReplace), which drives this for one client.
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
    boundary: Boundary,
    wire: Wire,
    content_type: HeaderValue,
    search: Search,
    /// What stands behind every body, on the browser wire up to the type.
    tail: Vec<u8>,
    heartbeat: Option<EncodedPart>,
    /// A stream of events: there is a line end in front of the first delimiter too.
    events: bool,
    /// Whether parts have a length.
    lengths: bool,
}

/// Where a part is searched for the boundary, since a reader would take it for a delimiter there.
#[derive(Clone, Copy, Debug)]
enum Search {
    /// Also inside a line, as readers of `multipart/x-mixed-replace` do.
    Anywhere,
    /// Other readers go by `Content-Length` or by lines, and fixed boundaries for them may be as short as `-`.
    LineStarts,
    /// The part's author cannot know the boundary.
    Nowhere,
}

impl Encoder {
    /// With a boundary of your choice. Every part is searched for it, since whoever knows a boundary can forge a part.
    #[must_use]
    pub fn new(boundary: Boundary, wire: Wire) -> Self {
        let search = if wire == Wire::Script { Search::LineStarts } else { Search::Anywhere };
        Self::with(wire.content_type(&boundary), boundary, wire, search)
    }

    /// For events rather than pictures: the [script wire](Wire::Script), on which no part comes twice, under a
    /// `Content-Type` of your own, with its subtype, its fixed boundary and its further parameters.
    ///
    /// The value is sent as it is given, since clients compare such strings. Every part is searched for the boundary at
    /// the beginnings of lines, or anywhere under `multipart/x-mixed-replace`. (JSON cannot hold two dashes there.)
    ///
    /// The body begins with a line end unless the type is `multipart/x-mixed-replace`. It belongs to the first delimiter
    /// (RFC 2046 §5.1.1), and some clients look for it: Relay's `fetch-multipart-graphql` takes a body that begins with
    /// `--B` for a preamble and loses the first event.
    ///
    /// # Errors
    ///
    /// If the value is no well-formed `multipart/…`, or names no boundary that can be [sent](Boundary).
    ///
    /// # Examples
    ///
    /// What GraphQL clients such as Apollo's take for a subscription:
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
    /// assert_eq!(error.to_string(), "the content type is no multipart/...: text/event-stream");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_content_type(value: impl AsRef<[u8]>) -> Result<Self, InvalidContentType> {
        let content_type::Parsed { value, boundary, replaces } = content_type::parse(value.as_ref())?;
        let search = if replaces { Search::Anywhere } else { Search::LineStarts };
        Ok(Self { events: !replaces, ..Self::with(value, boundary, Wire::Script, search) })
    }

    /// With a random boundary that nobody but this response's client will know, so that no part needs to be searched.
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
        let tail: &[&[u8]] = match wire {
            Wire::Browser => &[DELIMITER, boundary.as_str().as_bytes(), CRLF, CONTENT_TYPE],
            Wire::Machine => &[DELIMITER, boundary.as_str().as_bytes(), CRLF],
            Wire::Script => &[DELIMITER, boundary.as_str().as_bytes()],
        };
        Self {
            tail: tail.concat(),
            boundary,
            wire,
            content_type,
            search,
            heartbeat: None,
            events: false,
            lengths: true,
        }
    }

    /// Writes parts with their `Content-Length`, or without. With it unless set. Has to be set before
    /// [`heartbeat`](Self::heartbeat).
    ///
    /// For Apollo iOS, which reads a part's header block as one line with the type, and takes nothing but `--` after the last
    /// delimiter: without lengths, the line end there is left out as well. On the machine wire parts have their length
    /// always, on the browser wire never.
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
        self
    }

    /// Sends this part in place of the last one wherever a keep-alive is due, also before the first part: GraphQL's `{}`.
    ///
    /// Without this, a keep-alive sends nothing in a stream of events, as is right for clients that fail on a heartbeat: urql (through meros) reports `{}` as
    /// an error. Apollo Client ignores it; meros, Relay's reader and Go's pass it on as a part.
    ///
    /// So no event comes twice. Heartbeats are for the script wire alone and ignored on the others, where each part
    /// replaces the one before it, and so the last one is repeated.
    ///
    /// # Errors
    ///
    /// If the part holds the boundary.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Encoder, Part, write::Writer};
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
        self.heartbeat = (self.wire == Wire::Script).then(|| self.encode_contiguous(part));
        Ok(self)
    }

    /// What is sent in place of the last part to keep a connection alive.
    pub(crate) fn heartbeat_part(&self) -> Option<&EncodedPart> {
        self.heartbeat.as_ref()
    }

    /// Whether parts are events, of which none may come twice.
    pub(crate) fn is_for_events(&self) -> bool {
        self.events
    }

    /// The boundary between the parts.
    #[must_use]
    pub fn boundary(&self) -> &Boundary {
        &self.boundary
    }

    /// The wire that parts are written for.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// The value of the response's `Content-Type`: [`Wire::content_type`], or what
    /// [`for_content_type`](Self::for_content_type) was given.
    #[must_use]
    pub fn content_type(&self) -> HeaderValue {
        self.content_type.clone()
    }

    /// What a client gets before its first part: the dash-boundary line, and on the browser wire the header block of
    /// `first`. Never a preamble, which crashes Chromium's tab; a stream of events begins with the delimiter's line end.
    ///
    /// On the browser wire a first body below 600 bytes is announced with some lines of padding, `X-Padding: …`,
    /// because WebKitGTK holds back the first 512 bytes of a response.
    #[must_use]
    pub fn opening(&self, first: &EncodedPart) -> Bytes {
        if self.events {
            return Bytes::copy_from_slice(first.tail());
        }
        let Some(block) = first.tail().strip_prefix(CRLF) else { return Bytes::new() };
        match (self.wire, block.strip_suffix(CRLF)) {
            (Wire::Browser, Some(lines)) if first.body().len() < PADDED_BELOW => {
                let padding = PADDING_LINE.repeat(PADDING_LINES);
                Bytes::from([lines, padding.as_slice(), CRLF].concat())
            }
            _ => Bytes::copy_from_slice(block),
        }
    }

    /// A part, and behind it what may go out before the next part is known.
    ///
    /// Costs one allocation whatever the size of the body, which is shared, not copied. (A boundary of your own choice
    /// is searched for, at the speed of memory.)
    ///
    /// # Errors
    ///
    /// If the part holds the boundary where a reader would take it for a delimiter. Readers of
    /// `multipart/x-mixed-replace` look for it anywhere, also inside a line.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Encoder, Part, Wire};
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Browser);
    /// let part = encoder.encode(&Part::text("on")?)?;
    /// assert_eq!(
    ///     part.to_bytes(),
    ///     "on\r\n--ThisRandomString\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    /// );
    /// let error = encoder.encode(&Part::text("not ThisRandomString!")?).unwrap_err();
    /// assert_eq!(error.to_string(), "the part holds the boundary \"ThisRandomString\"");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode(&self, part: &Part) -> Result<EncodedPart, EncodeError> {
        self.check(part)?;
        let body = part.body().clone();
        Ok(EncodedPart::separate(&Framed::new(self, part, &mut [0; 20]), body))
    }

    /// Like [`encode`](Self::encode), for a boundary that the part's author cannot know, and with the copying done that
    /// [`EncodedPart::chunks`] would do at each call. The guard is dropped with the last of the part and its chunks.
    pub(crate) fn encode_to_send(&self, part: &Part, guard: impl Send + 'static) -> EncodedPart {
        EncodedPart::to_send(&Framed::new(self, part, &mut [0; 20]), part.body(), guard)
    }

    /// Like [`encode`](Self::encode), for a part that was [searched](Self::search), and in one piece whatever its size:
    /// for many clients one copy costs less than the extra buffers that each of them would have to write.
    pub(crate) fn encode_contiguous(&self, part: &Part) -> EncodedPart {
        EncodedPart::new_contiguous(&Framed::new(self, part, &mut [0; 20]), part.body(), ())
    }

    /// What has to go out between `last` and `next`: on the browser wire, where the type of the next part is promised
    /// already, the last part's body once more under the promised type, followed by the new promise.
    ///
    /// `None` on the other wires, and where the type stays the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Encoder, Part, Wire};
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Browser);
    /// let text = encoder.encode(&Part::text("on")?)?;
    /// let html = encoder.encode(&Part::html("<p>on")?)?;
    /// assert_eq!(
    ///     encoder.bridge(&text, &html).unwrap().to_bytes(),
    ///     "on\r\n--ThisRandomString\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    /// );
    /// assert!(encoder.bridge(&text, &text).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn bridge(&self, last: &EncodedPart, next: &EncodedPart) -> Option<EncodedPart> {
        (last.tail() != next.tail()).then(|| EncodedPart::to_send(&(&[][..], next.tail()), last.body(), ()))
    }

    /// The end: the last part once more where its line or header block is open already (browser and machine wire),
    /// then the close-delimiter. Without a last part, only the close-delimiter, with no line end in front of it except in a
    /// stream of events: `--B-- CRLF`.
    pub fn closing(&self, last: Option<&EncodedPart>) -> EncodedPart {
        let close = if self.lengths { CLOSE } else { DASHES };
        let close_delimiter = [DELIMITER, self.boundary.as_str().as_bytes(), close].concat();
        match (last, self.wire) {
            (None, _) if self.events => EncodedPart::separate(&(&[][..], &close_delimiter[..]), Bytes::new()),
            (None, _) => {
                let dash_boundary = close_delimiter.strip_prefix(CRLF).unwrap_or_default();
                EncodedPart::separate(&(&[][..], dash_boundary), Bytes::new())
            }
            (Some(_), Wire::Script) => EncodedPart::separate(&(&[][..], close), Bytes::new()),
            (Some(last), _) => EncodedPart::to_send(&(last.head(), &close_delimiter[..]), last.body(), ()),
        }
    }

    /// Rejects a part that cannot be sent.
    pub(crate) fn check(&self, part: &Part) -> Result<(), EncodeError> {
        part.check_picture().map_err(EncodeError::InvalidPicture)?;
        self.search(part).map_err(EncodeError::BoundaryInPart)
    }

    /// Rejects a part that holds the boundary.
    pub(crate) fn search(&self, part: &Part) -> Result<(), BoundaryInPart> {
        if let Search::Nowhere = self.search {
            return Ok(());
        }
        let mut block = Vec::new();
        Framed::new(self, part, &mut [0; 20]).header_block(&mut block);
        if self.occurs_in(&block) || self.occurs_in(part.body()) {
            return Err(BoundaryInPart(self.boundary.clone()));
        }
        Ok(())
    }

    /// Whether a reader could take something in `bytes` for a delimiter.
    fn occurs_in(&self, bytes: &[u8]) -> bool {
        let boundary = self.boundary.as_str().as_bytes();
        match self.search {
            Search::Anywhere => memmem::find(bytes, boundary).is_some(),
            Search::LineStarts => {
                let dash_boundary = [b"--", boundary].concat();
                memmem::find_iter(bytes, &dash_boundary)
                    .any(|at| at == 0 || bytes.get(at - 1).is_some_and(|before| matches!(before, b'\r' | b'\n')))
            }
            Search::Nowhere => false,
        }
    }
}

/// Why a part cannot be encoded.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The part holds the boundary.
    BoundaryInPart(BoundaryInPart),
    /// The part is an image from a [`Decoder`](crate::Decoder) that ends an image stream in browsers.
    InvalidPicture(InvalidPicture),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BoundaryInPart(error) => error.fmt(f),
            Self::InvalidPicture(error) => error.fmt(f),
        }
    }
}

/// `Display` says all that its variants say, so the source is theirs.
impl std::error::Error for EncodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::BoundaryInPart(error) => error.source(),
            Self::InvalidPicture(error) => error.source(),
        }
    }
}

/// `InvalidData`.
impl From<EncodeError> for std::io::Error {
    fn from(error: EncodeError) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

/// A part that holds the boundary: sent, it would be torn in two.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BoundaryInPart(Boundary);

impl fmt::Display for BoundaryInPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the part holds the boundary {:?}", self.0.as_str())
    }
}

impl std::error::Error for BoundaryInPart {}

/// `InvalidData`.
impl From<BoundaryInPart> for std::io::Error {
    fn from(error: BoundaryInPart) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

const PADDED_BELOW: usize = 600;
const PADDING_LINE: &[u8; 124] = b"X-Padding: \
................................................................\
...............................................\r\n";
const PADDING_LINES: usize = 5;
