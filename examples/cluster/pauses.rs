//! Pauses between attempts.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// Pauses that double with each failure.
///
/// Each is jittered, so that clients that lost the same peer at the same time do not all return at the same time.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
    end: Instant,
}

impl Pauses {
    pub(crate) fn new() -> Self {
        Self { next: FIRST, end: Instant::now() }
    }

    /// Returns the end of the current pause.
    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// Starts the next pause, whose length is between half of its maximum and all of it.
    pub(crate) fn begin(&mut self) {
        self.end = Instant::now() + jittered(self.next);
        self.next = (self.next * 2).min(LONGEST);
    }

    /// Starts a pause of the maximum length, for a problem that only a person can mend.
    pub(crate) fn begin_long(&mut self) {
        self.next = LONGEST;
        self.begin();
    }

    /// Makes the next pause a short one, after a success.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }
}

fn jittered(max: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0_u8) >> 32;
    let chance = f64::from(u32::try_from(chance).unwrap_or_default()) / f64::from(u32::MAX);
    max.mul_f64(0.5 + 0.5 * chance)
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut pauses = Pauses::new();
        assert!(pauses.end() <= Instant::now());
        for max in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let pause = pause(&mut pauses, Pauses::begin);
            assert!((max / 2.0..=max + 0.1).contains(&pause), "{pause} of {max}");
        }
        pauses.reset();
        assert!(pause(&mut pauses, Pauses::begin) <= 0.6);
        assert!(pause(&mut pauses, Pauses::begin_long) >= 15.0);
        assert!(pause(&mut pauses, Pauses::begin) >= 15.0);
    }

    fn pause(pauses: &mut Pauses, begin: impl Fn(&mut Pauses)) -> f64 {
        let now = Instant::now();
        begin(pauses);
        (pauses.end() - now).as_secs_f64()
    }
}
