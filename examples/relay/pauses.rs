//! How long to wait before the next attempt.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// Pauses that grow while nothing works, each with some chance in it: of many that lost the same peer at the same time, not
/// all come back at the same time.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
    end: Instant,
}

impl Pauses {
    pub(crate) fn new() -> Self {
        Self { next: FIRST, end: Instant::now() }
    }

    /// When the pause that began last is over.
    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// The next pause: between half of what it may be and all of it.
    pub(crate) fn begin(&mut self) {
        self.end = Instant::now() + jittered(self.next);
        self.next = (self.next * 2).min(LONGEST);
    }

    /// A long one, for what only a person can mend.
    pub(crate) fn begin_long(&mut self) {
        self.next = LONGEST;
        self.begin();
    }

    /// It has worked again.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }
}

fn jittered(most: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0_u8) >> 32;
    let chance = f64::from(u32::try_from(chance).unwrap_or_default()) / f64::from(u32::MAX);
    most.mul_f64(0.5 + 0.5 * chance)
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_up_to_a_limit() {
        let mut pauses = Pauses::new();
        assert!(pauses.end() <= Instant::now());
        for most in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let pause = pause(&mut pauses, Pauses::begin);
            assert!((most / 2.0..=most + 0.1).contains(&pause), "{pause} of {most}");
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
