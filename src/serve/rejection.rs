//! Every response that is an error: its status, its headers and its text.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};

use crate::hub::{Hub, Refused};

/// The reason why an endpoint does not serve a request.
#[derive(Debug)]
pub(super) enum Rejection {
    /// The endpoint does not answer this method.
    Method { allow: &'static str },
    /// There is no part yet.
    NoPart,
    /// The value of `fps` is not a positive number.
    Rate(String),
    /// The hub is full, or was closed before its first part.
    Refused(Refused),
    /// The value of `refresh` is not a number of seconds, or is out of range.
    Refresh(String),
}

impl Rejection {
    /// Returns the reason why there is no part. A closed hub never gets one, so there is nothing to wait for.
    pub(super) fn no_part(hub: &Hub) -> Self {
        if hub.is_closed() { Self::Refused(Refused::Closed) } else { Self::NoPart }
    }

    pub(super) fn response(&self) -> Response<Bytes> {
        let (status, field, text) = match self {
            Self::Method { allow } => {
                let field = (ALLOW, HeaderValue::from_static(allow));
                (StatusCode::METHOD_NOT_ALLOWED, Some(field), format!("method not allowed, use one of {allow}"))
            }
            Self::NoPart => {
                let field = (RETRY_AFTER, HeaderValue::from_static("1"));
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    Some(field),
                    "no part published yet, try again in a second".to_owned(),
                )
            }
            Self::Rate(value) => {
                (StatusCode::BAD_REQUEST, None, format!("`fps` must be a positive number, not {value:?}"))
            }
            Self::Refused(refused) => {
                let field = refused.retry_after_secs().map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds)));
                (StatusCode::SERVICE_UNAVAILABLE, field, refused.to_string())
            }
            Self::Refresh(value) => {
                let text = format!("`refresh` must be a number of seconds from 1 to 86400, not {value:?}");
                (StatusCode::BAD_REQUEST, None, text)
            }
        };
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = status;
        // Plain text that is not sniffed: it quotes the request, and must not become a page.
        response.headers_mut().extend([
            (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ]);
        response.headers_mut().extend(field);
        response
    }
}

impl From<Refused> for Rejection {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}
