//! The limit of viewers, keys, revocation and rate limits.

use std::time::Instant;

use super::*;

#[test]
fn full_hub_rejects_new_viewers() {
    let (publisher, hub) = quiet_builder().max_subscribers(2).retry_after(Duration::from_secs(7)).build();
    let (one, two) = (hub.subscribe(Wire::Script).unwrap(), Viewer::new(&hub));
    let refused = hub.subscribe(Wire::Script).unwrap_err();
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(refused.to_string(), "too many viewers, try again in 7 s");
    assert_eq!(hub.stats().ended.refused, 1);

    drop(one);
    let mut three = Viewer::new(&hub);
    assert!(hub.subscribe(Wire::Script).is_err());
    drop(two);
    publisher.publish(text("on")).unwrap();
    assert_eq!(three.poll(), first("on"));
    assert!(hub.subscribe(Wire::Script).is_ok(), "the slot is free again");
}

#[test]
fn retry_after_is_never_too_early() {
    for (millis, told) in [(0, "1"), (300, "1"), (1_000, "1"), (1_900, "2")] {
        let (_publisher, hub) = quiet_builder().max_subscribers(0).retry_after(Duration::from_millis(millis)).build();
        let refused = hub.subscribe(Wire::Script).unwrap_err();
        assert_eq!(refused.to_string(), format!("too many viewers, try again in {told} s"));
    }
}

#[test]
fn exclusive_stream_ends_older_ones_with_its_key() {
    let (publisher, hub) = quiet();
    let of = |key: &str| Viewer::of(hub.subscribe(Wire::Script).unwrap().key(key).exclusive(true));
    let (mut phone, mut other, mut nobody) = (of("anna"), of("otto"), Viewer::new(&hub));
    publisher.publish(text("on")).unwrap();
    for viewer in [&mut phone, &mut other, &mut nobody] {
        assert_eq!((viewer.poll(), viewer.poll()), (first("on"), Poll::Pending));
    }
    let mut laptop = of("anna");
    assert_eq!(phone.wakes(), 0, "the newer stream is not polled yet");
    assert_eq!(laptop.poll(), first("on"));
    assert_eq!((phone.wakes(), other.wakes(), nobody.wakes()), (1, 0, 0));
    assert_eq!((phone.poll(), phone.poll()), (closing(), END));
    drop(phone);
    assert_eq!(hub.stats().ended.replaced, 1);

    let mut tablet = of("anna");
    assert_eq!(laptop.poll(), Poll::Pending);
    assert_eq!(tablet.poll(), first("on"));
    assert_eq!(laptop.poll(), closing(), "a reused slot keeps the key of the new stream");
    drop((tablet, laptop));
    let mut again = of("anna");
    assert_eq!((again.poll(), again.poll()), (first("on"), Poll::Pending));
}

#[test]
fn streams_share_a_key() {
    let (publisher, hub) = quiet();
    let of = |exclusive| Viewer::of(hub.subscribe(Wire::Script).unwrap().key("anna").exclusive(exclusive));
    publisher.publish(text("on")).unwrap();
    let mut tabs = [of(false), of(false), of(false)];
    for tab in &mut tabs {
        assert_eq!((tab.poll(), tab.poll()), (first("on"), Poll::Pending));
    }
    assert_eq!(hub.viewers().len(), 3);
    let [one, rest @ ..] = &mut tabs;
    let mut exclusive = of(true);
    assert_eq!(exclusive.poll(), first("on"));
    assert_eq!((one.poll(), one.poll()), (closing(), END));
    assert_eq!(hub.revoke("anna"), 1, "replaced streams have already ended");
    assert_eq!(exclusive.poll(), closing());
    for tab in rest {
        assert_eq!((tab.poll(), tab.poll()), (closing(), END));
    }
    assert_eq!((hub.stats().ended.replaced, hub.stats().ended.revoked), (3, 1));
}

#[test]
fn changed_key_replaces_the_first_one() {
    let (_publisher, hub) = quiet();
    let subscriber = hub.subscribe(Wire::Script).unwrap().key("anna").key("otto");
    assert_eq!((hub.revoke("anna"), hub.revoke("otto")), (0, 1));
    drop(subscriber);
    assert_eq!(hub.revoke("otto"), 0);
}

#[test]
fn revoke_ends_streams_before_their_first_poll() {
    let (publisher, hub) = quiet();
    let mut anna = Viewer::of(hub.subscribe(Wire::Script).unwrap().key("anna"));
    publisher.publish(text("secret")).unwrap();
    assert_eq!(hub.revoke("anna"), 1);
    let Poll::Ready(Some(end)) = anna.poll() else { panic!("pending") };
    assert!(!end.contains("secret"), "{end}");
    assert_eq!((anna.poll(), hub.stats().ended.revoked, hub.stats().viewers), (END, 1, 0));
}

#[test]
fn exclusive_stream_does_not_end_a_newer_one() {
    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    let of = || Viewer::of(hub.subscribe(Wire::Script).unwrap().key("anna").exclusive(true));
    let (mut older, mut newer) = (of(), of());
    assert_eq!(newer.poll(), first("on"));
    assert!(matches!(older.poll(), Poll::Ready(Some(_))));
    assert_eq!((older.poll(), newer.poll()), (END, Poll::Pending));
    assert_eq!((hub.stats().ended.replaced, hub.stats().viewers), (1, 1));
}

