//! The browser client: an ES module that displays streams.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Response, StatusCode};

use crate::part_response;
use crate::serve::Endpoint;
use crate::serve::rejection::Rejection;
use crate::serve::reply::Reply;

/// An endpoint that serves `client.js`, which displays a stream of parts in a page, in Chromium, Firefox and WebKitGTK.
///
/// It is 7.6 kB, 3.7 kB compressed, without dependencies.
///
/// ```html
/// <script type="module" src="/client.js"></script>
/// <mixed-replace src="/status"></mixed-replace>
/// ```
///
/// A [`Page`](crate::Page) includes it.
///
/// HTML parts appear in a sandboxed frame, in which no script runs, or with the attribute `trusted` in the page itself;
/// pictures in an `<img>`, other text in a `<pre>`. Unchanged elements are kept, so focus, scroll position and
/// half-typed input survive. The head of the file lists attributes, states and events; as a module it exports
/// `mixedReplace(url, target, options)`, `watch`, `parts` and `show`.
///
/// # Examples
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use mixed_replace::ClientScript;
///
/// let app: axum::Router = axum::Router::new().route_service("/client.js", ClientScript);
/// assert!(ClientScript::source().contains("mixed-replace"));
/// ```
#[doc(alias("client.js", "page"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientScript;

impl ClientScript {
    /// Returns the module as it is served: minified.
    #[must_use]
    pub fn source() -> &'static str {
        // The first line names the source from which it was made.
        SERVED.split_once('\n').map_or(SERVED, |(_, module)| module)
    }

    /// Returns the response to a request with these headers: the module, or `304 Not Modified` if the client has it.
    ///
    /// An address that holds the [`tag`](Self::tag) may be cached for ever.
    pub(super) fn response(headers: &HeaderMap, tag: Option<&str>) -> Response<Bytes> {
        let source = Bytes::from_static(Self::source().as_bytes());
        let etag = Self::etag();
        let mut response = Response::new(Bytes::new());
        if part_response::matches(&etag, headers.get_all(IF_NONE_MATCH)) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            response.headers_mut().extend([
                (CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
                (CONTENT_LENGTH, HeaderValue::from(source.len())),
                (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ]);
            *response.body_mut() = source;
        }
        let is_tagged = tag.is_some_and(|tag| tag == Self::tag());
        let caching = if is_tagged { "public, max-age=31536000, immutable" } else { "no-cache" };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        response.headers_mut().insert(ETAG, etag);
        response
    }

    fn etag() -> HeaderValue {
        part_response::etag([Self::source().as_bytes()].into_iter())
    }

    /// Returns the entity tag without its quotes, for an address.
    pub(super) fn tag() -> String {
        Self::etag().to_str().unwrap_or_default().replace('"', "")
    }
}

impl Endpoint for ClientScript {
    fn answer(&self, request: &Parts) -> Result<Reply, Rejection> {
        Ok(Reply::Full(Self::response(&request.headers, None)))
    }
}

const SERVED: &str = include_str!("client.min.js");
