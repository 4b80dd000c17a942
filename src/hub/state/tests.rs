//! Tests of the state machine with invented time, in milliseconds since the hub's creation.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

mod late;
mod rates;
mod watched;

use test_support::Wakes;

use super::*;
use crate::body::Step;
use crate::hub::seat::offer_next;
use crate::hub::slot::Settings;
use crate::sync::{MutexGuard, keep};

const OFF: Builder = Builder {
    drop_identical: false,
    keep_alive: None,
    linger: Duration::ZERO,
    max_lifetime: None,
    max_snapshots: usize::MAX,
    max_subscribers: usize::MAX,
    min_interval: None,
    name: None,
    part_timeout: Some(Duration::from_secs(30)),
    retry_after: Duration::ZERO,
    stale_after: None,
    timestamps: true,
};

const SECOND: Option<Duration> = Some(ms(1000));

/// A hub's state with an invented clock.
struct World {
    state: State,
    start: Instant,
    now: u64,
    timer: Option<Instant>,
    wakes: Arc<Wakes>,
}

impl World {
    fn new(config: Builder) -> Self {
        let start = Instant::now();
        Self { state: State::new(config), start, now: 0, timer: None, wakes: Arc::default() }
    }

    fn time(&self) -> Instant {
        self.start + ms(self.now)
    }

    /// Advances the time, ticking the hub at its timers.
    fn to(&mut self, now: u64) {
        assert!(now >= self.now);
        while let Some(at) = self.timer.filter(|at| *at <= self.start + ms(now)) {
            self.timer = None;
            self.now = u64::try_from((at - self.start).as_millis()).unwrap();
            self.state.handle_timeout(at);
            self.perform_effects();
        }
        self.now = now;
    }

    /// Performs the effects, as the hub does after unlocking.
    fn perform_effects(&mut self) {
        self.timer = self.timer.into_iter().chain(self.state.poll_timeout()).min();
        if let Some(effects) = self.state.take_effects() {
            effects.perform();
        }
    }

    fn publish(&mut self, now: u64, text: &str) {
        self.to(now);
        let part = Part::text(text.to_owned()).unwrap();
        let identical = self.state.comparable().filter(|latest| latest.part == part);
        let published = Published::new(part, self.time(), SystemTime::UNIX_EPOCH);
        self.state.publish(published, 0, identical.as_ref(), self.time()).unwrap();
        self.perform_effects();
    }

    fn watch(&mut self, now: u64, settings: Settings) -> u64 {
        self.to(now);
        let (id, slot) = self.state.join(Some(Wire::Machine)).unwrap();
        lock(&slot).settings = Some(Box::new(settings));
        self.state.watch(id, |lifetime| lifetime, self.time());
        self.perform_effects();
        id
    }

    fn leave(&mut self, now: u64, id: u64) {
        self.to(now);
        self.state.remove(id, self.time());
        self.perform_effects();
    }

    /// Polls as a server that writes at once.
    fn poll(&mut self, now: u64, id: u64) -> String {
        self.poll_as(false, now, id)
    }

    fn poll_as(&mut self, gated: bool, now: u64, id: u64) -> String {
        self.to(now);
        let step = self.step(gated, self.time(), id);
        self.perform_effects();
        match step {
            Step::End => format!("{:?}", self.slot(id).ended.unwrap()),
            Step::Part(part) => String::from_utf8(part.part.body().to_vec()).unwrap(),
            Step::Repeat => "again".to_owned(),
            Step::Wait => "wait".to_owned(),
        }
    }

    /// Polls at a time that the caller has read, as a seat does.
    fn step(&mut self, gated: bool, time: Instant, id: u64) -> Step<Arc<Published>> {
        let mut slot = self.slot(id);
        let step = slot.poll(gated, &&time);
        if let Step::Wait = step {
            drop(keep(&mut slot.waker, &Waker::from(Arc::clone(&self.wakes))));
        }
        let is_unsettled = slot.is_unsettled();
        drop(slot);
        if is_unsettled {
            self.state.settle(id, time);
        }
        step
    }

