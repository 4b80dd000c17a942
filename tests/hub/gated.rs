//! Bodies for hyper: the next part is sent after the release of the previous one, which is detected by its drop.

use super::*;

fn give(viewer: &mut Viewer) -> Bytes {
    match viewer.poll_frame() {
        Poll::Ready(Some(chunk)) => chunk,
        other => panic!("{other:?}"),
    }
}

#[test]
fn offers_nothing_while_a_part_is_in_flight() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("1")).unwrap();
    let held = give(&mut viewer);
    assert_eq!(chunk(viewer.readable(&held)), first("1"));
    assert_eq!(viewer.poll_frame(), Poll::Pending);
    for part in ["2", "3", "4"] {
        publisher.publish(text(part)).unwrap();
        assert_eq!((viewer.poll_frame(), viewer.wakes()), (Poll::Pending, 0));
    }
    let before = &hub.viewers()[0];
    assert!(before.in_flight.is_some());
    assert_eq!((before.parts_delivered, before.bytes_delivered), (0, 0));

    let bytes = held.len() as u64;
    drop(held);
    assert_eq!(viewer.wakes(), 1);
    let after = &hub.viewers()[0];
    assert_eq!((after.in_flight, after.parts_delivered, after.bytes_delivered), (None, 1, bytes));
    let newest = give(&mut viewer);
    assert_eq!(chunk(viewer.readable(&newest)), next("4"));
    assert_eq!((viewer.skipped(), hub.stats().parts_skipped), (2, 2));
}

#[test]
fn release_wakes_no_task_without_newer_part() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("1")).unwrap();
    drop(give(&mut viewer));
    assert_eq!((viewer.poll_frame(), viewer.wakes()), (Poll::Pending, 0));
    publisher.publish(text("2")).unwrap();
    assert_eq!(viewer.wakes(), 1);
}

#[test]
fn part_in_flight_does_not_delay_others() {
    let (publisher, hub) = quiet();
    let (mut stuck, mut good) = (Viewer::new(&hub), Viewer::new(&hub));
    publisher.publish(text("1")).unwrap();
    let held = give(&mut stuck);
    drop(give(&mut good));
    for part in ["2", "3", "4"] {
        publisher.publish(text(part)).unwrap();
        let given = give(&mut good);
        assert_eq!(chunk(good.readable(&given)), next(part));
    }
    assert_eq!(good.skipped(), 0);
    drop(held);
}

#[test]
fn part_can_be_released_on_another_thread_and_after_its_viewer() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("1")).unwrap();
    let held = give(&mut viewer);
    assert_eq!(viewer.poll_frame(), Poll::Pending);
    publisher.publish(text("2")).unwrap();
    std::thread::spawn(move || drop(held)).join().unwrap();
    assert_eq!(viewer.wakes(), 1);

    let held = give(&mut viewer);
    drop(viewer);
    let mut next = Viewer::new(&hub);
    let held_by_next = give(&mut next);
    drop(held);
    assert!(hub.viewers()[0].in_flight.is_some(), "a reused slot ignores a stale release");
    assert_eq!(hub.stats().parts_delivered, 1);
    drop(held_by_next);
    assert_eq!(hub.stats().parts_delivered, 2);
    drop((next, publisher, hub));
}

#[test]
fn copies_and_slices_keep_a_chunk_in_flight() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("1")).unwrap();
    let mut complete = give(&mut viewer);
    let rest = complete.split_off(complete.len() - 1);
    drop(complete);
    assert!(hub.viewers()[0].in_flight.is_some());
    drop(rest);
    assert!(hub.viewers()[0].in_flight.is_none());
}

#[test]
fn part_is_in_flight_until_its_last_chunk_is_released() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::of(hub.subscribe(Wire::Browser).unwrap());
    publisher.publish(text(&"on ".repeat(1000))).unwrap();
    let (start, rest) = (give(&mut viewer), give(&mut viewer));
    assert_eq!(viewer.poll_frame(), Poll::Pending);
    let bytes = (start.len() + rest.len()) as u64;
    drop(rest);
    drop(start);
    assert_eq!((hub.stats().parts_delivered, hub.stats().bytes_delivered), (1, bytes));
}

