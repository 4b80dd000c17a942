//! The rule that moves a viewer between rungs. It takes the time as an argument and reads no clock.
//!
//! A transport reports when it has taken a part, not when the viewer has it. The kernel's buffer lies between, so a part that
//! fits into the buffer is taken at once, on any line. Two things follow:
//!
//! - A line that is too slow shows once the buffer is full. From then on, a part takes as long as the line needs for as many
//!   bytes, and the rate that is measured is the line's.
//! - While the line keeps up, the measured rate is an upper bound. It can exclude a larger rung, and cannot promise that the
//!   line carries it. Only a try shows that.
//!
//! So the rule moves down by the time that a viewer has fallen behind, and to the rung that the measured rate carries. It moves
//! up by one rung after a calm time, unless the bound excludes that, and tries less and less often what has failed.
//!
//! Renditions come less often than the pictures of the source when the processor does not keep up. They take little of the line
//! then, and keep up on any, which shows nothing. So a rung needs what it takes at the source's rate, the calm time has a number
//! of pictures, and a viewer goes back that gets fewer pictures than it got of the larger size.

#[cfg(all(test, not(loom)))]
mod plot;
#[cfg(all(test, not(loom)))]
mod tests;

use std::time::{Duration, Instant};

/// The state of one viewer.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    rung: usize,
    /// The seconds that the viewer was behind in the last few.
    lag: f64,
    /// The part of it that the next part may report again.
    counted: f64,
    /// What the transport took while the viewer was behind.
    late: Tally,
    /// What the transport took in the last seconds.
    recent: Tally,
    calm_since: Instant,
    /// The parts since then.
    calm_parts: u32,
    /// How many parts the viewer got in the last seconds.
    delivered: Tally,
    /// The rung that the viewer left for a smaller one, and the share of its pictures that it got there.
    left: Option<(usize, f64)>,
    /// The moves to smaller rungs that had fewer pictures for the viewer than it got before. All renditions
    /// share one decoder, so the viewer moves to none of them until the pause is over.
    starved: Failures,
    moved_at: Option<Instant>,
    /// The time of the last report.
    written_at: Option<Instant>,
    /// The last move up, while it may turn out to have failed.
    attempt: Option<Instant>,
    /// The time of the first report.
    started: Option<Instant>,
    failures: Failures,
    rungs: usize,
}

/// A part that the transport has taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) at: Instant,
    pub(crate) bytes: u64,
    /// How long the transport took.
    pub(crate) in_flight: Duration,
    /// The pictures of this rung that were skipped since the part before. `None` for a viewer whose rate is limited.
    pub(crate) missed: Option<u32>,
    /// The period of the rung, or that of the viewer's rate limit if it is longer.
    pub(crate) period: Duration,
    /// The period that the rung would have if the processor kept up, or that of the viewer's rate limit if it is longer.
    pub(crate) full_period: Duration,
}

/// What a rung takes and gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// The bytes a second that it takes with all of its pictures. Infinite for one to which the viewer cannot move.
    pub(crate) bytes: f64,
    /// The share of the pictures that it has at present: less than 1 if the processor does not keep up.
    pub(crate) share: f64,
}

/// A move of a viewer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Move {
    pub(crate) to: usize,
    pub(crate) reason: Reason,
}

/// The reason of a viewer's last move.
///
/// # Examples
///
/// ```
/// use mixed_replace::ladder::Reason;
///
/// fn describe(reason: &Reason) -> String {
///     match reason {
///         Reason::Slow { bytes_per_second, .. } => format!("the line carries {} kB/s", bytes_per_second / 1000),
///         Reason::Calm => "the line carries more".to_owned(),
///         _ => "the size has ended".to_owned(),
///     }
/// }
/// assert_eq!(describe(&Reason::Calm), "the line carries more");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Reason {
    /// The line kept up for some seconds, so the next larger rung is tried.
    Calm,
    /// The line was too slow. Its rate in bytes a second, as measured.
    #[non_exhaustive]
    Slow {
        /// The measured rate of the line.
        bytes_per_second: u64,
    },
    /// The hub of the previous rung was closed.
    Closed,
    /// The previous rung had no picture for some seconds, and this one had.
    Silent,
    /// The pictures of the smaller rung came too seldom, since the processor does not keep up.
    Starved,
    /// The rung is that of the [size](super::Size) that the viewer asked for, which was not known or had no fresh picture before.
    Width,
}

