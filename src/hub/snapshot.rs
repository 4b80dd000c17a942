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
    /// How many parts there had been when it began to wait.
    heard: Option<u64>,
    place: Option<usize>,
}

impl Snapshot {
    pub(super) fn new(shared: Arc<Shared>, max_age: Duration) -> Self {
        Self { shared, max_age, heard: None, place: None }
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
            if state.is_closed() || fresh || this.heard.is_some_and(|heard| heard < state.heard()) {
                return Poll::Ready(latest.map(|(part, _)| part.clone()));
            }
            if this.heard.is_none() {
                this.heard = Some(state.heard());
                state.snapshot_begins(now);
            }
            state.for_part.keep(&mut this.place, cx.waker());
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
