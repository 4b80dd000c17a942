//! One viewer's place in a hub: what it has been given, and what it may be given next.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::lazy_now::LazyNow;
use super::stats::Viewer;
use super::waiters::{self, Wakers};
use crate::wire::Wire;

/// What one viewer asked for.
#[derive(Debug, Default)]
pub(super) struct SubscriberConfig {
    pub(super) key: Option<Arc<str>>,
    pub(super) max_lifetime: Option<Duration>,
    /// The least time from part to part.
    pub(super) interval: Option<Duration>,
    pub(super) wire: Wire,
}

/// Why a viewer's stream ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    Closed,
    Expired,
    Disconnected,
    Replaced,
    Revoked,
}

/// What a viewer is to do now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    End(Reason),
    /// Take the current part.
    Part,
    /// Send the last part once more.
    Repeat,
    /// Nothing, until woken; the rate cap allows the next part then.
    Wait(Option<Instant>),
}

/// What a viewer's step depends on besides its own place.
#[derive(Clone, Copy, Debug)]
pub(super) struct HubView<'a> {
    pub(super) now: &'a LazyNow,
    pub(super) version: u64,
    pub(super) closed: bool,
    pub(super) deadline: Duration,
}

/// Every publish goes through all slots, so one is no larger than two lines of the processor's cache.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Slot {
    /// Tells it from the viewers that had the same place before.
    pub(super) serial: u64,
    pub(super) wire: Wire,
    extras: Option<Box<Extras>>,
    pub(super) ended: Option<Reason>,
    /// The keep-alive asks for the last part once more.
    repeat: bool,
    waker: Option<Waker>,
    /// From its first poll until its stream ends.
    watching: Option<Instant>,
    /// The version that it was given last, and when that was published.
    seen: u64,
    seen_at: Option<Instant>,
    /// Since when its transport has had a part that it has not let go of.
    in_flight: Option<Instant>,
    /// Its transport tells when it lets go of a part, and is not offered another before.
    gated: bool,
    /// How many pulses there have been since it was given something.
    idle_pulses: u8,
    delivered: u64,
    bytes: u64,
    skipped: u64,
}

/// What few viewers have.
#[derive(Debug)]
struct Extras {
    key: Option<Arc<str>>,
    expires: Option<Instant>,
    interval: Option<Duration>,
    /// When the interval allows the next part.
    due: Option<Instant>,
}

impl Slot {
    pub(super) fn new(serial: u64) -> Self {
        Self {
            serial,
            wire: Wire::default(),
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

    /// The viewer's first poll.
    pub(super) fn watch(&mut self, config: SubscriberConfig, now: Instant) {
        self.watching = Some(now);
        self.wire = config.wire;
        let SubscriberConfig { key, max_lifetime, interval, .. } = config;
        if key.is_some() || max_lifetime.is_some() || interval.is_some() {
            let expires = max_lifetime.and_then(|time| now.checked_add(time));
            self.extras = Some(Box::new(Extras { key, expires, interval, due: None }));
        }
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

    /// Reads the clock for viewers with a rate cap alone.
    pub(super) fn step(&self, hub: &HubView<'_>) -> Step {
        if let Some(reason) = self.ended {
            return Step::End(reason);
        }
        // Of a closed hub no more than one part and the end can queue up, so they need not wait: who collects a body,
        // a test say, lets go of no chunk before the end.
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

    /// When its time is up, or that of the part that it is busy with. The clock then ends it: no viewer looks at the time
    /// for that itself.
    pub(super) fn ends_at(&self, deadline: Duration) -> Option<Instant> {
        let part_ends = self.in_flight.and_then(|since| since.checked_add(deadline));
        earlier(self.expires(), part_ends).filter(|_| self.ended.is_none())
    }

    /// The clock calls. Its time may be up.
    pub(super) fn tick(&mut self, hub: &HubView<'_>) {
        if self.ends_at(hub.deadline).is_some_and(|ends| ends <= hub.now.get()) {
            self.ended = Some(Reason::Expired);
        }
    }

    /// The viewer asks what to do: a transport that does not tell when it lets go of a part has done so now.
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

    /// The viewer has been given the current part. Returns how many parts it missed.
    pub(super) fn mark_seen(&mut self, published: Instant, hub: &HubView<'_>) -> u64 {
        let missed = if self.seen == 0 { 0 } else { hub.version.saturating_sub(self.seen + 1) };
        self.skipped += missed;
        self.seen = hub.version;
        self.seen_at = Some(published);
        if let Some((extras, interval)) =
            self.extras.as_mut().and_then(|extras| extras.interval.map(|every| (extras, every)))
        {
            // On an even beat, as long as the viewer keeps to it.
            let now = hub.now.get();
            let beat = extras.due.map(|due| due + interval).filter(|due| *due > now);
            extras.due = Some(beat.unwrap_or(now + interval));
        }
        missed
    }

    /// The viewer's transport has let go of its part.
    pub(super) fn release(&mut self) {
        self.in_flight = None;
    }

    pub(super) fn count(&mut self, bytes: u64) {
        self.delivered += 1;
        self.bytes += bytes;
    }

    /// The last part once more, when there have been so many pulses with nothing under way.
    pub(super) fn pulse(&mut self) {
        self.idle_pulses = if self.in_flight.is_some() { 0 } else { self.idle_pulses.saturating_add(1) };
        self.repeat = self.idle_pulses >= PULSES;
    }

    pub(super) fn is_watching(&self) -> bool {
        self.watching.is_some()
    }

    /// It watches no longer. Gives why.
    pub(super) fn end(&mut self) -> Reason {
        self.watching = None;
        *self.ended.get_or_insert(Reason::Disconnected)
    }

    /// Keeps the waker, and gives the one that it replaces.
    #[must_use]
    pub(super) fn keep(&mut self, waker: &Waker) -> Option<Waker> {
        waiters::keep(&mut self.waker, waker)
    }

    /// Adds its waker to those to be woken, if there is something to be woken for. Tells when the rate cap allows it.
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

    /// The waker, if there is one, whatever the step.
    pub(super) fn into_waker(self) -> Option<Waker> {
        self.waker
    }

    /// `None` if it does not watch yet, or no longer.
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

/// In one period of the keep-alive. Two periods are then enough to notice a viewer who left just when he had been given a
/// part: a first write that his system answers with a RST, and with servers that do not read on, a second that fails.
pub(super) const PULSES: u8 = 8;

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    #[test]
    fn a_slot_takes_two_cache_lines() {
        assert_eq!(size_of::<super::Slot>(), 128);
    }
}
