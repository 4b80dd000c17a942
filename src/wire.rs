//! The three spellings of a stream of parts, and the choice by the request.

use std::ops::{Index, IndexMut};

use http::header::{ACCEPT, HeaderMap, HeaderValue};

use crate::boundary::Boundary;
use crate::part::is_token;

/// The spelling of a stream of parts for one kind of client.
///
/// All three follow one grammar; they differ in how much of the *next* part's framing goes out with a part, because
/// clients wait for different bytes before they take a part as complete. The delimiter is `CRLF--B`:
///
/// | wire | a part | sent with it, after the body | media type |
/// |---|---|---|---|
/// | browser | body | `CRLF--B CRLF Content-Type: T CRLF CRLF` | `multipart/x-mixed-replace` |
/// | machine | headers with `Content-Length`, body | `CRLF--B CRLF` | `multipart/x-mixed-replace` |
/// | script | line end, headers with `Content-Length`, body | `CRLF--B` | `multipart/mixed` |
///
/// On any other wire than its own, a browser lags one part behind. So the wire is an argument of each constructor; with the
/// features `axum` and `actix-web` it is an extractor, by [`for_request`](Self::for_request).
///
/// # Examples
///
/// ```
/// use mixed_replace::Wire;
///
/// assert_eq!(Wire::for_accept(["image/avif,image/webp,*/*;q=0.8"]), Wire::Browser);
/// assert_eq!(Wire::for_accept(["*/*"]), Wire::Machine);
/// assert_eq!(Wire::for_accept(["multipart/mixed"]), Wire::Script);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Wire {
    /// For `<img>`, frames and documents: the browser has the part, and the next one's header block, at once.
    ///
    /// The next part's header block promises its type and cannot hold its length or other headers.
    Browser,
    /// For everything else: ffmpeg, curl, OpenCV, Go, recorders and relays.
    Machine,
    /// For a page's own script, which reads the body with `fetch()`: WebKit refuses to do so under another media type.
    Script,
}

impl Wire {
    pub(crate) const ALL: [Self; 3] = [Self::Browser, Self::Machine, Self::Script];

    /// Returns the wire that suits the client with these request headers, by its `Accept`.
    ///
    /// | `Accept` names | from | wire |
    /// |---|---|---|
    /// | `multipart/mixed` | scripts | script |
    /// | `image/*`, `image/webp` | an `<img>` of any browser | browser |
    /// | `application/xhtml+xml`, or `text/html` without single image types such as `image/jpeg` | a navigation | browser |
    /// | anything else, or nothing | ffmpeg, curl, OpenCV, Go, Java | machine |
    ///
    /// Java up to version 17 names `text/html, image/gif, image/jpeg`, and programs that fetch pictures name `image/jpeg`:
    /// both need lengths. A media range with `q=0` is ignored. A response that depends on this says `Vary: Accept`;
    /// `MixedReplace` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue, header::ACCEPT};
    /// use mixed_replace::Wire;
    ///
    /// let mut headers = HeaderMap::new();
    /// assert_eq!(Wire::for_request(&headers), Wire::Machine);
    /// headers.insert(ACCEPT, HeaderValue::from_static("image/avif,image/webp,*/*;q=0.8"));
    /// assert_eq!(Wire::for_request(&headers), Wire::Browser);
    /// headers.insert(ACCEPT, HeaderValue::from_static("multipart/mixed"));
    /// assert_eq!(Wire::for_request(&headers), Wire::Script);
    /// ```
    #[must_use]
    pub fn for_request(headers: &HeaderMap) -> Self {
        Self::for_accept(headers.get_all(ACCEPT).iter().map(HeaderValue::as_bytes))
    }

    /// Returns the same by the values of `Accept` only, for other header types and for CGI's `HTTP_ACCEPT`.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Wire;
    ///
    /// assert_eq!(Wire::for_accept(["text/html,*/*;q=0.8"]), Wire::Browser);
    /// assert_eq!(Wire::for_accept(["*/*"]), Wire::Machine);
    /// ```
    #[must_use]
    pub fn for_accept<V: AsRef<[u8]>>(accept: impl IntoIterator<Item = V>) -> Self {
        let (mut is_browser, mut is_html, mut has_image_type) = (false, false, false);
        for value in accept {
            for range in value.as_ref().split(|byte| *byte == b',') {
                let Some(media_type) = accepted(range) else { continue };
                match media_type.to_ascii_lowercase().as_slice() {
                    b"multipart/mixed" => return Self::Script,
                    b"application/xhtml+xml" | b"image/*" | b"image/webp" => is_browser = true,
                    b"text/html" => is_html = true,
                    other => has_image_type |= other.starts_with(b"image/"),
                }
            }
        }
        if is_browser || (is_html && !has_image_type) { Self::Browser } else { Self::Machine }
    }

    /// Returns the value of the response's `Content-Type`.
    ///
    /// ```text
    /// multipart/x-mixed-replace; boundary=7kKzXq0M3vTqRz5c1LwYpA
    /// ```
    ///
    /// The boundary is the sole parameter, in lower case, and unquoted unless it holds characters that have to be
    /// quoted (RFC 2045 §5.1): each of these is the only form that some consumer accepts.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Wire};
    ///
    /// let boundary = Boundary::from_static("ThisRandomString");
    /// assert_eq!(Wire::Browser.content_type(&boundary), "multipart/x-mixed-replace; boundary=ThisRandomString");
    /// assert_eq!(Wire::Script.content_type(&boundary), "multipart/mixed; boundary=ThisRandomString");
    /// ```
    #[must_use]
    pub fn content_type(self, boundary: &Boundary) -> HeaderValue {
        let subtype = match self {
            Self::Browser | Self::Machine => "x-mixed-replace",
            Self::Script => "mixed",
        };
        let boundary = boundary.as_str();
        let value = if boundary.bytes().all(is_token) {
            format!("multipart/{subtype}; boundary={boundary}")
        } else {
            format!("multipart/{subtype}; boundary=\"{}\"", boundary.replace('\\', "\\\\").replace('"', "\\\""))
        };
        HeaderValue::try_from(value).unwrap_or_else(|_| unreachable!("a boundary is printable ASCII"))
    }
}

