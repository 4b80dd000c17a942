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
/// A ring of seconds would be exact and take 80 bytes in place of 24, of the 500 that an idle viewer may
/// (`tests/hub_memory.rs`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    parts: f32,
    bytes: f32,
    counted_at: Option<Instant>,
}

impl Meter {
    pub(crate) fn count(&mut self, bytes: u64, at: Instant) {
        self.add(&Self { parts: 1.0, bytes: bytes as f32, counted_at: Some(at) });
    }

    /// Adds what another meter has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        let Some(at) = self.counted_at.max(other.counted_at) else { return };
        let (kept, added) = (self.kept(at), other.kept(at));
        self.parts = self.parts * kept + other.parts * added;
        self.bytes = self.bytes * kept + other.bytes * added;
        self.counted_at = Some(at);
    }

    /// Returns the rate of what has been counted for this time.
    pub(crate) fn rate(&self, now: Instant, counted_for: Duration) -> Rate {
        let filled = 1.0 - (-counted_for.max(SHORTEST).as_secs_f64() / CONSTANT.as_secs_f64()).exp();
        let per_second = f64::from(self.kept(now)) / (CONSTANT.as_secs_f64() * filled);
        // What is left after a minute is rounding, and not a rate.
        let rate = |count: f32| Some(f64::from(count) * per_second).filter(|rate| *rate > NONE).unwrap_or_default();
        Rate { parts_per_second: rate(self.parts), bits_per_second: rate(self.bytes * 8.0) }
    }

    /// Returns the part of the weights that is left.
    fn kept(&self, now: Instant) -> f32 {
        let age = self.counted_at.map(|at| now.saturating_duration_since(at)).unwrap_or_default();
        (-age.as_secs_f32() / CONSTANT.as_secs_f32()).exp()
    }
}

const CONSTANT: Duration = Duration::from_secs(5);
/// A first part is at most one in a second.
const SHORTEST: Duration = Duration::from_secs(1);
const NONE: f64 = 1e-6;
