//! The state machine of a hub. It takes the time as an argument and reads no clock.
//!
//! The hub's lock is for what seldom changes. Each [`Slot`] has another one, which most steps of its viewer take only, so that
//! viewers do not wait for each other. The hub's is locked before a slot's, no two slots at a time, and that of the histogram last. A
//! change collects its [`Effects`], which are performed after unlocking.
#![expect(clippy::indexing_slicing, reason = "a slot lives from its subscriber's creation to its drop")]

#[cfg(all(test, not(loom)))]
mod tests;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeBounds;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use slab::Slab;

use super::builder::Builder;
use super::error::Refused;
use super::published::Published;
use super::slot::Slot;
use crate::body::pulse;
use crate::clock::Times;
use crate::part::Part;
#[cfg(feature = "histogram")]
use crate::stats::Window;
use crate::stats::{Meter, Reason, Stats, Viewer};
use crate::sync::{Effects, Mutex, lock};
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
    /// By a number, which is higher for a later subscriber.
    pub(super) slots: BTreeMap<u64, Arc<Mutex<Slot>>>,
    last_id: u64,
    /// The slots with each key.
    keys: HashMap<Arc<str>, Vec<u64>>,
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
    /// The time of the first part or viewer.
    pub(super) started: Option<Instant>,
    /// Without what the slots have counted.
    pub(super) stats: Stats,
    pub(super) published: Meter,
    delivered: Meter,
    #[cfg(feature = "histogram")]
    latency: Arc<Mutex<Window>>,
}

impl State {
    pub(super) fn new(config: Builder) -> Self {
        Self { config, ..Self::default() }
    }

