//! How fast one may send.

use std::time::{Duration, Instant};

/// So many a second, and some at once.
#[derive(Debug)]
pub(crate) struct Pace {
    period: Duration,
    /// How far ahead of an even pace one may be.
    slack: Duration,
    /// When the next one is due at an even pace.
    due: Instant,
}

impl Pace {
    pub(crate) fn new(per_second: u32, at_once: u32) -> Self {
        let period = Duration::from_secs(1) / per_second;
        Self { period, slack: period * (at_once - 1), due: Instant::now() }
    }

    /// Counts one that comes now; or says how long it has to wait, and does not count it.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let wait = self.due.saturating_duration_since(now + self.slack);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.due = self.due.max(now) + self.period;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_some_through_at_once_and_then_so_many_a_second() {
        let (mut pace, begin) = (Pace::new(10, 3), Instant::now() + Duration::from_secs(60));
        assert_eq!([(); 3].map(|()| pace.take(begin)), [Ok(()); 3]);
        assert_eq!(pace.take(begin), Err(Duration::from_millis(100)));
        assert_eq!(pace.take(begin + Duration::from_millis(40)), Err(Duration::from_millis(60)));
        let in_a_minute = (1..600_u32).filter(|step| pace.take(begin + *step * Duration::from_millis(100)).is_ok());
        assert_eq!(in_a_minute.count(), 599);
    }

    #[test]
    fn a_pause_saves_up_no_more_than_it_lets_through_at_once() {
        let (mut pace, begin) = (Pace::new(10, 3), Instant::now() + Duration::from_secs(60));
        assert_eq!(pace.take(begin), Ok(()));
        let later = begin + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| pace.take(later).is_ok()).count(), 3);
    }
}
