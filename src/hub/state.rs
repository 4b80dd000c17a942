//! All that a hub's handles share, and how it changes. Knows the time only as an argument.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use slab::Slab;

use super::published::Published;
use super::slot::{Moment, PULSES, Reason, Slot, Step, Wishes, earlier};
use super::stats::{Stats, Viewer};
use super::waiters::{Waiters, Wakers};
use crate::part::Part;
use crate::wire::Wire;

/// What a hub was built with.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) deadline: Duration,
    pub(super) drop_identical: bool,
    /// From pulse to pulse of the keep-alive.
    pub(super) pulse: Option<Duration>,
    pub(super) linger: Duration,
    pub(super) max_subscribers: usize,
    pub(super) stale_after: Option<(Duration, Part)>,
}

#[derive(Debug)]
pub(super) struct State {
    config: Config,
    /// What viewers are shown, the publisher's last part or the "no signal" part, and its version.
    current: Option<Arc<Published>>,
    version: u64,
    closed: bool,
    /// The publisher's last part, how many there have been, and when the last one came, even an identical one.
    latest: Option<Arc<Published>>,
    heard: u64,
    heard_at: Option<Instant>,
    stale: bool,
    slots: Slab<Slot>,
    serials: u64,
    keys: HashMap<Arc<str>, usize>,
    /// Viewers by wire, and snapshots that are waited for.
    watching: [usize; 3],
    snapshots: usize,
    /// When the first of those loses patience.
    patience: Option<Instant>,
    watched_since: Option<Instant>,
    unwatched_since: Option<Instant>,
    /// Tasks that wait for a change of demand, and those that wait for a part.
    for_demand: Waiters,
    for_part: Waiters,
    next_pulse: Option<Instant>,
    /// When the clock is to call, and whether it has been told so.
    alarm: Option<Instant>,
    alarm_is_new: bool,
    /// Threads may wait for a change of demand.
    demand_changed: bool,
    /// To be woken once the lock is released.
    wakers: Wakers,
    /// To be dropped then: that may run code of tasks and of the program, which may come back here.
    dropped_wakers: Wakers,
    dropped_parts: Vec<Arc<Published>>,
    stats: Stats,
}

/// What is left to do once the lock is released.
#[derive(Debug)]
pub(super) struct Aftermath {
    pub(super) alarm: Option<Instant>,
    pub(super) demand_changed: bool,
    pub(super) wakers: Wakers,
    pub(super) _dropped: (Wakers, Vec<Arc<Published>>),
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            current: None,
            version: 0,
            closed: false,
            latest: None,
            heard: 0,
            heard_at: None,
            stale: false,
            slots: Slab::new(),
            serials: 0,
            keys: HashMap::new(),
            watching: [0; 3],
            snapshots: 0,
            patience: None,
            watched_since: None,
            unwatched_since: None,
            for_demand: Waiters::default(),
            for_part: Waiters::default(),
            next_pulse: None,
            alarm: None,
            alarm_is_new: false,
            demand_changed: false,
            wakers: Wakers::default(),
            dropped_wakers: Wakers::default(),
            dropped_parts: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// Takes a part from the publisher.
    pub(super) fn publish(&mut self, published: &Arc<Published>, now: Instant) {
        self.stats.parts_published += 1;
        self.stats.bytes_published += published.part.body().len() as u64;
        self.heard += 1;
        self.heard_at = Some(now);
        self.for_part.wake(&mut self.wakers);
        if self.is_identical(&published.part) {
            self.stats.parts_identical += 1;
            return;
        }
        self.stale = false;
        self.dropped_parts.extend(self.latest.replace(Arc::clone(published)));
        self.show(Arc::clone(published), now);
    }

    /// Whether this part would be dropped because it is the same as the one before.
    pub(super) fn is_identical(&self, part: &Part) -> bool {
        let before = self.latest.as_ref().filter(|_| self.config.drop_identical && !self.stale);
        before.is_some_and(|before| before.part == *part)
    }

    fn show(&mut self, published: Arc<Published>, now: Instant) {
        self.version += 1;
        self.dropped_parts.extend(self.current.replace(published));
        self.wake_viewers(now);
        self.set_alarm(self.stale_at());
    }

