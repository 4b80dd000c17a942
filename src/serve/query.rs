//! The query parameters of endpoints.

use std::time::Duration;

use super::rejection::Rejection;
use crate::ladder::Size;

/// The query of a request. Parameters that an endpoint does not know are ignored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(super) fn new(request: &'a http::request::Parts) -> Self {
        Self(request.uri.query().unwrap_or_default())
    }

    /// Returns the value of a parameter, which is empty for `?name`.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// Returns each value of a parameter.
    pub(super) fn values<'b>(&self, name: &'b str) -> impl Iterator<Item = &'a str> + use<'a, 'b> {
        let pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter_map(move |(other, value)| (other == name).then_some(value))
    }

    /// Returns `true` for `?snapshot`, and for mjpg-streamer's `?action=snapshot`.
    pub(super) fn asks_for_snapshot(&self) -> bool {
        self.get("snapshot").is_some() || self.get("action") == Some("snapshot")
    }

    /// Returns `true` for mjpg-streamer's `?action=stream`.
    #[cfg(feature = "page")]
    pub(super) fn asks_for_stream(&self) -> bool {
        self.get("action") == Some("stream")
    }

    /// Returns the interval from part to part of `?fps=5`.
    pub(super) fn min_interval(&self) -> Result<Option<Duration>, Rejection> {
        let parse = |value: &str| value.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
        let rate = self.get("fps").map(|value| parse(value).ok_or_else(|| Rejection::Rate(quote(value))));
        Ok(rate.transpose()?.map(|rate| Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX)))
    }

    /// Returns the largest age of `?snapshot=2`. `None` for `?snapshot`.
    pub(super) fn max_age(&self) -> Result<Option<Duration>, Rejection> {
        let parse = |value: &str| value.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
        let value = self.get("snapshot").filter(|value| !value.is_empty());
        let seconds = value.map(|value| parse(value).ok_or_else(|| Rejection::MaxAge(quote(value))));
        Ok(seconds.transpose()?.map(Duration::from_secs_f64))
    }

    /// Returns the size of `?width=640` or `?width=full`.
    pub(super) fn size(&self) -> Result<Size, Rejection> {
        let parse = |value: &str| value.parse().ok().filter(|width| (1..=65_535).contains(width));
        match self.get("width") {
            None => Ok(Size::Line),
            Some("full") => Ok(Size::Full),
            Some(value) => parse(value).map(Size::Width).ok_or_else(|| Rejection::Width(quote(value))),
        }
    }

    /// Returns the period of `?refresh=5`.
    pub(super) fn refresh(&self) -> Result<Option<Duration>, Rejection> {
        let parse = |value: &str| value.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
        let seconds = self.get("refresh").map(|value| parse(value).ok_or_else(|| Rejection::Refresh(quote(value))));
        Ok(seconds.transpose()?.map(Duration::from_secs))
    }
}

/// Returns as much of a value as an error may repeat.
fn quote(value: &str) -> String {
    value.chars().take(20).collect()
}