    fn slot(&self, id: u64) -> MutexGuard<'_, Slot> {
        lock(&self.state.slots[&id])
    }

    fn release(&mut self, now: u64, id: u64) {
        self.to(now);
        self.release_bytes(1, self.time(), id);
    }

    fn release_bytes(&self, bytes: u64, time: Instant, id: u64) {
        offer_next(&self.state.slots[&id], &&time, |slot| {
            slot.count(bytes);
            slot.release(&&time);
        });
    }

    /// Returns how often viewers were woken since the previous call.
    fn wakes(&self) -> usize {
        self.wakes.take()
    }

    /// Returns everything that a fast viewer receives until a time, with the times.
    fn received_until(&mut self, end: u64, id: u64) -> Vec<(u64, String)> {
        let mut received = Vec::new();
        for now in self.now..=end {
            let parts = std::iter::repeat_with(|| self.poll(now, id)).take_while(|part| part != "wait");
            received.extend(parts.map(|part| (now, part)));
        }
        received
    }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn plain() -> Settings {
    Settings::default()
}

fn with_interval(interval: u64) -> Settings {
    Settings { min_interval: Some(ms(interval)), ..plain() }
}

fn with_lifetime(max_lifetime: u64) -> Settings {
    Settings { max_lifetime: Some(ms(max_lifetime)), ..plain() }
}

/// Returns the times at which a viewer receives parts of a source that publishes at the given
/// times. Each part must be the newest.
fn receive_times(interval: u64, source: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut world = World::new(OFF);
    let viewer = world.watch(0, with_interval(interval));
    let mut times = Vec::new();
    let mut newest = String::new();
    let mut source = source.peekable();
    for now in 0..10_000 {
        while source.next_if(|at| *at <= now).is_some() {
            newest = now.to_string();
            world.publish(now, &newest);
        }
        world.to(now);
        // A viewer polls when it is woken.
        if now == 0 || world.wakes() > 0 {
            for (now, part) in world.received_until(now, viewer) {
                assert_eq!(part, newest);
                times.push(now);
            }
        }
    }
    times
}

#[test]
fn rate_limit_is_exact_on_average() {
    for (fps, cap) in [(30, 10), (25, 10), (15, 10), (11, 10), (60, 7), (30, 29), (1000, 50)] {
        let times = receive_times(1000 / cap, (0..).map(|n| n * 1000 / fps));
        let (count, expected) = (times.len() as u64, 10_000 / (1000 / cap));
        assert!(count.abs_diff(expected) <= 1 + expected / 50, "{fps} -> {cap}: {count}");
        let longest = times.windows(2).map(|two| two[1] - two[0]).max().unwrap();
        assert!(longest <= 1000 / cap + 1000 / fps + 1, "{fps} -> {cap}: {longest} ms");
    }
}

#[test]
fn rate_limit_at_source_rate_tolerates_jitter() {
    let jitter = [0, 7, 3, 9, 1, 5, 8, 2];
    let times = receive_times(100, (0..100).zip(jitter.into_iter().cycle()).map(|(n, jitter)| n * 100 + jitter));
    assert_eq!(times.len(), 100);
}

#[test]
fn stream_ends_when_its_access_expires() {
    let mut world = World::new(OFF);
    world.publish(0, "on");
    let at = |ms| Some(world.time() + Duration::from_millis(ms));
    let (settings, late) =
        (Settings { expires: at(500), ..with_lifetime(900) }, Settings { expires: at(0), ..plain() });
    let (viewer, late) = (world.watch(0, settings), world.watch(0, late));
    assert_eq!((world.poll(0, viewer), world.poll(499, viewer)), ("on".into(), "wait".into()));
    assert_eq!(world.poll(500, viewer), "Expired");
    assert_eq!(world.poll(500, late), "Expired", "without the part");
    assert_eq!((world.state.stats.viewers, world.state.stats.ended.expired), (0, 2));
}

#[test]
fn skips_for_the_rate_are_told_from_those_of_slow_viewers() {
    let mut world = World::new(OFF);
    let (slow, quick) = (world.watch(0, with_interval(100)), world.watch(0, with_interval(100)));
    world.publish(0, "1");
    assert_eq!(
        (world.poll_as(true, 0, slow), world.poll(0, quick), world.poll(0, quick)),
        ("1".into(), "1".into(), "wait".into())
    );
    world.publish(10, "2");
    world.publish(20, "3");
    world.release(30, slow);
    assert_eq!(world.poll_as(true, 30, slow), "wait");
    world.publish(40, "4");
    world.publish(50, "5");
    assert_eq!((world.poll_as(true, 100, slow), world.poll(100, quick)), ("5".into(), "5".into()));
    let skipped = [slow, quick].map(|id| world.slot(id).viewer(world.time()).unwrap());
    // 3 was the newest when the slow one had taken 1.
    assert_eq!(skipped.map(|viewer| (viewer.parts_skipped, viewer.parts_limited)), [(3, 2), (3, 3)]);
    let stats = world.state.stats(world.time());
    assert_eq!((stats.parts_skipped, stats.parts_limited), (6, 5));
}

