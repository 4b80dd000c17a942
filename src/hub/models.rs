//! Loom models of a hub, over every order in which threads can take its locks:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p mixed-replace --lib`.
//!
//! Loom reports a lost wake-up as a deadlock. Timers do not fire.

use std::future::{Future as _, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use loom::future::block_on;
use loom::{model, thread};

use super::subscriber::Subscriber;
use super::{Builder, Hub, Publisher, builder};
use crate::body::{Feed, Supply as _};
use crate::part::Part;
use crate::wire::Wire;

fn without_timers() -> Builder {
    builder().keep_alive_interval(None).linger(Duration::ZERO)
}

fn text(text: &'static str) -> Part {
    Part::text(text).unwrap()
}

fn viewer(hub: &Hub) -> Feed<Subscriber> {
    hub.subscribe(Wire::Script).unwrap().into_feed()
}

/// Returns the next chunk, polled as hyper does.
fn chunk(viewer: &mut Feed<Subscriber>) -> Option<Bytes> {
    block_on(poll_fn(|cx| viewer.poll_chunk(true, cx)))
}

/// Returns the body of the part in the next chunk.
fn next_text(viewer: &mut Feed<Subscriber>) -> String {
    let chunk = chunk(viewer).unwrap();
    let text = String::from_utf8(chunk.to_vec()).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    body.split_once("\r\n").unwrap().0.to_owned()
}

/// Polls once, which starts watching.
fn first_poll(viewer: &mut Feed<Subscriber>) {
    block_on(poll_fn(|cx| std::task::Poll::Ready(assert!(viewer.poll_chunk(true, cx).is_pending()))));
}

fn publish(publisher: &Publisher, part: &'static str) {
    publisher.publish(text(part)).unwrap();
}

#[test]
fn new_viewer_gets_concurrently_published_part() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let camera = thread::spawn(move || {
            publish(&publisher, "1");
            publisher
        });
        assert_eq!(next_text(&mut viewer(&hub)), "1");
        drop(camera.join().unwrap());
    });
}

#[test]
fn late_viewer_gets_latest_part() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        publish(&publisher, "1");
        let camera = thread::spawn(move || {
            publish(&publisher, "2");
            publisher
        });
        let mut early = viewer(&hub);
        assert!(["1", "2"].contains(&next_text(&mut early).as_str()));
        let publisher = camera.join().unwrap();
        assert_eq!(next_text(&mut viewer(&hub)), "2");
        drop((publisher, early));
    });
}

#[test]
fn parts_stay_in_order_and_last_one_arrives() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let camera = thread::spawn(move || {
            publish(&publisher, "1");
            publish(&publisher, "2");
            publisher
        });
        let mut viewer = viewer(&hub);
        let first = next_text(&mut viewer);
        if first == "1" {
            assert_eq!(next_text(&mut viewer), "2");
        } else {
            assert_eq!(first, "2");
        }
        drop(camera.join().unwrap());
    });
}

#[test]
fn concurrent_publishes_are_two_versions() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let publisher = Arc::new(publisher);
        let other = Arc::clone(&publisher);
        let camera = thread::spawn(move || publish(&other, "1"));
        publish(&publisher, "2");
        camera.join().unwrap();
        let mut viewer = viewer(&hub);
        let last = next_text(&mut viewer);
        assert_eq!(hub.latest().unwrap(), text(if last == "1" { "1" } else { "2" }));
        assert_eq!(hub.stats().parts_published, 2);
        publish(&publisher, "3");
        assert_eq!((next_text(&mut viewer).as_str(), viewer.supply.seat.parts_skipped()), ("3", 0));
    });
}

#[test]
fn release_offers_latest_part() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let mut viewer = viewer(&hub);
        publish(&publisher, "1");
        let in_flight = chunk(&mut viewer);
        let transport = thread::spawn(move || drop(in_flight));
        let camera = thread::spawn(move || {
            publish(&publisher, "2");
            publisher
        });
        assert_eq!(next_text(&mut viewer), "2");
        transport.join().unwrap();
        drop(camera.join().unwrap());
    });
}

