//! The state of one subscriber in a hub: its progress and its next step.

use std::ops::Deref;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::builder::Builder;
use super::published::Published;
use crate::body::{PULSES, Step};
#[cfg(feature = "histogram")]
use crate::stats::Window;
use crate::stats::{Meter, Reason, Stats, Viewer};
#[cfg(feature = "histogram")]
use crate::sync::{Mutex, lock};
use crate::wire::Wire;

/// The current time, or a cell that reads it on first use.
///
/// Most polls and releases do not need it. Reading it in each costs 60 ns a part and viewer, with
/// 180 for all the rest (1,000 viewers polled as hyper does).
pub(super) type Time<'a> = &'a dyn Deref<Target = Instant>;

/// The state of a subscriber, with all of the hub that its next step depends on.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The hub's current part, unless the viewer was sent it.
    pub(super) offered: Option<Arc<Published>>,
    /// The hub is closed, so no other part is offered.
    pub(super) closed: bool,
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
    #[cfg(feature = "histogram")]
    pub(super) latency: Option<Arc<Mutex<Window>>>,
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
    fn new(config: &Builder) -> Option<Box<Self>> {
        let (max_lifetime, min_interval) = (config.max_lifetime, config.min_interval.and_then(interval));
        let is_limited = max_lifetime.is_some() || min_interval.is_some();
        is_limited.then(|| Box::new(Self { max_lifetime, min_interval, ..Self::default() }))
    }
}

