//! One part as an ordinary response, cheap to request repeatedly.

use std::hash::{DefaultHasher, Hasher as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_LENGTH, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    REFRESH,
};
use http::{Response, StatusCode};

use crate::derive::setters;
use crate::part::{Part, stamp};
use crate::response;

/// One part as an ordinary response, for clients that cannot hold a stream and request it at intervals instead.
///
/// ```text
/// HTTP/1.1 200 OK
/// Content-Type: text/plain; charset=utf-8
/// Cache-Control: private, no-cache
/// ETag: "2-6f2b1c09d3a8e475"
/// Refresh: 5
/// ```
///
/// The ETag is a strong one (RFC 9110 §8.8.3) and depends only on the part, so it is the same on each server that runs the
/// same build and shows the same part. A client that sends it back in `If-None-Match` gets `304 Not Modified` without a
/// body until the part changes. `Refresh` is Netscape's client pull of 1995, the other half of server push: a browser
/// requests the address again.
///
/// [`for_request`](Self::for_request) is the response for any stack: on axum a handler returns
/// `response.for_request(&headers).map(Body::from)`, on actix the `PartResponse` itself.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use http::{HeaderMap, StatusCode, header::{ETAG, IF_NONE_MATCH, REFRESH}};
/// use mixed_replace::{Part, PartResponse};
///
/// let response = PartResponse::new(Part::text("on")?).refresh(Duration::from_secs(5));
/// let first = response.clone().for_request(&HeaderMap::new());
/// assert_eq!(first.status(), StatusCode::OK);
/// assert_eq!(first.headers()[REFRESH], "5");
/// assert_eq!(first.body(), "on");
///
/// let mut again = HeaderMap::new();
/// again.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
/// let second = response.for_request(&again);
/// assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
/// assert!(second.body().is_empty());
/// # Ok::<(), mixed_replace::InvalidPart>(())
/// ```
#[must_use = "does nothing until its response is returned from a handler"]
#[derive(Clone, Debug)]
pub struct PartResponse {
    part: Part,
    timestamps: bool,
    age: Option<Duration>,
    cache_for: Option<Duration>,
    last_modified: Option<SystemTime>,
    refresh: Option<HeaderValue>,
}

impl PartResponse {
    /// Creates a response of this part.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::HeaderMap;
    /// use mixed_replace::{Part, PartResponse};
    ///
    /// let response = PartResponse::new(Part::text("on")?).for_request(&HeaderMap::new());
    /// assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    /// assert_eq!(response.body(), "on");
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    pub fn new(part: Part) -> Self {
        Self { part, timestamps: true, age: None, cache_for: None, last_modified: None, refresh: None }
    }

    setters! {
        /// Adds `Age`: the time since the part was made, in full seconds, rounded down. Default: the time since it was
        /// [captured](Part::captured), if that is known.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::{Duration, SystemTime};
        /// use http::HeaderMap;
        /// use http::header::{AGE, LAST_MODIFIED};
        /// use mixed_replace::{Part, PartResponse};
        ///
        /// let made = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        /// let response = PartResponse::new(Part::text("on")?).age(Duration::from_millis(61_900)).last_modified(made);
        /// let response = response.for_request(&HeaderMap::new());
        /// assert_eq!(response.headers()[AGE], "61");
        /// assert_eq!(response.headers()[LAST_MODIFIED], "Sun, 06 Nov 1994 08:49:37 GMT");
        /// # Ok::<(), mixed_replace::InvalidPart>(())
        /// ```
        age(Duration) => age;

        /// Sets `Cache-Control: public, max-age=1` in place of `private, no-cache`, in full seconds, rounded down:
        /// caches, such as those of a CDN, return the response for this time without a request. Only for parts that
        /// everybody may see: `public` lets them store answers to requests with a login too (RFC 9111 §3.5).
        ///
        /// The response then has no `Age`, by which a cache would take it for one that is stored elsewhere (RFC 9111
        /// §4.2.3).
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use http::{HeaderMap, header::CACHE_CONTROL};
        /// use mixed_replace::{Part, PartResponse};
        ///
        /// let response = PartResponse::new(Part::text("on")?).cache_for(Duration::from_secs(1));
        /// assert_eq!(response.for_request(&HeaderMap::new()).headers()[CACHE_CONTROL], "public, max-age=1");
        /// # Ok::<(), mixed_replace::InvalidPart>(())
        /// ```
        cache_for(Duration) => cache_for;

        /// Adds `Last-Modified`, unless the part has such a header already. A client that sends it back in
        /// `If-Modified-Since`, and no `If-None-Match`, gets `304 Not Modified` until the time is later.
        ///
        /// It is rounded up to a full second, or down while that second lasts. So of two parts of one second, a client
        /// that has the first gets the second.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::{Duration, SystemTime};
        /// use http::{HeaderMap, HeaderValue, StatusCode, header::IF_MODIFIED_SINCE};
        /// use mixed_replace::{Part, PartResponse};
        ///
        /// let published = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        /// let response = PartResponse::new(Part::text("on")?).last_modified(published);
        /// let mut again = HeaderMap::new();
        /// again.insert(IF_MODIFIED_SINCE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        /// assert_eq!(response.for_request(&again).status(), StatusCode::NOT_MODIFIED);
        /// # Ok::<(), mixed_replace::InvalidPart>(())
        /// ```
        last_modified(SystemTime) => last_modified;

        /// Sets whether the time and the number of the part are sent, as `X-Timestamp` and `X-Sequence`. On by default.
        ///
        /// # Examples
        ///
        /// ```
        /// use http::HeaderMap;
        /// use mixed_replace::{Part, PartResponse};
        ///
        /// let part = Part::text("on")?.with_sequence(17);
        /// let response = |sent| PartResponse::new(part.clone()).timestamps(sent).for_request(&HeaderMap::new());
        /// assert_eq!(response(true).headers()["x-sequence"], "17");
        /// assert!(!response(false).headers().contains_key("x-sequence"));
        /// # Ok::<(), mixed_replace::InvalidPart>(())
        /// ```
        timestamps(bool) => timestamps;
    }