impl Rule {
    /// Creates the rule of a viewer that starts on one of so many rungs.
    pub(crate) fn new(rungs: usize, rung: usize, now: Instant) -> Self {
        Self {
            rung,
            lag: 0.0,
            counted: 0.0,
            late: Tally::default(),
            recent: Tally::default(),
            calm_since: now,
            calm_parts: 0,
            delivered: Tally::default(),
            left: None,
            starved: Failures::default(),
            moved_at: None,
            written_at: None,
            attempt: None,
            started: None,
            failures: Failures::default(),
            rungs,
        }
    }

    /// Returns the rung that the viewer is on.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn rung(&self) -> usize {
        self.rung
    }

    /// Records that the viewer has the first picture of the rung to which it moved.
    pub(crate) fn arrived(&mut self, now: Instant) {
        self.attempt = self.attempt.map(|_| now);
        self.settle(now);
    }

    /// Records that a move was not possible, which says nothing of the line, or that it was not the rule's: the viewer is on this
    /// rung.
    pub(crate) fn stay_on(&mut self, rung: usize, now: Instant) {
        self.rung = rung;
        self.attempt = None;
        self.left = None;
        self.settle(now);
    }

    /// Records a part. Returns a move if one is due, after which the viewer counts as being on that rung.
    ///
    /// `needs` returns those of each rung, the first one needing most. It is called only when a move may be due.
    pub(crate) fn written(&mut self, part: Written, needs: impl Fn() -> Vec<Need>) -> Option<Move> {
        let (in_flight, period) = (part.in_flight.as_secs_f64(), part.period.as_secs_f64());
        // A single part counts for little, so that a gap of the line costs no move. The first one counts in full: it may be
        // the only one in seconds.
        let most = if self.written_at.is_some() { LAG_BY_ONE_PART } else { f64::INFINITY };
        let elapsed = self.written_at.map_or(0.0, |at| part.at.saturating_duration_since(at).as_secs_f64());
        self.delivered.fade(elapsed, LAG_MEMORY);
        if self.written_at.is_some_and(|at| self.moved_at.is_none_or(|moved_at| at >= moved_at)) {
            self.delivered.add(1, elapsed);
        }
        self.written_at = Some(part.at);
        self.started.get_or_insert(part.at);
        // What the viewer did not get since the part before, and what it does not get while this one is in flight. The latter is
        // known exactly only with the next part.
        let missed = part.missed.map(|missed| f64::from(missed) * period);
        let (before, tolerance) = missed.map_or((0.0, TOLERANCE), |missed| (missed - self.counted, SURELY_LATE));
        self.counted = (in_flight - period * tolerance).max(0.0);
        let behind = (before.max(0.0) + self.counted).min(most);
        self.lag = (self.lag * (-elapsed / LAG_MEMORY).exp() + behind).min(LAG_MAX);
        self.recent.fade(elapsed, MEMORY);
        self.recent.add(part.bytes, in_flight.max(SHORTEST));
        self.late.fade(elapsed, MEMORY);
        if self.lag > NO_LAG {
            // The kernel takes several parts at once, then none for a while. The line is busy all the time.
            self.late.add(part.bytes, in_flight.max(elapsed).max(SHORTEST));
        } else {
            self.late = Tally::default();
        }
        self.calm_parts = self.calm_parts.saturating_add(1);
        let full_period = part.full_period.as_secs_f64();
        if in_flight > full_period || self.lag > RESTLESS {
            (self.calm_since, self.calm_parts) = (part.at, 0);
        }
        if self.moved_at.is_some_and(|at| part.at.saturating_duration_since(at) < BETWEEN_MOVES) {
            return None;
        }
        let back = self.back(part.at, full_period);
        back.or_else(|| self.down(part.at, &needs)).or_else(|| self.up(part.at, full_period, &needs))
    }

    /// Returns to the larger rung, if the viewer gets far fewer pictures here while the line keeps up.
    fn back(&mut self, now: Instant, full_period: f64) -> Option<Move> {
        let share = self.delivered.rate() * full_period;
        let (to, _) = self.left.filter(|(_, before)| self.lag <= NO_LAG && share < before * FAR_FEWER)?;
        self.starved.add(now, ATTEMPT);
        self.left = None;
        self.attempt = None;
        self.rung = to;
        self.settle(now);
        Some(Move { to, reason: Reason::Starved })
    }

    #[expect(clippy::indexing_slicing, reason = "each rung has its needs")]
    fn down(&mut self, now: Instant, needs: &impl Fn() -> Vec<Need>) -> Option<Move> {
        let is_new = |at: &Instant| now.saturating_duration_since(*at) < ATTEMPT;
        let tried = self.attempt.filter(is_new);
        let limit = if tried.or(self.started.filter(is_new)).is_some() { LAG_OF_ATTEMPT } else { LAG };
        if self.lag < limit || self.rung + 1 == self.rungs || self.starved.pauses(now) {
            return None;
        }
        let (needs, rate) = (needs(), self.late.rate());
        debug_assert_eq!(needs.len(), self.rungs);
        // The share of the pictures that the viewer gets here.
        let share = (rate / needs[self.rung].bytes).min(1.0);
        let is_better = |need: &Need| need.bytes.is_finite() && need.share >= share * FAR_FEWER;
        let smaller = || needs.iter().enumerate().skip(self.rung + 1).filter(|(_, need)| is_better(need));
        let ((nearest, _), (smallest, _)) = smaller().next().zip(smaller().next_back())?;
        // The rung from which the try was made has shown that the line carries it.
        let spare = |rung| if tried.is_some() && rung == nearest { TOLERANCE } else { SPARE };
        let carried = smaller().find(|(rung, need)| need.bytes <= rate * spare(*rung));
        let to = carried.map_or(smallest, |(rung, _)| rung);
        if let Some(at) = tried {
            self.failures.add(now, now.saturating_duration_since(at));
        }
        self.attempt = None;
        self.left = Some((self.rung, share));
        self.rung = to;
        self.settle(now);
        Some(Move { to, reason: Reason::Slow { bytes_per_second: whole(rate) } })
    }

    fn up(&mut self, now: Instant, full_period: f64, needs: &impl Fn() -> Vec<Need>) -> Option<Move> {
        // On the way up after a success, the next try may come sooner.
        let calm = if self.attempt.is_some() { CALM_AFTER_SUCCESS } else { CALM };
        if self.rung == 0 || now.saturating_duration_since(self.calm_since) < calm {
            return None;
        }
        // Rare pictures keep up on any line.
        if f64::from(self.calm_parts) * full_period < calm.as_secs_f64() * ENOUGH {
            return None;
        }
        let (needs, rate) = (needs(), self.recent.rate());
        let (to, need) = needs.iter().enumerate().take(self.rung).rfind(|(_, need)| need.bytes.is_finite())?;
        if rate < need.bytes * MARGIN || self.failures.forbid(now, self.rung, rate) {
            return None;
        }
        self.failures.record_try(self.rung, self.rungs, rate);
        self.attempt = Some(now);
        self.left = None;
        self.rung = to;
        self.settle(now);
        Some(Move { to, reason: Reason::Calm })
    }

    fn settle(&mut self, now: Instant) {
        self.moved_at = Some(now);
        (self.calm_since, self.calm_parts) = (now, 0);
        self.delivered = Tally::default();
        self.lag = 0.0;
        self.late = Tally::default();
    }
}

