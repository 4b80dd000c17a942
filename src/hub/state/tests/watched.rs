//! Demand, silence, and when the clock is asked to call.

use super::*;

#[test]
fn nobody_is_called_while_nobody_watches() {
    let mut world = World::new(Config {
        pulse: SECOND,
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
fn silence_is_shown_once_and_only_to_who_has_waited_so_long() {
    let mut world = World::new(Config { stale_after: Some((ms(1000), Part::text("no signal").unwrap())), ..OFF });
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
    assert_eq!(world.received_until(12_899, viewer), [(11_900, "3".to_owned())], "each part moves it");
    assert_eq!(world.received_until(15_000, viewer), [(12_900, "no signal".to_owned())]);
    let (latest, age) = world.state.latest(world.time()).unwrap();
    assert_eq!((latest, age), (&Part::text("3").unwrap(), ms(3100)));
}

#[test]
fn a_source_that_never_began_is_silent_too() {
    let mut world = World::new(Config { stale_after: Some((ms(1000), Part::text("no signal").unwrap())), ..OFF });
    let viewer = world.watch(500, plain());
    assert_eq!(world.received_until(3000, viewer), [(1500, "no signal".to_owned())]);
    assert_eq!(world.state.latest(world.time()), None);
}

#[test]
fn an_identical_part_ends_silence_and_puts_it_off() {
    let no_signal = Part::text("no signal").unwrap();
    let mut world = World::new(Config { stale_after: Some((ms(1000), no_signal)), drop_identical: true, ..OFF });
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
fn a_closed_hub_shows_no_silence() {
    let mut world = World::new(Config { stale_after: Some((ms(1000), Part::text("no signal").unwrap())), ..OFF });
    let viewer = world.watch(0, plain());
    world.publish(0, "on");
    assert_eq!(world.poll_as(true, 0, viewer), "on");
    world.state.close(world.time());
    world.perform_effects();
    world.to(5000);
    assert_eq!(world.poll_as(true, 5000, viewer), "Closed");
}

#[test]
fn demand_lingers_and_then_its_end_is_told() {
    let mut world = World::new(Config { linger: ms(1000), ..OFF });
    let viewer = world.watch(0, plain());
    let waker = Waker::from(Arc::clone(&world.wakes));
    let mut place = None;
    let wanted = |world: &World| world.state.is_wanted(world.time());
    world.leave(100, viewer);
    world.state.wait_for_demand(&mut place, &waker);
    let viewer = world.watch(600, plain());
    world.leave(700, viewer);
    world.wakes();
    world.state.wait_for_demand(&mut place, &waker);
    world.to(1699);
    assert_eq!((wanted(&world), world.wakes()), (true, 0));
    world.to(1700);
    assert_eq!((wanted(&world), world.wakes()), (false, 1));
}

#[test]
fn each_alarm_is_set_once_and_moved_only_to_earlier() {
    let mut world = World::new(OFF);
    world.watch(0, with_lifetime(1000));
    assert_eq!(world.timer.take(), Some(world.start + ms(1000)));
    world.watch(0, with_lifetime(2000));
    assert_eq!(world.timer.take(), None);
    world.watch(0, with_lifetime(500));
    assert_eq!(world.timer.take(), Some(world.start + ms(500)));
    world.state.tick(world.start + ms(500));
    world.perform_effects();
    assert_eq!(world.timer, Some(world.start + ms(1000)), "then comes the next");
}
