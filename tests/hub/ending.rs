//! How streams end.

use mixed_replace::hub::{Ended, PublishError, Refused};

use super::*;

fn ended(hub: &Hub) -> Ended {
    hub.stats().ended
}

#[test]
fn close_wakes_and_ends_every_stream() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("on")).unwrap();
    assert_eq!(viewer.poll(), first("on"));
    assert_eq!(viewer.poll(), Poll::Pending);
    hub.close();
    hub.close();
    assert_eq!(viewer.wakes(), 1);
    assert_eq!(viewer.poll(), closing());
    assert_eq!((viewer.poll(), viewer.poll()), (END, END));
    assert_eq!((ended(&hub).closed, hub.stats().viewers), (1, 0), "counted although the body still exists");
    drop(viewer);
    assert_eq!((ended(&hub).closed, ended(&hub).disconnected), (1, 0));
}

#[test]
fn unseen_last_part_survives_close() {
    for how in ["dropped", "closed"] {
        let (publisher, hub) = quiet();
        let mut viewer = Viewer::new(&hub);
        publisher.publish(text("1")).unwrap();
        assert_eq!(viewer.poll(), first("1"));
        publisher.publish(text("2")).unwrap();
        publisher.publish(text("3")).unwrap();
        match how {
            "dropped" => drop(publisher),
            _ => hub.close(),
        }
        assert_eq!(viewer.poll(), next("3"), "{how}");
        assert_eq!((viewer.poll(), viewer.poll()), (closing(), END));
    }
}

#[test]
fn rate_limit_does_not_delay_the_end() {
    let (publisher, hub) = quiet_builder().min_interval(Duration::from_secs(100)).build();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("1")).unwrap();
    assert_eq!(viewer.poll(), first("1"));
    publisher.publish(text("2")).unwrap();
    assert_eq!(viewer.poll(), Poll::Pending);
    hub.close();
    assert_eq!(viewer.wakes(), 1);
    assert_eq!((viewer.poll(), viewer.poll(), viewer.poll()), (next("2"), closing(), END));
}

#[test]
fn close_repeats_last_part_on_the_machine_wire() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::of(hub.subscribe(Wire::Machine).unwrap());
    publisher.publish(text("on")).unwrap();
    let part = "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\non\r\n--B";
    assert_eq!(viewer.poll(), chunk(format!("--B\r\n{part}\r\n")));
    hub.close();
    assert_eq!((viewer.poll(), viewer.poll()), (chunk(format!("{part}--\r\n")), END));
    assert_eq!(hub.stats().parts_delivered, 1, "the end is not counted as a part");
}

#[test]
fn closed_hub_sends_last_part_to_new_viewers() {
    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    drop(publisher);
    let mut viewer = Viewer::new(&hub);
    assert_eq!((viewer.poll(), viewer.poll(), viewer.poll()), (first("on"), closing(), END));
}

#[test]
fn hub_without_parts_ends_in_an_empty_stream() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    assert_eq!(viewer.poll(), Poll::Pending);
    drop(publisher);
    assert_eq!((viewer.poll(), viewer.poll()), (chunk("--B--\r\n"), END));
}

#[test]
fn subscribe_fails_on_hub_closed_without_parts() {
    let (publisher, hub) = quiet_builder().max_subscribers(0).build();
    assert!(matches!(hub.subscribe(Wire::Machine), Err(Refused::TooManyViewers { .. })));
    drop(publisher);
    let error = hub.subscribe(Wire::Machine).unwrap_err();
    assert_eq!((&error, error.retry_after()), (&Refused::Closed, None), "a closed hub does not open again");
    assert_eq!(error.to_string(), "the hub was closed before its first part");
    assert_eq!(ended(&hub).refused, 1, "counts only rejections by a full hub");
}

#[test]
fn publishing_to_closed_hub_is_an_error() {
    let (publisher, hub) = quiet();
    publisher.publish(text("on")).unwrap();
    assert!(!publisher.is_closed());
    hub.close();
    assert!(publisher.is_closed());
    let error = publisher.publish(text("off")).unwrap_err();
    assert_eq!((&error, error.to_string().as_str()), (&PublishError::Closed, "the hub is closed"));
    assert_eq!(hub.latest(), Some(text("on")));
}

#[test]
fn counts_disconnected_viewers() {
    let (publisher, hub) = quiet();
    let mut viewers = [Viewer::new(&hub), Viewer::new(&hub)];
    publisher.publish(text("on")).unwrap();
    assert!(viewers[0].poll().is_ready());
    drop(viewers);
    assert_eq!((ended(&hub).disconnected, ended(&hub).closed), (1, 0), "the other was never polled");
}

#[test]
fn hubs_and_viewers_can_be_dropped_in_any_order() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("on")).unwrap();
    drop(hub);
    assert_eq!(viewer.poll(), first("on"));
    assert_eq!(viewer.poll(), Poll::Pending);
    publisher.publish(text("off")).unwrap();
    assert_eq!(viewer.poll(), next("off"), "dropping the handle does not close the hub");
    drop(publisher);
    assert_eq!((viewer.poll(), viewer.poll()), (closing(), END));
}

#[test]
fn ended_stream_keeps_its_slot_until_dropped() {
    let (publisher, hub) = quiet_builder().max_subscribers(2).build();
    let of = || Viewer::of(hub.subscribe(Wire::Script).unwrap().key("anna").exclusive(true));
    publisher.publish(text("on")).unwrap();
    let (mut older, mut newer) = (of(), of());
    assert!(older.poll().is_ready() && newer.poll().is_ready());
    drop(newer);
    assert_eq!(older.poll(), closing());
    assert!(!publisher.demand().is_wanted());
    assert_eq!((hub.stats().viewers, hub.viewers().len()), (0, 0));
    let _second = hub.subscribe(Wire::Machine).unwrap();
    assert!(hub.subscribe(Wire::Machine).is_err(), "the slot is taken until the body is dropped");
    drop(older);
    assert!(hub.subscribe(Wire::Machine).is_ok());
}
