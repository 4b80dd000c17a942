//! An ES module as a response.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};

use crate::part_response;

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
        let source = Bytes::from_static(self.source().as_bytes());
        let etag = self.etag();
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
        let caching = if tagged { "public, max-age=31536000, immutable" } else { "no-cache" };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        response.headers_mut().insert(ETAG, etag);
        response
    }

    fn etag(self) -> HeaderValue {
        part_response::etag([self.source().as_bytes()].into_iter())
    }
}
