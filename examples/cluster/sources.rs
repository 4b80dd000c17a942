//! Whether one node publishes to a topic, or several, of which none knows.

use std::time::{Duration, Instant};

/// Who published what came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    last: Option<u64>,
    before: Option<u64>,
    /// When one came again after another: a node that was started anew never does, but two take turns.
    turn: Option<Instant>,
}

impl Sources {
    pub(crate) fn saw(&mut self, origin: u64) {
        if self.last == Some(origin) {
            return;
        }
        if self.before == Some(origin) {
            self.turn = Some(Instant::now());
        }
        self.before = self.last.replace(origin);
    }

    /// Whether several have published by turns of late.
    pub(crate) fn take_turns(&self) -> bool {
        self.turn.is_some_and(|at| at.elapsed() < LATELY)
    }
}

const LATELY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_starts_anew_is_one() {
        let mut sources = Sources::default();
        for origin in [1, 1, 2, 2, 3] {
            sources.saw(origin);
            assert!(!sources.take_turns());
        }
    }

    #[test]
    fn two_are_seen_until_one_stops() {
        let mut sources = Sources::default();
        [1, 2, 1].into_iter().for_each(|origin| sources.saw(origin));
        assert!(sources.take_turns());
        sources.saw(1);
        sources.turn = sources.turn.and_then(|at| at.checked_sub(LATELY));
        assert!(!sources.take_turns());
    }
}
