//! The state of one subscriber in a hub: its progress and its next step.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::lazy_now::LazyNow;
use super::stats::Viewer;
use super::waiters::{self, Wakers};
use crate::wire::Wire;

/// The configuration of a subscriber.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SubscriberConfig {
    /// Whether the stream ends older ones with the same key.
    pub(super) exclusive: bool,
    pub(super) max_lifetime: Option<Duration>,
    /// The shortest time between parts.
    pub(super) interval: Option<Duration>,
}

/// The reason why a stream ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    Closed,
    Expired,
    Disconnected,
    Replaced,
    Revoked,
}

/// The next action of a subscriber.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    End(Reason),
    /// Send the current part.
    Part,
    /// Send the last part again.
    Repeat,
    /// Wait until woken. The time is when the rate limit allows the next part.
    Wait(Option<Instant>),
}

/// The state of the hub that a subscriber's next step depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct HubView<'a> {
    pub(super) now: &'a LazyNow,
    pub(super) version: u64,
    pub(super) closed: bool,
    pub(super) deadline: Duration,
}

/// The state of a subscriber.
///
/// Every publish visits all slots, so a slot must fit into two cache lines.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Slot {
    /// Distinguishes subscribers that reuse one slot.
    pub(super) serial: u64,
    pub(super) wire: Wire,
    extras: Option<Box<Extras>>,
    pub(super) ended: Option<Reason>,
    /// A keep-alive is due: the last part must be repeated.
    repeat: bool,
    waker: Option<Waker>,
    /// The time of the first poll. `None` before it, and once the stream has ended.
    watching: Option<Instant>,
    /// The version of the last part sent, and when that part was published.
    seen: u64,
    seen_at: Option<Instant>,
    /// When the part was sent that the transport has not released yet.
    in_flight: Option<Instant>,
    /// The transport reports releases, and is offered the next part only then.
    gated: bool,
    /// The number of pulses since something was sent.
    idle_pulses: u8,
    delivered: u64,
    bytes: u64,
    skipped: u64,
}

/// Settings of few subscribers, boxed to keep [`Slot`] small.
#[derive(Debug, Default)]
struct Extras {
    key: Option<Arc<str>>,
    expires: Option<Instant>,
    interval: Option<Duration>,
    /// The time at which the interval allows the next part.
    due: Option<Instant>,
}

impl Slot {
    pub(super) fn new(serial: u64, wire: Wire) -> Self {
        Self {
            serial,
            wire,
            extras: None,
            ended: None,
            repeat: false,
            waker: None,
            watching: None,
            seen: 0,
            seen_at: None,
            in_flight: None,
            gated: false,
            idle_pulses: 0,
            delivered: 0,
            bytes: 0,
            skipped: 0,
        }
    }

    /// Starts watching, on the first poll.
    pub(super) fn watch(&mut self, config: SubscriberConfig, now: Instant) {
        self.watching = Some(now);
        let SubscriberConfig { max_lifetime, interval, .. } = config;
        if max_lifetime.is_some() || interval.is_some() {
            let extras = self.extras.get_or_insert_default();
            extras.expires = max_lifetime.and_then(|time| now.checked_add(time));
            extras.interval = interval;
        }
    }

    pub(super) fn set_key(&mut self, key: Arc<str>) {
        self.extras.get_or_insert_default().key = Some(key);
    }

    pub(super) fn key(&self) -> Option<&Arc<str>> {
        self.extras.as_ref()?.key.as_ref()
    }

    pub(super) fn take_key(&mut self) -> Option<Arc<str>> {
        self.extras.as_mut()?.key.take()
    }

    pub(super) fn expires(&self) -> Option<Instant> {
        self.extras.as_ref()?.expires
    }

    /// Returns the next step. Reads the clock only if there is a rate limit.
    pub(super) fn step(&self, hub: &HubView<'_>) -> Step {
        if let Some(reason) = self.ended {
            return Step::End(reason);
        }
        // A closed hub sends at most one more part and the end, so they need not wait for a
        // release. Callers that collect a body, such as tests, release no chunk before the end.
        if self.gated && self.in_flight.is_some() && !hub.closed {
            return Step::Wait(None);
        }
        let fresh = hub.version > self.seen;
        let due = self.extras.as_ref().and_then(|extras| extras.due).filter(|due| fresh && *due > hub.now.get());
        match due {
            Some(_) if !hub.closed => {}
            _ if fresh => return Step::Part,
            _ if hub.closed => return Step::End(Reason::Closed),
            _ => {}
        }
        if self.repeat && self.seen > 0 {
            return Step::Repeat;
        }
        Step::Wait(due)
    }