#[test]
fn rate_limit_does_not_delay_slower_source() {
    let times = receive_times(100, (0..20).map(|n| n * 500));
    assert_eq!(times, (0..20).map(|n| n * 500).collect::<Vec<_>>());
}

#[test]
fn rate_limit_delivers_newest_part_of_silent_source() {
    let times = receive_times(100, [0, 10, 20].into_iter());
    assert_eq!(times, [0, 100]);
}

#[test]
fn counts_skipped_parts_after_first_delivery() {
    let mut world = World::new(OFF);
    world.publish(0, "1");
    world.publish(1, "2");
    let viewer = world.watch(2, plain());
    assert_eq!((world.poll(2, viewer).as_str(), world.slot(viewer).skipped), ("2", 0));
    for part in ["3", "4", "5"] {
        world.publish(3, part);
    }
    assert_eq!((world.poll(4, viewer).as_str(), world.slot(viewer).skipped), ("5", 2));
    assert_eq!((world.poll(4, viewer).as_str(), world.state.stats(world.time()).parts_skipped), ("wait", 2));
}

#[test]
fn version_increases_with_each_sent_part() {
    let mut world = World::new(Builder {
        drop_identical: true,
        stale_after: Some((ms(100), Part::text("no signal").unwrap())),
        ..OFF
    });
    let viewer = world.watch(0, plain());
    let mut versions = vec![world.state.version()];
    world.publish(0, "on");
    versions.push(world.state.version());
    world.to(100);
    versions.push(world.state.version());
    world.publish(100, "on");
    versions.push(world.state.version());
    assert_eq!(versions, [0, 1, 2, 3]);
    world.publish(101, "on");
    assert_eq!(world.state.version(), 3, "an identical part is not received");
    world.leave(102, viewer);
}

#[test]
fn snapshot_of_stale_hub_is_no_signal() {
    let config = || Builder { stale_after: Some((ms(100), Part::text("no signal").unwrap())), ..OFF };
    let snapshot = |world: &World, unanswered| {
        let dated = world.state.dated(unanswered, world.time())?;
        Some((String::from_utf8(dated.part.body().to_vec()).unwrap(), dated.age.as_millis(), dated.stale))
    };
    let on = |age| Some(("on".to_owned(), age, false));
    let no_signal = |age| Some(("no signal".to_owned(), age, true));

    let mut world = World::new(config());
    assert_eq!((snapshot(&world, false), snapshot(&world, true)), (None, None));
    world.publish(0, "on");
    world.to(99);
    assert_eq!((snapshot(&world, false), snapshot(&world, true)), (on(99), on(99)));
    world.to(500);
    assert_eq!(snapshot(&world, false), on(500), "unwatched, so the camera may sleep");
    assert_eq!(snapshot(&world, true), no_signal(400), "waited in vain");
    let viewer = world.watch(500, plain());
    world.to(610);
    assert_eq!((snapshot(&world, false), snapshot(&world, true)), (no_signal(10), no_signal(10)), "same as its viewer");
    world.publish(620, "on");
    assert_eq!((snapshot(&world, false), snapshot(&world, true)), (on(0), on(0)));
    world.state.close(world.time());
    world.leave(700, viewer);
    assert_eq!(snapshot(&world, false), on(80));
    world.to(725);
    assert_eq!(snapshot(&world, false), no_signal(5), "a closed hub counts unwatched silence");
}

#[test]
fn keep_alive_repeats_once_per_idle_period() {
    let mut world = World::new(Builder { keep_alive: SECOND, ..OFF });
    let viewer = world.watch(0, plain());
    assert_eq!(world.received_until(1500, viewer), [], "nothing to repeat");
    world.publish(1500, "on");
    let again = |at| (at, "again".to_owned());
    let received = world.received_until(5000, viewer);
    assert_eq!(received, [(1500, "on".to_owned()), again(2500), again(3500), again(4500)]);
    world.publish(5100, "off");
    let received = world.received_until(7500, viewer);
    assert_eq!(received, [(5100, "off".to_owned()), again(6000), again(7000)], "a new part postpones it");
}

