//! The query parameters of endpoints.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::rejection::Rejection;
use crate::ladder::Size;

/// The query of a request. Parameters that an endpoint does not know are ignored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(super) fn new(request: &'a http::request::Parts) -> Self {
        Self(request.uri.query().unwrap_or_default())
    }

    /// Returns the value of a parameter, percent-decoded, which is empty for `?name`.
    pub(super) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.values(name).next()
    }

    /// Returns each value of a parameter, percent-decoded.
    pub(super) fn values<'b>(&self, name: &'b str) -> impl Iterator<Item = Cow<'a, str>> + use<'a, 'b> {
        self.raw(name).map(|value| percent_decode_str(value).decode_utf8_lossy())
    }

    /// Returns each value of a parameter as it is written, such as a list whose items are percent-encoded.
    pub(super) fn raw<'b>(&self, name: &'b str) -> impl Iterator<Item = &'a str> + use<'a, 'b> {
        let pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter_map(move |(other, value)| (other == name).then_some(value))
    }

    /// Returns `true` for `?snapshot`, and for mjpg-streamer's `?action=snapshot`.
    pub(super) fn asks_for_snapshot(&self) -> bool {
        self.get("snapshot").is_some() || self.get("action").as_deref() == Some("snapshot")
    }

    /// Returns `true` for mjpg-streamer's `?action=stream`.
    #[cfg(feature = "page")]
    pub(super) fn asks_for_stream(&self) -> bool {
        self.get("action").as_deref() == Some("stream")
    }

    /// Returns the interval from part to part of `?fps=5`.
    pub(super) fn min_interval(&self) -> Result<Option<Duration>, Rejection> {
        let rate = self.number("fps", "a positive number", |rate: &f64| rate.is_finite() && *rate > 0.0)?;
        Ok(rate.map(|rate| Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX)))
    }

    /// Returns the largest age of `?snapshot=2`. `None` for `?snapshot`.
    pub(super) fn max_age(&self) -> Result<Option<Duration>, Rejection> {
        if self.get("snapshot").as_deref() == Some("") {
            return Ok(None);
        }
        let is_valid = |seconds: &f64| (0.0..=86_400.0).contains(seconds);
        let seconds = self.number("snapshot", "a number of seconds from 0 to 86400", is_valid)?;
        Ok(seconds.map(Duration::from_secs_f64))
    }

    /// Returns the size of `?width=640` or `?width=full`.
    pub(super) fn size(&self) -> Result<Size, Rejection> {
        self.get("width").map_or(Ok(Size::Line), |width| size(&width))
    }

    /// Returns the sizes of `?width=640,,full`: an empty one is the largest too.
    pub(super) fn sizes(&self) -> Result<Vec<Size>, Rejection> {
        let size = |width: &str| if width.is_empty() { Ok(Size::Full) } else { size(width) };
        self.get("width").map_or(Ok(Vec::new()), |widths| widths.split(',').map(size).collect())
    }

    /// Returns the period of `?refresh=5`.
    pub(super) fn refresh(&self) -> Result<Option<Duration>, Rejection> {
        let is_valid = |seconds: &u64| (1..=86_400).contains(seconds);
        let seconds = self.number("refresh", "a number of seconds from 1 to 86400", is_valid)?;
        Ok(seconds.map(Duration::from_secs))
    }

    /// Returns the number of a parameter, or an error that names what is expected.
    fn number<T: FromStr>(
        &self,
        name: &str,
        expected: &str,
        is_valid: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, Rejection> {
        self.get(name).map(|value| number(name, &value, expected, is_valid)).transpose()
    }
}

fn size(width: &str) -> Result<Size, Rejection> {
    if width == "full" {
        return Ok(Size::Full);
    }
    let is_valid = |width: &u32| (1..=65_535).contains(width);
    number("width", width, "a number of pixels from 1 to 65535 or \"full\"", is_valid).map(Size::Width)
}

fn number<T: FromStr>(name: &str, value: &str, expected: &str, is_valid: impl Fn(&T) -> bool) -> Result<T, Rejection> {
    value.parse().ok().filter(is_valid).ok_or_else(|| {
        let value: String = value.chars().take(QUOTED).collect();
        Rejection::BadRequest(format!("`{name}` must be {expected}, not {value:?}"))
    })
}

/// The characters of a value that an error repeats.
const QUOTED: usize = 20;