/// Bytes or parts, and the seconds that they took.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: f64,
    seconds: f64,
}

impl Tally {
    #[expect(clippy::cast_precision_loss, reason = "a part is smaller than 2^53 bytes")]
    fn add(&mut self, count: u64, seconds: f64) {
        self.count += count as f64;
        self.seconds += seconds;
    }

    /// Lets what was recorded so long ago count less, after so many seconds by 1/e.
    fn fade(&mut self, elapsed: f64, memory: f64) {
        let factor = (-elapsed / memory).exp();
        self.count *= factor;
        self.seconds *= factor;
    }

    /// Returns the count a second.
    fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.count / self.seconds } else { 0.0 }
    }
}

/// The failed tries of larger rungs, or of smaller ones that had too few pictures.
#[derive(Clone, Debug, Default)]
struct Failures {
    first: Option<Instant>,
    last: Option<Instant>,
    /// The pause after the last one.
    pause: Duration,
    /// The bound on the line's rate at the last try from each rung. The bound depends on the size of the parts.
    tries: Vec<f64>,
}

impl Failures {
    /// Records a try that lasted for some time.
    fn add(&mut self, now: Instant, lasted: Duration) {
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        if since(self.last).is_some_and(|last| last > FORGOTTEN) {
            (self.first, self.pause) = (None, Duration::ZERO);
        }
        self.pause = match since(self.first) {
            None if lasted < CLEARLY => PAUSE,
            Some(first) if first < EAGER && lasted < CLEARLY => PAUSE,
            _ if self.pause < RELUCTANT => RELUCTANT,
            _ => (self.pause * 5).min(LONGEST),
        };
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// Records a try from this rung.
    #[expect(clippy::indexing_slicing, reason = "a viewer is on one of the rungs")]
    fn record_try(&mut self, from: usize, rungs: usize, rate: f64) {
        self.tries.resize(rungs, f64::INFINITY);
        self.tries[from] = rate;
    }

    /// Returns whether it is too early for another try from this rung.
    #[expect(
        clippy::indexing_slicing,
        reason = "only a recorded try has failed, and the viewer is on one of the rungs"
    )]
    fn forbid(&mut self, now: Instant, from: usize, rate: f64) -> bool {
        if self.last.is_some() && rate > self.tries[from] * CHANGED {
            // The line is another one than at the last try.
            *self = Self::default();
            return false;
        }
        self.pauses(now)
    }

    /// Returns whether the pause after the last failure lasts.
    fn pauses(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now.saturating_duration_since(last) < self.pause)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are positive, and `as` saturates")]
