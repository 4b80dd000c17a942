//! Responses on axum: a line of text for programs, a page for browsers, a part for the script of a page.

use axum::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use futures_util::stream;
use mixed_replace::{MixedReplace, Part, Wire};

use crate::page;
use crate::refusal::Refusal;

/// Creates the response for a refusal.
pub fn refused(refusal: &Refusal, headers: &HeaderMap, page: impl FnOnce(&Refusal) -> String) -> Response {
    let mut response = if Wire::for_request(headers) == Wire::Script {
        // The session has ended, for example by a restart of the server: the sign-in page replaces the last part.
        let part = Part::html(page(refusal));
        MixedReplace::new(stream::iter([part]), Wire::Script).into_response()
    } else if is_browser(headers) {
        self::page(page(refusal))
    } else {
        format!("{}\n", refusal.message).into_response()
    };
    *response.status_mut() = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(page::CHALLENGE));
    }
    response
}

/// Creates the response for a page, with a policy against foreign content.
#[must_use]
pub fn page(page: String) -> Response {
    ([(CONTENT_SECURITY_POLICY, page::POLICY)], Html(page)).into_response()
}

/// Returns whether the client shows pages.
#[must_use]
pub fn is_browser(headers: &HeaderMap) -> bool {
    fields(headers, ACCEPT).any(|accept| accept.contains("text/html"))
}

/// Returns the first value of a header field, if it is text.
#[must_use]
pub fn field(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Returns the values of a header field that are text.
pub fn fields(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}
