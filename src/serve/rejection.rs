//! Every response that is an error: its status, its headers and its text.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, HeaderName, HeaderValue, RETRY_AFTER, VARY};
use http::{Response, StatusCode};

use crate::derive::error_messages;
use crate::hub::{Hub, Refused};
use crate::hubs::{InvalidName, OpenError};
use crate::response;

/// The reason why an endpoint does not serve a request.
#[derive(Debug)]
pub(super) enum Rejection {
    /// A parameter, the name in the path, or the body of the request cannot be used, for this reason.
    BadRequest(String),
    /// Another request is sending.
    Busy,
    /// A page of another site sends.
    CrossSite,
    /// The body of the request ended too early.
    Incomplete,
    /// The endpoint does not answer this method.
    Method { allow: &'static str },
    /// There is no part yet.
    NoPart,
    /// A browser asks for many pictures where it shows one.
    NotAcceptable,
    /// The hub is full, or was closed before its first part.
    Refused(Refused),
    /// A newer request sends.
    Replaced,
    /// No part was published in time.
    Silent { timeout: Duration },
    /// The latest part is too old, and may stay so if the hub is closed.
    Stale { closed: bool, max_age: Duration },
    /// A part exceeds the limit.
    TooLarge { max_bytes: usize },
    /// All parts were skipped.
    Unprocessable(String),
    /// The type of the request's body, or what it begins with.
    Unsupported(String),
    /// The hub cannot be made: its source failed, or there are too many.
    Open(OpenError),
    /// There is no hub of this name.
    UnknownName,
    /// There are no hubs of these names, which are percent-encoded.
    UnknownTracks(String),
}

impl Rejection {
    /// Returns the reason why there is no part. A closed hub never gets one, so there is nothing to wait for.
    pub(super) fn no_part(hub: &Hub) -> Self {
        if hub.is_closed() { Self::Refused(Refused::Closed) } else { Self::NoPart }
    }

    /// Returns the reason why there is no part that is at most this old.
    pub(super) fn no_part_within(hub: &Hub, max_age: Duration) -> Self {
        match hub.latest() {
            Some(_) => Self::Stale { closed: hub.is_closed(), max_age },
            None => Self::no_part(hub),
        }
    }

    pub(super) fn response(&self) -> Response<Bytes> {
        // It quotes the request, and must not become a page.
        let mut response = response::text("text/plain; charset=utf-8", self.to_string());
        *response.status_mut() = self.status();
        response.headers_mut().extend(self.field());
        response
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::Incomplete => StatusCode::BAD_REQUEST,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::UnknownName | Self::UnknownTracks(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Silent { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Busy | Self::Replaced => StatusCode::CONFLICT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoPart | Self::Open(_) | Self::Refused(_) | Self::Stale { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn field(&self) -> Option<(HeaderName, HeaderValue)> {
        let retry_after = |seconds: u64| Some((RETRY_AFTER, HeaderValue::from(seconds)));
        match self {
            Self::Method { allow } => Some((ALLOW, HeaderValue::from_static(allow))),
            Self::NoPart | Self::Stale { closed: false, .. } => retry_after(1),
            Self::NotAcceptable => Some((VARY, HeaderValue::from_static("Accept"))),
            Self::Open(OpenError::Closed) => None,
            Self::Open(_) => retry_after(5),
            Self::Refused(refused) => refused.retry_after_secs().and_then(retry_after),
            Self::UnknownTracks(list) => {
                let list = HeaderValue::try_from(list).unwrap_or_else(|_| unreachable!("percent-encoded is ASCII"));
                Some((HeaderName::from_static("x-unknown-tracks"), list))
            }
            Self::Unsupported(_) => Some((ACCEPT, HeaderValue::from_static(TAKEN))),
            _ => None,
        }
    }
}

error_messages! { Rejection {
    Self::BadRequest(reason) | Self::Unprocessable(reason) => "{reason}";
    Self::Busy => "another request is sending";
    Self::CrossSite => "pages of other sites may not send";
    Self::Incomplete => "the request ended before its body";
    Self::Method { allow } => "method not allowed, use one of {allow}";
    Self::NoPart => "no part published yet, try again in a second";
    Self::NotAcceptable => "{MANY}";
    Self::Open(error) => "{error}";
    Self::Refused(refused) => "{refused}";
    Self::Replaced => "a newer request sends";
    Self::Silent { timeout } => "no part was published for {timeout:?}";
    Self::Stale { max_age: Duration::ZERO, .. } => "no part was published in time";
    Self::Stale { max_age, .. } => "the latest part is older than {max_age:?}";
    Self::TooLarge { max_bytes } => "a part exceeds the limit of {max_bytes} bytes";
    Self::UnknownName => "{}", OpenError::Unknown;
    Self::UnknownTracks(list) => "no hubs have these names: {list}";
    Self::Unsupported(found) => "{found}; send a picture, multipart/x-mixed-replace, or JPEG after JPEG as video/x-motion-jpeg";
} }

impl From<Refused> for Rejection {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<InvalidName> for Rejection {
    fn from(error: InvalidName) -> Self {
        Self::BadRequest(error.to_string())
    }
}

impl From<OpenError> for Rejection {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::InvalidName(error) => error.into(),
            OpenError::Unknown => Self::UnknownName,
            error => Self::Open(error),
        }
    }
}

/// What to do in place of `<img src="/wall">`.
const MANY: &str = r#"a wall sends many pictures in one response, which an <img> or a page of its own cannot show; in a page, write

<script type="module" src="/client.js"></script>
<mixed-replace src="/wall#NAME"><img alt=""></mixed-replace>

or show one track by its own address, if the wall is mounted by name: <img src="/wall/NAME">
"#;

/// The types of a request's body (RFC 9110 §15.5.16).
const TAKEN: &str = "image/jpeg, image/png, image/gif, image/webp, multipart/x-mixed-replace, multipart/mixed, \
     video/x-motion-jpeg, application/octet-stream";
