//! The browser client: an ES module that displays streams.

use bytes::Bytes;
use http::Response;
use http::header::HeaderMap;
use http::request::Parts;

use super::script::Script;
use crate::serve::Endpoint;
use crate::serve::rejection::Rejection;
use crate::serve::reply::Reply;

/// An endpoint that serves `client.js`, which displays a stream of parts in a page, in Chromium, Firefox and WebKitGTK.
///
/// It is 10 kB, 4.6 kB compressed, without dependencies.
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
/// half-typed input survive. With a fragment, `src` names one of several tracks in a response, and all elements share that
/// response: `<mixed-replace src="/wall#yard">`. The head of the file lists attributes, states and events; as a module it exports
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
        SCRIPT.source()
    }

    /// Returns the response to a request with these headers: the module, or `304 Not Modified` if the client has it.
    ///
    /// An address that holds the [`tag`](Self::tag) may be cached for ever.
    pub(super) fn response(headers: &HeaderMap, tag: Option<&str>) -> Response<Bytes> {
        SCRIPT.response(headers, tag)
    }

    /// Returns the entity tag without its quotes, for an address.
    pub(super) fn tag() -> String {
        SCRIPT.tag()
    }
}

impl Endpoint for ClientScript {
    fn answer(&self, request: &Parts) -> Result<Reply, Rejection> {
        Ok(Reply::Full(Self::response(&request.headers, None)))
    }
}

const SCRIPT: Script = Script(include_str!("client.min.js"));