#[test]
fn viewer_can_disconnect_at_any_time() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let mut one = viewer(&hub);
        publish(&publisher, "1");
        let in_flight = chunk(&mut one);
        let transport = thread::spawn(move || drop(in_flight));
        let leaver = thread::spawn(move || drop(one));
        publish(&publisher, "2");
        leaver.join().unwrap();
        transport.join().unwrap();
        assert_eq!((hub.stats().viewers, hub.stats().ended.disconnected), (0, 1));
        assert_eq!(next_text(&mut viewer(&hub)), "2");
    });
}

#[test]
fn stale_delivery_is_not_that_of_the_next_viewer() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let mut one = viewer(&hub);
        publish(&publisher, "1");
        let in_flight = chunk(&mut one);
        let transport = thread::spawn(move || drop(in_flight));
        drop(one);
        let mut two = viewer(&hub);
        let in_flight = chunk(&mut two);
        publish(&publisher, "2");
        transport.join().unwrap();
        assert!(hub.viewers()[0].in_flight.is_some());
        drop(in_flight);
        assert_eq!(next_text(&mut two), "2");
    });
}

#[test]
fn counts_do_not_go_back_when_a_viewer_leaves() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let mut viewer = viewer(&hub);
        publish(&publisher, "1");
        drop(chunk(&mut viewer));
        let leaver = thread::spawn(move || drop(viewer));
        assert_eq!(hub.stats().parts_delivered, 1);
        leaver.join().unwrap();
        assert_eq!(hub.stats().parts_delivered, 1);
    });
}

#[test]
fn close_ends_waiting_and_new_viewers() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let mut waiting = viewer(&hub);
        first_poll(&mut waiting);
        let closer = thread::spawn(move || {
            publish(&publisher, "1");
            drop(publisher);
        });
        let mut new = viewer(&hub);
        for viewer in [&mut waiting, &mut new] {
            assert_eq!(next_text(viewer), "1", "the unseen last part survives");
            assert_eq!(chunk(viewer).as_deref(), Some(&b"--\r\n"[..]));
            assert_eq!(chunk(viewer), None);
        }
        closer.join().unwrap();
    });
}

#[test]
fn close_ends_viewer_with_part_in_flight() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let mut viewer = viewer(&hub);
        publish(&publisher, "1");
        let in_flight = chunk(&mut viewer);
        let closer = thread::spawn(move || hub.close());
        assert_eq!(chunk(&mut viewer).as_deref(), Some(&b"--\r\n"[..]));
        assert_eq!(chunk(&mut viewer), None);
        closer.join().unwrap();
        drop((publisher, in_flight));
    });
}

#[test]
fn close_ends_viewer_whose_part_is_released() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let mut viewer = viewer(&hub);
        publish(&publisher, "1");
        let in_flight = chunk(&mut viewer);
        let transport = thread::spawn(move || drop(in_flight));
        let closer = thread::spawn(move || drop(publisher));
        assert_eq!(chunk(&mut viewer).as_deref(), Some(&b"--\r\n"[..]));
        transport.join().unwrap();
        closer.join().unwrap();
        assert_eq!((hub.stats().viewers, hub.stats().ended.closed), (0, 1));
    });
}

#[test]
fn exclusive_stream_ends_waiting_viewer() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let mut older = hub.subscribe(Wire::Script).unwrap().key("anna").into_feed();
        publish(&publisher, "1");
        drop(chunk(&mut older));
        let newer = thread::spawn(move || {
            let mut newer = hub.subscribe(Wire::Script).unwrap().key("anna").exclusive(true).into_feed();
            assert_eq!(next_text(&mut newer), "1");
        });
        assert_eq!(chunk(&mut older).as_deref(), Some(&b"--\r\n"[..]));
        newer.join().unwrap();
        drop(publisher);
    });
}

