//! The pulses that one body listens to.

use std::task::{Context, Poll};

use crate::keep_alive::KeepAlive;

/// When the last part is due once more, and how long a failure is held back.
pub(super) struct Pulses {
    keep_alive: Option<KeepAlive>,
    pub(super) hold_failure: KeepAlive,
}

impl Pulses {
    pub(super) fn new(keep_alive: Option<KeepAlive>) -> Self {
        Self { keep_alive, hold_failure: KeepAlive::never() }
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
        self.hold_failure.beats() && self.hold_failure.poll_due(cx).is_pending()
    }

    /// Whether something that may never come can be waited for: there is a keep-alive, and it is not due.
    pub(super) fn may_wait(&mut self, cx: &mut Context<'_>) -> bool {
        self.keep_alive.as_mut().is_some_and(|pulse| pulse.poll_due(cx).is_pending() && pulse.beats())
    }
}
