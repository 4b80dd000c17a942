//! The state machine of a hub. It takes the time as an argument and reads no clock.
//!
//! A change collects its [`Effects`], which are performed after unlocking.
#![expect(clippy::indexing_slicing, reason = "a slot lives from its subscriber's creation to its drop")]

#[cfg(all(test, not(loom)))]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use slab::Slab;

use super::builder::Builder;
use super::error::Refused;
use super::published::Published;
use super::slot::{Settings, Slot, Time, View};
use crate::body::{Step, pulse};
use crate::clock::Times;
use crate::part::Part;
#[cfg(feature = "histogram")]
use crate::stats::Window;
use crate::stats::{Clock, Meter, Reason, Stats, Viewer};
use crate::sync::{Effects, keep};
use crate::wire::{PerWire, Wire};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) config: Builder,
    /// The part that viewers get, published or "no signal".
    pub(super) current: Option<Arc<Published>>,
    pub(super) closed: bool,
    /// The publisher's last part, and when the last one was published, even if identical.
    pub(super) latest: Option<Arc<Published>>,
    pub(super) published_at: Option<(Instant, SystemTime)>,
    pub(super) stale: bool,
    /// The time of the last warning about a skipped frame.
    pub(super) warned_at: Option<Instant>,
    pub(super) slots: Slab<Slot>,
    serials: u64,
    /// The slots with each key.
    keys: HashMap<Arc<str>, Vec<usize>>,
    /// The number of viewers on each wire.
    pub(super) watching: PerWire<usize>,
    /// The numbers of subscribers and of viewers that are no demand.
    pub(super) passive_slots: usize,
    pub(super) passive_viewers: usize,
    pub(super) watched_since: Option<Instant>,
    pub(super) unwatched_since: Option<Instant>,
    /// Tasks that wait for a change of demand, and snapshots that wait for a part.
    pub(super) for_demand: Slab<Option<Waker>>,
    pub(super) snapshots: Slab<Option<Waker>>,
    /// The number of published parts that answer such a snapshot.
    pub(super) answers: u64,
    pub(super) timers: Times<Timer>,
    pub(super) effects: Effects<Arc<Published>>,
    pub(super) stats: Stats,
    pub(super) clock: Clock,
    pub(super) published: Meter,
    delivered: Meter,
    #[cfg(feature = "histogram")]
    latency: Window,
}

impl State {
    pub(super) fn new(config: Builder) -> Self {
        Self { config, ..Self::default() }
    }

