//! Delivery: each viewer gets the newest part when it is ready, encoded once for all viewers.

use super::*;

#[test]
fn late_viewer_gets_latest_part_at_once() {
    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    publisher.publish(text("off")).unwrap();
    let mut viewer = Viewer::new(&hub);
    assert_eq!(viewer.poll(), first("off"));
    assert_eq!(viewer.poll(), Poll::Pending);
    assert_eq!(viewer.skipped(), 0, "parts published earlier do not count");
}

#[test]
fn slow_viewer_skips_to_newest_and_delays_no_other() {
    let (publisher, hub) = quiet();
    let (mut slow, mut quick) = (Viewer::new(&hub), Viewer::new(&hub));
    publisher.publish(text("1")).unwrap();
    assert_eq!((slow.poll(), quick.poll()), (first("1"), first("1")));
    for part in ["2", "3", "4"] {
        assert_eq!(quick.poll(), Poll::Pending);
        publisher.publish(text(part)).unwrap();
        assert_eq!(quick.poll(), next(part));
    }
    assert_eq!(slow.poll(), next("4"));
    assert_eq!((slow.poll(), quick.poll()), (Poll::Pending, Poll::Pending));
    assert_eq!((slow.skipped(), quick.skipped()), (2, 0));

    let stats = hub.stats();
    assert_eq!((stats.parts_published, stats.bytes_published), (4, 4));
    assert_eq!((stats.parts_delivered, stats.parts_skipped), (6, 2));
    let length = |part: Poll<Option<String>>| match part {
        Poll::Ready(Some(part)) => part.len() as u64 + (22 - 1) * part.matches("--B").count() as u64,
        _ => 0,
    };
    assert_eq!(stats.bytes_delivered, 2 * length(first("1")) + 4 * length(next("2")));
    assert_eq!((stats.viewers, stats.viewers_peak), (2, 2));
}

#[test]
fn viewers_lists_each_stream() {
    let (publisher, hub) = quiet();
    let mut slow = Viewer::of(hub.subscribe(Wire::Browser).unwrap().key("kitchen"));
    let mut quick = Viewer::new(&hub);
    assert_eq!(hub.viewers(), [], "not polled yet");
    publisher.publish(text("on")).unwrap();
    assert!(slow.poll().is_ready());
    assert!(quick.poll().is_ready());
    assert_eq!(quick.poll(), Poll::Pending);
    publisher.publish(text("off")).unwrap();
    publisher.publish(text("on")).unwrap();
    assert!(slow.poll().is_ready());

    let [slow, quick] = &hub.viewers()[..] else { panic!("two viewers") };
    assert_eq!((slow.key.as_deref(), slow.wire), (Some("kitchen"), Some(Wire::Browser)));
    assert_eq!((slow.parts_delivered, slow.parts_skipped), (1, 1));
    assert!(slow.bytes_delivered > 600, "includes padding");
    assert!(slow.in_flight.is_some() && slow.age.is_some() && slow.watching >= slow.age.unwrap());
    assert_eq!((quick.key.as_deref(), quick.wire), (None, Some(Wire::Script)));
    assert_eq!((quick.parts_delivered, quick.parts_skipped), (1, 0));
    assert_eq!(quick.in_flight, None);
}

#[test]
fn encodes_part_once_per_used_wire() {
    let (publisher, hub) = quiet();
    publisher.publish(text("nobody watches")).unwrap();
    assert_eq!(hub.stats().encodings, 0);

    let on = |wire| Viewer::of(hub.subscribe(wire).unwrap());
    let mut viewers = [on(Wire::Browser), on(Wire::Browser), on(Wire::Script), on(Wire::Script), on(Wire::Script)];
    viewers.iter_mut().for_each(|viewer| assert!(viewer.poll().is_ready()));
    assert_eq!(hub.stats().encodings, 2);
    for encodings in [4, 6] {
        publisher.publish(text("on")).unwrap();
        viewers.iter_mut().for_each(|viewer| assert!(viewer.poll().is_ready()));
        assert_eq!(hub.stats().encodings, encodings);
    }
    let mut late = on(Wire::Machine);
    assert!(late.poll().is_ready());
    assert_eq!(hub.stats().encodings, 7);
}

#[test]
fn viewers_share_the_bytes_of_a_part() {
    let (publisher, hub) = quiet();
    let mut viewers = [Viewer::new(&hub), Viewer::new(&hub)];
    publisher.publish(text("on")).unwrap();
    viewers.iter_mut().for_each(|viewer| assert_eq!(viewer.poll(), first("on")));
    publisher.publish(text("off")).unwrap();
    let addresses = viewers.map(|mut viewer| {
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(viewer.body.stream()).poll_next(&mut context) {
            Poll::Ready(Some(Ok(chunk))) => chunk.as_ptr(),
            _ => panic!("no part"),
        }
    });
    assert_eq!(addresses[0], addresses[1]);
}

