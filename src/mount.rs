//! What a request to a mounted hub asks for, whatever the framework.

use std::time::Duration;

use http::{Method, StatusCode};

use crate::hub::{Hub, Refused, Snapshot, Subscriber};
use crate::wire::Wire;

/// `GET` is the stream, `GET …?fps=5` a slower one, `GET …?snapshot` a still picture, `HEAD` the stream's head.
#[derive(Debug)]
pub(crate) enum Asked {
    Head(Wire),
    Live(Subscriber),
    Snapshot(Snapshot),
}

/// Why there is no answer but an error.
#[derive(Debug)]
pub(crate) enum NotServed {
    /// `fps` is no number, or not positive.
    Fps(String),
    /// Neither `GET` nor `HEAD`.
    Method,
    Refused(Refused),
}

impl NotServed {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Fps(_) => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Refused(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Fps(fps) => format!("fps={fps:?} is no positive number"),
            Self::Method => "only GET and HEAD".to_owned(),
            Self::Refused(refused) => refused.to_string(),
        }
    }
}

pub(crate) const ALLOW: &str = "GET, HEAD";

pub(crate) fn asked(hub: &Hub, method: &str, query: Option<&str>, wire: Wire) -> Result<Asked, NotServed> {
    match method {
        method if method == Method::HEAD.as_str() => return Ok(Asked::Head(wire)),
        method if method == Method::GET.as_str() => {}
        _ => return Err(NotServed::Method),
    }
    let mut fps = None;
    for pair in query.unwrap_or_default().split('&') {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("snapshot", _) => return Ok(Asked::Snapshot(hub.snapshot(FRESH).or_latest_after(PATIENCE))),
            ("fps", value) => {
                let rate = value.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
                fps = Some(rate.ok_or_else(|| NotServed::Fps(value.chars().take(20).collect()))?);
            }
            _ => {}
        }
    }
    let viewer = hub.subscribe().map_err(NotServed::Refused)?.wire(wire);
    Ok(Asked::Live(match fps {
        Some(fps) => viewer.max_rate(fps),
        None => viewer,
    }))
}

/// A still picture is at most that old, unless the camera is slow to start.
const FRESH: Duration = Duration::from_secs(1);
/// Then it is the latest one, whatever its age.
const PATIENCE: Duration = Duration::from_secs(5);
