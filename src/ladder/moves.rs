//! The moves of a viewer: when it moves, where to and why, and which picture of the next rung is sent first.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::encodings::Encodings;
use super::handle::Size;
use super::order::Late;
use super::place::Place;
use super::rule::{BETWEEN_MOVES, Move, Reason, Rule, Written};
use super::sent::{Released, Sent};
use super::shared::Shared;
use crate::body::Step;
use crate::encode::EncodedPart;
use crate::hub::Published;

/// The moves of one viewer.
pub(super) struct Moves {
    ladder: Arc<Shared>,
    pub(super) size: Size,
    rule: Rule,
    /// The rung of its size, until the viewer has started on another one.
    wanted: Option<usize>,
    /// The place to which it moves, once that has a picture.
    pub(super) next: Option<Next>,
    /// The rungs that had no place or no picture for this viewer, each until when it is left out.
    unreachable: Vec<(usize, Instant)>,
    /// The time of the last move by the size.
    moved_at: Option<Instant>,
    /// When it tries another rung, while it waits for the first picture of its own.
    pub(super) tries_at: Option<Instant>,
}

pub(super) struct Next {
    pub(super) place: Place,
    pub(super) reason: Reason,
    since: Instant,
    late: Late,
}

impl Moves {
    /// Creates the moves of a viewer that starts on a rung. `wanted` is that of its size, if it is another one.
    pub(super) fn new(ladder: &Arc<Shared>, size: Size, rung: usize, wanted: Option<usize>) -> Self {
        Self {
            ladder: Arc::clone(ladder),
            size,
            rule: Rule::new(ladder.rungs.len(), rung, Instant::now()),
            wanted,
            next: None,
            unreachable: Vec::new(),
            moved_at: None,
            tries_at: None,
        }
    }

    /// Returns the first move, when the viewer starts: to the rung of its size.
    pub(super) fn start(&mut self, now: Instant) -> Option<Move> {
        if self.tries_at.is_none() {
            self.wait(now);
        }
        let to = self.wanted.take()?;
        self.moved_at = Some(now);
        Some(Move { to, reason: Reason::Width })
    }

    /// Returns the move that is due after a part of a rung was written, after so many `missed` ones.
    pub(super) fn written(
        &mut self,
        rung: usize,
        part: &Released,
        missed: u32,
        least: Option<Duration>,
    ) -> Option<Move> {
        let at = part.at;
        if let Some(next) = &self.next {
            // A hub whose source cannot be started.
            if at.saturating_duration_since(next.since) > FIRST_PICTURE {
                self.give_up(rung, next.place.rung, at);
            }
            return None;
        }
        if self.size != Size::Line {
            return self.by_size(rung, at);
        }
        let period = self.ladder.rung(rung).period();
        let full_period = Duration::from_secs_f64(self.ladder.full_period(rung, period.as_secs_f64()));
        let written = Written {
            at,
            bytes: part.bytes,
            in_flight: at.saturating_duration_since(part.sent),
            missed: least.is_none().then_some(missed),
            period: period.max(least.unwrap_or_default()),
            full_period: full_period.max(least.unwrap_or_default()),
        };
        self.rule.written(written, || self.ladder.needs(least, &left_out(&self.unreachable, at), at))
    }

    /// Returns the move to the rung of the viewer's size, if that has become known or has changed.
    fn by_size(&mut self, rung: usize, now: Instant) -> Option<Move> {
        let early = |moved: Instant| now.saturating_duration_since(moved) < BETWEEN_MOVES;
        if self.ladder.rungs.len() == 1 || self.moved_at.is_some_and(early) {
            return None;
        }
        self.moved_at = Some(now);
        let to = self.rung_of_size(now).filter(|to| *to != rung)?;
        Some(Move { to, reason: Reason::Width })
    }

    /// Returns the rung to which the viewer belongs by its size.
    fn rung_of_size(&self, now: Instant) -> Option<usize> {
        self.ladder.wanted(self.size, &left_out(&self.unreachable, now))
    }

    /// Returns whether a rung is one of the viewer's size, now that its first picture shows the width.
    fn suits(&self, rung: usize, now: Instant) -> bool {
        let Size::Width(width) = self.size else { return true };
        self.ladder.rung(rung).is_wide(width) || self.rung_of_size(now) == Some(rung)
    }

    fn wait(&mut self, now: Instant) {
        self.tries_at = now.checked_add(FIRST_PICTURE).filter(|_| self.ladder.other_sources(0).next().is_some());
    }