#[test]
fn pulse_of_the_keep_alive_keeps_a_later_time_that_waits() {
    let mut world = World::new(Builder { keep_alive: SECOND, drop_identical: true, ..OFF });
    let viewer = world.watch(0, Settings { renewals: true, ..plain() });
    world.publish(0, "on");
    assert_eq!((world.poll(0, viewer), world.poll(0, viewer)), ("on".into(), "wait".into()));
    world.publish(100, "on");
    assert_eq!(world.wakes(), 1);
    assert_eq!((world.poll(200, viewer), world.poll(200, viewer)), ("again".into(), "wait".into()));
}

#[test]
fn two_repeats_follow_within_two_periods() {
    for last in 1000..1250 {
        let mut world = World::new(Builder { keep_alive: SECOND, ..OFF });
        let viewer = world.watch(0, plain());
        world.publish(last, "on");
        let received = world.received_until(last + 2000, viewer);
        let [(_, _), (first, _), (second, _)] = &received[..] else { panic!("{received:?}") };
        assert!((875..=1000).contains(&(first - last)) && *second == first + 1000, "{received:?}");
    }
}

#[test]
fn keep_alive_wakes_only_idle_viewers() {
    let mut world = World::new(Builder { keep_alive: SECOND, ..OFF });
    let (idle, stuck) = (world.watch(0, plain()), world.watch(0, plain()));
    world.publish(0, "on");
    assert_eq!((world.poll(0, idle), world.poll(0, idle)), ("on".into(), "wait".into()));
    assert_eq!((world.poll_as(true, 0, stuck), world.poll_as(true, 0, stuck)), ("on".into(), "wait".into()));
    world.wakes();
    world.to(999);
    assert_eq!(world.wakes(), 0);
    world.to(1000);
    assert_eq!(world.wakes(), 1);
    assert_eq!((world.poll(1000, idle), world.poll_as(true, 1000, stuck)), ("again".into(), "wait".into()));

    world.release(2500, stuck);
    assert_eq!(world.poll_as(true, 3499, stuck), "wait", "just written");
    assert_eq!(world.poll_as(true, 3500, stuck), "again");
}

#[test]
fn new_part_replaces_due_keep_alive() {
    let mut world = World::new(Builder { keep_alive: SECOND, ..OFF });
    let viewer = world.watch(0, plain());
    world.publish(0, "on");
    assert_eq!((world.poll(0, viewer), world.poll(0, viewer)), ("on".into(), "wait".into()));
    world.to(2000);
    world.publish(2000, "off");
    assert_eq!((world.poll(2000, viewer), world.poll(2000, viewer)), ("off".into(), "wait".into()));
}

#[test]
fn rate_limit_does_not_delay_keep_alive() {
    let mut world = World::new(Builder { keep_alive: SECOND, ..OFF });
    let viewer = world.watch(0, with_interval(60_000));
    world.publish(0, "on");
    assert_eq!(world.poll(0, viewer), "on");
    world.publish(1, "off");
    assert_eq!(world.poll(1, viewer), "wait");
    world.wakes();
    world.to(2000);
    assert_eq!(world.wakes(), 1);
    assert_eq!((world.poll(2000, viewer), world.poll(2000, viewer)), ("again".into(), "wait".into()));
    world.to(59_999);
    assert_eq!(world.poll(59_999, viewer), "again");
    assert_eq!(world.poll(60_000, viewer), "off");
}

#[test]
fn rate_limit_does_not_delay_expiry() {
    let mut world = World::new(OFF);
    let viewer = world.watch(0, Settings { max_lifetime: Some(ms(500)), ..with_interval(60_000) });
    world.publish(0, "on");
    assert_eq!(world.poll(0, viewer), "on");
    world.publish(1, "off");
    assert_eq!(world.poll(1, viewer), "wait");
    world.wakes();
    world.to(500);
    assert_eq!((world.wakes(), world.poll(500, viewer)), (1, "Expired".into()));
}

#[test]
fn identical_parts_do_not_postpone_keep_alive() {
    let mut world = World::new(Builder { keep_alive: SECOND, drop_identical: true, ..OFF });
    let viewer = world.watch(0, plain());
    let mut received = Vec::new();
    for now in 0..4000 {
        if now % 100 == 0 {
            world.publish(now, "on");
        }
        received.extend(world.received_until(now, viewer));
    }
    let received: Vec<_> = received.iter().map(|(at, part)| (*at, part.as_str())).collect();
    assert_eq!(received, [(0, "on"), (1000, "again"), (2000, "again"), (3000, "again")]);
}