    /// Adds `Refresh: 5`: a browser requests the same address again after this time, in full seconds, rounded down. Below
    /// one second it does so at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use http::{HeaderMap, header::REFRESH};
    /// use mixed_replace::{Part, PartResponse};
    ///
    /// let response = PartResponse::new(Part::text("on")?).refresh(Duration::from_millis(5_900));
    /// assert_eq!(response.for_request(&HeaderMap::new()).headers()[REFRESH], "5");
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    pub fn refresh(mut self, period: Duration) -> Self {
        self.refresh = Some(HeaderValue::from(period.as_secs()));
        self
    }

    /// Returns the strong entity tag, with its quotes.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, PartResponse};
    ///
    /// let etag = |text: &'static str| Part::text(text).map(|part| PartResponse::new(part).etag());
    /// assert_eq!(etag("on")?, etag("on")?);
    /// assert_ne!(etag("on")?, etag("off")?);
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    #[must_use]
    pub fn etag(&self) -> HeaderValue {
        let headers = self.part.sent_headers().map(|(_, value)| value.as_bytes());
        etag(headers.chain([self.part.content_type().as_ref().as_bytes(), self.part.body()]))
    }

    /// Returns the response to a request with these headers: the part, or `304 Not Modified` if the client has it.
    ///
    /// It is the same for `GET` and `HEAD`: servers leave out the body of the latter.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{HeaderMap, StatusCode, header::IF_NONE_MATCH};
    /// use mixed_replace::{Part, PartResponse};
    ///
    /// let response = PartResponse::new(Part::text("on")?);
    /// let mut again = HeaderMap::new();
    /// again.insert(IF_NONE_MATCH, response.etag());
    /// assert_eq!(response.for_request(&again).status(), StatusCode::NOT_MODIFIED);
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    #[must_use]
    pub fn for_request(self, headers: &HeaderMap) -> Response<Bytes> {
        let tags = || headers.get_all(IF_NONE_MATCH).iter().map(HeaderValue::as_bytes);
        // An entity tag says it better, so a time is then ignored (RFC 9110 §13.2.2).
        if tags().next().is_some() {
            return self.for_if_none_match(tags());
        }
        let since = headers.get(IF_MODIFIED_SINCE).and_then(parse_date);
        // A time in the future comes from another clock.
        let since = since.filter(|since| *since <= SystemTime::now());
        let unchanged = since.zip(self.modified()).is_some_and(|(since, modified)| modified <= since);
        self.respond(unchanged)
    }

    /// Returns the time that `Last-Modified` says, with its fraction of a second.
    fn modified(&self) -> Option<SystemTime> {
        let own = self.part.headers().get(LAST_MODIFIED);
        own.map_or(self.last_modified, parse_date)
    }

    /// Returns the same by the values of `If-None-Match` only, for other header types and for CGI's `HTTP_IF_NONE_MATCH`.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::StatusCode;
    /// use mixed_replace::{Part, PartResponse};
    ///
    /// let response = PartResponse::new(Part::text("on")?);
    /// assert_eq!(response.clone().for_if_none_match([response.etag()]).status(), StatusCode::NOT_MODIFIED);
    /// assert_eq!(response.for_if_none_match(["\"of an older part\""]).status(), StatusCode::OK);
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    #[must_use]
    pub fn for_if_none_match<V: AsRef<[u8]>>(self, values: impl IntoIterator<Item = V>) -> Response<Bytes> {
        let unchanged = matches(&self.etag(), values);
        self.respond(unchanged)
    }

