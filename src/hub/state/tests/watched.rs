//! Demand, staleness, and timers.

use super::*;

#[test]
fn unwatched_hub_sets_no_timer() {
    let mut world = World::new(Builder {
        keep_alive: SECOND,
        linger: ms(100),
        stale_after: Some((ms(5000), Part::text("no signal").unwrap())),
        ..OFF
    });
    world.publish(0, "on");
    assert_eq!(world.timer, None);
    let viewer = world.watch(0, plain());
    world.leave(500, viewer);
    world.to(2000);
    assert_eq!(world.timer, None);
    world.watch(2000, plain());
    assert_eq!(world.timer, Some(world.start + ms(2125)));
}

#[test]
fn stale_part_is_sent_once_after_watched_silence() {
    let mut world = World::new(Builder { stale_after: Some((ms(1000), Part::text("no signal").unwrap())), ..OFF });
    world.publish(0, "1");
    world.to(5000);
    let viewer = world.watch(5000, plain());
    let received = world.received_until(9000, viewer);
    assert_eq!(received, [(5000, "1".to_owned()), (6000, "no signal".to_owned())]);
    let late = world.watch(9000, plain());
    assert_eq!(world.received_until(11_000, late), [(9000, "no signal".to_owned())]);

    world.publish(11_000, "2");
    assert_eq!(world.received_until(11_500, viewer), [(11_000, "2".to_owned())]);
    world.publish(11_900, "3");
    assert_eq!(world.received_until(12_899, viewer), [(11_900, "3".to_owned())], "each part postpones it");
    assert_eq!(world.received_until(15_000, viewer), [(12_900, "no signal".to_owned())]);
    let (latest, age) = world.state.latest(world.time()).unwrap();
    assert_eq!((latest, age), (&Part::text("3").unwrap(), ms(3100)));
}

#[test]
fn stale_part_is_sent_without_any_published_part() {
    let mut world = World::new(Builder { stale_after: Some((ms(1000), Part::text("no signal").unwrap())), ..OFF });
    let viewer = world.watch(500, plain());
    assert_eq!(world.received_until(3000, viewer), [(1500, "no signal".to_owned())]);
    assert_eq!(world.state.latest(world.time()), None);
}

#[test]
fn identical_part_resets_staleness() {
    let no_signal = Part::text("no signal").unwrap();
    let mut world = World::new(Builder { stale_after: Some((ms(1000), no_signal)), drop_identical: true, ..OFF });
    let viewer = world.watch(0, plain());
    world.publish(0, "on");
    world.publish(900, "on");
    let received = world.received_until(1899, viewer);
    assert_eq!(received, [(900, "on".to_owned())]);
    assert_eq!(world.received_until(2500, viewer), [(1900, "no signal".to_owned())]);
    world.publish(2500, "on");
    assert_eq!(world.received_until(3000, viewer), [(2500, "on".to_owned())]);
}

#[test]
fn closed_hub_does_not_become_stale() {
    let mut world = World::new(Builder { stale_after: Some((ms(1000), Part::text("no signal").unwrap())), ..OFF });
    let viewer = world.watch(0, plain());
    world.publish(0, "on");
    assert_eq!(world.poll_as(true, 0, viewer), "on");
    world.state.close(world.time());
    world.perform_effects();
    world.to(5000);
    assert_eq!(world.poll_as(true, 5000, viewer), "Closed");
}

#[test]
fn end_of_linger_wakes_waiters() {
    let mut world = World::new(Builder { linger: ms(1000), ..OFF });
    let viewer = world.watch(0, plain());
    let waker = Waker::from(Arc::clone(&world.wakes));
    let place = world.state.for_demand.insert(None);
    let is_wanted = |world: &World| world.state.is_wanted(world.time());
    world.leave(100, viewer);
    world.state.wait_for_demand(place, &waker);
    let viewer = world.watch(600, plain());
    world.leave(700, viewer);
    world.wakes();
    world.state.wait_for_demand(place, &waker);
    world.to(1699);
    assert_eq!((is_wanted(&world), world.wakes()), (true, 0));
    world.to(1700);
    assert_eq!((is_wanted(&world), world.wakes()), (false, 1));
}

#[test]
fn timer_moves_only_earlier() {
    let mut world = World::new(OFF);
    world.watch(0, with_lifetime(1000));
    assert_eq!(world.timer.take(), Some(world.start + ms(1000)));
    world.watch(0, with_lifetime(2000));
    assert_eq!(world.timer.take(), None);
    world.watch(0, with_lifetime(500));
    assert_eq!(world.timer.take(), Some(world.start + ms(500)));
    world.state.handle_timeout(world.start + ms(500));
    world.perform_effects();
    assert_eq!(world.timer, Some(world.start + ms(1000)), "the next one");
}

#[test]
fn snapshot_limit_wakes_only_its_snapshot() {
    let mut world = World::new(OFF);
    let wakers = [(); 100].map(|()| Arc::new(Wakes::default()));
    for (at, wakes) in (1..).zip(&wakers) {
        let (until, waker) = (world.start + ms(at), Waker::from(Arc::clone(wakes)));
        world.state.start_snapshot(Some(until), &waker, world.time());
        world.perform_effects();
    }
    let woken = || wakers.iter().map(|wakes| wakes.count()).collect::<Vec<_>>();
    world.to(50);
    assert_eq!(woken(), [[1; 50], [0; 50]].concat());
    world.state.end_snapshot(60, world.time());
    world.to(1000);
    assert_eq!(woken(), [&[1; 60][..], &[0], &[1; 39]].concat(), "one was cancelled");
    assert_eq!(world.timer, None);
}

#[test]
fn rate_limit_sets_a_timer_for_its_viewer() {
    let mut world = World::new(OFF);
    let viewer = world.watch(0, with_interval(100));
    world.publish(0, "1");
    assert_eq!((world.poll(0, viewer), world.poll(0, viewer)), ("1".into(), "wait".into()));
    world.wakes();
    world.to(100);
    assert_eq!(world.wakes(), 0, "nothing new");
    world.publish(150, "2");
    assert_eq!((world.wakes(), world.poll(150, viewer), world.poll(150, viewer)), (1, "2".into(), "wait".into()));
    world.publish(160, "3");
    assert_eq!(world.wakes(), 0);
    world.to(250);
    assert_eq!((world.wakes(), world.poll(250, viewer)), (1, "3".into()));
    world.leave(251, viewer);
    world.to(1000);
    world.publish(1000, "4");
    assert_eq!(world.wakes(), 0);
}
