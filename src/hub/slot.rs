//! The state of one subscriber in a hub: its progress and its next step.

use std::ops::Deref;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::builder::Builder;
use super::published::Published;
use crate::body::{PULSES, Step};
use crate::list::List;
use crate::stats::{Meter, Millis, Reason, Stats, Viewer};
use crate::wire::Wire;

/// The state of the hub that a subscriber's next step depends on.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) now: Time<'a>,
    pub(super) current: Option<&'a Arc<Published>>,
    pub(super) closed: bool,
}

/// The current time, or a cell that reads it on first use.
///
/// Most polls and releases do not need it. Reading it in each costs 60 ns a part and viewer, with
/// 180 for all the rest (1,000 viewers polled as hyper does).
pub(super) type Time<'a> = &'a dyn Deref<Target = Instant>;

/// The state of a subscriber.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Distinguishes subscribers that reuse one slot.
    pub(super) serial: u64,
    /// `None` for a stream of parts.
    pub(super) wire: Option<Wire>,
    /// Whether the viewer gets the hub's own encoding of parts.
    pub(super) encoded: bool,
    /// Whether the viewer is no demand.
    pub(super) passive: bool,
    /// Whether the stream ends older ones with the same key.
    pub(super) exclusive: bool,
    pub(super) ended: Option<Reason>,
    pub(super) settings: Option<Box<Settings>>,
    /// A keep-alive is due: the last part must be repeated.
    repeat: bool,
    pub(super) waker: Option<Waker>,
    /// The time of the first poll. `None` before it, and once the stream has ended.
    watching: Option<Instant>,
    /// The version of the last part sent, and when that part was captured.
    seen: u64,
    seen_at: Option<Instant>,
    /// Whether the part in flight is a new one, whose release is measured.
    #[cfg(feature = "histogram")]
    measured: bool,
    /// When the part was sent that the transport has not released yet.
    in_flight: Option<Instant>,
    /// The transport reports releases, and is offered the next part only then.
    gated: bool,
    /// The number of pulses since something was sent.
    idle_pulses: u8,
    pub(super) delivered: u64,
    pub(super) bytes: u64,
    rate: Meter,
    pub(super) skipped: u64,
}

/// Settings that few subscribers have. They are boxed: in the slot, an idle viewer takes 534 bytes, above
/// the 500 of `tests/hub_memory.rs`. The speed is the same.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) key: Option<Arc<str>>,
    pub(super) label: Option<Arc<str>>,
    /// The end of the stream, if its lifetime does not end earlier.
    pub(super) expires: Option<Instant>,
    pub(super) max_lifetime: Option<Duration>,
    /// The shortest time between parts.
    pub(super) min_interval: Option<Duration>,
    /// The time at which the interval allows the next part.
    pub(super) due: Option<Instant>,
    /// The newest version when the transport released the last part.
    pub(super) released: u64,
    pub(super) limited: u64,
    /// Whether a later time of the last part is a step.
    pub(super) renewals: bool,
}

impl Settings {
    /// Creates the settings of a response that sets nothing.
    pub(super) fn new(config: &Builder) -> Option<Box<Self>> {
        let (max_lifetime, min_interval) = (config.max_lifetime, config.min_interval.and_then(interval));
        let is_limited = max_lifetime.is_some() || min_interval.is_some();
        is_limited.then(|| Box::new(Self { max_lifetime, min_interval, ..Self::default() }))
    }
}

impl Slot {
    pub(super) fn new(serial: u64, wire: Option<Wire>) -> Self {
        Self { serial, wire, encoded: wire.is_some(), ..Self::default() }
    }