#[test]
fn revoke_ends_all_streams_with_the_key() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let subscribe = || hub.subscribe(Wire::Script).unwrap().key("anna").into_feed();
        let (mut watching, mut unpolled) = (subscribe(), subscribe());
        publish(&publisher, "1");
        drop(chunk(&mut watching));
        let revoker = {
            let hub = hub.clone();
            thread::spawn(move || hub.revoke("anna"))
        };
        assert_eq!(chunk(&mut watching).as_deref(), Some(&b"--\r\n"[..]));
        assert_eq!(revoker.join().unwrap(), 2);
        assert!(!chunk(&mut unpolled).unwrap().ends_with(b"1"));
        assert_eq!(chunk(&mut unpolled), None);
        drop(publisher);
    });
}

#[test]
fn dropped_viewer_frees_its_slot() {
    model(|| {
        let (_publisher, hub) = without_timers().max_subscribers(1).build();
        let one = viewer(&hub);
        let leaver = thread::spawn(move || drop(one));
        let tried = hub.subscribe(Wire::Script).is_ok();
        leaver.join().unwrap();
        assert!(hub.subscribe(Wire::Script).is_ok());
        assert_eq!(hub.stats().ended.refused, u64::from(!tried));
    });
}

#[test]
fn start_of_demand_wakes_waiters() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let (thread_demand, task_demand) = (publisher.demand(), publisher.demand());
        let waits = thread::spawn(move || assert!(thread_demand.blocking_wanted()));
        let mut viewer = viewer(&hub);
        first_poll(&mut viewer);
        assert!(block_on(task_demand.wanted()));
        waits.join().unwrap();
        assert!(task_demand.is_wanted());
    });
    model(|| {
        let (publisher, hub) = without_timers().build();
        let demand = publisher.demand();
        let waits = thread::spawn(move || assert!(block_on(demand.wanted())));
        let mut viewer = viewer(&hub);
        first_poll(&mut viewer);
        waits.join().unwrap();
    });
}

#[test]
fn end_of_demand_wakes_waiters() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let demand = publisher.demand();
        let mut viewers = [viewer(&hub), viewer(&hub)];
        viewers.iter_mut().for_each(first_poll);
        let leavers = viewers.map(|viewer| thread::spawn(move || drop(viewer)));
        block_on(demand.unwanted());
        assert!(!demand.is_wanted());
        leavers.into_iter().for_each(|leaver| leaver.join().unwrap());
    });
}

#[test]
fn close_wakes_waiters_for_demand() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let (thread_demand, task_demand) = (publisher.demand(), publisher.demand());
        let thread = thread::spawn(move || assert!(!thread_demand.blocking_wanted()));
        let task = thread::spawn(move || assert!(!block_on(task_demand.wanted())));
        hub.close();
        thread.join().unwrap();
        task.join().unwrap();
    });
}

#[test]
fn snapshot_resolves_to_part_or_end() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let demand = publisher.demand();
        let camera = thread::spawn(move || {
            assert!(publisher.demand().blocking_wanted());
            publish(&publisher, "1");
            publisher
        });
        assert_eq!(block_on(hub.snapshot(Duration::ZERO)).unwrap().part, text("1"));
        assert!(!demand.is_wanted());
        drop(camera.join().unwrap());
    });
    model(|| {
        let (publisher, hub) = without_timers().build();
        let camera = thread::spawn(move || drop(publisher));
        assert_eq!(block_on(hub.snapshot(Duration::ZERO)), None);
        camera.join().unwrap();
    });
}

#[test]
fn snapshot_can_be_cancelled_at_any_time() {
    model(|| {
        let (publisher, hub) = without_timers().build();
        let mut snapshot = hub.snapshot(Duration::ZERO);
        block_on(poll_fn(|cx| {
            std::task::Poll::Ready(assert!(std::pin::Pin::new(&mut snapshot).poll(cx).is_pending()))
        }));
        let canceller = thread::spawn(move || drop(snapshot));
        publish(&publisher, "1");
        canceller.join().unwrap();
        assert!(!publisher.demand().is_wanted());
    });
}