#[test]
fn lifetime_ends_waiting_and_stuck_viewers() {
    let mut world = World::new(OFF);
    let (waiting, stuck) = (world.watch(0, with_lifetime(100)), world.watch(0, with_lifetime(200)));
    world.publish(0, "on");
    assert_eq!((world.poll(0, waiting), world.poll(0, waiting)), ("on".into(), "wait".into()));
    assert_eq!((world.poll_as(true, 0, stuck), world.poll_as(true, 0, stuck)), ("on".into(), "wait".into()));
    world.wakes();
    world.to(99);
    assert_eq!(world.wakes(), 0);
    world.to(100);
    assert_eq!((world.wakes(), world.poll(100, waiting)), (1, "Expired".into()));
    world.to(199);
    assert_eq!(world.wakes(), 0);
    world.to(200);
    assert_eq!((world.wakes(), world.poll_as(true, 200, stuck)), (1, "Expired".into()), "part in flight");
    world.leave(200, waiting);
    world.leave(200, stuck);
    assert_eq!(world.state.stats(world.time()).ended.expired, 2);
}

#[test]
fn part_timeout_ends_viewer() {
    let mut world = World::new(Builder { part_timeout: Some(ms(1000)), ..OFF });
    let viewer = world.watch(0, plain());
    for at in [0, 900, 1800] {
        world.publish(at, "on");
        assert_eq!(world.poll_as(true, at, viewer), "on", "each part has its own deadline");
        world.publish(at + 1, "off");
        assert_eq!(world.poll_as(true, at + 1, viewer), "wait");
        world.release(at + 899, viewer);
        assert_eq!(world.poll_as(true, at + 899, viewer), "off");
        world.release(at + 899, viewer);
    }
    world.publish(2700, "on");
    assert_eq!((world.poll_as(true, 2700, viewer), world.poll_as(true, 2700, viewer)), ("on".into(), "wait".into()));
    world.wakes();
    world.to(3699);
    assert_eq!(world.wakes(), 0);
    world.to(3700);
    assert_eq!((world.wakes(), world.poll_as(true, 3700, viewer)), (1, "Expired".into()));
}

#[test]
fn part_timeout_applies_to_polled_streams() {
    let mut world = World::new(Builder { part_timeout: Some(ms(1000)), ..OFF });
    let (slow, slower) = (world.watch(0, plain()), world.watch(0, plain()));
    world.publish(0, "on");
    assert_eq!((world.poll(0, slow), world.poll(0, slower)), ("on".into(), "on".into()));
    world.publish(1, "off");
    assert_eq!(world.poll(999, slow), "off");
    assert_eq!(world.poll(1000, slower), "Expired");
    assert_eq!(world.poll(1500, slow), "wait");
    assert_eq!(world.poll(10_000, slow), "wait", "a waiting viewer is not slow");
}

#[test]
fn part_compared_with_an_older_one_is_new() {
    let mut world = World::new(Builder { drop_identical: true, ..OFF });
    world.publish(0, "on");
    let compared = world.state.comparable();
    world.publish(1, "off");
    let on = Published::new(Part::text("on").unwrap(), world.time(), SystemTime::UNIX_EPOCH);
    world.state.publish(on, 0, compared.as_ref(), world.time()).unwrap();
    assert_eq!(world.state.stats(world.time()).parts_identical, 0);
    let viewer = world.watch(1, plain());
    assert_eq!(world.poll(1, viewer), "on");
}

/// Each part counts once for each viewer, and a repeat does not.
#[cfg(feature = "histogram")]
#[test]
fn measures_time_from_capture_to_release() {
    let mut world = World::new(Builder { keep_alive: Some(ms(80)), ..OFF });
    let viewer = world.watch(0, plain());
    world.publish(0, "on");
    assert_eq!(world.poll(10, viewer), "on");
    world.release(40, viewer);
    let latency = |world: &World| world.state.stats(world.time()).latency.unwrap();
    assert_eq!(latency(&world).parts, 1);
    assert!((ms(40)..ms(41)).contains(&latency(&world).p50), "{:?}", latency(&world));
    world.to(500);
    assert_eq!(world.poll(500, viewer), "again");
    world.release(900, viewer);
    assert_eq!(latency(&world).parts, 1);
}