#[test]
fn response_head_is_sent_before_first_part() {
    use http_body::Body as _;
    let (publisher, hub) = quiet();
    publisher.publish(text("1")).unwrap();
    let mut viewer = Viewer::new(&hub);
    let waker = Waker::from(Arc::clone(&viewer.wakes));
    assert!(Pin::new(viewer.body.body()).poll_frame(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!((viewer.wakes(), hub.stats().viewers), (1, 1), "counted as a viewer, and woken to poll again");
    viewer.headed = true;
    let given = give(&mut viewer);
    assert_eq!(chunk(viewer.readable(&given)), first("1"));
}

#[test]
fn close_ends_collected_bodies() {
    let (publisher, hub) = quiet();
    publisher.publish(text("1")).unwrap();
    let mut viewer = Viewer::new(&hub);
    let one = give(&mut viewer);
    assert_eq!(viewer.poll_frame(), Poll::Pending);
    publisher.publish(text("2")).unwrap();
    drop(publisher);
    assert_eq!(viewer.wakes(), 1);
    let (two, end) = (give(&mut viewer), give(&mut viewer));
    assert_eq!(viewer.poll_frame(), Poll::Ready(None));
    let all = [one, two, end].map(|chunk| viewer.readable(&chunk)).concat();
    assert_eq!(all, format!("--B{}{}--\r\n", part("1"), part("2")));
}

#[test]
fn exclusive_stream_ends_stuck_older_one() {
    let (publisher, hub) = quiet();
    let of = || Viewer::of(hub.subscribe(Wire::Script).unwrap().key("anna").exclusive(true));
    publisher.publish(text("1")).unwrap();
    let mut stuck = of();
    let _held = give(&mut stuck);
    assert_eq!(stuck.poll_frame(), Poll::Pending);
    let mut newer = of();
    let _other = give(&mut newer);
    assert_eq!(stuck.wakes(), 1);
    assert_eq!(&give(&mut stuck)[..], b"--\r\n");
    assert_eq!(stuck.poll_frame(), Poll::Ready(None));
}

#[test]
fn part_timeout_ends_body_in_the_middle_of_a_part() {
    let (publisher, hub) = quiet_builder().part_timeout(Duration::from_millis(500)).build();
    let (mut stuck, mut good) = (Viewer::new(&hub), Viewer::new(&hub));
    publisher.publish(text("1")).unwrap();
    let held = give(&mut stuck);
    drop(give(&mut good));
    assert_eq!((stuck.poll_frame(), good.poll_frame()), (Poll::Pending, Poll::Pending));
    while stuck.wakes() == 0 {
        std::thread::yield_now();
    }
    assert!(hub.viewers()[0].in_flight.unwrap() >= Duration::from_millis(500));
    assert_eq!(&give(&mut stuck)[..], b"--\r\n");
    assert_eq!(stuck.poll_frame(), Poll::Ready(None));
    drop(stuck);
    drop(held);
    assert_eq!((good.poll_frame(), hub.stats().ended.expired), (Poll::Pending, 1));
}

#[test]
fn slow_part_is_allowed_without_part_timeout() {
    let (publisher, hub) = hub::builder().part_timeout(None).keep_alive_interval(Duration::from_millis(200)).build();
    let (mut stuck, mut good) = (Viewer::new(&hub), Viewer::new(&hub));
    publisher.publish(text("1")).unwrap();
    let held = give(&mut stuck);
    drop(give(&mut good));
    assert_eq!((stuck.poll_frame(), good.poll_frame()), (Poll::Pending, Poll::Pending));
    while good.wakes() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(
        (stuck.wakes(), hub.stats().ended.expired),
        (0, 0),
        "the timer fired without effect on the stuck viewer"
    );
    drop(held);
}

#[test]
fn polling_a_stream_again_releases_its_part() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("1")).unwrap();
    assert_eq!(viewer.poll(), first("1"));
    publisher.publish(text("2")).unwrap();
    assert!(hub.viewers()[0].in_flight.is_some());
    assert_eq!(hub.stats().parts_delivered, 0);
    assert_eq!(viewer.poll(), next("2"));
    assert_eq!(hub.stats().parts_delivered, 1);
}