#[test]
fn browser_wire_bridges_a_change_of_type() {
    let (publisher, hub) = quiet();
    let mut early = Viewer::of(hub.subscribe(Wire::Browser).unwrap());
    let picture = "on ".repeat(300);
    let page = "<p>".repeat(300);
    publisher.publish(text(&picture)).unwrap();
    let promise = |content_type| format!("\r\n--B\r\nContent-Type: {content_type}; charset=utf-8\r\n\r\n");
    let opening = "--B\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
    assert_eq!(early.poll(), chunk(format!("{opening}{picture}{}", promise("text/plain"))));

    publisher.publish(Part::html(page.clone()).unwrap()).unwrap();
    assert_eq!(early.poll(), chunk(format!("{picture}{}", promise("text/html"))));
    assert_eq!(early.poll(), chunk(format!("{page}{}", promise("text/html"))));
    assert_eq!(early.poll(), Poll::Pending);

    let mut late = Viewer::of(hub.subscribe(Wire::Browser).unwrap());
    let opening = "--B\r\nContent-Type: text/html; charset=utf-8\r\n\r\n";
    assert_eq!(late.poll(), chunk(format!("{opening}{page}{}", promise("text/html"))));
    assert_eq!(hub.stats().parts_delivered, 2, "a bridge is no part, and the part of the late viewer is in flight");
}

#[test]
fn skips_identical_parts_when_configured() {
    let (publisher, hub) = quiet_builder().drop_identical(true).build();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("on")).unwrap();
    assert!(hub.stats().age.is_some());
    assert_eq!(viewer.poll(), first("on"));
    assert_eq!(viewer.poll(), Poll::Pending);
    std::thread::sleep(Duration::from_millis(300));
    publisher.publish(text("on")).unwrap();
    assert!(hub.stats().age.unwrap() < Duration::from_millis(300), "an identical part resets the age");
    assert_eq!((viewer.poll(), viewer.wakes()), (Poll::Pending, 0));

    let numbered = |value| {
        let mut part = text("on");
        part.insert_header("x-n".parse().unwrap(), http::HeaderValue::from_static(value)).unwrap();
        part
    };
    publisher.publish(numbered("1")).unwrap();
    assert_eq!(viewer.wakes(), 1, "parts with different headers differ");
    assert!(viewer.poll().is_ready());
    let stats = hub.stats();
    assert_eq!((stats.parts_published, stats.parts_identical, stats.encodings), (3, 1, 2));
    assert_eq!(viewer.skipped(), 0);

    let mut late = Viewer::new(&hub);
    assert!(late.poll().is_ready(), "a late viewer gets it at once");
}

#[test]
fn sends_identical_parts_by_default() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("on")).unwrap();
    assert_eq!(viewer.poll(), first("on"));
    publisher.publish(text("on")).unwrap();
    assert_eq!(viewer.poll(), next("on"));
    assert_eq!(hub.stats().parts_identical, 0);
}

#[test]
fn rejects_part_with_the_boundary() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("on")).unwrap();
    let forged = text(&format!("--{}", viewer.boundary));
    let error = publisher.publish(forged).unwrap_err();
    assert_eq!(error.to_string(), "the part cannot be sent to this hub's viewers");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, format!("the part holds the boundary {:?}", viewer.boundary));
    assert_eq!(viewer.poll(), first("on"), "viewers keep the previous part");
    assert_eq!(hub.latest(), Some(text("on")));
    assert_eq!(hub.stats().parts_published, 1);
}

#[test]
fn debug_output_contains_no_bodies() {
    let (publisher, hub) = quiet();
    publisher.publish(text(&"on ".repeat(1000))).unwrap();
    let (demand, snapshot) = (publisher.demand(), hub.snapshot(Duration::ZERO));
    for printed in [format!("{hub:?}"), format!("{publisher:?}"), format!("{demand:?}"), format!("{snapshot:?}")] {
        assert!(printed.len() < 200, "{printed}");
    }
}

#[test]
fn concurrent_publishers_end_with_one_of_the_last_parts() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let publisher = &publisher;
            threads.spawn(move || (0..250).for_each(|n| publisher.publish(text(&format!("{thread}:{n}"))).unwrap()));
        }
    });
    let last = hub.latest().unwrap();
    assert!(last.body().ends_with(b":249"));
    assert_eq!(viewer.poll(), first(std::str::from_utf8(last.body()).unwrap()));
    assert_eq!(hub.stats().parts_published, 1000);
}
