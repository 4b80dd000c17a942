//! Rates of parts and of bits over the last seconds.

use std::time::{Duration, Instant};

/// The parts and bits in a second, over about the last 5 seconds.
///
/// A part counts less the older it is: a half after 3.5 seconds, a tenth after 11.5 (an exponentially weighted mean with a
/// time constant of 5 seconds). During the first seconds it is the mean since the start.
///
/// # Examples
///
/// ```
/// use mixed_replace::{Part, hub};
///
/// let (publisher, hub) = hub::channel();
/// assert_eq!(hub.stats().publish_rate.parts_per_second, 0.0);
/// publisher.publish(Part::text("on")?)?;
/// assert!(hub.stats().publish_rate.parts_per_second > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Rate {
    /// Parts a second.
    pub parts_per_second: f64,
    /// Bits a second: eight for each byte.
    pub bits_per_second: f64,
}

/// Counts parts and their bytes, each with a weight that decreases with its age.
///
/// A ring of seconds would be exact and take 72 bytes in place of 16, of the 500 that an idle viewer may
/// (`tests/hub_memory.rs`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    parts: f32,
    bytes: f32,
    counted_at: Millis,
}

impl Meter {
    pub(crate) fn count(&mut self, bytes: u64, now: Millis) {
        if now > self.counted_at {
            let kept = self.kept(now);
            (self.parts, self.bytes) = (self.parts * kept, self.bytes * kept);
            self.counted_at = now;
        }
        self.parts += 1.0;
        self.bytes += bytes as f32;
    }

    /// Returns the rate of what has been counted for this time.
    pub(crate) fn rate(&self, now: Millis, counted_for: Duration) -> Rate {
        let filled = 1.0 - (-counted_for.max(SHORTEST).as_secs_f64() / CONSTANT.as_secs_f64()).exp();
        let per_second = f64::from(self.kept(now)) / (CONSTANT.as_secs_f64() * filled);
        // What is left after a minute is rounding, and not a rate.
        let rate = |count: f32| Some(f64::from(count) * per_second).filter(|rate| *rate > NONE).unwrap_or_default();
        Rate { parts_per_second: rate(self.parts), bits_per_second: rate(self.bytes * 8.0) }
    }

    /// Returns the part of the weights that is left.
    fn kept(&self, now: Millis) -> f32 {
        (-(now.0.saturating_sub(self.counted_at.0) as f32) / CONSTANT.as_millis() as f32).exp()
    }
}

/// The milliseconds since the first call of a hub's state.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Millis(u64);

/// The latest time that a hub's state has been called with.
///
/// A release goes by it, since most of them need no time: while viewers receive parts, the publisher, their polls and the
/// keep-alive renew it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    start: Option<Instant>,
    now: Millis,
}

impl Clock {
    pub(crate) fn set(&mut self, now: Instant) {
        self.start.get_or_insert(now);
        self.now = self.now.max(self.at(now));
    }

    pub(crate) fn now(&self) -> Millis {
        self.now
    }

    pub(crate) fn at(&self, now: Instant) -> Millis {
        let since = self.start.map(|start| now.saturating_duration_since(start)).unwrap_or_default();
        Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Returns the time since the first call.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        Duration::from_millis(self.at(now).0)
    }
}

const CONSTANT: Duration = Duration::from_secs(5);
/// A first part is at most one in a second.
const SHORTEST: Duration = Duration::from_secs(1);
const NONE: f64 = 1e-6;
