//! The browser client: an ES module that displays streams.

use std::borrow::Cow;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use super::script::Script;
use crate::part_response;
use crate::serve::Endpoint;
use crate::serve::query::Query;
use crate::serve::rejection::Rejection;
use crate::serve::reply::Reply;

/// An endpoint that serves `client.js`, which displays a stream of parts in a page, in Chromium, Firefox and WebKitGTK.
///
/// It is 8 kB, 4.3 kB compressed, without dependencies. It imports two other modules from its own address when a page first uses
/// them: `?client=wall` for tracks (1.4 kB compressed), `?client=html` for HTML parts (1.5 kB).
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
    /// Returns the module as it is served, minified, without the two that it imports.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::ClientScript;
    ///
    /// assert!(ClientScript::source().contains("mixed-replace"));
    /// ```
    #[must_use]
    pub fn source() -> &'static str {
        MAIN.source()
    }

    /// Returns the response to a request for a module: the one that a `client` parameter names, or else the first; `304 Not
    /// Modified` if the client has it.
    ///
    /// An address that also holds the [`tag`](Self::tag) may be cached for ever.
    pub(super) fn response(request: &Parts) -> Response<Bytes> {
        let query = Query::new(request);
        let named = |value: Cow<'_, str>| MORE.iter().find_map(|(name, script)| (*name == value).then_some(*script));
        let is_tagged = query.values("client").any(|value| value == Self::tag());
        query.values("client").find_map(named).unwrap_or(MAIN).response(&request.headers, is_tagged)
    }

    /// Returns a tag of all modules, for an address.
    pub(super) fn tag() -> String {
        let sources = MORE.iter().map(|(_, script)| script.source().as_bytes());
        let etag = part_response::etag(sources.chain([MAIN.source().as_bytes()]));
        etag.to_str().unwrap_or_else(|_| unreachable!("a hash is printable ASCII")).replace('"', "")
    }
}

impl Endpoint for ClientScript {
    fn answer(&self, request: &Parts) -> Result<Reply, Rejection> {
        Ok(Reply::Full(Self::response(request)))
    }
}

const MAIN: Script = Script(include_str!("client.min.js"));
/// The modules that the first one imports.
const MORE: [(&str, Script); 2] =
    [("html", Script(include_str!("client_html.min.js"))), ("wall", Script(include_str!("client_wall.min.js")))];