#[test]
fn stream_revoked_before_its_first_poll_ends_no_other() {
    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    let of = || Viewer::of(hub.subscribe(Wire::Script).unwrap().key("anna").exclusive(true));
    let mut revoked = of();
    assert_eq!(hub.revoke("anna"), 1);
    let mut again = of();
    assert_eq!(again.poll(), first("on"));
    assert!(matches!(revoked.poll(), Poll::Ready(Some(_))));
    assert_eq!((again.poll(), hub.stats().viewers), (Poll::Pending, 1));
}

#[test]
fn revoked_stream_gets_nothing_more() {
    let (publisher, hub) = quiet();
    let of = |key: &str| Viewer::of(hub.subscribe(Wire::Script).unwrap().key(key));
    let (mut anna, mut otto) = (of("anna"), of("otto"));
    publisher.publish(text("on")).unwrap();
    for viewer in [&mut anna, &mut otto] {
        assert_eq!((viewer.poll(), viewer.poll()), (first("on"), Poll::Pending));
    }
    assert_eq!(hub.revoke("anna"), 1);
    assert_eq!((anna.wakes(), otto.wakes()), (1, 0));
    publisher.publish(text("secret")).unwrap();
    assert_eq!((anna.poll(), anna.poll()), (closing(), END));
    assert_eq!(otto.poll(), next("secret"));
    assert_eq!((hub.stats().ended.revoked, hub.stats().viewers), (1, 1));
    assert_eq!((hub.revoke("anna"), hub.revoke("nobody")), (0, 0));

    let mut again = of("anna");
    assert_eq!(again.poll(), first("secret"), "new streams with a revoked key are allowed");
}

/// Returns `true` if a viewer does not get a second part at once.
fn is_capped(subscriber: Subscriber, publisher: &Publisher) -> bool {
    let mut viewer = Viewer::of(subscriber);
    publisher.publish(text("1")).unwrap();
    assert_eq!(viewer.poll(), first("1"));
    publisher.publish(text("2")).unwrap();
    viewer.poll().is_pending()
}

#[test]
fn interval_can_be_lengthened_but_not_shortened() {
    let long = Duration::from_secs(10);
    let (publisher, hub) = quiet();
    assert!(!is_capped(hub.subscribe(Wire::Script).unwrap(), &publisher));
    for min_interval in [Duration::ZERO, Duration::from_nanos(1)] {
        assert!(!is_capped(hub.subscribe(Wire::Script).unwrap().min_interval(min_interval), &publisher));
    }
    for min_interval in [long, Duration::from_secs(u64::MAX), Duration::MAX] {
        assert!(is_capped(hub.subscribe(Wire::Script).unwrap().min_interval(min_interval), &publisher));
    }
    let twice = hub.subscribe(Wire::Script).unwrap().min_interval(long).min_interval(Duration::ZERO);
    assert!(is_capped(twice, &publisher));

    let (publisher, hub) = quiet_builder().min_interval(long).build();
    assert!(is_capped(hub.subscribe(Wire::Script).unwrap(), &publisher));
    assert!(is_capped(hub.subscribe(Wire::Script).unwrap().min_interval(Duration::ZERO), &publisher));
}

#[test]
fn rate_limited_viewer_gets_newest_part_of_silent_source() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::of(hub.subscribe(Wire::Script).unwrap().min_interval(Duration::from_millis(500)));
    publisher.publish(text("1")).unwrap();
    let start = Instant::now();
    assert_eq!(viewer.poll(), first("1"));
    publisher.publish(text("2")).unwrap();
    publisher.publish(text("3")).unwrap();
    assert_eq!(viewer.poll(), Poll::Pending);
    while viewer.wakes() == 0 {
        assert!(start.elapsed() < Duration::from_secs(10));
        std::thread::yield_now();
    }
    assert!(start.elapsed() >= Duration::from_millis(499));
    assert_eq!(viewer.poll(), next("3"));
    assert_eq!(viewer.skipped(), 1);
}

#[test]
fn longest_durations_are_no_limit() {
    let (publisher, hub) = hub::builder()
        .timestamps(false)
        .keep_alive_interval(Duration::MAX)
        .linger(Duration::MAX)
        .max_lifetime(Duration::MAX)
        .part_timeout(Duration::MAX)
        .stale_after(Duration::MAX, text("no signal"))
        .build();
    let mut viewer = Viewer::of(hub.subscribe(Wire::Script).unwrap().max_lifetime(Duration::MAX));
    publisher.publish(text("on")).unwrap();
    assert_eq!((viewer.poll(), viewer.poll()), (first("on"), Poll::Pending));
    drop(viewer);
    assert!(publisher.demand().is_wanted());
}

#[test]
fn zero_settings_are_harmless() {
    let (publisher, hub) = hub::builder()
        .keep_alive_interval(None)
        .linger(Duration::ZERO)
        .min_interval(Duration::ZERO)
        .stale_after(Duration::ZERO, text("no signal"))
        .max_subscribers(1)
        .build();
    let mut viewer = Viewer::new(&hub);
    let part = loop {
        match viewer.poll() {
            Poll::Pending => std::thread::yield_now(),
            part => break part,
        }
    };
    assert_eq!(part, first("no signal"));
    assert_eq!(viewer.poll(), Poll::Pending, "no keep-alive");
    drop(viewer);
    assert!(!publisher.demand().is_wanted());

    let (_publisher, hub) = quiet_builder().max_subscribers(0).build();
    assert!(hub.subscribe(Wire::Script).is_err());
}