impl Slot {
    pub(super) fn new(wire: Option<Wire>, config: &Builder) -> Self {
        let settings = wire.and_then(|_| Settings::new(config));
        Self { wire, encoded: wire.is_some(), settings, ..Self::default() }
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
    fn step(&self, now: Time<'_>) -> Step<()> {
        if self.ended.is_some() {
            return Step::End;
        }
        // A closed hub sends at most one more part and the end, so they need not wait for a
        // release. Callers that collect a body, such as tests, release no chunk before the end.
        if self.gated && self.in_flight.is_some() && !self.closed {
            return Step::Wait;
        }
        let limited = || self.settings.as_ref().and_then(|settings| settings.due).is_some_and(|due| due > **now);
        match self.offered {
            Some(_) if self.closed || !limited() => Step::Part(()),
            None if self.closed => Step::End,
            _ if self.repeat && self.seen > 0 => Step::Repeat,
            _ => Step::Wait,
        }
    }

    /// Returns when the rate limit allows the newer part for which the viewer's task waits.
    ///
    /// Also if that time has passed, since the caller may have read the clock before the timer fired.
    pub(super) fn due(&self) -> Option<Instant> {
        let waits = self.waker.is_some() && !(self.gated && self.in_flight.is_some()) && self.ended.is_none();
        self.settings.as_ref()?.due.filter(|_| waits && self.offered.is_some())
    }

    /// Returns whether the last poll changes something in the hub.
    pub(super) fn is_unsettled(&self) -> bool {
        (self.ended.is_some() && self.is_watching()) || self.due().is_some()
    }

    /// Advances to the next step and returns it. A poll releases the part of a transport that does
    /// not report releases.
    pub(super) fn poll(&mut self, gated: bool, now: Time<'_>) -> Step<Arc<Published>> {
        self.gated = gated;
        if !gated {
            self.release(now);
        }
        let step = self.step(now);
        match step {
            Step::Wait => return Step::Wait,
            Step::End => {
                self.ended.get_or_insert(Reason::Closed);
                return Step::End;
            }
            Step::Part(()) | Step::Repeat => {}
        }
        self.idle_pulses = 0;
        self.repeat = false;
        self.in_flight = Some(**now);
        let Some(part) = self.offered.take_if(|_| step != Step::Repeat) else { return Step::Repeat };
        self.send(&part, now);
        Step::Part(part)
    }

    /// Records that a part is being sent, and counts the parts skipped before it.
    fn send(&mut self, part: &Published, now: Time<'_>) {
        let missed = if self.seen == 0 { 0 } else { part.version - self.seen - 1 };
        self.skipped += missed;
        self.seen = part.version;
        self.seen_at = Some(part.at);
        #[cfg(feature = "histogram")]
        {
            self.measured = !part.no_signal;
        }
        let settings = self.settings.as_deref_mut();
        if let Some(Settings { min_interval: Some(interval), due, released, limited, .. }) = settings {
            // Those that came while nothing was in flight.
            *limited += missed.min(part.version.saturating_sub(*released));
            let (now, interval) = (**now, *interval);
            // Keep to a regular grid while the viewer is on time, so that jitter loses no part.
            let next = due.map(|due| due + interval).filter(|due| *due > now);
            *due = Some(next.unwrap_or(now + interval));
        }
    }

    /// Offers the last part with a later time, as a step only to those who take that.
    pub(super) fn offer_renewed(&mut self, part: &Arc<Published>) {
        match &mut self.offered {
            Some(offered) => *offered = Arc::clone(part),
            None => self.repeat |= self.settings.as_ref().is_some_and(|settings| settings.renewals),
        }
    }

    /// Records that the last part is sent with a later time. Returns `false` if it has none.
    pub(super) fn renew(&mut self, part: &Published) -> bool {
        let renewed = part.version == self.seen && self.seen_at != Some(part.at);
        if renewed {
            self.seen_at = Some(part.at);
        }
        renewed
    }

    /// Records that the transport has released the part in flight.
    pub(super) fn release(&mut self, _now: Time<'_>) {
        if self.in_flight.take().is_none() {
            return;
        }
        #[cfg(feature = "histogram")]
        if let (Some(at), true, Some(latency)) = (self.seen_at, std::mem::take(&mut self.measured), &self.latency) {
            lock(latency).record((**_now).saturating_duration_since(at), **_now);
        }
        if let Some(settings) = &mut self.settings {
            settings.released = self.offered.as_ref().map_or(self.seen, |offered| offered.version);
        }
    }

    /// Records that the part of the last step is not sent.
    pub(super) fn pass(&mut self, now: Time<'_>) {
        #[cfg(feature = "histogram")]
        {
            self.measured = false;
        }
        self.release(now);
    }

    /// Counts the part in flight. Its release is about as late as the newest part, without a look at the clock.
    pub(super) fn count(&mut self, bytes: u64) {
        self.delivered += 1;
        self.bytes += bytes;
        let at = self.offered.as_ref().map(|offered| offered.published).max(self.in_flight);
        at.into_iter().for_each(|at| self.rate.count(bytes, at));
    }

    /// Adds the viewer's numbers to those of its hub.
    pub(super) fn add_to(&self, stats: &mut Stats, delivered: &mut Meter) {
        stats.parts_delivered += self.delivered;
        stats.bytes_delivered += self.bytes;
        stats.parts_skipped += self.skipped;
        stats.parts_limited += self.limited();
        delivered.add(&self.rate);
    }

    fn limited(&self) -> u64 {
        self.settings.as_ref().map_or(0, |settings| settings.limited)
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
        self.repeat |= self.idle_pulses >= PULSES;
    }

    /// Stops watching. Returns the reason.
    pub(super) fn end(&mut self) -> Reason {
        self.watching = None;
        *self.ended.get_or_insert(Reason::Disconnected)
    }

    /// Takes the waker, unless the next step is to wait.
    pub(super) fn take_waker(&mut self, now: Time<'_>) -> Option<Waker> {
        let waits = self.step(now) == Step::Wait;
        self.waker.take_if(|_| !waits)
    }

    /// Describes the viewer. Returns `None` unless it is watching.
    pub(super) fn viewer(&self, now: Instant) -> Option<Viewer> {
        let ago = |at| now.saturating_duration_since(at);
        Some(Viewer {
            key: self.key().map(|key| key.as_ref().to_owned()),
            label: self.label().map(|label| label.as_ref().to_owned()),
            wire: self.wire,
            watching: ago(self.watching?),
            parts_delivered: self.delivered,
            bytes_delivered: self.bytes,
            delivery_rate: self.rate.rate(now, ago(self.watching?)),
            parts_skipped: self.skipped,
            parts_limited: self.limited(),
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
