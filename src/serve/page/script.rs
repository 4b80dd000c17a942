//! An ES module as a response.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use http::{Response, StatusCode};

use crate::part_response;
use crate::serve::reply::uncached;

/// A minified module. Its first line, which is not served, names the source from which it was made.
#[derive(Clone, Copy)]
pub(super) struct Script(pub(super) &'static str);

impl Script {
    pub(super) fn source(self) -> &'static str {
        self.0.split_once('\n').map_or(self.0, |(_, module)| module)
    }

    /// Returns the response to a request with these headers: the module, or `304 Not Modified` if the client has it.
    ///
    /// A `tagged` address, which changes with the module, may be cached for ever.
    pub(super) fn response(self, headers: &HeaderMap, tagged: bool) -> Response<Bytes> {
        let etag = part_response::etag([self.source().as_bytes()].into_iter());
        let mut response = if part_response::matches(&etag, headers.get_all(IF_NONE_MATCH)) {
            let mut unchanged = Response::new(Bytes::new());
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        } else {
            uncached("text/javascript; charset=utf-8", self.source())
        };
        let caching = if tagged { "public, max-age=31536000, immutable" } else { "no-cache" };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        response.headers_mut().insert(ETAG, etag);
        response
    }
}
