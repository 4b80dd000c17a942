//! Percentiles.

use std::time::{Duration, Instant};

/// The ages of pictures.
#[derive(Clone, Debug, Default)]
pub struct Ages(Vec<Duration>);

impl Ages {
    /// Returns a percentile. Zero without values.
    #[must_use]
    pub fn percentile(&mut self, hundredths: usize) -> Duration {
        self.0.sort_unstable();
        self.0.get(self.0.len() * hundredths / 100).copied().unwrap_or_default()
    }

    /// Returns the number of values.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl Extend<Duration> for Ages {
    fn extend<I: IntoIterator<Item = Duration>>(&mut self, ages: I) {
        self.0.extend(ages);
    }
}

impl FromIterator<Duration> for Ages {
    fn from_iter<I: IntoIterator<Item = Duration>>(ages: I) -> Self {
        Self(ages.into_iter().collect())
    }
}

/// Polls a condition. Returns `true` if it is met within the limit.
pub fn until(limit: Duration, mut so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if so() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
