//! Error responses, which say what to do.

use std::fmt;

use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Problem {
    BadName,
    Full { people: usize },
    NotFound,
    NoToken,
    WrongToken,
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadName => StatusCode::BAD_REQUEST,
            Self::Full { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::WrongToken => StatusCode::FORBIDDEN,
        }
    }

    /// Returns the value of `Retry-After`, in seconds.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Full { .. } => Some(10),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName => f.write_str(
                "invalid name; send {\"name\": \"…\"} as application/json, with 1 to 40 characters on one line",
            ),
            Self::Full { people } => {
                write!(f, "all {people} seats are taken; you can watch, and join when a participant leaves")
            }
            Self::NotFound => f.write_str("no such participant; join again if you have sent nothing for 10 seconds"),
            Self::NoToken => {
                f.write_str("missing token; send Authorization: Bearer TOKEN with the token that joining returned")
            }
            Self::WrongToken => f.write_str("wrong token for this participant; use the token that joining returned"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), format!("{self}\n")).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self == Self::NoToken {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
