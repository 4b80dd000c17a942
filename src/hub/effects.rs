//! The effects of a change of a hub's state, performed after unlocking.

use std::sync::Arc;
use std::time::Instant;

use super::published::Published;
use super::waiters::Wakers;

/// Actions that a change of the state requires.
///
/// They run code of tasks and of the program, which may call the hub again, so the lock must be
/// released first.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// The time of the next tick, if it is now earlier.
    pub(super) timer: Option<Instant>,
    /// Wakers to wake.
    pub(super) wakers: Wakers,
    /// Wakers and parts to drop.
    pub(super) dropped_wakers: Wakers,
    pub(super) dropped_parts: Vec<Arc<Published>>,
}

impl Effects {
    /// Returns `true` if there is nothing to do, which holds after most polls of viewers.
    pub(super) fn is_empty(&self) -> bool {
        let nothing_dropped = self.dropped_wakers.is_empty() && self.dropped_parts.is_empty();
        nothing_dropped && self.wakers.is_empty() && self.timer.is_none()
    }
}
