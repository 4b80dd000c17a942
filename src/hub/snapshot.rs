//! A future of one part that is recent enough.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use super::seat::Guard;
use super::shared::Shared;
use super::state::{State, Timer};
use crate::part::Part;
use crate::sync::keep;

/// A future that waits for a recent part, created by [`Hub::snapshot`](crate::Hub::snapshot).
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped. It then no longer counts as demand.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mixed_replace::hub::SnapshotFuture;
/// use mixed_replace::{Part, hub};
///
/// let (publisher, hub) = hub::channel();
/// publisher.publish(Part::text("on")?)?;
/// let snapshot: SnapshotFuture = hub.snapshot(Duration::from_secs(1));
/// assert!(futures::executor::block_on(snapshot).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a future does nothing until it is polled"]
#[derive(Debug)]
pub struct SnapshotFuture {
    shared: Arc<Shared>,
    max_age: Duration,
    limit: Option<Duration>,
    /// Whether the latest part is not a substitute for a recent one.
    strict: bool,
    waiting: Option<Waiting>,
    _guard: Guard,
}

/// A snapshot that waits and counts as demand.
#[derive(Debug)]
struct Waiting {
    /// The number of parts that had been published when the wait started.
    answers_before: u64,
    /// The time at which the limit expires.
    until: Option<Instant>,
    place: usize,
}

/// A part and the time of its publication, the output of a [`SnapshotFuture`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mixed_replace::{Part, hub};
///
/// let (publisher, hub) = hub::channel();
/// publisher.publish(Part::text("on")?)?;
/// if let Some(snapshot) = futures::executor::block_on(hub.snapshot(Duration::from_secs(1))) {
///     println!("{} bytes, {:?} old", snapshot.part.body().len(), snapshot.age);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DatedPart {
    /// The publisher's part, or the "no signal" part of the hub.
    pub part: Part,
    /// How long ago the part was [captured](Part::captured), the last of identical parts that
    /// [`drop_identical`](super::Builder::drop_identical) dropped. For the "no signal" part, how
    /// long ago it replaced the publisher's last part.
    pub age: Duration,
    /// The time at which the part was first published, by the system's clock.
    pub modified: SystemTime,
    /// Whether it is the "no signal" part of [`stale_after`](super::Builder::stale_after).
    pub stale: bool,
}

impl SnapshotFuture {
    pub(super) fn new(shared: Arc<Shared>, guard: Guard, max_age: Duration) -> Self {
        Self { shared, max_age, limit: None, strict: false, waiting: None, _guard: guard }
    }

    /// Resolves to the latest part, whatever its age, if no new one is published within `limit`, or
    /// at once if the hub is closed. `None` if nothing has been published.
    ///
    /// If that part is older than [`stale_after`](super::Builder::stale_after), the hub's
    /// "no signal" part replaces it. So the wait is no longer than `stale_after`, and there is none
    /// while viewers get the "no signal" part.
    ///
    /// It does not wait either if [`max_snapshots`](super::Builder::max_snapshots) already do.
    ///
    /// Use it to respond to one request. A loop over such snapshots does not end with the hub.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("old")?)?;
    /// let newer = hub.snapshot(Duration::ZERO).or_latest_after(Duration::from_millis(20));
    /// assert_eq!(block_on(newer).map(|snapshot| snapshot.part), Some(Part::text("old")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn or_latest_after(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Resolves to the hub's "no signal" part if no new part is published within `limit`, or at once if the hub is closed
    /// or has too many waiting snapshots. `None` if the hub has no such part.
    ///
    /// A part that is too old is never returned.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("old")?)?;
    /// let newer = hub.snapshot(Duration::ZERO).or_no_signal_after(Duration::from_millis(20));
    /// assert_eq!(block_on(newer), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn or_no_signal_after(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self.strict = true;
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
            let next = waiting.is_some_and(|waiting| waiting.answers_before < state.answers);
            let late = waiting.and_then(|waiting| waiting.until).is_some_and(|until| until <= now);
            let refused =
                this.limit.is_some() && waiting.is_none() && state.snapshots.len() >= state.config.max_snapshots;
            if state.closed || fresh || next || late || refused {
                let unanswered = (late || refused) && this.limit.is_some_and(|limit| !limit.is_zero());
                let dated = match this.limit {
                    _ if fresh || next => state.dated(unanswered, now),
                    Some(_) if this.strict => state.no_signal(now),
                    Some(_) => state.dated(unanswered, now),
                    None => None,
                };
                if let Some(waiting) = this.waiting.take() {
                    state.end_snapshot(waiting.place, now);
                }
                state.stats.snapshots += u64::from(dated.is_some());
                return Poll::Ready(dated);
            }
            if let Some(waiting) = waiting {
                state.wait_for_part(waiting.place, waiting.until, cx.waker());
                return Poll::Pending;
            }
            let until = this.limit.and_then(|limit| now.checked_add(state.snapshot_limit(limit)));
            let place = state.start_snapshot(until, cx.waker(), now);
            this.waiting = Some(Waiting { answers_before: state.answers, until, place });
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

impl State {
    /// Returns how long a client without a stream waits: not longer than viewers see the last part
    /// of a silent hub.
    fn snapshot_limit(&self, limit: Duration) -> Duration {
        match &self.config.stale_after {
            Some(_) if self.stale && self.stats.viewers > 0 => Duration::ZERO,
            Some((after, _)) => limit.min(*after),
            None => limit,
        }
    }

