//! A handle for running a camera only while it is watched.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

use super::shared::Shared;
use super::state::{State, Timer};
use crate::stats::Activity;
use crate::sync::{block_on, keep, on_drop};

/// A handle that reports demand: from the first viewer until the hub's
/// [`linger`](super::Builder::linger) after the last one.
///
/// A viewer counts from the first poll of its stream, unless it is
/// [passive](crate::Subscriber::passive), and a [`snapshot`](crate::Hub::snapshot) while it waits. So a
/// request for a still picture starts the camera. A `HEAD` request does not, except of a strict
/// [`Snapshot`](crate::Snapshot).
///
/// Each method checks the hub's state at the time of the call, so it never waits for a change that
/// has already happened. Changes that were reverted between two calls are not seen.
///
/// # Examples
///
/// A camera on its own thread:
///
/// ```no_run
/// # struct Camera; impl Camera { fn open() -> Self { Self } fn capture(&self) -> Vec<u8> { vec![] } }
/// use mixed_replace::hub;
///
/// let (publisher, hub) = hub::channel();
/// std::thread::spawn(move || {
///     let demand = publisher.demand();
///     while demand.blocking_wanted() {
///         let camera = Camera::open();
///         // Damaged frames are skipped. A closed hub has no demand, which ends both loops.
///         while demand.is_wanted() && publisher.publish_jpeg(camera.capture()).is_ok() {}
///     }
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Demand {
    shared: Arc<Shared>,
}

impl Demand {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Returns `true` while the hub is watched, or was less than the linger ago. `false` once the
    /// hub is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::hub;
    ///
    /// let (publisher, hub) = hub::channel();
    /// let demand = publisher.demand();
    /// assert!(!demand.is_wanted());
    /// let mut viewer = hub.parts()?;
    /// assert!(viewer.next().now_or_never().is_none());
    /// assert!(demand.is_wanted());
    /// # Ok::<(), hub::Refused>(())
    /// ```
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        let now = Instant::now();
        self.shared.read(|state| state.is_wanted(now))
    }

    /// Blocks the thread until [`is_wanted`](Self::is_wanted) or the hub is closed. Returns `false`
    /// if it is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::hub;
    ///
    /// let (publisher, hub) = hub::channel();
    /// let camera = std::thread::spawn(move || {
    ///     let demand = publisher.demand();
    ///     while demand.blocking_wanted() {
    ///         // Open the camera, and publish while it is wanted.
    ///     }
    /// });
    /// hub.close();
    /// assert!(camera.join().is_ok());
    /// ```
    #[must_use]
    pub fn blocking_wanted(&self) -> bool {
        block_on(self.wanted())
    }

    /// Waits until [`is_wanted`](Self::is_wanted) or the hub is closed. Returns `false` if it is
    /// closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt, executor::block_on};
    /// use mixed_replace::hub;
    ///
    /// let (publisher, hub) = hub::channel();
    /// let demand = publisher.demand();
    /// assert_eq!(demand.wanted().now_or_never(), None);
    /// let mut viewer = hub.parts()?;
    /// assert!(viewer.next().now_or_never().is_none());
    /// assert!(block_on(demand.wanted()));
    /// # Ok::<(), hub::Refused>(())
    /// ```
    pub async fn wanted(&self) -> bool {
        self.changed(true).await
    }

    /// Waits until there has been no viewer for the linger, or the hub is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::{FutureExt, StreamExt, executor::block_on};
    /// use mixed_replace::hub;
    ///
    /// let (publisher, hub) = hub::builder().linger(Duration::from_millis(20)).build();
    /// let demand = publisher.demand();
    /// let mut viewer = hub.parts()?;
    /// assert!(viewer.next().now_or_never().is_none());
    /// assert_eq!(demand.unwanted().now_or_never(), None);
    /// drop(viewer);
    /// block_on(demand.unwanted());
    /// # Ok::<(), hub::Refused>(())
    /// ```
    pub async fn unwanted(&self) {
        self.changed(false).await;
    }

    /// Waits until [`is_wanted`](Self::is_wanted) returns `wanted`, or the hub is closed. Returns `false` if it is closed.
    async fn changed(&self, wanted: bool) -> bool {
        let place = self.shared.update(|state| state.for_demand.insert(None));
        let _place = on_drop(|| self.shared.update(|state| state.forget_demand(place)));
        poll_fn(|cx| {
            let now = Instant::now();
            self.shared.update(|state| {
                if state.closed || state.is_wanted(now) == wanted {
                    return Poll::Ready(!state.closed);
                }
                state.wait_for_demand(place, cx.waker());
                if !wanted {
                    state.set_linger_timer();
                }
                Poll::Pending
            })
        })
        .await
    }
}

impl State {
    /// Returns `true` while the hub is watched, or was less than the linger ago.
    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        let lingers = |since| now.saturating_duration_since(since) < self.config.linger;
        !self.closed && (self.is_watched() || self.unwatched_since.is_some_and(lingers))
    }

    pub(super) fn activity(&self, now: Instant) -> Activity {
        match () {
            () if self.closed => Activity::Ended,
            () if !self.is_wanted(now) => Activity::Asleep,
            () if self.stale => Activity::Silent,
            () if self.latest.is_none() => Activity::Starting,
            () => Activity::Live,
        }
    }

    /// Returns whether the hub has waiting snapshots or subscribers that are not passive, and when the last of them ended.
    pub(super) fn usage(&self) -> (bool, Option<Instant>) {
        (self.is_watched() || self.slots.len() > self.passive_slots, self.unwatched_since)
    }

    pub(super) fn is_watched(&self) -> bool {
        !self.snapshots.is_empty() || self.stats.viewers > self.passive_viewers
    }

    pub(super) fn start_demand(&mut self, now: Instant) {
        if self.watched_since.is_some() {
            return;
        }
        self.watched_since = Some(now);
        self.unwatched_since = None;
        self.wake_for_demand();
        self.timers.set(Timer::Linger, None);
        self.set_keep_alive_timer(now);
        self.set_stale_timer();
    }

    pub(super) fn end_demand_if_unwatched(&mut self, now: Instant) {
        if self.is_watched() || self.watched_since.take().is_none() {
            return;
        }
        self.unwatched_since = Some(now);
        self.set_keep_alive_timer(now);
        self.set_stale_timer();
        if self.config.linger.is_zero() {
            self.wake_for_demand();
        } else {
            self.set_linger_timer();
        }
    }

    /// Sets when demand ends, also if that time has passed: the caller may have read the clock
    /// before the timer fired.
    pub(super) fn set_linger_timer(&mut self) {
        let end = self.unwatched_since.and_then(|since| since.checked_add(self.config.linger));
        self.timers.set(Timer::Linger, end);
    }

    pub(super) fn wake_for_demand(&mut self) {
        self.effects.wakers.extend(self.for_demand.iter_mut().filter_map(|(_, waker)| waker.take()));
    }

    #[expect(clippy::indexing_slicing, reason = "a place is kept until the future is dropped")]
    pub(super) fn wait_for_demand(&mut self, place: usize, waker: &Waker) {
        self.effects.dropped_wakers.extend(keep(&mut self.for_demand[place], waker));
    }

    fn forget_demand(&mut self, place: usize) {
        self.effects.dropped_wakers.extend(self.for_demand.remove(place));
    }
}
