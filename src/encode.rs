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
use http::{HeaderName, HeaderValue};
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
}

impl Encoder {
    /// With a boundary of your choice. Every part is searched for it, since whoever knows a boundary can forge a part.
    #[must_use]
    pub fn new(boundary: Boundary, wire: Wire) -> Self {
        Self { boundary, wire, scan: true }
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
        Self { boundary: Boundary::random(), wire, scan: false }
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
        if self.scan {
            self.search(part)?;
        }
        Ok(self.encode_unsearched(part))
    }

    /// Refuses a part that holds the boundary.
    pub(crate) fn search(&self, part: &Part) -> Result<(), BoundaryInPart> {
        let head = part.headers().values().map(HeaderValue::as_bytes);
        let mut pieces = head.chain([part.content_type().as_ref().as_bytes(), part.body()]);
        if pieces.any(|piece| self.occurs_in(piece)) {
            return Err(BoundaryInPart(self.boundary.clone()));
        }
        Ok(())
    }

    /// Like [`encode`](Self::encode), for a boundary that the part's author cannot know.
    pub(crate) fn encode_unsearched(&self, part: &Part) -> EncodedPart {
        let boundary = self.boundary.as_str().as_bytes();
        let content_type = part.content_type().as_ref().as_bytes();
        match self.wire {
            Wire::Browser => EncodedPart::new(
                &[],
                part.body().clone(),
                &[DELIMITER, boundary, CRLF, CONTENT_TYPE, content_type, BLANK_LINE],
            ),
            Wire::Machine => {
                head(b"", part, |head| EncodedPart::new(head, part.body().clone(), &[DELIMITER, boundary, CRLF]))
            }
            Wire::Script => {
                head(CRLF, part, |head| EncodedPart::new(head, part.body().clone(), &[DELIMITER, boundary]))
            }
        }
    }

    /// What has to go out between `last` and `next`: on the browser wire, where the type of the next part is promised
    /// already, the last part's body once more under the promised type, followed by the new promise.
    ///
    /// `None` on the other wires, and where the type stays the same.
    #[must_use]
    pub fn bridge(&self, last: &EncodedPart, next: &EncodedPart) -> Option<EncodedPart> {
        (last.tail() != next.tail()).then(|| EncodedPart::new(&[], last.body.clone(), &[next.tail()]))
    }

