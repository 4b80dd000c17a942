//! The state machine of a hub. It takes the time as an argument and reads no clock.

#[cfg(test)]
mod tests;
mod watched;

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use slab::Slab;

use super::effects::Effects;
use super::lazy_now::LazyNow;
use super::published::Published;
use super::slot::{HubView, Reason, Slot, Step, SubscriberConfig, earlier};
use super::snapshot::DatedPart;
use super::stats::{Stats, Viewer};
use super::waiters::Waiters;
use crate::part::Part;
use crate::wire::{PerWire, Wire};

/// The configuration of a hub.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) deadline: Duration,
    pub(super) drop_identical: bool,
    /// The period between pulses of the keep-alive.
    pub(super) pulse: Option<Duration>,
    pub(super) linger: Duration,
    pub(super) max_subscribers: usize,
    pub(super) stale_after: Option<(Duration, Part)>,
}

#[derive(Debug)]
pub(super) struct State {
    config: Config,
    /// The part that viewers get, published or "no signal", and its version.
    current: Option<Arc<Published>>,
    version: u64,
    closed: bool,
    /// The publisher's last part, and when the last one was published, even if identical.
    latest: Option<Arc<Published>>,
    published_at: Option<Instant>,
    published_time: Option<SystemTime>,
    stale: bool,
    /// The time of the last warning about a skipped frame.
    warned_at: Option<Instant>,
    slots: Slab<Slot>,
    serials: u64,
    /// The slots with each key.
    keys: HashMap<Arc<str>, Vec<usize>>,
    /// The number of viewers on each wire, and of waiting snapshots.
    watching: PerWire<usize>,
    snapshots: usize,
    /// The earliest limit of a waiting snapshot.
    snapshot_deadline: Option<Instant>,
    watched_since: Option<Instant>,
    unwatched_since: Option<Instant>,
    /// Tasks that wait for a change of demand, and tasks that wait for a part.
    for_demand: Waiters,
    for_part: Waiters,
    next_pulse: Option<Instant>,
    /// The time of the next tick.
    timer: Option<Instant>,
    effects: Effects,
    stats: Stats,
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            current: None,
            version: 0,
            closed: false,
            latest: None,
            published_at: None,
            published_time: None,
            stale: false,
            warned_at: None,
            slots: Slab::new(),
            serials: 0,
            keys: HashMap::new(),
            watching: PerWire::default(),
            snapshots: 0,
            snapshot_deadline: None,
            watched_since: None,
            unwatched_since: None,
            for_demand: Waiters::default(),
            for_part: Waiters::default(),
            next_pulse: None,
            timer: None,
            effects: Effects::default(),
            stats: Stats::default(),
        }
    }

    /// Makes a published part the latest one.
    pub(super) fn publish(&mut self, published: &Arc<Published>, now: Instant) {
        self.stats.parts_published += 1;
        self.stats.bytes_published += published.part.body().len() as u64;
        self.published_at = Some(now);
        self.published_time = Some(published.modified);
        self.for_part.wake(&mut self.effects.wakers);
        if self.is_identical(&published.part) {
            self.stats.parts_identical += 1;
            return;
        }
        self.stale = false;
        self.effects.dropped_parts.extend(self.latest.replace(Arc::clone(published)));
        self.set_current(Arc::clone(published), now);
    }

    /// Counts a frame that cannot be published. Returns the count if a warning is due.
    pub(super) fn skip_invalid(&mut self, now: Instant) -> Option<u64> {
        self.stats.parts_invalid += 1;
        if self.warned_at.is_some_and(|at| now.saturating_duration_since(at) < WARN_INTERVAL) {
            return None;
        }
        self.warned_at = Some(now);
        Some(self.stats.parts_invalid)
    }

    /// Returns `true` if the part would be dropped because it equals the previous one.
    pub(super) fn is_identical(&self, part: &Part) -> bool {
        let before = self.latest.as_ref().filter(|_| self.config.drop_identical && !self.stale);
        before.is_some_and(|before| before.part == *part)
    }

    fn set_current(&mut self, published: Arc<Published>, now: Instant) {
        self.version += 1;
        self.effects.dropped_parts.extend(self.current.replace(published));
        self.wake_viewers(now);
        self.set_timer(self.stale_at());
    }

    /// Ends every stream after the current part.
    pub(super) fn close(&mut self, now: Instant) {
        self.closed = true;
        self.wake_viewers(now);
        self.for_part.wake(&mut self.effects.wakers);
        self.wake_for_demand();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns the publisher's last part and its age.
    pub(super) fn latest(&self, now: Instant) -> Option<(&Part, Duration)> {
        let latest = self.latest.as_ref()?;
        Some((&latest.part, now.saturating_duration_since(self.published_at?)))
    }

    /// Returns how long a client without a stream waits: not longer than viewers see the last part
    /// of a silent hub.
    pub(super) fn snapshot_limit(&self, limit: Duration) -> Duration {
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
        let (latest, age) = (self.latest.as_ref()?, age(self.published_at?));
        if let Some((after, part)) = self.config.stale_after.as_ref().filter(|_| unanswered || self.closed) {
            if let Some(age) = age.checked_sub(*after) {
                let modified = self.published_time.and_then(|at| at.checked_add(*after)).unwrap_or(latest.modified);
                return Some(DatedPart { part: part.clone(), age, modified, stale: true });
            }
        }
        Some(DatedPart { part: latest.part.clone(), age, modified: latest.modified, stale: false })
    }

    #[cfg(feature = "page")]
    pub(super) fn keep_alive(&self) -> Option<Duration> {
        self.config.pulse.map(|pulse| pulse * u32::from(super::slot::PULSES))
    }

    /// Returns the number of published parts.
    pub(super) fn parts_published(&self) -> u64 {
        self.stats.parts_published
    }

    /// Reserves a slot for a subscriber. Returns its index and serial number.
    pub(super) fn join(&mut self, wire: Wire) -> Result<(usize, u64), JoinError> {
        if self.closed && self.current.is_none() {
            return Err(JoinError::Closed);
        }
        if self.slots.len() >= self.config.max_subscribers {
            self.stats.ended.refused += 1;
            return Err(JoinError::Full);
        }
        self.serials += 1;
        let id = self.slots.insert(Slot::new(self.serials, wire));
        Ok((id, self.serials))
    }

    /// Starts watching, on a viewer's first poll.
    pub(super) fn watch(&mut self, id: usize, config: SubscriberConfig, now: Instant) {
        // A stream that was ended before its first poll is no viewer, and ends no other stream.
        let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.ended.is_none()) else { return };
        slot.watch(config, now);
        let (serial, expires) = (slot.serial, slot.expires());
        let key = slot.key().filter(|_| config.exclusive).cloned();
        self.watching[slot.wire] += 1;
        self.stats.viewers += 1;
        self.stats.viewers_peak = self.stats.viewers_peak.max(self.stats.viewers);
        for other in key.map(|key| self.with_key(&key)).unwrap_or_default() {
            if self.slots.get(other).is_some_and(|other| other.serial < serial) {
                self.dismiss(other, Reason::Replaced, now);
            }
        }
        self.start_demand(now);
        self.set_timer(expires);
    }

    /// Sets the key of a subscriber, replacing an earlier one.
    pub(super) fn set_key(&mut self, id: usize, key: Arc<str>) {
        self.remove_key(id);
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.set_key(Arc::clone(&key));
        self.keys.entry(key).or_default().push(id);
    }

    fn remove_key(&mut self, id: usize) {
        let Some(key) = self.slots.get_mut(id).and_then(Slot::take_key) else { return };
        let Some(ids) = self.keys.get_mut(&key) else { return };
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            self.keys.remove(&key);
        }
    }

    fn with_key(&self, key: &str) -> Vec<usize> {
        self.keys.get(key).cloned().unwrap_or_default()
    }

    /// Ends the streams with this key. Returns the number of streams ended.
    pub(super) fn revoke(&mut self, key: &str, now: Instant) -> usize {
        self.with_key(key).into_iter().filter(|id| self.dismiss(*id, Reason::Revoked, now)).count()
    }

    /// Ends a stream. Returns `false` if it had already ended.
    fn dismiss(&mut self, id: usize, reason: Reason, now: Instant) -> bool {
        let now = LazyNow::at(now);
        let hub = self.hub_view(&now);
        let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.ended.is_none()) else { return false };
        slot.ended = Some(reason);
        slot.wake(&hub, &mut self.effects.wakers);
        if !slot.is_watching() {
            self.count_end(reason);
        }
        true
    }

    /// Returns the next step of a viewer. Stores its waker if that is to wait.
    pub(super) fn poll(
        &mut self,
        id: usize,
        gated: bool,
        waker: &Waker,
        now: &LazyNow,
    ) -> (Step, Option<Arc<Published>>) {
        let hub = self.hub_view(now);
        let Some(slot) = self.slots.get_mut(id) else { return (Step::End(Reason::Disconnected), None) };
        let step = slot.poll(gated, &hub);
        let (timer, part) = match (step, &self.current) {
            (Step::Part, Some(current)) => {
                self.stats.parts_skipped += slot.mark_seen(current.at, &hub);
                (slot.ends_at(hub.deadline), Some(Arc::clone(current)))
            }
            (Step::Part | Step::Repeat, _) => (slot.ends_at(hub.deadline), None),
            (Step::Wait(until), _) => {
                self.effects.dropped_wakers.extend(slot.keep(waker));
                (until, None)
            }
            (Step::End(_), _) => {
                self.end(id, now.get());
                (None, None)
            }
        };
        self.set_timer(timer);
        (step, part)
    }

    /// Counts a part that a viewer's transport has taken. `release` if the transport reported it.
    pub(super) fn delivered(&mut self, id: usize, serial: u64, bytes: u64, release: bool, now: &LazyNow) {
        let hub = self.hub_view(now);
        let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.serial == serial) else { return };
        slot.count(bytes);
        self.stats.parts_delivered += 1;
        self.stats.bytes_delivered += bytes;
        if release {
            slot.release();
            let until = slot.wake(&hub, &mut self.effects.wakers);
            self.set_timer(until);
        }
    }

    /// Stops watching, at the end of a stream. The slot is reserved until [`remove`](Self::remove).
    fn end(&mut self, id: usize, now: Instant) {
        let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.is_watching()) else { return };
        let (reason, wire) = (slot.end(), slot.wire);
        self.count_end(reason);
        self.watching[wire] -= 1;
        self.stats.viewers -= 1;
        self.remove_key(id);
        self.end_demand_if_unwatched(now);
    }

    fn count_end(&mut self, reason: Reason) {
        let ended = &mut self.stats.ended;
        match reason {
            Reason::Closed => ended.closed += 1,
            Reason::Expired => ended.expired += 1,
            Reason::Disconnected => ended.disconnected += 1,
            Reason::Replaced => ended.replaced += 1,
            Reason::Revoked => ended.revoked += 1,
        }
    }

    /// Frees the slot of a viewer. Returns why its stream ended, if it had started, and how many
    /// parts it skipped.
    pub(super) fn remove(&mut self, id: usize, now: Instant) -> Option<(Reason, u64)> {
        self.end(id, now);
        // A stream that was never polled still has its key.
        self.remove_key(id);
        let slot = self.slots.try_remove(id)?;
        let (ended, skipped) = (slot.ended, slot.skipped());
        self.effects.dropped_wakers.extend(slot.into_waker());
        Some((ended?, skipped))
    }

    pub(super) fn skipped(&self, id: usize) -> u64 {
        self.slots.get(id).map_or(0, Slot::skipped)
    }

    /// Returns `true` if a viewer watches on this wire.
    pub(super) fn listens(&self, wire: Wire) -> bool {
        self.watching[wire] > 0
    }

    pub(super) fn count_encoding(&mut self) {
        self.stats.encodings += 1;
    }

    /// Performs everything that is due at `now`.
    pub(super) fn tick(&mut self, now: Instant) {
        self.timer = None;
        if self.stale_at().is_some_and(|at| at <= now) {
            self.stale = true;
            if let Some((_, part)) = &self.config.stale_after {
                self.set_current(Arc::new(Published::new(part.clone(), now)), now);
            }
        }
        let at = LazyNow::at(now);
        let hub = self.hub_view(&at);
        self.slots.iter_mut().for_each(|(_, slot)| slot.tick(&hub));
        if let (Some(at), Some(pulse)) = (self.next_pulse, self.config.pulse) {
            if at <= now {
                self.slots.iter_mut().for_each(|(_, slot)| slot.pulse());
                self.next_pulse = now.checked_add(pulse);
            }
        }
        self.wake_viewers(now);
        self.check_linger(now);
        if self.snapshot_deadline.is_some_and(|until| until <= now) {
            self.snapshot_deadline = None;
            self.for_part.wake(&mut self.effects.wakers);
        }
        self.set_timer(self.snapshot_deadline);
        self.set_timer(earlier(self.next_pulse, self.stale_at()));
    }

    fn wake_viewers(&mut self, now: Instant) {
        let now = LazyNow::at(now);
        let hub = self.hub_view(&now);
        let mut timer = None;
        self.effects.wakers.reserve(self.slots.len());
        for (_, slot) in &mut self.slots {
            let until = slot.wake(&hub, &mut self.effects.wakers);
            timer = earlier(timer, earlier(until, slot.ends_at(hub.deadline)));
        }
        self.set_timer(timer);
    }

    /// Returns when the "no signal" part is due. Only time with viewers or snapshots counts.
    fn stale_at(&self) -> Option<Instant> {
        let (after, _) = self.config.stale_after.as_ref().filter(|_| !self.stale && !self.closed)?;
        let since = self.watched_since?;
        self.published_at.map_or(since, |at| at.max(since)).checked_add(*after)
    }

    fn set_timer(&mut self, at: Option<Instant>) {
        let Some(at) = at else { return };
        if self.timer.is_none_or(|timer| at < timer) {
            self.timer = Some(at);
            self.effects.timer = self.timer;
        }
    }

    fn hub_view<'a>(&self, now: &'a LazyNow) -> HubView<'a> {
        HubView { now, version: self.version, closed: self.closed, deadline: self.config.deadline }
    }

    /// Takes the effects. Returns `None` if there are none.
    pub(super) fn take_effects(&mut self) -> Option<Effects> {
        (!self.effects.is_empty()).then(|| std::mem::take(&mut self.effects))
    }

    pub(super) fn stats(&self, now: Instant) -> Stats {
        Stats { age: self.latest(now).map(|(_, age)| age), ..self.stats.clone() }
    }

    pub(super) fn viewers(&self, now: Instant) -> Vec<Viewer> {
        self.slots.iter().filter_map(|(_, slot)| slot.viewer(now)).collect()
    }
}

/// The reason why a subscriber was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum JoinError {
    /// The hub was closed before its first part.
    Closed,
    /// The hub has as many subscribers as it allows.
    Full,
}

/// Keeps a camera that sends 30 damaged frames a second from filling the log.
const WARN_INTERVAL: Duration = Duration::from_secs(10);
