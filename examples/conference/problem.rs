//! Error responses, which say what to do.

use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use mixed_replace::decode::DecodeError;

use crate::picture::{MAX_BYTES, MAX_SIDE};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Problem {
    BadName,
    Truncated,
    Full { people: usize },
    NotFound,
    InvalidPicture(String),
    NoToken,
    TooManyViewers { watching: usize },
    Replaced,
    Stream(DecodeError),
    TooFast { wait: Duration },
    TooLarge,
    TooSlow { timeout: Duration },
    TooWide { width: usize, height: usize },
    WrongToken,
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadName | Self::Truncated | Self::Stream(_) => StatusCode::BAD_REQUEST,
            Self::Full { .. } | Self::TooManyViewers { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::InvalidPicture(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::Replaced => StatusCode::CONFLICT,
            Self::TooFast { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge | Self::TooWide { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::WrongToken => StatusCode::FORBIDDEN,
        }
    }

    /// Returns the value of `Retry-After`, in seconds.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Full { .. } => Some(10),
            Self::TooManyViewers { .. } => Some(5),
            Self::TooFast { wait } => Some(wait.as_secs() + 1),
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
            Self::Truncated => f.write_str("the picture is truncated; send it again"),
            Self::Full { people } => {
                write!(f, "all {people} seats are taken; you can watch, and join when a participant leaves")
            }
            Self::NotFound => f.write_str("no such participant; join again if you have sent nothing for 10 seconds"),
            Self::InvalidPicture(reason) => {
                write!(
                    f,
                    "{reason}; send a complete JPEG picture as image/jpeg, or several as parts of multipart/x-mixed-replace"
                )
            }
            Self::NoToken => {
                f.write_str("missing token; send Authorization: Bearer TOKEN with the token that joining returned")
            }
            Self::TooManyViewers { watching } => {
                write!(f, "all {watching} places for viewers are taken; try again in a few seconds")
            }
            Self::Replaced => f.write_str("replaced by a newer request of the same participant"),
            Self::Stream(error) => write!(f, "cannot read the parts: {error}; send each with its Content-Length"),
            Self::TooFast { .. } => f.write_str("too many pictures; wait before sending the next one"),
            Self::TooLarge => {
                write!(
                    f,
                    "the picture is larger than {} kB; send a smaller one, or lower the quality",
                    MAX_BYTES / 1000
                )
            }
            Self::TooSlow { timeout } => {
                write!(f, "no complete picture within {} seconds; send a smaller one", timeout.as_secs())
            }
            Self::TooWide { width, height } => {
                write!(f, "the picture has {width}x{height} pixels; send at most {MAX_SIDE}x{MAX_SIDE}")
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
