//! Simulations of viewers on lines of many kinds, in invented time.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "small numbers; a failure of a helper is a failure of its test"
)]

use std::time::{Duration, Instant};

use super::{FORGOTTEN, Failures, LONGEST, Move, Need, PAUSE, RELUCTANT, Reason, Rule, Written};

/// Bytes of a picture on each rung, which take 7.2, 4.3, 2.2 and 0.84 Mbit/s.
pub(super) const SIZES: [f64; 4] = [30_000.0, 18_000.0, 9_000.0, 3_500.0];
const FPS: f64 = 30.0;
const MBIT: f64 = 125_000.0;
const KIB: f64 = 1024.0;

pub(super) fn needs() -> Vec<f64> {
    SIZES.map(|bytes| bytes * FPS).to_vec()
}

/// A line: bytes a second at a time, and the bytes of the buffers in front of it, which the transport fills at once.
pub(super) struct Line {
    pub(super) rate: Box<dyn Fn(f64) -> f64>,
    pub(super) buffer: f64,
    /// The bytes that must leave a full buffer before the transport may fill it again.
    burst: f64,
}

impl Line {
    pub(super) fn new(rate: impl Fn(f64) -> f64 + 'static) -> Self {
        Self { rate: Box::new(rate), buffer: 64.0 * KIB, burst: 24.0 * KIB }
    }

    pub(super) fn constant(rate: f64) -> Self {
        Self::new(move |_| rate)
    }

    /// 8 Mbit/s that fall to 1 for some seconds.
    pub(super) fn falling(from: f64, seconds: f64) -> Self {
        Self::new(move |time| if (from..from + seconds).contains(&time) { MBIT } else { 8.0 * MBIT })
    }

    /// A rate that changes three times a second between 1 and 10 Mbit/s, with gaps of a third of a second.
    pub(super) fn wifi() -> Self {
        Self::new(|time| {
            let slot = time * 3.0;
            let random = random(slot.floor());
            if random < 0.05 { 0.0 } else { MBIT * 10_f64.powf(random) }
        })
    }

    /// No line for some seconds.
    pub(super) fn tunnel(from: f64, seconds: f64) -> Self {
        Self::new(move |time| if (from..from + seconds).contains(&time) { 0.0 } else { 8.0 * MBIT })
    }
}

/// Returns a number from 0 to 1 for each whole number, the same in each run.
fn random(seed: f64) -> f64 {
    let mixed = (seed as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40) as f64 / f64::from(1 << 24)
}

/// What a simulation did.
#[derive(Default)]
pub(super) struct Run {
    pub(super) moves: Vec<(f64, Move)>,
    /// The times at which parts were taken.
    pub(super) parts: Vec<f64>,
}

impl Run {
    /// Lets a viewer watch on a line for some seconds.
    pub(super) fn new(line: &Line, seconds: f64) -> Self {
        Self::with_rule(line, seconds, &needs(), 1.0 / FPS)
    }

    fn with_rule(line: &Line, seconds: f64, needs: &[f64], period: f64) -> Self {
        Self::with_processor(line, seconds, needs, period, |_, _| 1.0)
    }

