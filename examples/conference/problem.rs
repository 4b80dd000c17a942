//! What can be wrong with a request, and what to do about it.

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
    Cut,
    Full { people: usize },
    Gone,
    NoPicture(String),
    NoToken,
    NotAsMany { watching: usize },
    Replaced,
    Stream(DecodeError),
    TooFast { wait: Duration },
    TooLarge,
    TooSlow { within: Duration },
    TooWide { width: usize, height: usize },
    WrongToken,
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadName | Self::Cut | Self::Stream(_) => StatusCode::BAD_REQUEST,
            Self::Full { .. } | Self::NotAsMany { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Gone => StatusCode::NOT_FOUND,
            Self::NoPicture(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::Replaced => StatusCode::CONFLICT,
            Self::TooFast { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge | Self::TooWide { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::WrongToken => StatusCode::FORBIDDEN,
        }
    }

    /// In whole seconds, as `Retry-After` counts.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Full { .. } => Some(10),
            Self::NotAsMany { .. } => Some(5),
            Self::TooFast { wait } => Some(wait.as_secs() + 1),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName => f.write_str(
                "Send {\"name\": \"…\"} as application/json, with a name of 1 to 40 characters on one line.",
            ),
            Self::Cut => f.write_str("The picture was cut off on its way. Send it again."),
            Self::Full { people } => {
                write!(f, "All {people} seats are taken. Come again when somebody has left; you can watch meanwhile.")
            }
            Self::Gone => {
                f.write_str("Nobody of this number is in the room. Who sent nothing for a while has to join again.")
            }
            Self::NoPicture(what) => {
                write!(
                    f,
                    "{what}. Send a whole JPEG picture as image/jpeg, or several as parts of multipart/x-mixed-replace."
                )
            }
            Self::NoToken => {
                f.write_str("Say who you are: Authorization: Bearer TOKEN, with the token that joining gave.")
            }
            Self::NotAsMany { watching } => write!(f, "{watching} watch already. Come again in a few seconds."),
            Self::Replaced => f.write_str("You have sent something newer in the meantime, which is shown instead."),
            Self::Stream(error) => write!(f, "The parts cannot be read: {error}. Send each with its Content-Length."),
            Self::TooFast { .. } => {
                f.write_str("That is faster than anybody can see. Wait a little before the next picture.")
            }
            Self::TooLarge => {
                write!(f, "A picture may have {} kB. Send a smaller one, or at a lower quality.", MAX_BYTES / 1000)
            }
            Self::TooSlow { within } => {
                write!(f, "No whole picture came in {} seconds. Send a smaller one.", within.as_secs())
            }
            Self::TooWide { width, height } => {
                write!(f, "The picture has {width}x{height} pixels; send one of at most {MAX_SIDE}x{MAX_SIDE}.")
            }
            Self::WrongToken => {
                f.write_str("The token is not that of this participant; each may send for itself alone.")
            }
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