    /// Returns the move to another rung that is due when the viewer has waited for the first picture of its own for some time:
    /// the source may never answer. The viewer keeps its place meanwhile.
    pub(super) fn silent(&mut self, rung: usize, now: Instant) -> Option<Move> {
        self.tries_at.filter(|at| *at <= now)?;
        self.wait(now);
        if let Some(next) = &self.next {
            self.give_up(rung, next.place.rung, now);
        }
        let without = left_out(&self.unreachable, now);
        let mut others = self.ladder.nearest(rung);
        let to = others.find(|rung| !without.contains(rung) && !self.ladder.is_closed(*rung))?;
        Some(Move { to, reason: Reason::Silent })
    }

    /// Records that the viewer is sent a picture of its rung, in place of which no other is needed.
    pub(super) fn sent(&mut self) {
        if self.tries_at.take().is_some() {
            drop(self.next.take_if(|next| next.reason == Reason::Silent));
        }
    }

    /// Starts a move from a rung. Without a place, the viewer stays where it is.
    pub(super) fn begin(&mut self, from: usize, Move { to, reason }: Move, place: Option<Place>) {
        let since = Instant::now();
        match place {
            Some(place) => self.next = Some(Next { place, reason, since, late: Late::default() }),
            None => self.give_up(from, to, since),
        }
    }

    /// Ends a move from one rung to another, which is left out for a while.
    fn give_up(&mut self, from: usize, to: usize, now: Instant) {
        self.next = None;
        self.rule.stay_on(from, now);
        self.leave_out(to, now);
    }

    fn leave_out(&mut self, rung: usize, now: Instant) {
        self.unreachable.retain(|(_, until)| *until > now);
        self.unreachable.extend(now.checked_add(UNREACHABLE).map(|until| (rung, until)));
    }

    /// Ends the move, once the next rung has a picture that the viewer may get after those that it was `sent`. Returns the place
    /// there, and the picture.
    pub(super) fn poll(
        &mut self,
        from: usize,
        sent: &Sent,
        encodings: &Encodings,
        waker: &Waker,
    ) -> Option<(Next, Arc<Published>, Arc<EncodedPart>)> {
        loop {
            let Next { place, reason, late, .. } = self.next.as_mut()?;
            let (rung, reason) = (place.rung, *reason);
            let part = match place.subscriber.seat.poll_once(waker) {
                Step::Part(part) => Some(part),
                Step::Repeat => None,
                Step::Wait => return None,
                Step::End => break self.give_up(from, rung, Instant::now()),
            };
            let part = part.filter(|part| !part.no_signal && late.permits(sent.older(part, rung), Instant::now()));
            let encoded = part.and_then(|part| Some((place.encoded(&part, encodings)?, part)));
            let Some((encoded, part)) = encoded else {
                place.subscriber.seat.pass();
                continue;
            };
            let now = Instant::now();
            if reason == Reason::Silent || self.suits(rung, now) {
                return Some((self.next.take()?, part, encoded));
            }
            // It would be tried again and again where no rung is wide enough.
            break self.give_up(from, rung, now);
        }
        None
    }

    /// Records that the viewer has left a rung for another one, and is sent a picture of that.
    pub(super) fn arrived(&mut self, from: usize, to: usize, reason: Reason) {
        let now = Instant::now();
        if reason == Reason::Silent {
            self.rule.stay_on(to, now);
            self.leave_out(from, now);
        }
        // The time until the first picture is not the line's.
        self.rule.arrived(now);
    }

    /// Records that the viewer has left a closed rung for another one, whose pictures may be older than its last one.
    pub(super) fn left_closed(&mut self, to: usize, now: Instant) {
        self.rule.stay_on(to, now);
        self.wait(now);
    }
}

/// Returns the rungs that are left out at present.
fn left_out(unreachable: &[(usize, Instant)], now: Instant) -> Vec<usize> {
    unreachable.iter().filter(|(_, until)| *until > now).map(|(rung, _)| *rung).collect()
}

/// How long a viewer waits for the first picture of a rung. After that it tries another one, or its stream ends if its own is
/// closed. Cameras take some seconds to start.
pub(super) const FIRST_PICTURE: Duration = Duration::from_secs(15);
/// How long a viewer is not moved to a rung that had no place or no picture.
const UNREACHABLE: Duration = Duration::from_secs(120);