    /// Each rung has one picture of so `many` at a time.
    fn with_processor(line: &Line, seconds: f64, needs: &[f64], period: f64, many: impl Fn(usize, f64) -> f64) -> Self {
        let (start, step) = (Instant::now(), 0.001);
        let mut rule = Rule::new(needs.len(), 0, start);
        let mut run = Self::default();
        let (mut time, mut queued, mut picture) = (0.0, 0.0_f64, 0.0);
        while time < seconds {
            // The newest picture, once there is one that the viewer does not have.
            let (limit, made) = ((period * FPS).round(), many(rule.rung(), time));
            let newest = if made > 1.0 {
                let latest = ((time * FPS) / made).floor() * made;
                if latest > picture { latest } else { latest + made }
            } else {
                (time * FPS).floor().max(picture + limit)
            };
            let missed = (((newest - picture) / limit.max(made)) as u32).saturating_sub(1);
            let offered = (newest / FPS).max(time);
            while time < offered {
                queued = (queued - (line.rate)(time) * step).max(0.0);
                time += step;
            }
            picture = newest;
            let bytes = needs[rule.rung()] * period * (0.8 + 0.4 * random(newest));
            let (sent, mut remaining) = (time, bytes);
            loop {
                let room = (line.buffer - queued).clamp(0.0, remaining);
                queued += room;
                remaining -= room;
                if remaining <= 0.0 || time > seconds {
                    break;
                }
                let low = (queued - line.burst).max(0.0);
                while (queued > low || queued == line.buffer) && time <= seconds {
                    queued = (queued - (line.rate)(time) * step).max(0.0);
                    time += step;
                }
            }
            let written = Written {
                at: start + Duration::from_secs_f64(time),
                bytes: bytes as u64,
                in_flight: Duration::from_secs_f64(time - sent),
                missed: Some(missed).filter(|_| limit == 1.0),
                period: Duration::from_secs_f64(period.max(made / FPS)),
                full_period: Duration::from_secs_f64(period),
            };
            // Nobody else watches a rung, so it is not known that the processor does not keep up.
            let needs = || needs.iter().map(|bytes| Need { bytes: *bytes, share: 1.0 }).collect();
            run.parts.push(time);
            run.moves.extend(rule.written(written, needs).map(|step| (time, step)));
        }
        for pair in run.moves.windows(2) {
            assert!(pair[1].0 - pair[0].0 >= 1.999, "{:?}", run.moves);
        }
        run
    }

    pub(super) fn rung_at(&self, time: f64) -> usize {
        self.moves.iter().rev().find(|(at, _)| *at <= time).map_or(0, |(_, step)| step.to)
    }

    fn moves_between(&self, from: f64, to: f64) -> usize {
        self.moves.iter().filter(|(at, _)| (from..to).contains(at)).count()
    }

    /// Returns the rung on which the viewer was for most of this time.
    fn usual_rung(&self, from: f64, to: f64) -> usize {
        let mut seconds = [0; SIZES.len()];
        (from as u32..to as u32).for_each(|time| seconds[self.rung_at(f64::from(time))] += 1);
        (0..SIZES.len()).max_by_key(|rung| seconds[*rung]).unwrap()
    }
}

#[test]
fn constant_line_is_left_alone() {
    for (buffer, burst) in [(16.0, 1.0), (32.0, 16.0), (64.0, 1.0), (64.0, 24.0), (256.0, 24.0)] {
        for mbits in [0.25, 0.5, 0.8, 1.0, 1.5, 1.9, 2.0, 2.5, 3.0, 3.9, 4.0, 4.5, 6.0, 6.5, 7.0, 8.0, 10.0, 100.0] {
            let line = Line { buffer: buffer * KIB, burst: burst * KIB, ..Line::constant(mbits * MBIT) };
            let run = Run::new(&line, 600.0);
            let case = format!("{mbits} Mbit/s, {buffer} KiB, {burst} KiB: {:?}", run.moves);
            assert!(run.moves_between(60.0, 600.0) <= 3, "{case}");
            let (rung, needs) = (run.usual_rung(60.0, 600.0), needs());
            // Not too large a rung, and not too small a one.
            assert!(rung == SIZES.len() - 1 || needs[rung] <= mbits * MBIT * 1.25, "{rung} {case}");
            assert!(rung == 0 || needs[rung - 1] >= mbits * MBIT * 0.75, "{rung} {case}");
        }
    }
}

#[test]
fn fast_viewer_never_moves() {
    let run = Run::new(&Line::constant(20.0 * MBIT), 600.0);
    assert_eq!(run.moves, []);
    assert!(run.parts.len() > 17_990, "{}", run.parts.len());
}

