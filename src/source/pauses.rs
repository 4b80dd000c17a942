//! Pauses between attempts.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::jittered;

/// Pauses that double with each failure.
///
/// Each is jittered, so that clients that lost the same peer at the same time do not all return at the same time.
#[derive(Debug)]
pub(super) struct Pauses {
    first: Duration,
    longest: Duration,
    next: Duration,
    end: Option<Instant>,
}

impl Pauses {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        let first = first.max(SHORTEST);
        Self { first, longest: longest.max(first), next: first, end: None }
    }

    /// Returns the end of the current pause, if it has not passed.
    pub(super) fn end(&self) -> Option<Instant> {
        self.end.filter(|end| *end > Instant::now())
    }

    /// Starts the next pause, whose length is between half of its maximum and all of it, and returns its end.
    pub(super) fn begin(&mut self) -> Instant {
        let end = Instant::now() + jittered(self.next.min(LONGEST), 0.5);
        self.next = self.next.saturating_mul(2).min(self.longest);
        self.end = Some(end);
        end
    }

    /// Starts a pause of the maximum length, for a problem that only a person can mend, and returns its end.
    pub(super) fn begin_long(&mut self) -> Instant {
        self.next = self.longest;
        self.begin()
    }

    /// Makes the next pause a short one, after a success.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// The shortest pause, so that a source that fails at once leaves time for other tasks.
const SHORTEST: Duration = Duration::from_millis(10);

/// A year. It is added to an `Instant`, which must not overflow.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut pauses = Pauses::new(Duration::from_millis(500), Duration::from_secs(30));
        assert_eq!(pauses.end(), None);
        for max in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let pause = pause(&mut pauses, Pauses::begin);
            assert!((max / 2.0..=max + 0.1).contains(&pause), "{pause} of {max}");
        }
        pauses.reset();
        assert!(pause(&mut pauses, Pauses::begin) <= 0.6);
        assert!(pause(&mut pauses, Pauses::begin_long) >= 15.0);
        assert!(pause(&mut pauses, Pauses::begin) >= 15.0);
    }

    #[test]
    fn pauses_are_never_zero_and_long_ones_never_the_shorter() {
        for (first, longest, min) in [(0, 0, 0.005), (1000, 0, 0.5)] {
            let mut pauses = Pauses::new(Duration::from_millis(first), Duration::from_millis(longest));
            for start in [Pauses::begin_long, Pauses::begin] {
                let now = Instant::now();
                assert!(start(&mut pauses) >= now + Duration::from_secs_f64(min));
            }
        }
    }

    fn pause(pauses: &mut Pauses, begin: impl Fn(&mut Pauses) -> Instant) -> f64 {
        let now = Instant::now();
        (begin(pauses) - now).as_secs_f64()
    }
}
