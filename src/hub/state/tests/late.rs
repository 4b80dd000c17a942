//! Callers read the clock before they get the lock. A timer that fires in between must not be lost.

use super::*;

impl World {
    /// Returns the time that a caller read before a timer fired.
    fn read_before(&self, at: u64) -> Instant {
        self.start + ms(at - 1)
    }

    /// Performs the effects and lets time pass.
    fn pass(&mut self) -> usize {
        self.perform_effects();
        self.to(self.now + 20_000);
        self.wakes()
    }
}

#[test]
fn publish_with_a_time_before_the_rate_timer_wakes_the_viewer() {
    let mut world = World::new(OFF);
    let id = world.watch(0, with_interval(100));
    world.publish(0, "1");
    assert_eq!([world.poll(0, id), world.poll(0, id)], ["1", "wait"]);
    world.to(100);
    let time = world.read_before(100);
    world.state.publish(Published::new(Part::text("2").unwrap(), time, SystemTime::UNIX_EPOCH), 0, None, time).unwrap();
    assert_eq!(world.pass(), 1);
}

#[test]
fn poll_with_a_time_before_the_rate_timer_wakes_the_viewer() {
    let mut world = World::new(OFF);
    let id = world.watch(0, with_interval(100));
    world.publish(0, "1");
    assert_eq!(world.poll(0, id), "1");
    world.publish(50, "2");
    world.to(100);
    let time = world.read_before(100);
    assert!(matches!(world.step(false, time, id), Step::Wait));
    assert_eq!(world.pass(), 1);
}

#[test]
fn release_with_a_time_before_the_rate_timer_wakes_the_viewer() {
    let mut world = World::new(OFF);
    let id = world.watch(0, with_interval(100));
    world.publish(0, "1");
    assert_eq!([world.poll_as(true, 0, id), world.poll_as(true, 0, id)], ["1", "wait"]);
    world.publish(50, "2");
    world.to(100);
    world.release_bytes(1, world.read_before(100), id);
    assert_eq!(world.pass(), 1);
}

#[test]
fn task_that_waits_with_a_time_before_the_end_of_the_linger_is_woken() {
    let mut world = World::new(Builder { linger: ms(100), ..OFF });
    let id = world.watch(0, plain());
    world.leave(0, id);
    world.to(100);
    let time = world.read_before(100);
    assert!(world.state.is_wanted(time));
    let place = world.state.for_demand.insert(None);
    world.state.wait_for_demand(place, &Waker::from(Arc::clone(&world.wakes)));
    world.state.set_linger_timer();
    assert_eq!(world.pass(), 1);
}

#[test]
fn snapshot_that_waits_with_a_time_before_its_limit_is_woken() {
    let mut world = World::new(OFF);
    let waker = Waker::from(Arc::clone(&world.wakes));
    let until = world.start + ms(100);
    let place = world.state.start_snapshot(Some(until), &waker, world.start);
    world.perform_effects();
    world.to(100);
    assert_eq!(world.wakes(), 1);
    world.state.wait_for_part(place, Some(until), &waker);
    assert_eq!(world.pass(), 1);
}

/// A timer for each part would cost a tick each, although nothing waits.
#[test]
fn rate_limited_viewer_of_a_slower_source_sets_no_timer() {
    let mut world = World::new(Builder { part_timeout: None, ..OFF });
    let id = world.watch(0, with_interval(50));
    world.publish(100, "1");
    assert_eq!([world.poll(100, id), world.poll(100, id)], ["1", "wait"]);
    assert_eq!(world.timer, None);
}
