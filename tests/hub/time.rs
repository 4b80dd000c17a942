//! Timers fire. Their effects are tested in `src/hub/state/tests.rs` with an invented clock.

use std::time::Instant;

use super::*;

/// Polls when woken, as a runtime does, until the stream is ready.
fn wait(viewer: &mut Viewer) -> Option<String> {
    let start = Instant::now();
    loop {
        let wakes = viewer.wakes();
        if let Poll::Ready(chunk) = viewer.poll() {
            return chunk;
        }
        while viewer.wakes() == wakes {
            assert!(start.elapsed() < Duration::from_secs(10), "not woken");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn keep_alive_repeats_the_last_part() {
    let (publisher, hub) = hub::builder().timestamps(false).keep_alive_interval(Duration::from_millis(30)).build();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("on")).unwrap();
    let start = Instant::now();
    assert_eq!(viewer.poll(), first("on"));
    for _ in 0..3 {
        assert_eq!(Poll::Ready(wait(&mut viewer)), next("on"));
    }
    assert!(start.elapsed() >= Duration::from_millis(90));
    assert_eq!(viewer.skipped(), 0);
}

#[test]
fn sends_stale_part_until_the_next_part() {
    let (publisher, hub) = quiet_builder().stale_after(Duration::from_millis(300), text("no signal")).build();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("on")).unwrap();
    assert_eq!(viewer.poll(), first("on"));
    assert_eq!(Poll::Ready(wait(&mut viewer)), next("no signal"));
    assert_eq!(hub.latest(), Some(text("on")));

    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(viewer.poll(), Poll::Pending, "the no-signal part is sent once");
    publisher.publish(text("on")).unwrap();
    assert_eq!(viewer.poll(), next("on"));
}

#[test]
fn lifetime_ends_viewer() {
    let (publisher, hub) = quiet_builder().max_lifetime(Duration::from_secs(3600)).build();
    let of_age = |age| Viewer::of(hub.subscribe(Wire::Script).unwrap().max_lifetime(age));
    let (mut short, mut long) = (of_age(Duration::from_millis(50)), of_age(Duration::from_secs(7200)));
    publisher.publish(text("on")).unwrap();
    let start = Instant::now();
    assert_eq!((short.poll(), long.poll()), (first("on"), first("on")));
    assert_eq!(Poll::Ready(wait(&mut short)), closing());
    assert!(start.elapsed() >= Duration::from_millis(45));
    assert_eq!((short.poll(), long.poll()), (END, Poll::Pending));
    drop(short);
    assert_eq!(hub.stats().ended.expired, 1);
}

#[test]
fn panic_in_a_waker_does_not_stop_timers_of_other_hubs() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("panic in a waker");
        }
    }
    let (publisher, hub) = hub::builder().timestamps(false).keep_alive_interval(Duration::from_millis(10)).build();
    publisher.publish(text("on")).unwrap();
    let mut bad = hub.subscribe(Wire::Machine).unwrap().into_stream();
    let waker = Waker::from(Arc::new(Panics));
    while Pin::new(&mut bad).poll_next(&mut Context::from_waker(&waker)).is_ready() {}
    std::thread::sleep(Duration::from_millis(50));

    let mut good = Viewer::new(&hub);
    assert_eq!(good.poll(), first("on"));
    assert_eq!(Poll::Ready(wait(&mut good)), next("on"));
}
