//! A future of one part that is recent enough.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use super::shared::Shared;
use crate::part::Part;

/// A future that waits for a recent part, created by [`Hub::snapshot`](crate::Hub::snapshot).
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped. It then no longer counts as demand.
#[must_use = "a future does nothing until it is polled"]
#[derive(Debug)]
pub struct SnapshotFuture {
    shared: Arc<Shared>,
    max_age: Duration,
    limit: Option<Duration>,
    waiting: Option<Waiting>,
}

/// A snapshot that waits and counts as demand.
#[derive(Debug)]
struct Waiting {
    /// The number of parts that had been published when the wait started.
    parts_before: u64,
    /// The time at which the limit expires.
    until: Option<Instant>,
    place: Option<usize>,
}

/// A part and the time of its publication, the output of a [`SnapshotFuture`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DatedPart {
    /// The publisher's part, or the "no signal" part of the hub.
    pub part: Part,
    /// How long ago the part was last published, including identical parts that
    /// [`drop_identical`](super::Builder::drop_identical) dropped. For the "no signal" part, how
    /// long ago it replaced the publisher's last part.
    pub age: Duration,
    /// The time at which the part was first published, by the system's clock.
    pub modified: SystemTime,
    /// Whether it is the "no signal" part of [`stale_after`](super::Builder::stale_after).
    pub stale: bool,
}

impl SnapshotFuture {
    pub(super) fn new(shared: Arc<Shared>, max_age: Duration) -> Self {
        Self { shared, max_age, limit: None, waiting: None }
    }

    /// Resolves to the latest part, whatever its age, if no new one is published within `limit`, or
    /// at once if the hub is closed. `None` if nothing has been published.
    ///
    /// If that part is older than [`stale_after`](super::Builder::stale_after), the hub's
    /// "no signal" part replaces it. So the wait is no longer than `stale_after`, and there is none
    /// while viewers get the "no signal" part.
    ///
    /// Use it to respond to one request. A loop over such snapshots does not end with the hub.
    pub fn or_latest_after(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl Future for SnapshotFuture {
    type Output = Option<DatedPart>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<DatedPart>> {
        let this = &mut *self;
        let now = Instant::now();
        this.shared.update(|state| {
            let fresh = state.latest(now).is_some_and(|(_, age)| age <= this.max_age);
            let waiting = this.waiting.as_ref();
            let next = waiting.is_some_and(|waiting| waiting.parts_before < state.parts_published());
            let late = waiting.and_then(|waiting| waiting.until).is_some_and(|until| until <= now);
            if state.is_closed() || fresh || next || late {
                let unanswered = late && this.limit.is_some_and(|limit| !limit.is_zero());
                let dated = (fresh || next || this.limit.is_some()).then(|| state.dated(unanswered, now)).flatten();
                if let Some(waiting) = this.waiting.take() {
                    state.end_snapshot(waiting.place, now);
                }
                return Poll::Ready(dated);
            }
            let until = this.limit.and_then(|limit| now.checked_add(state.snapshot_limit(limit)));
            let waiting = this.waiting.get_or_insert_with(|| {
                state.start_snapshot(now);
                Waiting { parts_before: state.parts_published(), until, place: None }
            });
            state.wait_for_part(&mut waiting.place, waiting.until, cx.waker());
            Poll::Pending
        })
    }
}

impl Drop for SnapshotFuture {
    fn drop(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            let now = Instant::now();
            self.shared.update(|state| state.end_snapshot(waiting.place, now));
        }
    }
}