    /// Ends every stream, once it has the current part.
    pub(super) fn close(&mut self, now: Instant) {
        self.closed = true;
        self.wake_viewers(now);
        self.for_part.wake(&mut self.wakers);
        self.wake_for_demand();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The publisher's last part and how old it is.
    pub(super) fn latest(&self, now: Instant) -> Option<(&Part, Duration)> {
        let latest = self.latest.as_ref()?;
        Some((&latest.part, now.saturating_duration_since(self.heard_at?)))
    }

    pub(super) fn keep_alive(&self) -> Option<Duration> {
        self.config.pulse.map(|pulse| pulse * u32::from(PULSES))
    }

    /// How many parts the publisher has given.
    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    /// Keeps a place for a viewer, if there is one left.
    pub(super) fn join(&mut self) -> Option<(usize, u64)> {
        if self.slots.len() >= self.config.max_subscribers {
            self.stats.ended.refused += 1;
            return None;
        }
        self.serials += 1;
        let id = self.slots.insert(Slot::new(self.serials));
        Some((id, self.serials))
    }

    /// A viewer's first poll: from now on it watches.
    pub(super) fn watch(&mut self, id: usize, wishes: Wishes, now: Instant) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.watch(wishes, now);
        let (expires, key) = (slot.expires, slot.key.clone());
        if let Some(count) = self.watching.get_mut(slot.wire as usize) {
            *count += 1;
        }
        self.stats.viewers += 1;
        self.stats.viewers_peak = self.stats.viewers_peak.max(self.stats.viewers);
        if let Some(older) = key.and_then(|key| self.keys.insert(key, id)) {
            self.dismiss(older, Reason::Replaced, now);
        }
        self.demand_begins(now);
        self.set_alarm(expires);
    }

    /// The viewer with this key is to watch no longer. Tells whether there is one.
    pub(super) fn revoke(&mut self, key: &str, now: Instant) -> bool {
        let viewer = self.keys.get(key).copied();
        viewer.into_iter().for_each(|id| self.dismiss(id, Reason::Revoked, now));
        viewer.is_some()
    }

    fn dismiss(&mut self, id: usize, reason: Reason, now: Instant) {
        let moment = self.moment(now);
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.ended.get_or_insert(reason);
        self.wakers.extend(slot.wake(&moment));
    }

    /// What a viewer is to do now; if that is to wait, its waker is kept.
    pub(super) fn ask(
        &mut self,
        id: usize,
        gated: bool,
        waker: &Waker,
        now: Instant,
    ) -> (Step, Option<Arc<Published>>) {
        let moment = self.moment(now);
        let Some(slot) = self.slots.get_mut(id) else { return (Step::End(Reason::Left), None) };
        let step = slot.asks(gated, &moment);
        match (step, &self.current) {
            (Step::Part, Some(current)) => {
                self.stats.parts_skipped += slot.given(current.at, &moment);
                return (step, Some(Arc::clone(current)));
            }
            (Step::Wait(until), _) => {
                self.dropped_wakers.extend(slot.keep(waker));
                self.set_alarm(until);
            }
            (Step::End(_), _) => self.end(id, now),
            _ => {}
        }
        (step, None)
    }