#[test]
fn fall_is_answered_in_three_seconds_and_recovery_in_twenty() {
    for buffer in [16.0, 64.0, 128.0] {
        for fall in 3..=35 {
            let (from, to) = (60.0, 60.0 + f64::from(fall));
            let line = Line { buffer: buffer * KIB, ..Line::falling(from, to - from) };
            let run = Run::new(&line, 120.0);
            let case = format!("{fall} s, {buffer} KiB: {:?}", run.moves);
            assert_eq!(run.rung_at(from), 0, "{case}");
            assert_eq!(run.rung_at(from + 3.0), 3, "{case}");
            assert_eq!(run.rung_at(to + 20.0), 0, "{case}");
        }
    }
}

#[test]
fn tunnel_costs_one_move_down_at_most() {
    for seconds in [0.3, 1.0, 5.0, 20.0] {
        let run = Run::new(&Line::tunnel(60.0, seconds), 120.0);
        assert!(run.moves.len() <= 2 * run.moves_between(60.0, 62.0 + seconds), "{seconds} s: {:?}", run.moves);
        assert!(run.moves_between(60.0, 62.0 + seconds) <= 1, "{seconds} s: {:?}", run.moves);
        assert_eq!(run.rung_at(60.0 + seconds + 15.0), 0, "{seconds} s: {:?}", run.moves);
    }
}

#[test]
fn restless_line_is_followed_seldom() {
    let run = Run::new(&Line::wifi(), 600.0);
    assert!(run.moves_between(60.0, 600.0) <= 12, "{:?}", run.moves);
    assert!(run.parts.len() as f64 > 600.0 * FPS * 0.85, "{}", run.parts.len());
}

#[test]
fn slow_line_gets_three_times_the_pictures() {
    let line = || Line::constant(2.0 * MBIT);
    let ladder = Run::new(&line(), 120.0);
    let largest = Run::with_rule(&line(), 120.0, &needs()[..1], 1.0 / FPS);
    assert!(ladder.parts.len() >= 3 * largest.parts.len(), "{} {}", ladder.parts.len(), largest.parts.len());
}

/// Three pictures a second of the largest size take 0.72 Mbit/s, which a line of 1 carries.
#[test]
fn rate_limit_counts_as_the_period() {
    let needs: Vec<f64> = SIZES.iter().map(|bytes| bytes * 3.0).collect();
    let run = Run::with_rule(&Line::constant(MBIT), 120.0, &needs, 1.0 / 3.0);
    assert_eq!(run.moves, []);
}

#[test]
fn first_part_counts_in_full() {
    let start = Instant::now();
    let mut rule = Rule::new(SIZES.len(), 0, start);
    let seconds = Duration::from_secs;
    let part = Written {
        at: start + seconds(2),
        bytes: 62_500,
        in_flight: seconds(2),
        missed: Some(0),
        period: Duration::from_millis(33),
        full_period: Duration::from_millis(33),
    };
    let needs = || needs().into_iter().map(|bytes| Need { bytes, share: 1.0 }).collect();
    let reason = Reason::Slow { bytes_per_second: 31_250 };
    assert_eq!(rule.written(part, needs), Some(Move { to: 3, reason }));
    assert_eq!(rule.rung(), 3);
}

#[test]
fn rung_out_of_reach_is_passed_over() {
    for (unreachable, lowest) in [(1, 3), (2, 3), (3, 2)] {
        let mut needs = needs();
        needs[unreachable] = f64::INFINITY;
        let run = Run::with_rule(&Line::falling(60.0, 10.0), 120.0, &needs, 1.0 / FPS);
        let case = format!("{unreachable}: {:?}", run.moves);
        assert_eq!((run.rung_at(60.0), run.rung_at(63.0), run.rung_at(95.0)), (0, lowest, 0), "{case}");
        assert!(run.moves.iter().all(|(_, step)| step.to != unreachable), "{case}");
    }
}

