//! How long to wait before the next attempt.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Pauses that grow while nothing works, each with some chance in it: of many that lost the same peer at the same time, not
/// all come back at the same time.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
}

impl Pauses {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next pause: between half of what it may be and all of it.
    pub(crate) fn pause(&mut self) -> Duration {
        let most = self.next;
        self.next = (most * 2).min(LONGEST);
        jittered(most)
    }

    /// A long one, for what only a person can mend.
    pub(crate) fn long_pause(&mut self) -> Duration {
        self.next = LONGEST;
        jittered(LONGEST)
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
        for most in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let pause = pauses.pause().as_secs_f64();
            assert!((most / 2.0..=most).contains(&pause), "{pause} of {most}");
        }
        pauses.reset();
        assert!(pauses.pause() <= FIRST);
        assert!(pauses.long_pause() >= LONGEST / 2);
        assert!(pauses.pause() >= LONGEST / 2);
    }
}
