//! The timers of one body.

use std::task::{Context, Poll};

use crate::body::KeepAlive;

/// The keep-alive, and a timer that delays a failure.
pub(super) struct Pulses {
    keep_alive: Option<KeepAlive>,
    pub(super) hold_failure: KeepAlive,
}

impl Pulses {
    pub(super) fn new(keep_alive: Option<KeepAlive>) -> Self {
        Self { keep_alive, hold_failure: KeepAlive::off() }
    }

    pub(super) fn sent(&mut self) {
        self.keep_alive.iter_mut().for_each(KeepAlive::sent);
    }

    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.keep_alive {
            Some(pulse) => pulse.poll_due(cx),
            None => Poll::Pending,
        }
    }

    pub(super) fn holds_failure(&mut self, cx: &mut Context<'_>) -> bool {
        self.hold_failure.is_running() && self.hold_failure.poll_due(cx).is_pending()
    }

    /// Returns whether the body may wait for an event that may never come: a running keep-alive that is not due ends the wait.
    pub(super) fn may_wait(&mut self, cx: &mut Context<'_>) -> bool {
        self.keep_alive.as_mut().is_some_and(|pulse| pulse.poll_due(cx).is_pending() && pulse.is_running())
    }
}
