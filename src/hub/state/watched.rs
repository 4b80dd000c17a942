//! Demand: when it starts and ends, and the tasks that wait for it.

use std::task::Waker;
use std::time::Instant;

use super::State;
use crate::hub::slot::earlier;
use crate::hub::stats::Activity;

impl State {
    pub(in crate::hub) fn wait_for_demand(&mut self, place: &mut Option<usize>, waker: &Waker) {
        self.effects.dropped_wakers.extend(self.for_demand.keep(place, waker));
    }

    pub(in crate::hub) fn forget_demand(&mut self, place: Option<usize>) {
        self.effects.dropped_wakers.extend(self.for_demand.forget(place));
    }

    /// Stores the waker of a task that waits for a part until the given time.
    pub(in crate::hub) fn wait_for_part(&mut self, place: &mut Option<usize>, until: Option<Instant>, waker: &Waker) {
        self.effects.dropped_wakers.extend(self.for_part.keep(place, waker));
        self.snapshot_deadline = earlier(self.snapshot_deadline, until);
        self.set_timer(until);
    }

    pub(in crate::hub) fn start_snapshot(&mut self, now: Instant) {
        self.snapshots += 1;
        self.start_demand(now);
    }

    pub(in crate::hub) fn end_snapshot(&mut self, place: Option<usize>, now: Instant) {
        self.effects.dropped_wakers.extend(self.for_part.forget(place));
        self.snapshots -= 1;
        self.end_demand_if_unwatched(now);
    }

    /// Returns `true` while the hub is watched, or was less than the linger ago.
    pub(in crate::hub) fn is_wanted(&self, now: Instant) -> bool {
        let lingers = |since| now.saturating_duration_since(since) < self.config.linger;
        !self.closed && (self.is_watched() || self.unwatched_since.is_some_and(lingers))
    }

    pub(in crate::hub) fn activity(&self, now: Instant) -> Activity {
        match () {
            () if self.closed => Activity::Ended,
            () if !self.is_wanted(now) => Activity::Asleep,
            () if self.stale => Activity::Silent,
            () if self.latest.is_none() => Activity::Starting,
            () => Activity::Live,
        }
    }

    /// Returns whether the hub has subscribers or waiting snapshots, and when the last of them left.
    pub(in crate::hub) fn usage(&self) -> (bool, Option<Instant>) {
        (self.is_watched() || !self.slots.is_empty(), self.unwatched_since)
    }

    fn is_watched(&self) -> bool {
        self.snapshots > 0 || self.stats.viewers > 0
    }

    fn linger_ends(&self) -> Option<Instant> {
        self.unwatched_since.and_then(|since| since.checked_add(self.config.linger))
    }

    pub(super) fn start_demand(&mut self, now: Instant) {
        if self.watched_since.is_some() {
            return;
        }
        self.watched_since = Some(now);
        self.unwatched_since = None;
        self.next_pulse = self.config.pulse.and_then(|pulse| now.checked_add(pulse));
        self.wake_for_demand();
        self.set_timer(earlier(self.next_pulse, self.stale_at()));
    }

    pub(super) fn wake_for_demand(&mut self) {
        self.for_demand.wake(&mut self.effects.wakers);
    }

    pub(super) fn end_demand_if_unwatched(&mut self, now: Instant) {
        if self.is_watched() {
            return;
        }
        self.watched_since = None;
        self.unwatched_since = Some(now);
        self.next_pulse = None;
        self.check_linger(now);
    }

    pub(super) fn check_linger(&mut self, now: Instant) {
        match self.linger_ends() {
            Some(end) if end <= now => self.wake_for_demand(),
            end => self.set_timer(end),
        }
    }
}
