//! Answers on axum: a line for programs, a page for people, a part for the script of a page.

use axum::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use futures_util::stream;
use mixed_replace::{MixedReplace, Part, Wire};

use crate::page;
use crate::refusal::Refusal;

/// What could not be done, and why.
pub(crate) fn refused(refusal: &Refusal, headers: &HeaderMap, page: impl FnOnce(&Refusal) -> String) -> Response {
    let mut response = if Wire::for_request(headers) == Wire::Script {
        // In place of what it has shown: somebody's session is over, as when the server was started anew.
        let part = Part::html(page(refusal));
        MixedReplace::new(stream::iter([part]), Wire::Script).into_response()
    } else if is_browser(headers) {
        self::page(page(refusal))
    } else {
        format!("{}\n", refusal.what).into_response()
    };
    *response.status_mut() = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(page::CHALLENGE));
    }
    response
}

/// A page of ours, under a policy that lets nothing in that is not.
pub(crate) fn page(page: String) -> Response {
    ([(CONTENT_SECURITY_POLICY, page::POLICY)], Html(page)).into_response()
}

pub(crate) fn is_browser(headers: &HeaderMap) -> bool {
    fields(headers, ACCEPT).any(|accept| accept.contains("text/html"))
}

pub(crate) fn field(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

pub(crate) fn fields(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}