pub(super) fn whole(rate: f64) -> u64 {
    rate as u64
}

/// The shortest time between two moves.
pub(super) const BETWEEN_MOVES: Duration = Duration::from_secs(2);
/// The lag in seconds that moves a viewer down, and that which does so at the start and soon after a move up.
const LAG: f64 = 0.5;
const LAG_OF_ATTEMPT: f64 = 0.25;
/// What more lag than that would tell is past.
const LAG_MAX: f64 = 1.0;
/// Below it, the line counts as in time.
const NO_LAG: f64 = 0.03;
/// Above it, the line does not count as calm: the viewer loses one picture in fifty.
const RESTLESS: f64 = 0.06;
/// The seconds after which lag counts less, by 1/e. So a viewer that loses one picture in six keeps its rung.
const LAG_MEMORY: f64 = 3.0;
/// The most that one part adds to the lag, in seconds.
const LAG_BY_ONE_PART: f64 = 0.3;
/// A part that takes so many periods costs a picture, whenever the next ones come.
const SURELY_LATE: f64 = 4.0;
/// A part of a viewer whose rate is limited may take this many periods.
const TOLERANCE: f64 = 1.1;
/// How long each part is taken within its period before a larger rung is tried.
const CALM: Duration = Duration::from_secs(5);
const CALM_AFTER_SUCCESS: Duration = Duration::from_secs(3);
/// The calm time has this share of the pictures of the source at least.
const ENOUGH: f64 = 0.5;
/// A smaller rung on which a viewer gets less than this share of the pictures that it gets on a larger one is no improvement.
const FAR_FEWER: f64 = 0.5;
/// A rung that the viewer has to leave again within this time was a failed try.
const ATTEMPT: Duration = Duration::from_secs(30);
/// The pause after a failed try in the first seconds after the first one, so that a short fall of the line is over soon after
/// its end, and after later ones, so that a constant line is left alone. Each further pause is five times as long.
const PAUSE: Duration = Duration::from_secs(11);
/// A try that fails so soon was a clear one. A later failure is that of a line which nearly carries the rung.
const CLEARLY: Duration = Duration::from_secs(5);
const EAGER: Duration = Duration::from_secs(30);
const RELUCTANT: Duration = Duration::from_secs(120);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(3000);
/// The time after the last failed try when the next one counts as the first again.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// The part of the measured rate that a rung may need.
const SPARE: f64 = 0.9;
/// How many times the need of a larger rung the bound on the rate must be.
const MARGIN: f64 = 1.25;
/// A line whose bound has grown by this factor counts as another one.
const CHANGED: f64 = 2.0;
/// The seconds after which a measurement counts less, by 1/e.
const MEMORY: f64 = 1.0;
/// The shortest time in flight that counts, in seconds. Below it, the scheduler is measured and not the line.
const SHORTEST: f64 = 0.002;