    /// The end: the last part once more where its line or header block is open already (browser and machine wire),
    /// then the close-delimiter. Without a last part, an opening and the close-delimiter.
    pub fn closing(&self, last: Option<&EncodedPart>) -> EncodedPart {
        let boundary = self.boundary.as_str().as_bytes();
        match (last, self.wire) {
            (None, _) => EncodedPart::new(&[b"--", boundary, CLOSE], Bytes::new(), &[]),
            (Some(_), Wire::Script) => EncodedPart::new(&[CLOSE], Bytes::new(), &[]),
            (Some(last), _) => EncodedPart::new(&[last.head()], last.body.clone(), &[DELIMITER, boundary, CLOSE]),
        }
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

/// The bytes of one part on one wire, the body not yet copied: head, body, tail.
#[must_use]
#[derive(Clone, Debug)]
pub struct EncodedPart {
    /// Head, the first and last `edge` bytes of the body, tail.
    framing: Bytes,
    head_len: usize,
    edge: usize,
    body: Bytes,
    /// All of it in one piece, where many clients share it.
    whole: Option<Bytes>,
}

impl EncodedPart {
    fn new(head: &[&[u8]], body: Bytes, tail: &[&[u8]]) -> Self {
        let edge = if body.len() > COPY_UP_TO { EDGE } else { 0 };
        let head_len = head.iter().map(|piece| piece.len()).sum::<usize>();
        let tail_len = tail.iter().map(|piece| piece.len()).sum::<usize>();
        let mut framing = Vec::with_capacity(head_len + 2 * edge + tail_len);
        head.iter().for_each(|piece| framing.extend_from_slice(piece));
        if let (Some(first), Some(last)) = (body.get(..edge), body.get(body.len() - edge..)) {
            framing.extend_from_slice(first);
            framing.extend_from_slice(last);
        }
        tail.iter().for_each(|piece| framing.extend_from_slice(piece));
        Self { framing: Bytes::from(framing), head_len, edge, body, whole: None }
    }

    /// How many bytes the part takes on the wire.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a part is never empty")]
    pub fn len(&self) -> usize {
        self.framing.len() - 2 * self.edge + self.body.len()
    }

    /// The body of the part.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// All of it in one piece. Copies the body, unless it is [`joined`](Self::joined) already.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.whole.clone().unwrap_or_else(|| Bytes::from([self.head(), &self.body, self.tail()].concat()))
    }

    /// The same, put together in one piece once, for any number of clients: one buffer for each client and part costs
    /// a server less than two or three, whatever their size.
    pub fn joined(mut self) -> Self {
        let whole = self.to_bytes();
        self.body = whole.slice(self.head_len..self.head_len + self.body.len());
        self.whole = Some(whole);
        self
    }

    /// All of it in the pieces that are cheapest to send: one if it is [`joined`](Self::joined); otherwise one up to
    /// 64 KiB of body, copied; above that three, of which the middle one shares the body.
    ///
    /// Each of the three has at least 256 bytes: HTTP/2 stacks count smaller ones against the connection. So the outer
    /// two begin and end with 256 bytes of the body each, which are all that is copied of it.
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> + use<> {
        let chunks = if self.edge == 0 || self.whole.is_some() {
            [Some(self.to_bytes()), None, None]
        } else {
            let cut = self.head_len + self.edge;
            let middle = self.body.slice(self.edge..self.body.len() - self.edge);
            [Some(self.framing.slice(..cut)), Some(middle), Some(self.framing.slice(cut..))]
        };
        chunks.into_iter().flatten()
    }

    fn head(&self) -> &[u8] {
        self.framing.get(..self.head_len).unwrap_or_default()
    }

    fn tail(&self) -> &[u8] {
        self.framing.get(self.head_len + 2 * self.edge..).unwrap_or_default()
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

/// Hands the pieces of a header block to `then`: the type first, the length last, names in Title-Case, since each of
/// these is all that some consumer understands.
fn head<R>(before: &[u8], part: &Part, then: impl FnOnce(&[&[u8]]) -> R) -> R {
    let content_type = part.content_type().as_ref().as_bytes();
    let mut digits = [0; 20];
    let length = decimal(part.body().len(), &mut digits);
    if part.headers().is_empty() {
        return then(&[before, CONTENT_TYPE, content_type, CONTENT_LENGTH, length, BLANK_LINE]);
    }
    let mut extra = Vec::new();
    for (name, value) in part.headers() {
        extra.extend_from_slice(CRLF);
        extra.extend(title_case(name));
        extra.extend_from_slice(b": ");
        extra.extend_from_slice(value.as_bytes());
    }
    then(&[before, CONTENT_TYPE, content_type, &extra, CONTENT_LENGTH, length, BLANK_LINE])
}

/// `Content-Type` for `content-type`, which is how the `http` crate keeps it.
pub(crate) fn title_case(name: &HeaderName) -> impl Iterator<Item = u8> {
    let mut start = true;
    name.as_str().bytes().map(move |byte| {
        let byte = if start { byte.to_ascii_uppercase() } else { byte };
        start = byte == b'-';
        byte
    })
}

fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789".get(number % 10).copied().unwrap_or_default();
        number /= 10;
        at -= 1;
        if number == 0 {
            break;
        }
    }
    digits.get(at..).unwrap_or_default()
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
const PADDED_BELOW: usize = 600;
const PADDING_LINE: &[u8; 124] = b"X-Padding: \
................................................................\
...............................................\r\n";
const PADDING_LINES: usize = 5;
