//! One viewer's place in a hub: what it has been given, and what it may be given next.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::stats::Viewer;
use super::waiters;
use crate::wire::Wire;

/// What one viewer asked for.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) key: Option<Arc<str>>,
    pub(super) max_age: Option<Duration>,
    /// The least time from part to part.
    pub(super) interval: Option<Duration>,
    pub(super) wire: Wire,
}

/// Why a viewer's stream ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    Closed,
    Expired,
    Left,
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
    /// Nothing, until woken or until then.
    Wait(Option<Instant>),
}

/// What a viewer's step depends on besides its own place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Instant,
    pub(super) version: u64,
    pub(super) closed: bool,
    pub(super) deadline: Duration,
}

#[derive(Debug)]
pub(super) struct Slot {
    /// Tells it from the viewers that had the same place before.
    pub(super) serial: u64,
    pub(super) key: Option<Arc<str>>,
    pub(super) wire: Wire,
    interval: Option<Duration>,
    pub(super) expires: Option<Instant>,
    pub(super) ended: Option<Reason>,
    /// The keep-alive asks for the last part once more.
    pub(super) repeat: bool,
    waker: Option<Waker>,
    /// From its first poll until its stream ends.
    watching: Option<Instant>,
    /// The version that it was given last, and when that was published.
    seen: u64,
    seen_at: Option<Instant>,
    /// Since when its transport has had a part that it has not let go of.
    busy: Option<Instant>,
    /// Its transport tells when it lets go of a part, and is not offered another before.
    gated: bool,
    /// When the rate cap allows the next part.
    due: Option<Instant>,
    /// How many pulses there have been since it was given something.
    quiet: u8,
    delivered: u64,
    bytes: u64,
    skipped: u64,
}

impl Slot {
    pub(super) fn new(serial: u64) -> Self {
        Self {
            serial,
            key: None,
            wire: Wire::default(),
            interval: None,
            expires: None,
            ended: None,
            repeat: false,
            waker: None,
            watching: None,
            seen: 0,
            seen_at: None,
            busy: None,
            gated: false,
            due: None,
            quiet: 0,
            delivered: 0,
            bytes: 0,
            skipped: 0,
        }
    }

    /// The viewer's first poll.
    pub(super) fn watch(&mut self, wishes: Wishes, now: Instant) {
        self.expires = wishes.max_age.and_then(|age| now.checked_add(age));
        self.key = wishes.key;
        self.wire = wishes.wire;
        self.interval = wishes.interval;
        self.watching = Some(now);
    }

    pub(super) fn step(&self, moment: &Moment) -> Step {
        if let Some(reason) = self.ended {
            return Step::End(reason);
        }
        let in_flight = self.busy.filter(|_| self.gated);
        let ends = earlier(self.expires, in_flight.and_then(|since| since.checked_add(moment.deadline)));
        if ends.is_some_and(|ends| ends <= moment.now) {
            return Step::End(Reason::Expired);
        }
        // Of a closed hub no more than one part and the end can queue up, so they need not wait: who collects a body,
        // a test say, lets go of no chunk before the end.
        if in_flight.is_some() && !moment.closed {
            return Step::Wait(ends);
        }
        let fresh = moment.version > self.seen;
        let due = self.due.filter(|due| fresh && *due > moment.now);
        match due {
            Some(_) if !moment.closed => {}
            _ if fresh => return Step::Part,
            _ if moment.closed => return Step::End(Reason::Closed),
            _ => {}
        }
        if self.repeat && self.seen > 0 {
            return Step::Repeat;
        }
        Step::Wait(earlier(ends, due))
    }

    /// The viewer asks what to do: a transport that does not tell when it lets go of a part has done so now.
    pub(super) fn asks(&mut self, gated: bool, moment: &Moment) -> Step {
        self.gated = gated;
        if !gated {
            self.let_go(moment);
        }
        let step = self.step(moment);
        if let Step::End(reason) = step {
            self.ended = Some(reason);
        }
        if !matches!(step, Step::Wait(_)) {
            self.quiet = 0;
            self.repeat = false;
            self.busy = Some(moment.now);
        }
        step
    }

    /// The viewer has been given the current part. Returns how many parts it missed.
    pub(super) fn given(&mut self, published: Instant, moment: &Moment) -> u64 {
        let missed = if self.seen == 0 { 0 } else { moment.version.saturating_sub(self.seen + 1) };
        self.skipped += missed;
        self.seen = moment.version;
        self.seen_at = Some(published);
        self.due = self.interval.map(|interval| {
            // On an even beat, as long as the viewer keeps to it.
            let beat = self.due.map(|due| due + interval).filter(|due| *due > moment.now);
            beat.unwrap_or(moment.now + interval)
        });
        missed
    }

    /// The viewer's transport has let go of its part, late or not.
    pub(super) fn let_go(&mut self, moment: &Moment) {
        let took = self.busy.take().map_or(Duration::ZERO, |since| moment.now.saturating_duration_since(since));
        if took > moment.deadline {
            self.ended.get_or_insert(Reason::Expired);
        }
    }

    pub(super) fn count(&mut self, parts: u64, bytes: u64) {
        self.delivered += parts;
        self.bytes += bytes;
    }

    /// The last part once more, when there have been so many pulses with nothing under way.
    pub(super) fn pulse(&mut self) {
        self.quiet = if self.busy.is_some() { 0 } else { self.quiet.saturating_add(1) };
        self.repeat = self.quiet >= PULSES;
    }

    pub(super) fn is_watching(&self) -> bool {
        self.watching.is_some()
    }

    /// It watches no longer. Gives why.
    pub(super) fn end(&mut self) -> Reason {
        self.watching = None;
        *self.ended.get_or_insert(Reason::Left)
    }

    /// Keeps the waker, and gives the one that it replaces.
    #[must_use]
    pub(super) fn keep(&mut self, waker: &Waker) -> Option<Waker> {
        waiters::keep(&mut self.waker, waker)
    }

    /// The waker, if there is something to be woken for.
    pub(super) fn wake(&mut self, moment: &Moment) -> Option<Waker> {
        match self.step(moment) {
            Step::Wait(_) => None,
            Step::End(_) | Step::Part | Step::Repeat => self.waker.take(),
        }
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
            key: self.key.as_deref().map(str::to_owned),
            wire: self.wire,
            watching: ago(self.watching?),
            parts_delivered: self.delivered,
            bytes_delivered: self.bytes,
            parts_skipped: self.skipped,
            in_flight: self.busy.map(ago),
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