    pub(super) fn settings(&mut self) -> &mut Settings {
        self.settings.get_or_insert_default()
    }

    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.settings.as_ref().and_then(|settings| settings.expires).is_some_and(|expires| expires <= now)
    }

    /// Starts watching, on the first poll. Returns when the stream expires. `jitter` shortens its lifetime.
    pub(super) fn watch(&mut self, jitter: impl FnOnce(Duration) -> Duration, now: Instant) -> Option<Instant> {
        self.watching = Some(now);
        let settings = self.settings.as_ref()?;
        let lifetime = settings.max_lifetime.and_then(|lifetime| now.checked_add(jitter(lifetime)));
        lifetime.into_iter().chain(settings.expires).min()
    }

    pub(super) fn key(&self) -> Option<&Arc<str>> {
        self.settings.as_ref()?.key.as_ref()
    }

    pub(super) fn label(&self) -> Option<&Arc<str>> {
        self.settings.as_ref()?.label.as_ref()
    }

    /// Returns the wire on which the hub encodes parts for this viewer.
    pub(super) fn encoding(&self) -> Option<Wire> {
        self.wire.filter(|_| self.encoded)
    }

    pub(super) fn is_watching(&self) -> bool {
        self.watching.is_some()
    }

    /// Returns the next step.
    pub(super) fn step<'a>(&self, hub: &View<'a>) -> Step<&'a Arc<Published>> {
        if self.ended.is_some() {
            return Step::End;
        }
        // A closed hub sends at most one more part and the end, so they need not wait for a
        // release. Callers that collect a body, such as tests, release no chunk before the end.
        if self.gated && self.in_flight.is_some() && !hub.closed {
            return Step::Wait;
        }
        let limited = || self.settings.as_ref().and_then(|settings| settings.due).is_some_and(|due| due > **hub.now);
        match hub.current.filter(|current| current.version > self.seen) {
            Some(part) if hub.closed || !limited() => Step::Part(part),
            None if hub.closed => Step::End,
            _ if self.repeat && self.seen > 0 => Step::Repeat,
            Some(_) => Step::Wait,
            None if self.takes_renewals() && hub.current.is_some_and(|part| self.is_renewed(part)) => Step::Repeat,
            None => Step::Wait,
        }
    }

    /// Returns when the rate limit allows the newer part for which the viewer's task waits.
    ///
    /// Also if that time has passed, since the caller may have read the clock before the timer fired.
    pub(super) fn due(&self, current: Option<&Arc<Published>>) -> Option<Instant> {
        let waits = self.waker.is_some() && !(self.gated && self.in_flight.is_some()) && self.ended.is_none();
        let newer = current.is_some_and(|current| current.version > self.seen);
        self.settings.as_ref()?.due.filter(|_| waits && newer)
    }

    /// Advances to the next step and returns it. A poll releases the part of a transport that does
    /// not report releases.
    pub(super) fn poll<'a>(&mut self, gated: bool, hub: &View<'a>) -> Step<&'a Arc<Published>> {
        self.gated = gated;
        if !gated {
            self.release(hub.current);
        }
        let step = self.step(hub);
        if !matches!(step, Step::Wait) {
            self.idle_pulses = 0;
            self.repeat = false;
            self.in_flight = Some(**hub.now);
        }
        step
    }

    /// Records that a part is being sent, and counts the parts skipped before it.
    pub(super) fn send(&mut self, part: &Published, now: Time<'_>, stats: &mut Stats) {
        let missed = if self.seen == 0 { 0 } else { part.version - self.seen - 1 };
        self.skipped += missed;
        stats.parts_skipped += missed;
        self.seen = part.version;
        self.seen_at = Some(part.at);
        #[cfg(feature = "histogram")]
        {
            self.measured = !part.no_signal;
        }
        let settings = self.settings.as_deref_mut();
        if let Some(Settings { min_interval: Some(interval), due, released, limited, .. }) = settings {
            // Those that came while nothing was in flight.
            let missed = missed.min(part.version.saturating_sub(*released));
            *limited += missed;
            stats.parts_limited += missed;
            let (now, interval) = (**now, *interval);
            // Keep to a regular grid while the viewer is on time, so that jitter loses no part.
            let next = due.map(|due| due + interval).filter(|due| *due > now);
            *due = Some(next.unwrap_or(now + interval));
        }
    }

    /// Returns when the part in flight was captured, if its release is to be measured.
    #[cfg(feature = "histogram")]
    pub(super) fn take_measured(&mut self) -> Option<Instant> {
        self.seen_at.filter(|_| self.in_flight.is_some() && std::mem::take(&mut self.measured))
    }

    /// Records that the last part is sent with a later time. Returns `false` if it has none.
    pub(super) fn renew(&mut self, part: &Published) -> bool {
        let renewed = self.is_renewed(part);
        if renewed {
            self.seen_at = Some(part.at);
        }
        renewed
    }

    fn is_renewed(&self, part: &Published) -> bool {
        part.version == self.seen && self.seen_at != Some(part.at)
    }

    /// Returns whether a later time of the last part is a step.
    pub(super) fn takes_renewals(&self) -> bool {
        self.settings.as_ref().is_some_and(|settings| settings.renewals)
    }

    /// Records that the transport has released the part in flight.
    pub(super) fn release(&mut self, current: Option<&Arc<Published>>) {
        if let (Some(_), Some(settings)) = (self.in_flight.take(), &mut self.settings) {
            settings.released = current.map_or(0, |current| current.version);
        }
    }

    pub(super) fn count(&mut self, bytes: u64, now: Millis) {
        self.delivered += 1;
        self.bytes += bytes;
        self.rate.count(bytes, now);
    }

    /// Ends the stream if the part in flight has missed its deadline. Otherwise returns it.
    pub(super) fn check_deadline(&mut self, timeout: Option<Duration>, now: Instant) -> Option<Instant> {
        let deadline = self.in_flight.filter(|_| self.ended.is_none())?.checked_add(timeout?)?;
        if deadline > now {
            return Some(deadline);
        }
        self.ended = Some(Reason::Expired);
        None
    }

    /// Requests a repeat after [`PULSES`] pulses with nothing in flight.
    pub(super) fn pulse(&mut self) {
        self.idle_pulses = if self.in_flight.is_some() { 0 } else { self.idle_pulses.saturating_add(1) };
        self.repeat = self.idle_pulses >= PULSES;
    }

    /// Stops watching. Returns the reason.
    pub(super) fn end(&mut self) -> Reason {
        self.watching = None;
        *self.ended.get_or_insert(Reason::Disconnected)
    }

    /// Adds the waker to `wakers` unless the next step is to wait.
    pub(super) fn wake(&mut self, hub: &View<'_>, wakers: &mut List<Waker>) {
        if !matches!(self.step(hub), Step::Wait) {
            wakers.extend(self.waker.take());
        }
    }

    /// Describes the viewer. Returns `None` unless it is watching.
    pub(super) fn viewer(&self, now: Instant, millis: Millis) -> Option<Viewer> {
        let ago = |at| now.saturating_duration_since(at);
        Some(Viewer {
            key: self.key().map(|key| key.as_ref().to_owned()),
            label: self.label().map(|label| label.as_ref().to_owned()),
            wire: self.wire,
            watching: ago(self.watching?),
            parts_delivered: self.delivered,
            bytes_delivered: self.bytes,
            delivery_rate: self.rate.rate(millis, ago(self.watching?)),
            parts_skipped: self.skipped,
            parts_limited: self.settings.as_ref().map_or(0, |settings| settings.limited),
            in_flight: self.in_flight.map(ago),
            age: self.seen_at.map(ago),
        })
    }
}

/// Returns the shortest time between parts, or `None` if that is no limit.
pub(super) fn interval(min_interval: Duration) -> Option<Duration> {
    Some(min_interval.min(LONGEST)).filter(|interval| !interval.is_zero())
}

/// The longest interval. It is added to an `Instant`, which must not overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
