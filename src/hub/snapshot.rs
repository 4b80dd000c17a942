//! One part, fresh enough.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::part::Part;

/// Waits for a part that is fresh enough: [`Hub::snapshot`](super::Hub::snapshot).
#[must_use = "a future does nothing until it is polled"]
#[derive(Debug)]
pub struct Snapshot {
    shared: Arc<Shared>,
    max_age: Duration,
    limit: Option<Duration>,
    /// When the limit has passed.
    until: Option<Instant>,
    /// How many parts there had been when it began to wait.
    heard: Option<u64>,
    place: Option<usize>,
}

impl Snapshot {
    pub(super) fn new(shared: Arc<Shared>, max_age: Duration) -> Self {
        Self { shared, max_age, limit: None, until: None, heard: None, place: None }
    }

    /// Gives the latest part, however old, when no fresh one has come within that time; `None` if there is none.
    pub fn or_latest_after(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl Future for Snapshot {
    type Output = Option<Part>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Part>> {
        let this = &mut *self;
        let now = Instant::now();
        this.shared.update(|state| {
            let latest = state.latest(now);
            let fresh = latest.is_some_and(|(_, age)| age <= this.max_age);
            let next = this.heard.is_some_and(|heard| heard < state.heard());
            let late = this.until.is_some_and(|until| until <= now);
            if state.is_closed() || fresh || next || late {
                return Poll::Ready(latest.map(|(part, _)| part.clone()));
            }
            if this.heard.is_none() {
                this.heard = Some(state.heard());
                this.until = this.limit.and_then(|limit| now.checked_add(limit));
                state.snapshot_begins(now);
            }
            state.wait_for_part(&mut this.place, this.until, cx.waker());
            Poll::Pending
        })
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let now = Instant::now();
        self.shared.update(|state| {
            state.for_part.forget(self.place);
            if self.heard.is_some() {
                state.snapshot_ends(now);
            }
        });
    }
}
