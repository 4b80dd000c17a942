//! A rate limit for sent pictures.

use std::time::{Duration, Instant};

/// A rate limit that permits bursts.
#[derive(Debug)]
pub(crate) struct Pace {
    period: Duration,
    /// The time by which a burst may be ahead of the even pace.
    slack: Duration,
    /// The time of the next picture at an even pace.
    due: Instant,
}

impl Pace {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let period = Duration::from_secs(1) / per_second;
        Self { period, slack: period * (burst - 1), due: Instant::now() }
    }

    /// Counts a picture at `now`. Over the limit, returns the time to wait and does not count it.
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
    fn permits_a_burst_and_then_the_rate() {
        let (mut pace, start) = (Pace::new(10, 3), Instant::now() + Duration::from_secs(60));
        assert_eq!([(); 3].map(|()| pace.take(start)), [Ok(()); 3]);
        assert_eq!(pace.take(start), Err(Duration::from_millis(100)));
        assert_eq!(pace.take(start + Duration::from_millis(40)), Err(Duration::from_millis(60)));
        let in_a_minute = (1..600_u32).filter(|step| pace.take(start + *step * Duration::from_millis(100)).is_ok());
        assert_eq!(in_a_minute.count(), 599);
    }

    #[test]
    fn a_pause_earns_at_most_one_burst() {
        let (mut pace, start) = (Pace::new(10, 3), Instant::now() + Duration::from_secs(60));
        assert_eq!(pace.take(start), Ok(()));
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| pace.take(later).is_ok()).count(), 3);
    }
}
