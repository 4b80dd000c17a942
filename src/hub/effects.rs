//! What a change of a hub's state leaves to do.

use std::sync::Arc;
use std::time::Instant;

use super::published::Published;
use super::waiters::Wakers;

/// With the lock released, because it runs code of tasks and of the program, which may come back to the hub.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// The clock is to call then.
    pub(super) timer: Option<Instant>,
    /// Threads may wait for a change of demand.
    pub(super) demand_changed: bool,
    /// To be woken.
    pub(super) wakers: Wakers,
    /// To be dropped.
    pub(super) dropped_wakers: Wakers,
    pub(super) dropped_parts: Vec<Arc<Published>>,
}

impl Effects {
    /// As after most steps of viewers.
    pub(super) fn is_empty(&self) -> bool {
        let nothing_dropped = self.dropped_wakers.is_empty() && self.dropped_parts.is_empty();
        nothing_dropped && self.wakers.is_empty() && self.timer.is_none() && !self.demand_changed
    }
}