    pub(super) fn version(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.version)
    }

    pub(super) fn set_current(&mut self, published: &Arc<Published>, now: Instant) {
        // The slots drop the one before under the locks, so this reference must be the last.
        self.effects.dropped.extend(self.current.replace(Arc::clone(published)));
        self.effects.wakers.reserve(self.slots.len());
        self.change(.., now, |slot| slot.offered = Some(Arc::clone(published)));
        self.set_stale_timer();
    }

    /// Ends every stream after the current part.
    pub(super) fn close(&mut self, now: Instant) {
        self.closed = true;
        self.change(.., now, |slot| slot.closed = true);
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

    /// Reserves a slot for a subscriber. Returns it with its number.
    pub(super) fn join(&mut self, wire: Option<Wire>) -> Result<(u64, Arc<Mutex<Slot>>), Refused> {
        if !self.is_over() && self.slots.len() >= self.config.max_subscribers {
            self.stats.ended.refused += 1;
            return Err(Refused::TooManyViewers { retry_after: self.config.retry_after });
        }
        self.join_beyond_limit(wire)
    }

    /// The same, whatever the number of subscribers.
    pub(super) fn join_beyond_limit(&mut self, wire: Option<Wire>) -> Result<(u64, Arc<Mutex<Slot>>), Refused> {
        if self.is_over() {
            return Err(Refused::Closed);
        }
        let mut slot = Slot::new(wire, &self.config);
        (slot.offered, slot.closed) = (self.current.clone(), self.closed);
        #[cfg(feature = "histogram")]
        {
            slot.latency = Some(Arc::clone(&self.latency));
        }
        let slot = Arc::new(Mutex::new(slot));
        self.last_id += 1;
        self.slots.insert(self.last_id, Arc::clone(&slot));
        Ok((self.last_id, slot))
    }

    /// Starts watching, on a viewer's first poll. `jitter` shortens its lifetime.
    pub(super) fn watch(&mut self, id: u64, jitter: impl FnOnce(Duration) -> Duration, now: Instant) {
        let mut slot = lock(&self.slots[&id]);
        if slot.ended.is_some() {
            // A stream that was ended before its first poll is no viewer, and ends no other stream.
            return;
        }
        if slot.has_expired(now) {
            // Nor is one without access, which must not wake the camera either.
            drop(slot);
            self.dismiss(id, Reason::Expired, now);
            return;
        }
        let expires = slot.watch(jitter, now);
        let key = slot.key().filter(|_| slot.exclusive).cloned();
        let (passive, encoding) = (slot.passive, slot.encoding());
        drop(slot);
        self.started.get_or_insert(now);
        if let Some(wire) = encoding {
            self.watching[wire] += 1;
        }
        self.stats.viewers += 1;
        self.stats.viewers_peak = self.stats.viewers_peak.max(self.stats.viewers);
        for other in key.map(|key| self.with_key(&key)).unwrap_or_default() {
            if other < id {
                self.dismiss(other, Reason::Replaced, now);
            }
        }
        if expires.is_some_and(|at| at <= now) {
            self.dismiss(id, Reason::Expired, now);
        } else if expires.is_some() {
            self.timers.set(Timer::Lifetime(id), expires);
        }
        if self.timers.get(Timer::PartTimeout).is_none() {
            self.set_part_timeout(None, now);
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

    /// Excludes a subscriber from demand.
    pub(super) fn set_passive(&mut self, id: u64, now: Instant) {
        let mut slot = lock(&self.slots[&id]);
        if std::mem::replace(&mut slot.passive, true) {
            return;
        }
        let is_watching = slot.is_watching();
        drop(slot);
        self.passive_slots += 1;
        if is_watching {
            self.passive_viewers += 1;
            self.end_demand_if_unwatched(now);
        }
    }

    /// Sets the key of a subscriber, replacing an earlier one.
    pub(super) fn set_key(&mut self, id: u64, key: Arc<str>) {
        self.remove_key(id);
        lock(&self.slots[&id]).settings().key = Some(Arc::clone(&key));
        self.keys.entry(key).or_default().push(id);
    }

    fn remove_key(&mut self, id: u64) {
        let key = lock(&self.slots[&id]).settings.as_mut().and_then(|settings| settings.key.take());
        let Some(key) = key else { return };
        match self.keys.entry(key) {
            Entry::Occupied(ids) if *ids.get() == [id] => drop(ids.remove()),
            Entry::Occupied(mut ids) => ids.get_mut().retain(|other| *other != id),
            Entry::Vacant(_) => debug_assert!(false, "each key of a slot is listed"),
        }
    }

    fn with_key(&self, key: &str) -> Vec<u64> {
        self.keys.get(key).cloned().unwrap_or_default()
    }

    /// Ends the streams with this key. Returns the number of streams ended.
    pub(super) fn dismiss_all(&mut self, key: &str, reason: Reason, now: Instant) -> usize {
        self.with_key(key).into_iter().filter(|id| self.dismiss(*id, reason, now)).count()
    }

    /// Ends a stream. Returns `false` if it had already ended.
    fn dismiss(&mut self, id: u64, reason: Reason, now: Instant) -> bool {
        let mut slot = lock(&self.slots[&id]);
        if slot.ended.is_some() {
            return false;
        }
        slot.ended = Some(reason);
        if !slot.is_watching() {
            self.stats.ended.count(reason);
        }
        self.effects.wakers.extend(slot.take_waker(&&now));
        true
    }

    /// Changes what a viewer's poll has left to the hub: ends its stream, or sets when the rate limit allows a part.
    pub(super) fn settle(&mut self, id: u64, now: Instant) {
        let slot = lock(&self.slots[&id]);
        let (ended, due) = (slot.ended.is_some(), slot.due());
        drop(slot);
        if ended {
            self.end(id, now);
        } else if due.is_some() {
            self.timers.set(Timer::Rate(id), due);
        }
    }

    /// Stops watching, at the end of a stream. The slot is reserved until [`remove`](Self::remove).
    fn end(&mut self, id: u64, now: Instant) {
        let mut slot = lock(&self.slots[&id]);
        if !slot.is_watching() {
            return;
        }
        self.stats.ended.count(slot.end());
        let (passive, encoding) = (slot.passive, slot.encoding());
        drop(slot);
        if let Some(wire) = encoding {
            self.watching[wire] -= 1;
        }
        self.passive_viewers -= usize::from(passive);
        self.stats.viewers -= 1;
        if self.stats.viewers == 0 {
            self.timers.set(Timer::PartTimeout, None);
        }
        self.timers.set(Timer::Lifetime(id), None);
        self.timers.set(Timer::Rate(id), None);
        self.remove_key(id);
        self.end_demand_if_unwatched(now);
    }

    /// Frees the slot of a viewer.
    pub(super) fn remove(&mut self, id: u64, now: Instant) {
        self.end(id, now);
        // A stream that was never polled still has its key.
        self.remove_key(id);
        let Some(slot) = self.slots.remove(&id) else { return };
        let mut slot = lock(&slot);
        self.passive_slots -= usize::from(slot.passive);
        slot.add_to(&mut self.stats, &mut self.delivered);
        self.effects.dropped_wakers.extend(slot.waker.take());
        self.effects.dropped.extend(slot.offered.take());
    }

    /// Performs everything that is due at `now`.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::KeepAlive => {
                    self.change(.., now, Slot::pulse);
                    self.set_keep_alive_timer(now);
                }
                Timer::Lifetime(id) => self.change(id..=id, now, |slot| {
                    slot.ended.get_or_insert(Reason::Expired);
                }),
                Timer::Linger => self.wake_for_demand(),
                Timer::PartTimeout => {
                    let (timeout, mut next) = (self.config.part_timeout, None);
                    self.change(.., now, |slot| {
                        next = next.into_iter().chain(slot.check_deadline(timeout, now)).min();
                    });
                    self.set_part_timeout(next, now);
                }
                Timer::Rate(id) => self.change(id..=id, now, |_| ()),
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

    /// Changes slots, and wakes the viewers whose next step is then no longer to wait.
    pub(super) fn change(&mut self, ids: impl RangeBounds<u64>, now: Instant, mut change: impl FnMut(&mut Slot)) {
        for (id, slot) in self.slots.range(ids) {
            let mut slot = lock(slot);
            change(&mut slot);
            self.effects.wakers.extend(slot.take_waker(&&now));
            if let Some(due) = slot.due() {
                self.timers.set(Timer::Rate(*id), Some(due));
            }
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

    /// Sets when parts in flight are checked: at the earliest deadline, or when one that is sent from now on could miss its own.
    fn set_part_timeout(&mut self, deadline: Option<Instant>, now: Instant) {
        let later = || now.checked_add(self.config.part_timeout?);
        self.timers.set(Timer::PartTimeout, deadline.or_else(later));
    }

    /// Shows a "no signal" part until the next part is published.
    pub(super) fn set_no_signal(&mut self, part: Part, now: Instant) {
        let no_signal = Published::new_no_signal(part, now).with_version(self.version() + 1);
        self.stale = true;
        self.set_current(&Arc::new(no_signal), now);
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
        let (mut stats, mut delivered) = (self.stats.clone(), self.delivered);
        self.slots.values().for_each(|slot| lock(slot).add_to(&mut stats, &mut delivered));
        let counted_for = self.started.map(|started| now.saturating_duration_since(started)).unwrap_or_default();
        Stats {
            publish_rate: self.published.rate(now, counted_for),
            delivery_rate: delivered.rate(now, counted_for),
            age: self.latest(now).map(|(_, age)| age),
            #[cfg(feature = "histogram")]
            latency: lock(&self.latency).latency(now),
            ..stats
        }
    }

    pub(super) fn viewers(&self, now: Instant) -> Vec<Viewer> {
        self.slots.values().filter_map(|slot| lock(slot).viewer(now)).collect()
    }
}

/// A timer of a hub: what is due at its time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Timer {
    /// The next pulse of the keep-alive.
    KeepAlive,
    /// The end of a subscriber's lifetime.
    Lifetime(u64),
    /// The end of demand.
    Linger,
    /// A look for parts in flight that have missed their deadline.
    PartTimeout,
    /// The next part of a subscriber whose rate is limited.
    Rate(u64),
    /// The time limit of a waiting snapshot.
    Snapshot(usize),
    /// The "no signal" part.
    Stale,
}