/// The processor makes 0.7 pictures a second of each rendition.
#[test]
fn starved_rung_is_left_for_the_larger_one_and_seldom_tried_again() {
    let starved = |rung, _| if rung == 0 { 1.0 } else { 43.0 };
    // 6 of 7.2 Mbit/s, so five of six pictures, and fewer.
    for mbits in [1.0, 2.0, 4.0, 6.0] {
        let run = Run::with_processor(&Line::constant(mbits * MBIT), 600.0, &needs(), 1.0 / FPS, starved);
        let case = format!("{mbits} Mbit/s: {:?}", run.moves);
        // At once, after two minutes, and after ten more.
        assert_eq!(run.moves.len(), 4, "{case}");
        for (at, pair) in run.moves.chunks(2).enumerate() {
            assert!(matches!(pair[0].1.reason, Reason::Slow { .. }), "{case}");
            assert_eq!(pair[1].1, Move { to: 0, reason: Reason::Starved }, "{case}");
            assert!(pair[1].0 - pair[0].0 < 5.0, "{at} {case}");
        }
    }
}

/// A line of 15 kB/s carries half a picture a second of the largest size, and the processor makes 0.7 of the others.
#[test]
fn starved_rung_is_kept_where_it_has_more_pictures_and_does_not_count_as_calm() {
    let starved = |rung, _| if rung == 0 { 1.0 } else { 43.0 };
    let run = Run::with_processor(&Line::constant(0.12 * MBIT), 600.0, &needs(), 1.0 / FPS, starved);
    assert_eq!(run.rung_at(20.0), 3, "{:?}", run.moves);
    assert!(run.moves.iter().all(|(_, step)| step.reason != Reason::Starved), "{:?}", run.moves);
    // 75 pictures, half of those that the source has in five seconds.
    for pair in run.moves.windows(2).filter(|pair| pair[1].1.reason == Reason::Calm) {
        assert!(pair[1].0 - pair[0].0 > 60.0, "{:?}", run.moves);
    }
}

/// It had fewer pictures for ten seconds.
#[test]
fn rung_is_tried_again_once_the_processor_keeps_up() {
    let starved = |rung, time| if rung == 0 || time > 10.0 { 1.0 } else { 43.0 };
    let run = Run::with_processor(&Line::constant(3.0 * MBIT), 200.0, &needs(), 1.0 / FPS, starved);
    assert_eq!((run.rung_at(20.0), run.usual_rung(140.0, 200.0)), (0, 2), "{:?}", run.moves);
}

#[test]
fn rung_that_is_known_to_be_starved_is_passed_over() {
    let (start, second) = (Instant::now(), Duration::from_secs(1));
    let period = Duration::from_millis(33);
    // Half of the pictures of the largest size.
    let part = Written {
        at: start + second,
        bytes: 30_000,
        in_flight: period * 2,
        missed: Some(30),
        period,
        full_period: period,
    };
    for (shares, expected) in [
        ([1.0, 1.0, 1.0, 1.0], Some(2)),
        ([1.0, 1.0, 0.02, 1.0], Some(3)),
        ([1.0, 1.0, 0.4, 1.0], Some(2)),
        ([1.0, 0.02, 0.02, 0.02], None),
    ] {
        let needs = || needs().into_iter().zip(shares).map(|(bytes, share)| Need { bytes, share }).collect();
        let moved = Rule::new(SIZES.len(), 0, start).written(part, needs);
        assert_eq!(moved.map(|moved| moved.to), expected, "{shares:?}");
    }
}

#[test]
fn needs_are_computed_only_for_a_move() {
    let (start, period) = (Instant::now(), Duration::from_millis(33));
    let mut rule = Rule::new(SIZES.len(), 0, start);
    for picture in 1..1000 {
        let (at, in_flight) = (start + period * picture, Duration::from_millis(1));
        let part = Written { at, bytes: 30_000, in_flight, missed: Some(0), period, full_period: period };
        assert_eq!(rule.written(part, || unreachable!("the largest picture keeps up")), None);
    }
}

#[test]
fn pause_after_failed_tries_is_bounded_and_forgotten() {
    let mut failures = Failures::default();
    let mut now = Instant::now();
    for _ in 0..10 {
        failures.add(now, Duration::from_secs(20));
        assert!((RELUCTANT..=LONGEST).contains(&failures.pause), "{:?}", failures.pause);
        now += failures.pause;
    }
    assert_eq!(failures.pause, LONGEST);
    failures.add(now + FORGOTTEN * 2, Duration::from_secs(1));
    assert_eq!(failures.pause, PAUSE);
}
