//! The pulses that one body listens to.

use std::task::{Context, Poll};

use crate::keep_alive::KeepAlive;
use crate::wire::Wire;

/// When the last part is due once more.
pub(super) struct Pulses {
    pub(super) keep_alive: Option<KeepAlive>,
    pub(super) hold_failure: KeepAlive,
    pub(super) settle_repeat: KeepAlive,
    /// Whether the last part has been repeated, or need not be.
    settled: bool,
}

impl Pulses {
    pub(super) fn new() -> Self {
        Self { keep_alive: None, hold_failure: KeepAlive::never(), settle_repeat: KeepAlive::never(), settled: true }
    }

    pub(super) fn sent(&mut self, wire: Wire, cx: &mut Context<'_>) {
        self.keep_alive.iter_mut().for_each(KeepAlive::sent);
        if wire == Wire::Machine {
            if self.settled {
                self.settle_repeat.skip_overdue(cx);
            }
            self.settle_repeat.sent();
            self.settled = false;
        }
    }

    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut due = false;
        if !self.settled && self.settle_repeat.poll_due(cx).is_ready() {
            self.keep_alive.iter_mut().for_each(KeepAlive::sent);
            due = true;
        }
        if self.keep_alive.as_mut().is_some_and(|pulse| pulse.poll_due(cx).is_ready()) {
            due = true;
        }
        if !due {
            return Poll::Pending;
        }
        self.settled = true;
        Poll::Ready(())
    }

    pub(super) fn holds_failure(&mut self, cx: &mut Context<'_>) -> bool {
        self.hold_failure.beats() && self.hold_failure.poll_due(cx).is_pending()
    }

    /// Whether something that may never come can be waited for: there is a keep-alive, and it is not due.
    pub(super) fn may_wait(&mut self, cx: &mut Context<'_>) -> bool {
        self.keep_alive.as_mut().is_some_and(|pulse| pulse.poll_due(cx).is_pending() && pulse.beats())
    }
}
