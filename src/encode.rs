//! The wire grammar, writing side (RFC 2046 §5.1.1).
//!
//! ```text
//! body  = opening *part closing
//! ```
//!
//! A part's bytes end with the framing of the part that will follow it, as far as the [`Wire`] allows that to go out
//! in advance. So they are the same for every client and may stand between any two parts: encode once, send to many.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem;

use crate::boundary::Boundary;
use crate::part::Part;
use crate::wire::Wire;

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
    scan: bool,
    /// What stands behind every body, on the browser wire up to the type.
    behind: Vec<u8>,
}

impl Encoder {
    /// With a boundary of your choice. Every part is searched for it, since whoever knows a boundary can forge a part.
    #[must_use]
    pub fn new(boundary: Boundary, wire: Wire) -> Self {
        Self::with(boundary, wire, true)
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
        Self::with(Boundary::random(), wire, false)
    }

    fn with(boundary: Boundary, wire: Wire, scan: bool) -> Self {
        let behind: &[&[u8]] = match wire {
            Wire::Browser => &[DELIMITER, boundary.as_str().as_bytes(), CRLF, CONTENT_TYPE],
            Wire::Machine => &[DELIMITER, boundary.as_str().as_bytes(), CRLF],
            Wire::Script => &[DELIMITER, boundary.as_str().as_bytes()],
        };
        Self { behind: behind.concat(), boundary, wire, scan }
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

    /// The value of the response's `Content-Type`; see [`Wire::content_type`].
    #[must_use]
    pub fn content_type(&self) -> HeaderValue {
        self.wire.content_type(&self.boundary)
    }

    /// What a client gets before its first part: the dash-boundary line, and on the browser wire the header block of
    /// `first`. Never a preamble, which crashes Chromium's tab.
    ///
    /// On the browser wire a first body below 600 bytes is announced with some lines of padding, `X-Padding: …`,
    /// because WebKitGTK holds back the first 512 bytes of a response.
    #[must_use]
    pub fn opening(&self, first: &EncodedPart) -> Bytes {
        let Some(block) = first.tail().strip_prefix(CRLF) else { return Bytes::new() };
        match (self.wire, block.strip_suffix(CRLF)) {
            (Wire::Browser, Some(lines)) if first.body.len() < PADDED_BELOW => {
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
    pub fn encode(&self, part: &Part) -> Result<EncodedPart, BoundaryInPart> {
        if self.scan && self.occurs_in_part(part) {
            return Err(BoundaryInPart(self.boundary.clone()));
        }
        let body = part.body().clone();
        Ok(EncodedPart::apart(&Framed::new(self, part, &mut [0; 20]), body))
    }

    /// Like [`encode`](Self::encode), for a boundary that the part's author cannot know, and with the copying done that
    /// [`EncodedPart::chunks`] would do at each call. The guard is dropped with the last of the part and its chunks.
    pub(crate) fn encode_to_send(&self, part: &Part, guard: impl Send + 'static) -> EncodedPart {
        EncodedPart::to_send(&Framed::new(self, part, &mut [0; 20]), part.body(), guard)
    }

    /// What has to go out between `last` and `next`: on the browser wire, where the type of the next part is promised
    /// already, the last part's body once more under the promised type, followed by the new promise.
    ///
    /// `None` on the other wires, and where the type stays the same.
    #[must_use]
    pub fn bridge(&self, last: &EncodedPart, next: &EncodedPart) -> Option<EncodedPart> {
        (last.tail() != next.tail()).then(|| EncodedPart::to_send(&(&[][..], next.tail()), &last.body, ()))
    }

    /// The end: the last part once more where its line or header block is open already (browser and machine wire),
    /// then the close-delimiter. Without a last part, an opening and the close-delimiter.
    pub fn closing(&self, last: Option<&EncodedPart>) -> EncodedPart {
        let close_delimiter = [DELIMITER, self.boundary.as_str().as_bytes(), CLOSE].concat();
        match (last, self.wire) {
            (None, _) => {
                let dash_boundary = close_delimiter.strip_prefix(CRLF).unwrap_or_default();
                EncodedPart::apart(&(&[][..], dash_boundary), Bytes::new())
            }
            (Some(_), Wire::Script) => EncodedPart::apart(&(&[][..], CLOSE), Bytes::new()),
            (Some(last), _) => EncodedPart::to_send(&(last.head(), &close_delimiter[..]), &last.body, ()),
        }
    }

    fn occurs_in_part(&self, part: &Part) -> bool {
        let mut block = Vec::new();
        Framed::new(self, part, &mut [0; 20]).header_block(&mut block);
        self.occurs_in(&block) || self.occurs_in(part.body())
    }

    /// Whether a reader could take something in `bytes` for a delimiter.
    fn occurs_in(&self, bytes: &[u8]) -> bool {
        let boundary = self.boundary.as_str().as_bytes();
        match self.wire {
            Wire::Browser | Wire::Machine => memmem::find(bytes, boundary).is_some(),
            // Its readers go by Content-Length or by lines, and its fixed boundaries may be as short as `-`.
            Wire::Script => {
                let dash_boundary = [b"--", boundary].concat();
                memmem::find_iter(bytes, &dash_boundary)
                    .any(|at| at == 0 || bytes.get(at - 1).is_some_and(|before| matches!(before, b'\r' | b'\n')))
            }
        }
    }
}

/// The bytes of one part on one wire: head, body, tail.
#[must_use]
#[derive(Clone, Debug)]
pub struct EncodedPart {
    framing: Framing,
    head_len: usize,
    body: Bytes,
}

#[derive(Clone, Debug)]
enum Framing {
    /// Head, tail: nothing of the body is copied.
    Apart(Vec<u8>),
    /// Head, the body's first and last `EDGE` bytes, tail.
    Edges(Bytes),
    /// Head, body, tail.
    Whole(Bytes),
}

impl EncodedPart {
    /// With nothing of the body copied.
    #[inline]
    fn apart(frame: &impl Frame, body: Bytes) -> Self {
        let (head_len, tail_len) = lengths(frame);
        let mut framing = Vec::with_capacity(head_len + tail_len);
        fill(&mut framing, frame, &[]);
        Self { framing: Framing::Apart(framing), head_len, body }
    }

    /// With as much of the body copied as [`chunks`](Self::chunks) needs, in two allocations, a body's that begins to be
    /// shared included. The guard is dropped with the last of them.
    fn to_send(frame: &impl Frame, body: &Bytes, guard: impl Send + 'static) -> Self {
        let (head_len, tail_len) = lengths(frame);
        let edges = body.get(..EDGE).zip(body.get(body.len().saturating_sub(EDGE)..));
        let Some((first, last)) = edges.filter(|_| body.len() > COPY_UP_TO) else {
            let mut whole = Vec::with_capacity(head_len + body.len() + tail_len);
            fill(&mut whole, frame, &[body]);
            let whole = Bytes::from_owner(Guarded { bytes: whole, _guard: guard });
            let body = whole.slice(head_len..whole.len() - tail_len);
            return Self { framing: Framing::Whole(whole), head_len, body };
        };
        let framing_len = head_len + 2 * EDGE + tail_len;
        let framing = if framing_len <= INLINE {
            let mut bytes = Inline { bytes: [0; INLINE], len: 0 };
            fill(&mut bytes, frame, &[first, last]);
            Bytes::from_owner(Guarded { bytes, _guard: guard })
        } else {
            let mut bytes = Vec::with_capacity(framing_len);
            fill(&mut bytes, frame, &[first, last]);
            Bytes::from_owner(Guarded { bytes, _guard: guard })
        };
        Self { framing: Framing::Edges(framing), head_len, body: body.clone() }
    }

    /// How many bytes the part takes on the wire.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a part is never empty")]
    pub fn len(&self) -> usize {
        self.head().len() + self.body.len() + self.tail().len()
    }

    /// The body of the part.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// All of it in one piece. Copies the body.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        Bytes::from([self.head(), &self.body, self.tail()].concat())
    }

    /// All of it in the pieces that are cheapest to send: one up to 64 KiB of body, copied; above that three, of which
    /// the middle one shares the body.
    ///
    /// Each of the three has at least 256 bytes: HTTP/2 stacks count smaller ones against the connection. So the outer
    /// two begin and end with 256 bytes of the body each, which are all that is copied of it.
    ///
    /// Each call copies anew. What goes to many clients is best collected once, and cloned for each.
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> + use<> {
        self.pieces().into_iter().flatten()
    }

    fn pieces(&self) -> [Option<Bytes>; 3] {
        match &self.framing {
            Framing::Apart(_) => Self::to_send(&(self.head(), self.tail()), &self.body, ()).pieces(),
            Framing::Edges(framing) => {
                let cut = self.head_len + EDGE;
                let middle = self.body.slice(EDGE..self.body.len() - EDGE);
                [Some(framing.slice(..cut)), Some(middle), Some(framing.slice(cut..))]
            }
            Framing::Whole(whole) => [Some(whole.clone()), None, None],
        }
    }

    fn head(&self) -> &[u8] {
        self.framing().0.get(..self.head_len).unwrap_or_default()
    }

    fn tail(&self) -> &[u8] {
        let (framing, copied) = self.framing();
        framing.get(self.head_len + copied..).unwrap_or_default()
    }

    /// The framing, and how many bytes of the body stand in it.
    fn framing(&self) -> (&[u8], usize) {
        match &self.framing {
            Framing::Apart(framing) => (framing, 0),
            Framing::Edges(framing) => (framing, 2 * EDGE),
            Framing::Whole(framing) => (framing, self.body.len()),
        }
    }
}

/// What stands around a body.
trait Frame {
    fn head(&self, to: &mut impl Put);
    fn tail(&self, to: &mut impl Put);
}

/// What stands around a part's body on an encoder's wire.
struct Framed<'a> {
    encoder: &'a Encoder,
    part: &'a Part,
    content_type: &'a [u8],
    length: &'a [u8],
}

impl<'a> Framed<'a> {
    #[inline]
    fn new(encoder: &'a Encoder, part: &'a Part, digits: &'a mut [u8; 20]) -> Self {
        let content_type = part.content_type().as_ref().as_bytes();
        let length = if encoder.wire == Wire::Browser { &[] } else { decimal(part.body().len(), digits) };
        Self { encoder, part, content_type, length }
    }

    /// The type first, the length last, names in Title-Case: each of these is all that some consumer understands.
    #[inline]
    fn header_block(&self, to: &mut impl Put) {
        to.put(CONTENT_TYPE);
        to.put(self.content_type);
        if !self.part.headers().is_empty() {
            extra_lines(self.part, to);
        }
        to.put(CONTENT_LENGTH);
        to.put(self.length);
        to.put(BLANK_LINE);
    }
}

impl Frame for Framed<'_> {
    #[inline]
    fn head(&self, to: &mut impl Put) {
        match self.encoder.wire {
            Wire::Browser => {}
            Wire::Machine => self.header_block(to),
            Wire::Script => {
                to.put(CRLF);
                self.header_block(to);
            }
        }
    }

    #[inline]
    fn tail(&self, to: &mut impl Put) {
        to.put(&self.encoder.behind);
        if self.encoder.wire == Wire::Browser {
            to.put(self.content_type);
            to.put(BLANK_LINE);
        }
    }
}

/// Head and tail.
impl Frame for (&[u8], &[u8]) {
    fn head(&self, to: &mut impl Put) {
        to.put(self.0);
    }