    fn respond(self, unchanged: bool) -> Response<Bytes> {
        let etag = self.etag();
        let now = SystemTime::now();
        let age = self.age.or_else(|| now.duration_since(self.part.captured()?).ok());
        let last_modified = self.last_modified.filter(|_| !self.part.headers().contains_key(LAST_MODIFIED));
        let stamp: Vec<_> = stamp::fields(&self.part).filter(|_| self.timestamps).collect();
        let mut response = Response::new(Bytes::new());
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            response.headers_mut().extend(response::part_head(&self.part));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(self.part.body().len()));
            *response.body_mut() = self.part.into_body();
        }
        // Cacheable, but must be revalidated: a client that keeps nothing has no ETag to send back.
        let cache_control = match self.cache_for {
            None => HeaderValue::from_static("private, no-cache"),
            Some(time) => HeaderValue::try_from(format!("public, max-age={}", time.as_secs()))
                .unwrap_or_else(|_| unreachable!("a number is printable ASCII")),
        };
        response.headers_mut().insert(CACHE_CONTROL, cache_control);
        response.headers_mut().insert(ETAG, etag);
        let age = age.filter(|_| self.cache_for.is_none());
        response.headers_mut().extend(age.map(|age| (AGE, HeaderValue::from(age.as_secs()))));
        response.headers_mut().extend(last_modified.map(|time| (LAST_MODIFIED, http_date(in_full_seconds(time, now)))));
        response.headers_mut().extend(stamp);
        response.headers_mut().extend(self.refresh.map(|refresh| (REFRESH, refresh)));
        response
    }
}

/// Rounds a time up to a full second, or down if that would be after `now`, which no response may say (RFC 9110 §8.8.2.1).
fn in_full_seconds(time: SystemTime, now: SystemTime) -> SystemTime {
    let nanos = time.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let up = time.checked_add(Duration::from_nanos(u64::from((1_000_000_000 - nanos) % 1_000_000_000)));
    up.filter(|up| *up <= now).unwrap_or(time)
}

fn parse_date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// Returns a time as an IMF-fixdate (RFC 9110 §5.6.7), which has years from 1970 to 9999.
fn http_date(time: SystemTime) -> HeaderValue {
    let last = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let date = httpdate::fmt_http_date(time.clamp(UNIX_EPOCH, last));
    HeaderValue::try_from(date).unwrap_or_else(|_| unreachable!("a date is printable ASCII"))
}

/// Returns the entity tag of these pieces together.
pub(crate) fn etag<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> HeaderValue {
    // With fixed keys, so that the tags of one build hold after a restart.
    let mut hash = DefaultHasher::new();
    let mut len = 0;
    for piece in pieces {
        hash.write_u64(piece.len() as u64);
        hash.write(piece);
        len = piece.len();
    }

    let value = HeaderValue::try_from(format!("\"{len:x}-{:016x}\"", hash.finish()));
    value.unwrap_or_else(|_| unreachable!("hexadecimal digits in quotes"))
}

