//! Rates of parts and bits.

use super::*;
use crate::hub::Rate;

/// A part of 1,000 bytes, which takes as much again on the wire.
const BODY: usize = 1000;
const SENT: u64 = 2000;

impl World {
    fn publish_body(&mut self, now: u64) {
        self.publish(now, &"x".repeat(BODY));
    }

    /// Takes the newest part, if there is one, and releases it.
    fn take(&mut self, now: u64, id: u64) {
        if !["wait", "again"].contains(&self.poll_as(true, now, id).as_str()) {
            self.release_bytes(SENT, self.time(), id);
        }
    }

    /// Returns the rates of the hub, published and delivered, and of each viewer.
    fn rates(&mut self, now: u64) -> Vec<Rate> {
        self.to(now);
        let (stats, viewers) = (self.state.stats(self.time()), self.state.viewers(self.time()));
        let viewers = viewers.iter().map(|viewer| viewer.delivery_rate);
        [stats.publish_rate, stats.delivery_rate].into_iter().chain(viewers).collect()
    }
}

fn assert_rates(rates: &[Rate], expected: &[(f64, f64)], tolerance: f64) {
    assert_eq!(rates.len(), expected.len());
    for (rate, (parts, bits)) in rates.iter().zip(expected) {
        let close = |is: f64, expected: f64| (is - expected).abs() <= tolerance * expected;
        assert!(close(rate.parts_per_second, *parts) && close(rate.bits_per_second, *bits), "{rates:?}: {expected:?}");
    }
}

#[test]
fn rates_are_those_of_the_last_seconds() {
    let mut world = World::new(OFF);
    let (each, half) = (world.watch(0, plain()), world.watch(0, with_interval(80)));
    let run = |world: &mut World, from: u64, to: u64, period: u64| {
        for now in (from..to).step_by(usize::try_from(period).unwrap()) {
            world.publish_body(now);
            world.take(now, each);
            world.take(now, half);
        }
    };
    let steady = |fps: f64, of_half: f64| {
        let bits = |bytes: u64| bytes as f64 * 8.0;
        let (all, body, sent) = (fps + of_half, bits(BODY as u64), bits(SENT));
        [(fps, fps * body), (all, all * sent), (fps, fps * sent), (of_half, of_half * sent)]
    };
    // From the first second on, without a slow start.
    run(&mut world, 0, 1000, 40);
    assert_rates(&world.rates(1000), &steady(25.0, 12.5), 0.05);
    run(&mut world, 1000, 20_000, 40);
    assert_rates(&world.rates(20_000), &steady(25.0, 12.5), 0.05);
    // A change is the rate within seconds, ...
    run(&mut world, 20_000, 40_000, 100);
    assert_rates(&world.rates(40_000), &steady(10.0, 10.0), 0.1);
    // ... silence is less and less, and then nothing.
    let silent = world.rates(45_000);
    assert_rates(&silent, &steady(10.0 / std::f64::consts::E, 10.0 / std::f64::consts::E), 0.1);
    assert_eq!(world.rates(200_000), [Rate::default(); 4]);
}

#[test]
fn rate_of_a_new_viewer_is_not_that_of_the_time_before_it() {
    let mut world = World::new(OFF);
    let early = world.watch(0, plain());
    for now in (0..30_000).step_by(100) {
        world.publish_body(now);
        world.take(now, early);
    }
    let late = world.watch(30_000, plain());
    world.take(30_000, late);
    let one = world.rates(30_000)[3].parts_per_second;
    assert!((0.9..1.2).contains(&one), "the first part at once is one in a second: {one}");
    for now in (30_100..32_000).step_by(100) {
        world.publish_body(now);
        world.take(now, early);
        world.take(now, late);
    }
    let rate = world.rates(32_000)[3].parts_per_second;
    assert!((9.5..10.6).contains(&rate), "{rate}");
}

/// A slow viewer's part may be released long after the poll that sent it.
#[test]
fn part_counts_when_it_is_released() {
    let mut world = World::new(OFF);
    let viewer = world.watch(0, plain());
    world.publish_body(0);
    assert_ne!(world.poll_as(true, 0, viewer), "wait");
    for now in (100..=30_000).step_by(100) {
        world.publish_body(now);
    }
    world.release_bytes(SENT, world.time(), viewer);
    let rate = world.rates(30_000)[2].parts_per_second;
    assert!((0.19..0.21).contains(&rate), "{rate}");
}
