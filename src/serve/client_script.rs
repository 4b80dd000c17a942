//! The browser client: an ES module for what browsers do not do by themselves.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};

use crate::still;

/// `client.js`: shows a stream of parts in a page, in Chromium, Firefox and WebKitGTK. It is 7.3 kB, 3.6 kB compressed,
/// without dependencies.
///
/// ```html
/// <script type="module" src="/client.js"></script>
/// <mixed-replace src="/status"></mixed-replace>
/// ```
///
/// It serves itself where it is mounted: on axum `.route_service("/client.js", ClientJs)`, on actix
/// `.route("/client.js", web::to(ClientJs))`; anywhere else [`for_request`](Self::for_request) is the response. A
/// [`Page`](crate::Page) brings it along.
///
/// HTML parts appear in a sandboxed frame, in which no script runs, or with the attribute `trusted` in the page itself;
/// pictures in an `<img>`, other text in a `<pre>`. Elements that stay the same are left alone, so focus, scroll position
/// and half-typed input survive. The head of the file lists attributes, states and events; as a module it exports
/// `mixedReplace(url, target, options)`, `watch`, `parts` and `show`.
///
/// # Examples
///
/// ```
/// use http::{HeaderMap, header::CONTENT_TYPE};
/// use mixed_replace::ClientJs;
///
/// let response = ClientJs.for_request(&HeaderMap::new());
/// assert_eq!(response.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientJs;

impl ClientJs {
    /// The module as it is served: minified.
    #[must_use]
    pub fn source() -> &'static str {
        // Its first line tells of which source it is made.
        SERVED.split_once('\n').map_or(SERVED, |(_, module)| module)
    }

    /// The response to a request with these headers: the module, or `304 Not Modified` if the client has it.
    #[must_use]
    pub fn for_request(self, headers: &HeaderMap) -> Response<Bytes> {
        let source = Bytes::from_static(Self::source().as_bytes());
        let etag = Self::etag();
        let mut response = Response::new(Bytes::new());
        if still::matches(&etag, headers.get_all(IF_NONE_MATCH)) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            response.headers_mut().extend([
                (CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
                (CONTENT_LENGTH, HeaderValue::from(source.len())),
                (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ]);
            *response.body_mut() = source;
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response.headers_mut().insert(ETAG, etag);
        response
    }

    fn etag() -> HeaderValue {
        still::etag([Self::source().as_bytes()].into_iter())
    }

    /// The entity tag without its quotes, for an address.
    pub(crate) fn tag() -> String {
        Self::etag().to_str().unwrap_or_default().replace('"', "")
    }
}

const SERVED: &str = include_str!("../client.min.js");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_asked_for_once() {
        let first = ClientJs.for_request(&HeaderMap::new());
        assert_eq!(first.body(), ClientJs::source());
        let headers = HeaderMap::from_iter([(IF_NONE_MATCH, first.headers()[ETAG].clone())]);
        let second = ClientJs.for_request(&headers);
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        assert!(second.body().is_empty());
    }
}
