//! Snapshots: a single part that is fresh enough.

use std::future::Future as _;

use std::time::SystemTime;

use mixed_replace::hub::{DatedPart, SnapshotFuture};

use super::*;

const EVER: Duration = Duration::MAX;
const NOW: Duration = Duration::ZERO;

/// Polls, and returns only the part.
fn poll(snapshot: &mut SnapshotFuture) -> Poll<Option<Part>> {
    dated(snapshot).map(|dated| dated.map(|dated| dated.part))
}

fn dated(snapshot: &mut SnapshotFuture) -> Poll<Option<DatedPart>> {
    Pin::new(snapshot).poll(&mut Context::from_waker(Waker::noop()))
}

/// Sleeps for more than a millisecond.
fn later() {
    std::thread::sleep(Duration::from_millis(2));
}

#[test]
fn fresh_part_resolves_at_once() {
    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    assert_eq!(poll(&mut hub.snapshot(EVER)), Poll::Ready(Some(text("on"))));
    assert!(!publisher.demand().is_wanted());
}

#[test]
fn stale_part_waits_for_the_next_one() {
    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    std::thread::sleep(Duration::from_millis(1));
    let mut snapshot = hub.snapshot(NOW);
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    publisher.publish(text("off")).unwrap();
    assert_eq!(poll(&mut snapshot), Poll::Ready(Some(text("off"))));
}

#[test]
fn identical_part_counts_as_fresh() {
    let (publisher, hub) = quiet_builder().drop_identical(true).build();
    publisher.publish(text("on")).unwrap();
    std::thread::sleep(Duration::from_millis(1));
    let mut snapshot = hub.snapshot(NOW);
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    publisher.publish(text("on")).unwrap();
    assert_eq!(poll(&mut snapshot), Poll::Ready(Some(text("on"))));
}

#[test]
fn waiting_snapshot_is_demand() {
    let (publisher, hub) = quiet();
    let demand = publisher.demand();
    let mut snapshot = hub.snapshot(EVER);
    assert!(!demand.is_wanted());
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    assert!(demand.is_wanted());
    assert_eq!(hub.stats().viewers, 0);
    drop(snapshot);
    assert!(!demand.is_wanted(), "no snapshot waits any longer");
}

#[test]
fn resolved_snapshot_is_no_demand() {
    let (publisher, hub) = quiet();
    let demand = publisher.demand();
    let mut snapshot = hub.snapshot(EVER);
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    publisher.publish(text("on")).unwrap();
    assert!(poll(&mut snapshot).is_ready());
    assert!(!demand.is_wanted(), "no demand although the future still exists");
}

#[test]
fn snapshot_loop_ends_with_the_hub() {
    let (publisher, hub) = quiet();
    let mut snapshot = hub.snapshot(NOW);
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    drop(publisher);
    assert_eq!(poll(&mut snapshot), Poll::Ready(None));

    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    drop(publisher);
    later();
    assert_eq!(poll(&mut hub.snapshot(NOW)), Poll::Ready(None), "the part is too old");
    assert_eq!(poll(&mut hub.snapshot(EVER)), Poll::Ready(Some(text("on"))));
    assert_eq!(poll(&mut hub.snapshot(NOW).or_latest_after(EVER)), Poll::Ready(Some(text("on"))), "at once");
    assert_eq!(hub.latest(), Some(text("on")));
}

#[test]
fn part_published_during_snapshot_survives_close() {
    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    later();
    let mut snapshot = hub.snapshot(NOW);
    assert_eq!(poll(&mut snapshot), Poll::Pending);
    publisher.publish(text("last")).unwrap();
    drop(publisher);
    later();
    assert_eq!(poll(&mut snapshot), Poll::Ready(Some(text("last"))));
}

#[test]
fn snapshot_carries_publish_time() {
    let (publisher, hub) = quiet_builder().drop_identical(true).build();
    let before = SystemTime::now();
    publisher.publish(text("on")).unwrap();
    let after = SystemTime::now();
    later();
    let Poll::Ready(Some(first)) = dated(&mut hub.snapshot(EVER)) else { panic!("the latest part") };
    assert!(before <= first.modified && first.modified <= after);
    assert!(first.age >= Duration::from_millis(2) && !first.stale, "{first:?}");

    publisher.publish(text("on")).unwrap();
    let Poll::Ready(Some(again)) = dated(&mut hub.snapshot(EVER)) else { panic!("the latest part") };
    assert_eq!(again.modified, first.modified, "the same part");
}