    /// Returns the part for a client without a stream: the latest, or the "no signal" part if
    /// viewers get that.
    ///
    /// `unanswered` means that the client has waited for a part in vain. Its demand ends with the
    /// wait, so the hub itself may never become stale. The silence then counts from the last part,
    /// even if the hub was not watched meanwhile. The same holds for a closed hub, which has no
    /// viewers.
    pub(super) fn dated(&self, unanswered: bool, now: Instant) -> Option<DatedPart> {
        let age = |since| now.saturating_duration_since(since);
        if self.stale {
            let current = self.current.as_ref()?;
            let (part, modified) = (current.part.clone(), current.modified);
            return Some(DatedPart { part, age: age(current.at), modified, stale: true });
        }
        let (latest, (at, time)) = self.latest.as_ref().zip(self.published_at)?;
        if let Some((after, _)) = self.config.stale_after.as_ref().filter(|_| unanswered || self.closed) {
            if let Some(age) = age(at).checked_sub(*after) {
                let modified = time.checked_add(*after).unwrap_or(latest.modified);
                return Some(DatedPart { part: self.no_signal_part()?, age, modified, stale: true });
            }
        }
        Some(DatedPart { part: latest.part.clone(), age: age(latest.at), modified: latest.modified, stale: false })
    }

    /// Returns the "no signal" part, also before viewers get it. Before the first part there is none, unless they do.
    fn no_signal(&self, now: Instant) -> Option<DatedPart> {
        if self.stale {
            return self.dated(false, now);
        }
        let ((after, _), (at, time)) = self.config.stale_after.as_ref().zip(self.published_at)?;
        let age = now.saturating_duration_since(at).saturating_sub(*after);
        let modified = time.checked_add(now.saturating_duration_since(at).min(*after)).unwrap_or(time);
        Some(DatedPart { part: self.no_signal_part()?, age, modified, stale: true })
    }

    pub(super) fn start_snapshot(&mut self, until: Option<Instant>, waker: &Waker, now: Instant) -> usize {
        let place = self.snapshots.insert(Some(waker.clone()));
        self.timers.set(Timer::Snapshot(place), until);
        self.start_demand(now);
        place
    }

    #[expect(clippy::indexing_slicing, reason = "a place is kept until the snapshot ends")]
    pub(super) fn wait_for_part(&mut self, place: usize, until: Option<Instant>, waker: &Waker) {
        // Again, since the caller may have read the clock before the timer fired.
        self.timers.set(Timer::Snapshot(place), until);
        self.effects.dropped_wakers.extend(keep(&mut self.snapshots[place], waker));
    }

    pub(super) fn end_snapshot(&mut self, place: usize, now: Instant) {
        self.effects.dropped_wakers.extend(self.snapshots.remove(place));
        self.timers.set(Timer::Snapshot(place), None);
        self.end_demand_if_unwatched(now);
    }
}