/// Returns whether `If-None-Match` names this entity tag. It compares weakly (RFC 9110 §13.1.2), since layers that compress turn
/// strong tags into weak ones.
pub(crate) fn matches<V: AsRef<[u8]>>(etag: &HeaderValue, if_none_match: impl IntoIterator<Item = V>) -> bool {
    let names = |tag: &[u8]| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes();
    let mut values = if_none_match.into_iter();
    values.any(|value| value.as_ref().split(|byte| *byte == b',').any(|tag| names(tag.trim_ascii())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(text: &'static str) -> PartResponse {
        PartResponse::new(Part::text(text).unwrap())
    }

    #[test]
    fn clamps_dates_to_the_years_of_http() {
        for (time, date) in [
            (UNIX_EPOCH - Duration::from_secs(1), "Thu, 01 Jan 1970 00:00:00 GMT"),
            (UNIX_EPOCH + Duration::from_secs(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT"),
            (UNIX_EPOCH + Duration::from_secs(1 << 40), "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(http_date(time), date);
        }
    }

    /// Each row has the time of the part, `If-Modified-Since` in seconds, `If-None-Match`, and whether the client has the part.
    #[test]
    fn returns_304_unless_modified_since() {
        let at = |seconds: f64| UNIX_EPOCH + Duration::from_secs_f64(784_111_770.0 + seconds);
        let tag = response("on").etag();
        let other = HeaderValue::from_static("\"other\"");
        let future = SystemTime::now().duration_since(at(0.0)).unwrap().as_secs_f64() + 3600.0;
        for (modified, since, tags, known) in [
            (7.0, Some(7.0), None, true),
            (7.0, Some(8.0), None, true),
            (7.0, Some(6.0), None, false),
            (7.0, None, None, false),
            (7.0, Some(future), None, false),
            // A part of the same second may be in the client's hands.
            (7.2, Some(7.0), None, false),
            (7.2, Some(8.0), None, true),
            (7.0, Some(8.0), Some(&other), false),
            (7.0, Some(6.0), Some(&tag), true),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(since.map(|since| (IF_MODIFIED_SINCE, http_date(at(since)))));
            headers.extend(tags.map(|tags| (IF_NONE_MATCH, tags.clone())));
            let response = response("on").last_modified(at(modified)).for_request(&headers);
            let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
            assert_eq!(response.status(), status, "{modified} {headers:?}");
            assert_eq!(response.headers()[LAST_MODIFIED], http_date(at(f64::ceil(modified))));
        }
        for value in ["", "now", "784111777", "Sun, 06 Nov 1994"] {
            let headers = HeaderMap::from_iter([(IF_MODIFIED_SINCE, HeaderValue::from_static(value))]);
            assert_eq!(response("on").last_modified(at(0.0)).for_request(&headers).status(), StatusCode::OK, "{value}");
        }
    }

    #[test]
    fn last_modified_is_never_in_the_future() {
        let now = UNIX_EPOCH + Duration::from_millis(784_111_777_300);
        for (millis, seconds) in [(777_200, 777), (776_200, 777), (777_000, 777), (775_999, 776)] {
            let time = UNIX_EPOCH + Duration::from_millis(784_111_000_000 + millis);
            let expected = UNIX_EPOCH + Duration::from_secs(784_111_000 + seconds);
            assert_eq!(http_date(in_full_seconds(time, now)), http_date(expected), "{millis}");
        }
    }

    #[test]
    fn age_and_fields_are_of_the_capture() {
        let captured = SystemTime::now() - Duration::from_millis(61_500);
        let part = Part::text("on").unwrap().captured_at(captured).with_sequence(17);
        let response = PartResponse::new(part.clone());
        let known = response.etag();
        let since = captured.duration_since(UNIX_EPOCH).unwrap();
        let stamp = format!("{}.{:06}", since.as_secs(), since.subsec_micros());
        for response in [response.clone().for_request(&HeaderMap::new()), response.for_if_none_match([known])] {
            let age: u64 = response.headers()[AGE].to_str().unwrap().parse().unwrap();
            assert!((61..120).contains(&age), "{age}");
            assert_eq!(response.headers()["x-timestamp"], *stamp);
            assert_eq!(response.headers()["x-sequence"], "17");
        }
        let without = PartResponse::new(part).timestamps(false).for_request(&HeaderMap::new());
        assert!(!without.headers().contains_key("x-timestamp") && !without.headers().contains_key("x-sequence"));
    }

    #[test]
    fn etag_differs_between_parts() {
        let mut named = Part::text("on").unwrap();
        named.insert_header(http::header::DATE, HeaderValue::from_static("x")).unwrap();
        let tags = [
            response("on").etag(),
            response("no").etag(),
            PartResponse::new(Part::html("on").unwrap()).etag(),
            PartResponse::new(named).etag(),
        ];
        for (i, tag) in tags.iter().enumerate() {
            assert_eq!(tags.iter().filter(|other| *other == tag).count(), 1, "{i}: {tag:?}");
            assert!(tag.to_str().unwrap().starts_with("\"2-"), "{tag:?}");
        }
        assert_eq!(response("on").etag(), response("on").refresh(Duration::from_secs(1)).etag());
    }

    #[test]
    fn returns_304_for_a_listed_etag() {
        let tag = response("on").etag().to_str().unwrap().to_owned();
        for (values, known) in [
            (vec![tag.clone()], true),
            (vec![format!("W/{tag}")], true),
            (vec![format!("\"x\", W/\"y\" ,{tag}")], true),
            (vec!["\"x\"".to_owned(), tag.clone()], true),
            (vec!["*".to_owned()], true),
            (vec![], false),
            (vec![tag.replace('"', "")], false),
            (vec![tag.to_uppercase()], tag == tag.to_uppercase()),
            (vec!["\"*\"".to_owned(), String::new(), ",".to_owned()], false),
        ] {
            let response = response("on").for_if_none_match(&values);
            let expected = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
            assert_eq!(response.status(), expected, "{values:?}");
            assert_eq!(response.headers()[ETAG], tag);
            assert_eq!(response.headers()[CACHE_CONTROL], "private, no-cache");
        }
    }

    #[test]
    fn returns_a_head_without_a_body_for_an_unchanged_part() {
        let known = response("on").refresh(Duration::from_secs(5));
        let response = known.clone().for_if_none_match([known.etag()]);
        let mut names: Vec<_> = response.headers().keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["cache-control", "etag", "refresh"]);
        assert!(response.body().is_empty());
    }
}