#[test]
fn snapshot_of_unresponsive_stale_hub_is_no_signal() {
    let (publisher, hub) = quiet_builder().stale_after(Duration::from_millis(1), text("no signal")).build();
    publisher.publish(text("on")).unwrap();
    later();
    let at_once = || hub.snapshot(NOW).or_latest_after(Duration::ZERO);
    let mut waiting = hub.snapshot(NOW).or_latest_after(Duration::from_nanos(1));
    assert_eq!(poll(&mut waiting), Poll::Pending);
    later();
    let Poll::Ready(Some(latest)) = dated(&mut waiting) else { panic!("the limit has passed") };
    assert_eq!((latest.part, latest.stale), (text("no signal"), true));
    drop(waiting);

    publisher.publish(text("on again")).unwrap();
    let Poll::Ready(Some(latest)) = dated(&mut hub.snapshot(EVER)) else { panic!("the latest part") };
    assert_eq!((latest.part, latest.stale), (text("on again"), false));
    drop(publisher);
    later();
    let Poll::Ready(Some(latest)) = dated(&mut at_once()) else { panic!("the hub is closed") };
    assert_eq!((latest.part, latest.stale), (text("no signal"), true), "a closed hub stays stale");
}

#[test]
fn strict_snapshot_of_a_hub_without_parts_is_what_its_viewers_get() {
    let (_publisher, hub) = quiet_builder().stale_after(Duration::from_millis(100), text("no signal")).build();
    // Its limit has passed at the second poll.
    let strict = || {
        let mut snapshot = hub.snapshot(NOW).or_no_signal_after(Duration::ZERO);
        assert_eq!(dated(&mut snapshot), Poll::Pending);
        dated(&mut snapshot)
    };
    assert_eq!(strict(), Poll::Ready(None));
    let mut viewer = Viewer::new(&hub);
    let mut sent = String::new();
    while !sent.contains("no signal") {
        if let Poll::Ready(Some(bytes)) = viewer.poll() {
            sent.push_str(&bytes);
        }
        later();
    }
    let Poll::Ready(Some(latest)) = strict() else { panic!("as the viewer") };
    assert_eq!((latest.part, latest.stale), (text("no signal"), true));
}

#[test]
fn snapshot_of_a_silent_hub_waits_no_longer_than_stale_after() {
    let (publisher, hub) = quiet_builder().stale_after(Duration::from_millis(1), text("no signal")).build();
    publisher.publish(text("on")).unwrap();
    later();
    for _ in 0..2 {
        let mut waiting = hub.snapshot(NOW).or_latest_after(EVER);
        assert_eq!(poll(&mut waiting), Poll::Pending);
        later();
        let Poll::Ready(Some(latest)) = dated(&mut waiting) else { panic!("the limit has passed") };
        assert_eq!((latest.part, latest.stale), (text("no signal"), true));
    }
}

#[test]
fn wakes_all_waiting_snapshots_but_cancelled_ones() {
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
    assert_eq!(wakes.count(), 2);
    assert_eq!(Arc::strong_count(&wakes), 2);
}

#[test]
fn lets_at_most_max_snapshots_wait() {
    let (publisher, hub) = quiet_builder().max_snapshots(2).build();
    let limited = |max_age| hub.snapshot(max_age).or_latest_after(EVER);
    let mut waiting = [limited(NOW), limited(NOW)];
    for snapshot in &mut waiting {
        assert_eq!(poll(snapshot), Poll::Pending);
    }
    assert_eq!(poll(&mut limited(NOW)), Poll::Ready(None), "no part yet");
    publisher.publish(text("on")).unwrap();
    assert_eq!(poll(&mut limited(EVER)), Poll::Ready(Some(text("on"))), "no wait");
    later();
    assert_eq!(poll(&mut limited(NOW)), Poll::Ready(Some(text("on"))));
    for snapshot in &mut waiting {
        assert_eq!(poll(snapshot), Poll::Ready(Some(text("on"))));
    }
    assert_eq!(poll(&mut limited(NOW)), Poll::Pending, "the places are free again");
}

#[test]
fn snapshot_that_may_not_wait_returns_no_part_older_than_stale_after() {
    let stale_after = Duration::from_millis(20);
    let (publisher, hub) = quiet_builder().max_snapshots(0).stale_after(stale_after, text("no signal")).build();
    publisher.publish(text("on")).unwrap();
    std::thread::sleep(2 * stale_after);
    let Poll::Ready(Some(dated)) = dated(&mut hub.snapshot(NOW).or_latest_after(EVER)) else { panic!("it waits") };
    assert!(dated.stale, "{dated:?}");
    assert_eq!(dated.part, text("no signal"));
}

#[test]
fn snapshot_without_a_limit_waits_on_a_full_hub() {
    let (publisher, hub) = quiet_builder().max_snapshots(0).build();
    let mut recorder = hub.snapshot(NOW);
    assert_eq!(poll(&mut recorder), Poll::Pending);
    publisher.publish(text("on")).unwrap();
    assert_eq!(poll(&mut recorder), Poll::Ready(Some(text("on"))));
}