/// Returns whether `Accept` names this media type, in lower case, and does not refuse it.
#[cfg(feature = "page")]
pub(crate) fn names(headers: &HeaderMap, media_type: &[u8]) -> bool {
    let mut ranges = headers.get_all(ACCEPT).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    ranges.any(|range| accepted(range).is_some_and(|accepted| accepted.eq_ignore_ascii_case(media_type)))
}

/// Returns the type of a media range (RFC 9110 §12.5.1), unless that is refused.
fn accepted(range: &[u8]) -> Option<&[u8]> {
    let mut fields = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let media_type = fields.next()?;
    (!fields.any(is_refusal)).then_some(media_type)
}

/// Returns whether this is `q=0` or `q=0.000`.
fn is_refusal(parameter: &[u8]) -> bool {
    let Some(q) = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q=")) else { return false };
    q.starts_with(b"0") && q.iter().all(|byte| matches!(byte, b'0' | b'.'))
}

/// A table with one entry for each wire.
#[derive(Debug, Default)]
pub(crate) struct PerWire<T>([T; Wire::ALL.len()]);

impl<T> PerWire<T> {
    pub(crate) fn new(entry: impl FnMut(Wire) -> T) -> Self {
        Self(Wire::ALL.map(entry))
    }
}

#[expect(clippy::indexing_slicing, reason = "Wire::ALL has every wire at its own index")]
impl<T> Index<Wire> for PerWire<T> {
    type Output = T;

    fn index(&self, wire: Wire) -> &T {
        &self.0[wire as usize]
    }
}

#[expect(clippy::indexing_slicing, reason = "Wire::ALL has every wire at its own index")]
impl<T> IndexMut<Wire> for PerWire<T> {
    fn index_mut(&mut self, wire: Wire) -> &mut T {
        &mut self.0[wire as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_wire_for_measured_client_headers() {
        for (accept, wire) in [
            // Chromium, Firefox, WebKit: <img>.
            ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", Wire::Browser),
            ("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", Wire::Browser),
            ("image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", Wire::Browser),
            // Navigation.
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Wire::Browser),
            // fetch(), ffmpeg, curl, Go.
            ("*/*", Wire::Machine),
            ("", Wire::Machine),
            ("multipart/mixed", Wire::Script),
            ("text/html, Multipart/Mixed;q=0.9", Wire::Script),
            // Apollo Client.
            ("multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json", Wire::Script),
            ("image/jpeg;q=0, */*", Wire::Machine),
            ("image/jpeg; q=0.000", Wire::Machine),
            ("image/jpeg;q=0.1", Wire::Machine),
            ("image/*;q=0, */*", Wire::Machine),
            // Old Chromium and Firefox, Internet Explorer: <img>.
            ("image/webp,*/*;q=0.8", Wire::Browser),
            ("image/png,image/*;q=0.8,*/*;q=0.5", Wire::Browser),
            ("image/png, image/svg+xml, image/*;q=0.8, */*;q=0.5", Wire::Browser),
            // Chromium, Internet Explorer, old WebKit: navigation.
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
                 application/signed-exchange;v=b3;q=0.7",
                Wire::Browser,
            ),
            ("text/html, application/xhtml+xml, */*", Wire::Browser),
            ("text/html, application/xhtml+xml, image/jxr, */*", Wire::Browser),
            (
                "application/xml,application/xhtml+xml,text/html;q=0.9,text/plain;q=0.8,image/png,*/*;q=0.5",
                Wire::Browser,
            ),
            ("text/html,*/*;q=0.8", Wire::Browser),
            // Java up to 17, and programs that name the type of the pictures.
            ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", Wire::Machine),
            ("image/jpeg", Wire::Machine),
            ("image/jpeg, image/png", Wire::Machine),
            ("image/jpeg,multipart/x-mixed-replace,*/*", Wire::Machine),
            ("multipart/x-mixed-replace", Wire::Machine),
        ] {
            assert_eq!(Wire::for_accept([accept]), wire, "{accept}");
        }
        assert_eq!(Wire::for_accept(["*/*", "image/webp"]), Wire::Browser);
    }

    #[test]
    fn table_has_an_entry_for_each_wire() {
        let mut table = PerWire::new(|wire| wire);
        assert_eq!(Wire::ALL.map(|wire| table[wire]), Wire::ALL);
        table[Wire::Machine] = Wire::Script;
        assert_eq!(table.0, [Wire::Browser, Wire::Script, Wire::Script]);
    }

    #[test]
    fn quotes_boundary_only_where_required() {
        let quoted = Wire::Machine.content_type(&Boundary::from_static("a b:c"));
        assert_eq!(quoted, "multipart/x-mixed-replace; boundary=\"a b:c\"");
        assert_eq!(Wire::Script.content_type(&Boundary::from_static("-")), "multipart/mixed; boundary=-");
    }
}
