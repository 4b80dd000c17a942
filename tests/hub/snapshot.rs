//! One part, fresh enough.

use std::future::Future as _;

use mixed_replace::hub::Snapshot;

use super::*;

const EVER: Duration = Duration::MAX;
const NOW: Duration = Duration::ZERO;

fn poll(snapshot: &mut Snapshot) -> Poll<Option<Part>> {
    Pin::new(snapshot).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_fresh_part_is_there_at_once() {
    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    assert_eq!(poll(&mut hub.snapshot(EVER)), Poll::Ready(Some(text("on"))));
    assert!(!publisher.demand().is_wanted());
}

#[test]
fn a_stale_part_is_not_fresh_enough_but_the_next_one_is() {
    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    std::thread::sleep(Duration::from_millis(1));
    let mut snapshot = hub.snapshot(NOW);
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    publisher.publish(text("off")).unwrap();
    assert_eq!(poll(&mut snapshot), Poll::Ready(Some(text("off"))));
}

#[test]
fn an_identical_part_is_fresh() {
    let (publisher, hub) = still().drop_identical(true).build();
    publisher.publish(text("on")).unwrap();
    std::thread::sleep(Duration::from_millis(1));
    let mut snapshot = hub.snapshot(NOW);
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    publisher.publish(text("on")).unwrap();
    assert_eq!(poll(&mut snapshot), Poll::Ready(Some(text("on"))));
}

#[test]
fn it_counts_as_demand_while_it_waits() {
    let (publisher, hub) = quiet();
    let demand = publisher.demand();
    let mut snapshot = hub.snapshot(EVER);
    assert!(!demand.is_wanted());
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    assert!(demand.is_wanted());
    assert_eq!(hub.stats().viewers, 0);
    drop(snapshot);
    assert!(!demand.is_wanted(), "nobody waits any longer");
}

#[test]
fn a_snapshot_that_has_its_part_is_no_demand() {
    let (publisher, hub) = quiet();
    let demand = publisher.demand();
    let mut snapshot = hub.snapshot(EVER);
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    publisher.publish(text("on")).unwrap();
    assert!(poll(&mut snapshot).is_ready());
    assert!(!demand.is_wanted(), "though the future is still there");
}

#[test]
fn a_closed_hub_gives_what_it_has() {
    let (publisher, hub) = quiet();
    let mut snapshot = hub.snapshot(NOW);
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    drop(publisher);
    assert_eq!(poll(&mut snapshot), Poll::Ready(None));

    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    drop(publisher);
    assert_eq!(poll(&mut hub.snapshot(NOW)), Poll::Ready(Some(text("on"))));
    assert_eq!(hub.latest(), Some(text("on")));
}

#[test]
fn all_who_wait_are_woken_and_who_left_is_forgotten() {
    let (publisher, hub) = quiet();
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut waiting: Vec<_> = (0..3).map(|_| hub.snapshot(EVER)).collect();
    for snapshot in &mut waiting {
        assert!(Pin::new(snapshot).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&wakes), 5);
    waiting.pop();
    assert_eq!(Arc::strong_count(&wakes), 4);
    publisher.publish(text("on")).unwrap();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
    assert_eq!(Arc::strong_count(&wakes), 2);
}