    pub(super) fn version(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.version)
    }

    pub(super) fn set_current(&mut self, published: Arc<Published>, now: Instant) {
        self.effects.dropped.extend(self.current.replace(published));
        self.wake_viewers(now);
        self.set_stale_timer();
    }

    /// Ends every stream after the current part.
    pub(super) fn close(&mut self, now: Instant) {
        self.closed = true;
        self.wake_viewers(now);
        self.wake_snapshots();
        self.wake_for_demand();
        self.set_stale_timer();
    }

    /// Returns whether no part can come and none is there.
    fn is_over(&self) -> bool {
        self.closed && self.current.is_none()
    }

    /// Returns the publisher's last part, and the time since its capture.
    pub(super) fn latest(&self, now: Instant) -> Option<(&Part, Duration)> {
        let latest = self.latest.as_ref()?;
        Some((&latest.part, now.saturating_duration_since(latest.at)))
    }

    /// Returns the "no signal" part. It has the time and the number of the publisher's last part, so that no reader takes it
    /// for a new picture.
    pub(super) fn no_signal_part(&self) -> Option<Part> {
        let (_, part) = self.config.stale_after.as_ref()?;
        Some(match &self.latest {
            Some(latest) => part.clone().stamped_as(&latest.part),
            None => part.clone(),
        })
    }

    /// Returns the part that a viewer was sent if it has got a later time since, by an identical part.
    pub(super) fn renewed(&mut self, id: usize) -> Option<Arc<Published>> {
        let current = self.current.as_ref()?;
        self.slots[id].renew(current).then(|| Arc::clone(current))
    }

    /// Reserves a slot for a subscriber. Returns its index and serial number.
    pub(super) fn join(&mut self, wire: Option<Wire>) -> Result<(usize, u64), Refused> {
        if !self.is_over() && self.slots.len() >= self.config.max_subscribers {
            self.stats.ended.refused += 1;
            return Err(Refused::TooManyViewers { retry_after: self.config.retry_after });
        }
        self.join_beyond_limit(wire)
    }

    /// The same, whatever the number of subscribers.
    pub(super) fn join_beyond_limit(&mut self, wire: Option<Wire>) -> Result<(usize, u64), Refused> {
        if self.is_over() {
            return Err(Refused::Closed);
        }
        self.serials += 1;
        let mut slot = Slot::new(self.serials, wire);
        slot.settings = wire.and_then(|_| Settings::new(&self.config));
        let id = self.slots.insert(slot);
        Ok((id, self.serials))
    }

    /// Starts watching, on a viewer's first poll. `jitter` shortens its lifetime.
    pub(super) fn watch(&mut self, id: usize, jitter: impl FnOnce(Duration) -> Duration, now: Instant) {
        let slot = &mut self.slots[id];
        if slot.ended.is_some() {
            // A stream that was ended before its first poll is no viewer, and ends no other stream.
            return;
        }
        if slot.has_expired(now) {
            // Nor is one without access, which must not wake the camera either.
            self.dismiss(id, Reason::Expired, now);
            return;
        }
        let expires = slot.watch(jitter, now);
        self.clock.set(now);
        let (serial, key) = (slot.serial, slot.key().filter(|_| slot.exclusive).cloned());
        let passive = slot.passive;
        if let Some(wire) = slot.encoding() {
            self.watching[wire] += 1;
        }
        self.stats.viewers += 1;
        self.stats.viewers_peak = self.stats.viewers_peak.max(self.stats.viewers);
        for other in key.map(|key| self.with_key(&key)).unwrap_or_default() {
            if self.slots[other].serial < serial {
                self.dismiss(other, Reason::Replaced, now);
            }
        }
        if expires.is_some_and(|at| at <= now) {
            self.dismiss(id, Reason::Expired, now);
        } else if expires.is_some() {
            self.timers.set(Timer::Lifetime(id), expires);
        }
        if !passive {
            self.start_demand(now);
            return;
        }
        self.passive_viewers += 1;
        if self.timers.get(Timer::KeepAlive).is_none() {
            self.set_keep_alive_timer(now);
        }
    }

    /// Makes a subscriber that does not watch yet no demand.
    pub(super) fn set_passive(&mut self, id: usize) {
        if !std::mem::replace(&mut self.slots[id].passive, true) {
            self.passive_slots += 1;
        }
    }

    /// Sets the key of a subscriber, replacing an earlier one.
    pub(super) fn set_key(&mut self, id: usize, key: Arc<str>) {
        self.remove_key(id);
        self.slots[id].settings().key = Some(Arc::clone(&key));
        self.keys.entry(key).or_default().push(id);
    }

    fn remove_key(&mut self, id: usize) {
        let Some(key) = self.slots[id].settings.as_mut().and_then(|settings| settings.key.take()) else { return };
        match self.keys.entry(key) {
            Entry::Occupied(ids) if *ids.get() == [id] => drop(ids.remove()),
            Entry::Occupied(mut ids) => ids.get_mut().retain(|other| *other != id),
            Entry::Vacant(_) => debug_assert!(false, "each key of a slot is listed"),
        }
    }

    fn with_key(&self, key: &str) -> Vec<usize> {
        self.keys.get(key).cloned().unwrap_or_default()
    }

    /// Ends the streams with this key. Returns the number of streams ended.
    pub(super) fn dismiss_all(&mut self, key: &str, reason: Reason, now: Instant) -> usize {
        self.with_key(key).into_iter().filter(|id| self.dismiss(*id, reason, now)).count()
    }

    /// Ends a stream. Returns `false` if it had already ended.
    fn dismiss(&mut self, id: usize, reason: Reason, now: Instant) -> bool {
        let slot = &mut self.slots[id];
        if slot.ended.is_some() {
            return false;
        }
        slot.ended = Some(reason);
        if !slot.is_watching() {
            self.stats.ended.count(reason);
        }
        self.wake_viewer(id, &&now);
        true
    }

    /// Returns the next step of a viewer. Stores its waker if that is to wait.
    pub(super) fn poll(&mut self, id: usize, gated: bool, waker: &Waker, now: Time<'_>) -> Step<Arc<Published>> {
        let step = self.next_step(id, gated, now);
        if let Step::Wait = step {
            let replaced = keep(&mut self.slots[id].waker, waker);
            self.effects.dropped_wakers.extend(replaced);
            self.set_rate_timer(id);
        }
        step
    }

    /// Returns the next step of a viewer who polls again only when woken, so the waker is stored in any case.
    pub(super) fn poll_once(&mut self, id: usize, waker: Waker, now: Time<'_>) -> Step<Arc<Published>> {
        let step = self.next_step(id, true, now);
        self.effects.dropped_wakers.extend(self.slots[id].waker.replace(waker));
        if let Step::Wait = step {
            self.set_rate_timer(id);
        }
        step
    }

    /// Sets when the rate limit allows the part for which a viewer waits.
    fn set_rate_timer(&mut self, id: usize) {
        if let Some(due) = self.slots[id].due(self.current.as_ref()) {
            self.timers.set(Timer::Rate(id), Some(due));
        }
    }

    /// Advances a viewer to its next step, and returns it.
    fn next_step(&mut self, id: usize, gated: bool, now: Time<'_>) -> Step<Arc<Published>> {
        #[cfg(feature = "histogram")]
        if !gated {
            self.measure(id, now);
        }
        let slot = &mut self.slots[id];
        let step = slot.poll(gated, &View { now, current: self.current.as_ref(), closed: self.closed });
        match step {
            Step::End => {
                slot.ended.get_or_insert(Reason::Closed);
                self.end(id, **now);
                return Step::End;
            }
            Step::Wait => return Step::Wait,
            Step::Part(_) | Step::Repeat => self.clock.set(**now),
        }
        if let Some(timeout) = self.config.part_timeout.filter(|_| self.timers.get(Timer::PartTimeout).is_none()) {
            self.timers.set(Timer::PartTimeout, (**now).checked_add(timeout));
        }
        let Step::Part(part) = step else { return Step::Repeat };
        slot.send(part, now, &mut self.stats);
        Step::Part(Arc::clone(part))
    }

    /// Offers a viewer the next part in place of the last one, which was not sent.
    pub(super) fn pass(&mut self, id: usize, now: Time<'_>) {
        self.slots[id].release(self.current.as_ref());
        self.wake_viewer(id, now);
    }

    /// Counts a part that a viewer's transport has taken.
    pub(super) fn count(&mut self, id: usize, bytes: u64) {
        let now = self.clock.now();
        self.slots[id].count(bytes, now);
        self.delivered.count(bytes, now);
        self.stats.parts_delivered += 1;
        self.stats.bytes_delivered += bytes;
    }

    /// Counts a part that a viewer's transport has released, and offers the viewer the next one.
    pub(super) fn release(&mut self, id: usize, serial: u64, bytes: u64, now: Time<'_>) {
        // The transport may release the part after the viewer's slot has been freed, and reused.
        if self.slots.get(id).is_none_or(|slot| slot.serial != serial) {
            return;
        }
        #[cfg(feature = "histogram")]
        self.measure(id, now);
        let slot = &mut self.slots[id];
        slot.release(self.current.as_ref());
        self.count(id, bytes);
        self.wake_viewer(id, now);
    }

    /// Records the time from a part's capture to its release.
    #[cfg(feature = "histogram")]
    fn measure(&mut self, id: usize, now: Time<'_>) {
        if let Some(at) = self.slots[id].take_measured() {
            self.latency.record((**now).saturating_duration_since(at), **now);
        }
    }

    /// Stops watching, at the end of a stream. The slot is reserved until [`remove`](Self::remove).
    fn end(&mut self, id: usize, now: Instant) {
        let slot = &mut self.slots[id];
        if !slot.is_watching() {
            return;
        }
        self.stats.ended.count(slot.end());
        let passive = slot.passive;
        if let Some(wire) = slot.encoding() {
            self.watching[wire] -= 1;
        }
        self.passive_viewers -= usize::from(passive);
        self.stats.viewers -= 1;
        self.timers.set(Timer::Lifetime(id), None);
        self.timers.set(Timer::Rate(id), None);
        self.remove_key(id);
        self.end_demand_if_unwatched(now);
    }

    /// Frees the slot of a viewer, and returns it.
    pub(super) fn remove(&mut self, id: usize, now: Instant) -> Slot {
        self.end(id, now);
        // A stream that was never polled still has its key.
        self.remove_key(id);
        let mut slot = self.slots.remove(id);
        self.passive_slots -= usize::from(slot.passive);
        self.effects.dropped_wakers.extend(slot.waker.take());
        slot
    }

    /// Performs everything that is due at `now`.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.clock.set(now);
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::KeepAlive => {
                    self.slots.iter_mut().for_each(|(_, slot)| slot.pulse());
                    self.wake_viewers(now);
                    self.set_keep_alive_timer(now);
                }
                Timer::Lifetime(id) => {
                    self.slots[id].ended.get_or_insert(Reason::Expired);
                    self.wake_viewer(id, &&now);
                }
                Timer::Linger => self.wake_for_demand(),
                Timer::PartTimeout => {
                    let timeout = self.config.part_timeout;
                    let next = self.slots.iter_mut().filter_map(|(_, slot)| slot.check_deadline(timeout, now)).min();
                    self.wake_viewers(now);
                    self.timers.set(Timer::PartTimeout, next);
                }
                Timer::Rate(id) => self.wake_viewer(id, &&now),
                Timer::Snapshot(id) => self.effects.wakers.extend(self.snapshots[id].take()),
                Timer::Stale => {
                    if let Some(part) = self.no_signal_part() {
                        self.set_no_signal(part, now);
                    }
                }
            }
        }
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due, if that is earlier than the
    /// last returned time.
    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        self.timers.poll_timeout()
    }

    fn wake_viewer(&mut self, id: usize, now: Time<'_>) {
        let view = View { now, current: self.current.as_ref(), closed: self.closed };
        self.slots[id].wake(&view, &mut self.effects.wakers);
        self.set_rate_timer(id);
    }

    fn wake_viewers(&mut self, now: Instant) {
        let view = View { now: &&now, current: self.current.as_ref(), closed: self.closed };
        self.effects.wakers.reserve(self.slots.len());
        for (id, slot) in &mut self.slots {
            slot.wake(&view, &mut self.effects.wakers);
            if let Some(due) = slot.due(view.current) {
                self.timers.set(Timer::Rate(id), Some(due));
            }
        }
    }

    /// Wakes those who take a later time of the last part at once.
    pub(super) fn wake_for_renewal(&mut self, now: Instant) {
        let view = View { now: &&now, current: self.current.as_ref(), closed: self.closed };
        for (_, slot) in self.slots.iter_mut().filter(|(_, slot)| slot.takes_renewals()) {
            slot.wake(&view, &mut self.effects.wakers);
        }
    }

    pub(super) fn wake_snapshots(&mut self) {
        self.effects.wakers.extend(self.snapshots.iter_mut().filter_map(|(_, waker)| waker.take()));
    }

    pub(super) fn set_keep_alive_timer(&mut self, now: Instant) {
        let watched = self.watched_since.is_some() || self.passive_viewers > 0;
        let next = self.config.keep_alive.filter(|_| watched).and_then(|period| now.checked_add(pulse(period)));
        self.timers.set(Timer::KeepAlive, next);
    }

    /// Shows a "no signal" part until the next part is published.
    pub(super) fn set_no_signal(&mut self, part: Part, now: Instant) {
        let no_signal = Published::new_no_signal(part, now).with_version(self.version() + 1);
        self.stale = true;
        self.set_current(Arc::new(no_signal), now);
    }

    /// Sets when the "no signal" part is due. Only time with viewers or snapshots counts.
    pub(super) fn set_stale_timer(&mut self) {
        let Some((after, _)) = self.config.stale_after.as_ref() else { return };
        let since = self.watched_since.filter(|_| !self.stale && !self.closed);
        let at = since.map(|since| self.published_at.map_or(since, |(at, _)| at.max(since)));
        self.timers.set(Timer::Stale, at.and_then(|at| at.checked_add(*after)));
    }

    /// Takes the effects. Returns `None` if there are none.
    pub(super) fn take_effects(&mut self) -> Option<Effects<Arc<Published>>> {
        (!self.effects.is_empty()).then(|| std::mem::take(&mut self.effects))
    }

    pub(super) fn stats(&self, now: Instant) -> Stats {
        let rate = |meter: &Meter| meter.rate(self.clock.at(now), self.clock.elapsed(now));
        let (publish_rate, delivery_rate) = (rate(&self.published), rate(&self.delivered));
        Stats {
            publish_rate,
            delivery_rate,
            age: self.latest(now).map(|(_, age)| age),
            #[cfg(feature = "histogram")]
            latency: self.latency.latency(now),
            ..self.stats.clone()
        }
    }

    pub(super) fn viewers(&self, now: Instant) -> Vec<Viewer> {
        self.slots.iter().filter_map(|(_, slot)| slot.viewer(now, self.clock.at(now))).collect()
    }
}

/// A timer of a hub: what is due at its time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Timer {
    /// The next pulse of the keep-alive.
    KeepAlive,
    /// The end of a subscriber's lifetime.
    Lifetime(usize),
    /// The end of demand.
    Linger,
    /// A look for parts in flight that have missed their deadline.
    PartTimeout,
    /// The next part of a subscriber whose rate is limited.
    Rate(usize),
    /// The time limit of a waiting snapshot.
    Snapshot(usize),
    /// The "no signal" part.
    Stale,
}
