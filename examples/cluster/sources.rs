//! Detection of several nodes that publish to one topic without knowing of each other.

use std::time::{Duration, Instant};

/// The origins of the latest parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    last: Option<u64>,
    previous: Option<u64>,
    /// The last time that an origin returned after another one. Two publishing nodes alternate; a restarted node never does.
    alternated: Option<Instant>,
}

impl Sources {
    pub(crate) fn observe(&mut self, origin: u64) {
        if self.last == Some(origin) {
            return;
        }
        if self.previous == Some(origin) {
            self.alternated = Some(Instant::now());
        }
        self.previous = self.last.replace(origin);
    }

    /// Returns `true` if several origins have alternated recently.
    pub(crate) fn alternate(&self) -> bool {
        self.alternated.is_some_and(|at| at.elapsed() < RECENT)
    }
}

const RECENT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_restarts_of_one_node() {
        let mut sources = Sources::default();
        for origin in [1, 1, 2, 2, 3] {
            sources.observe(origin);
            assert!(!sources.alternate());
        }
    }

    #[test]
    fn detects_two_nodes_until_one_stops() {
        let mut sources = Sources::default();
        [1, 2, 1].into_iter().for_each(|origin| sources.observe(origin));
        assert!(sources.alternate());
        sources.observe(1);
        sources.alternated = sources.alternated.and_then(|at| at.checked_sub(RECENT));
        assert!(!sources.alternate());
    }
}