    /// Returns when the lifetime or the deadline of the part in flight expires, whichever is
    /// earlier. Only [`tick`](Self::tick) checks it, so that polls need not read the clock.
    pub(super) fn ends_at(&self, deadline: Duration) -> Option<Instant> {
        let part_ends = self.in_flight.and_then(|since| since.checked_add(deadline));
        earlier(self.expires(), part_ends).filter(|_| self.ended.is_none())
    }

    /// Ends the stream if its time has expired.
    pub(super) fn tick(&mut self, hub: &HubView<'_>) {
        if self.ends_at(hub.deadline).is_some_and(|ends| ends <= hub.now.get()) {
            self.ended = Some(Reason::Expired);
        }
    }

    /// Advances to the next step and returns it. A poll releases the part of a transport that does
    /// not report releases.
    pub(super) fn poll(&mut self, gated: bool, hub: &HubView<'_>) -> Step {
        self.gated = gated;
        if !gated {
            self.release();
        }
        let step = self.step(hub);
        if let Step::End(reason) = step {
            self.ended = Some(reason);
        }
        if !matches!(step, Step::Wait(_)) {
            self.idle_pulses = 0;
            self.repeat = false;
            self.in_flight = Some(hub.now.get());
        }
        step
    }

    /// Records that the current part is being sent. Returns how many parts were skipped.
    pub(super) fn mark_seen(&mut self, published: Instant, hub: &HubView<'_>) -> u64 {
        let missed = if self.seen == 0 { 0 } else { hub.version.saturating_sub(self.seen + 1) };
        self.skipped += missed;
        self.seen = hub.version;
        self.seen_at = Some(published);
        if let Some((extras, interval)) =
            self.extras.as_mut().and_then(|extras| extras.interval.map(|every| (extras, every)))
        {
            // Keep to a regular grid while the viewer is on time, so that jitter loses no part.
            let now = hub.now.get();
            let next = extras.due.map(|due| due + interval).filter(|due| *due > now);
            extras.due = Some(next.unwrap_or(now + interval));
        }
        missed
    }

    /// Records that the transport has released the part in flight.
    pub(super) fn release(&mut self) {
        self.in_flight = None;
    }

    pub(super) fn count(&mut self, bytes: u64) {
        self.delivered += 1;
        self.bytes += bytes;
    }

    /// Requests a repeat after [`PULSES`] pulses with nothing in flight.
    pub(super) fn pulse(&mut self) {
        self.idle_pulses = if self.in_flight.is_some() { 0 } else { self.idle_pulses.saturating_add(1) };
        self.repeat = self.idle_pulses >= PULSES;
    }

    pub(super) fn is_watching(&self) -> bool {
        self.watching.is_some()
    }

    /// Stops watching. Returns the reason.
    pub(super) fn end(&mut self) -> Reason {
        self.watching = None;
        *self.ended.get_or_insert(Reason::Disconnected)
    }

    /// Stores the waker. Returns the one that it replaces.
    #[must_use]
    pub(super) fn keep(&mut self, waker: &Waker) -> Option<Waker> {
        waiters::keep(&mut self.waker, waker)
    }

    /// Adds the waker to `wakers` if the next step is not to wait. Otherwise returns when the rate
    /// limit allows the next part.
    pub(super) fn wake(&mut self, hub: &HubView<'_>, wakers: &mut Wakers) -> Option<Instant> {
        match self.step(hub) {
            Step::Wait(until) => return until,
            Step::End(_) | Step::Part | Step::Repeat => wakers.extend(self.waker.take()),
        }
        None
    }

    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns the stored waker.
    pub(super) fn into_waker(self) -> Option<Waker> {
        self.waker
    }

    /// Describes the viewer. Returns `None` unless it is watching.
    pub(super) fn viewer(&self, now: Instant) -> Option<Viewer> {
        let ago = |at| now.saturating_duration_since(at);
        Some(Viewer {
            key: self.key().map(|key| key.as_ref().to_owned()),
            wire: self.wire,
            watching: ago(self.watching?),
            parts_delivered: self.delivered,
            bytes_delivered: self.bytes,
            parts_skipped: self.skipped,
            in_flight: self.in_flight.map(ago),
            age: self.seen_at.map(ago),
        })
    }
}

pub(super) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}

/// Pulses in one period of the keep-alive.
///
/// With 8, two periods suffice to detect a viewer that disconnects right after a part: its system
/// answers the first write with a RST, and on servers that do not read meanwhile a second write
/// fails.
pub(super) const PULSES: u8 = 8;

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    #[test]
    fn slot_fits_two_cache_lines() {
        assert_eq!(size_of::<super::Slot>(), 128);
    }
}
