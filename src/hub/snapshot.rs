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
    waiting: Option<Waiting>,
}

/// It counts as demand.
#[derive(Debug)]
struct Waiting {
    /// How many parts there had been when it began.
    heard: u64,
    place: Option<usize>,
}

impl Snapshot {
    pub(super) fn new(shared: Arc<Shared>, max_age: Duration) -> Self {
        Self { shared, max_age, waiting: None }
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
            let next = this.waiting.as_ref().is_some_and(|waiting| waiting.heard < state.heard());
            if state.is_closed() || fresh || next {
                let part = latest.map(|(part, _)| part.clone());
                if let Some(waiting) = this.waiting.take() {
                    state.snapshot_ends(waiting.place, now);
                }
                return Poll::Ready(part);
            }
            let waiting = this.waiting.get_or_insert_with(|| {
                state.snapshot_begins(now);
                Waiting { heard: state.heard(), place: None }
            });
            state.wait_for_part(&mut waiting.place, cx.waker());
            Poll::Pending
        })
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            let now = Instant::now();
            self.shared.update(|state| state.snapshot_ends(waiting.place, now));
        }
    }
}