    fn tail(&self, to: &mut impl Put) {
        to.put(self.1);
    }
}

#[inline]
fn fill(to: &mut impl Put, frame: &impl Frame, body: &[&[u8]]) {
    frame.head(to);
    body.iter().for_each(|piece| to.put(piece));
    frame.tail(to);
}

#[inline]
fn lengths(frame: &impl Frame) -> (usize, usize) {
    let (mut head, mut tail) = (0, 0);
    frame.head(&mut head);
    frame.tail(&mut tail);
    (head, tail)
}

trait Put {
    fn put(&mut self, piece: &[u8]);
}

impl Put for Vec<u8> {
    #[inline]
    fn put(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }
}

/// Only counts.
impl Put for usize {
    #[inline]
    fn put(&mut self, piece: &[u8]) {
        *self += piece.len();
    }
}

/// A few bytes in place, so that an owner of them takes one allocation.
struct Inline {
    bytes: [u8; INLINE],
    len: usize,
}

impl Put for Inline {
    fn put(&mut self, piece: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.len..self.len + piece.len()) {
            room.copy_from_slice(piece);
            self.len += piece.len();
        }
    }
}

impl AsRef<[u8]> for Inline {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Bytes, and something that lives as long as any of them.
struct Guarded<B, G> {
    bytes: B,
    _guard: G,
}

impl<B: AsRef<[u8]>, G> AsRef<[u8]> for Guarded<B, G> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
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

/// The part's own header lines, each with a line end before it.
#[cold]
fn extra_lines(part: &Part, to: &mut impl Put) {
    for (name, value) in part.headers() {
        to.put(CRLF);
        let mut start = true;
        for byte in name.as_str().bytes() {
            to.put(&[if start { byte.to_ascii_uppercase() } else { byte }]);
            start = byte == b'-';
        }
        to.put(b": ");
        to.put(value.as_bytes());
    }
}

/// Two digits at a time: divisions that wait for one another are what would cost most here.
#[inline]
fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    for pair in digits.rchunks_exact_mut(2) {
        let two = (number % 100).to_le_bytes()[0];
        pair.copy_from_slice(&[b'0' + two / 10, b'0' + two % 10]);
        number /= 100;
        start -= if number == 0 && two < 10 { 1 } else { 2 };
        if number == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}

const CRLF: &[u8] = b"\r\n";
const DELIMITER: &[u8] = b"\r\n--";
const CLOSE: &[u8] = b"--\r\n";
const BLANK_LINE: &[u8] = b"\r\n\r\n";
const CONTENT_TYPE: &[u8] = b"Content-Type: ";
const CONTENT_LENGTH: &[u8] = b"\r\nContent-Length: ";

/// One copy of this much costs less than the extra buffers do in a server's `writev`.
const COPY_UP_TO: usize = 64 * 1024;
/// h2 counts DATA frames below this size against a connection.
const EDGE: usize = 256;
/// What the framing and the edges of a large part need, unless the boundary is longer than readers take.
const INLINE: usize = 960;
const PADDED_BELOW: usize = 600;
const PADDING_LINE: &[u8; 124] = b"X-Padding: \
................................................................\
...............................................\r\n";
const PADDING_LINES: usize = 5;