    /// A viewer's transport has taken parts, and with `let_go` it has told so.
    pub(super) fn delivered(&mut self, id: usize, serial: u64, bytes: u64, let_go: bool, now: Instant) {
        let moment = self.moment(now);
        let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.serial == serial) else { return };
        slot.count(1, bytes);
        self.stats.parts_delivered += 1;
        self.stats.bytes_delivered += bytes;
        if let_go {
            slot.let_go(&moment);
            self.wakers.extend(slot.wake(&moment));
            if let Step::Wait(until) = slot.step(&moment) {
                self.set_alarm(until);
            }
        }
    }

    /// A viewer's stream has ended, or it has left. Its place is taken until it is [gone](Self::leave).
    fn end(&mut self, id: usize, now: Instant) {
        let Some(slot) = self.slots.get_mut(id).filter(|slot| slot.is_watching()) else { return };
        let ended = &mut self.stats.ended;
        match slot.end() {
            Reason::Closed => ended.closed += 1,
            Reason::Expired => ended.expired += 1,
            Reason::Left => ended.left += 1,
            Reason::Replaced => ended.replaced += 1,
            Reason::Revoked => ended.revoked += 1,
        }
        if let Some(count) = self.watching.get_mut(slot.wire as usize) {
            *count -= 1;
        }
        self.stats.viewers -= 1;
        if let Some(key) = slot.key.take().filter(|key| self.keys.get(key) == Some(&id)) {
            self.keys.remove(&key);
        }
        self.demand_may_end(now);
    }

    /// A viewer is gone. Tells why it ended, if it had begun, and how many parts it missed.
    pub(super) fn leave(&mut self, id: usize, now: Instant) -> Option<(Reason, u64)> {
        self.end(id, now);
        let slot = self.slots.try_remove(id)?;
        let (ended, skipped) = (slot.ended, slot.skipped());
        self.dropped_wakers.extend(slot.into_waker());
        Some((ended?, skipped))
    }

    pub(super) fn skipped(&self, id: usize) -> u64 {
        self.slots.get(id).map_or(0, Slot::skipped)
    }

    /// Whether somebody listens on this wire.
    pub(super) fn listens(&self, wire: Wire) -> bool {
        self.watching.get(wire as usize).is_some_and(|count| *count > 0)
    }

    pub(super) fn count_encoding(&mut self) {
        self.stats.encodings += 1;
    }

    pub(super) fn wait_for_demand(&mut self, place: &mut Option<usize>, waker: &Waker) {
        self.dropped_wakers.extend(self.for_demand.keep(place, waker));
    }

    pub(super) fn forget_demand(&mut self, place: Option<usize>) {
        self.dropped_wakers.extend(self.for_demand.forget(place));
    }

    /// Waits for a part, for at most so long.
    pub(super) fn wait_for_part(&mut self, place: &mut Option<usize>, until: Option<Instant>, waker: &Waker) {
        self.dropped_wakers.extend(self.for_part.keep(place, waker));
        self.patience = earlier(self.patience, until);
        self.set_alarm(until);
    }

    pub(super) fn snapshot_begins(&mut self, now: Instant) {
        self.snapshots += 1;
        self.demand_begins(now);
    }

    pub(super) fn snapshot_ends(&mut self, place: Option<usize>, now: Instant) {
        self.dropped_wakers.extend(self.for_part.forget(place));
        self.snapshots -= 1;
        self.demand_may_end(now);
    }

    /// Whether somebody watches, or has until less than the linger ago.
    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        let lingers = |since| now.saturating_duration_since(since) < self.config.linger;
        !self.closed && (self.is_watched() || self.unwatched_since.is_some_and(lingers))
    }

    fn is_watched(&self) -> bool {
        self.snapshots > 0 || self.stats.viewers > 0
    }

    fn linger_ends(&self) -> Option<Instant> {
        self.unwatched_since.and_then(|since| since.checked_add(self.config.linger))
    }

    fn demand_begins(&mut self, now: Instant) {
        if self.watched_since.is_some() {
            return;
        }
        self.watched_since = Some(now);
        self.unwatched_since = None;
        self.next_pulse = self.config.pulse.and_then(|pulse| now.checked_add(pulse));
        self.wake_for_demand();
        self.set_alarm(earlier(self.next_pulse, self.stale_at()));
    }

    fn wake_for_demand(&mut self) {
        self.demand_changed = true;
        self.for_demand.wake(&mut self.wakers);
    }

    fn demand_may_end(&mut self, now: Instant) {
        if self.is_watched() {
            return;
        }
        self.watched_since = None;
        self.unwatched_since = Some(now);
        self.next_pulse = None;
        self.tell_end_of_linger(now);
    }

    fn tell_end_of_linger(&mut self, now: Instant) {
        match self.linger_ends() {
            Some(end) if end <= now => self.wake_for_demand(),
            end => self.set_alarm(end),
        }
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant) {
        self.alarm = None;
        if self.stale_at().is_some_and(|at| at <= now) {
            self.stale = true;
            if let Some((_, part)) = &self.config.stale_after {
                self.show(Arc::new(Published::new(part.clone(), now)), now);
            }
        }
        if let (Some(at), Some(pulse)) = (self.next_pulse, self.config.pulse) {
            if at <= now {
                self.slots.iter_mut().for_each(|(_, slot)| slot.pulse());
                self.next_pulse = now.checked_add(pulse);
            }
        }
        self.wake_viewers(now);
        self.tell_end_of_linger(now);
        if self.patience.is_some_and(|until| until <= now) {
            self.patience = None;
            self.for_part.wake(&mut self.wakers);
        }
        self.set_alarm(self.patience);
        self.set_alarm(earlier(self.next_pulse, self.stale_at()));
    }

    fn wake_viewers(&mut self, now: Instant) {
        let moment = self.moment(now);
        let mut alarm = None;
        self.wakers.reserve(self.slots.len());
        for (_, slot) in &mut self.slots {
            self.wakers.extend(slot.wake(&moment));
            if let Step::Wait(until) = slot.step(&moment) {
                alarm = earlier(alarm, until);
            }
        }
        self.set_alarm(alarm);
    }

    /// When viewers are to be shown that there is no signal: not before they have waited for one.
    fn stale_at(&self) -> Option<Instant> {
        let (after, _) = self.config.stale_after.as_ref().filter(|_| !self.stale && !self.closed)?;
        let since = self.watched_since?;
        self.heard_at.map_or(since, |heard| heard.max(since)).checked_add(*after)
    }

    fn set_alarm(&mut self, at: Option<Instant>) {
        let Some(at) = at else { return };
        if self.alarm.is_none_or(|alarm| at < alarm) {
            self.alarm = Some(at);
            self.alarm_is_new = true;
        }
    }

    fn moment(&self, now: Instant) -> Moment {
        Moment { now, version: self.version, closed: self.closed, deadline: self.config.deadline }
    }

    pub(super) fn aftermath(&mut self) -> Aftermath {
        let alarm = self.alarm.filter(|_| std::mem::take(&mut self.alarm_is_new));
        let demand_changed = std::mem::take(&mut self.demand_changed);
        let dropped = (std::mem::take(&mut self.dropped_wakers), std::mem::take(&mut self.dropped_parts));
        Aftermath { alarm, demand_changed, wakers: std::mem::take(&mut self.wakers), _dropped: dropped }
    }

    pub(super) fn stats(&self, now: Instant) -> Stats {
        Stats { age: self.latest(now).map(|(_, age)| age), ..self.stats.clone() }
    }

    pub(super) fn viewers(&self, now: Instant) -> Vec<Viewer> {
        self.slots.iter().filter_map(|(_, slot)| slot.viewer(now)).collect()
    }
}

#[cfg(test)]
mod tests;
