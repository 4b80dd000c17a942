//! A clock that is read at most once.

use std::cell::Cell;
use std::time::Instant;

/// The current time, read on first use: reading it costs more than the rest of a viewer's step.
#[derive(Debug, Default)]
pub(super) struct LazyNow(Cell<Option<Instant>>);

impl LazyNow {
    pub(super) fn at(time: Instant) -> Self {
        Self(Cell::new(Some(time)))
    }

    pub(super) fn get(&self) -> Instant {
        let now = self.0.get().unwrap_or_else(Instant::now);
        self.0.set(Some(now));
        now
    }
}
