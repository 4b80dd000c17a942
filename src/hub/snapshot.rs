//! One part, fresh enough.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::part::Part;

/// Waits for a part that is fresh enough: [`Hub::snapshot`](super::Hub::snapshot).
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped. Then it is demand no longer.
#[must_use = "a future does nothing until it is polled"]
#[derive(Debug)]
pub struct Snapshot {
    shared: Arc<Shared>,
    max_age: Duration,
    limit: Option<Duration>,
    waiting: Option<Waiting>,
}

/// It counts as demand.
#[derive(Debug)]
struct Waiting {
    /// How many parts there had been when it began.
    heard: u64,
    /// When the limit has passed.
    until: Option<Instant>,
    place: Option<usize>,
}

impl Snapshot {
    pub(super) fn new(shared: Arc<Shared>, max_age: Duration) -> Self {
        Self { shared, max_age, limit: None, waiting: None }
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
            let waiting = this.waiting.as_ref();
            let next = waiting.is_some_and(|waiting| waiting.heard < state.heard());
            let late = waiting.and_then(|waiting| waiting.until).is_some_and(|until| until <= now);
            if state.is_closed() || fresh || next || late {
                let part = latest.map(|(part, _)| part.clone());
                if let Some(waiting) = this.waiting.take() {
                    state.snapshot_ends(waiting.place, now);
                }
                return Poll::Ready(part);
            }
            let until = this.limit.and_then(|limit| now.checked_add(limit));
            let waiting = this.waiting.get_or_insert_with(|| {
                state.snapshot_begins(now);
                Waiting { heard: state.heard(), until, place: None }
            });
            state.wait_for_part(&mut waiting.place, waiting.until, cx.waker());
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
