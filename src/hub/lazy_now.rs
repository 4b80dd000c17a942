//! The time, if anybody wants to know.

use std::cell::Cell;
use std::time::Instant;

/// Read from the clock when it is first asked for, which costs more than the rest of a viewer's step.
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
