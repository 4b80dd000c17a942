//! One publisher and many viewers on separate threads, which subscribe, read, release chunks on other threads, and
//! leave.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use http_body::Body as _;
use mixed_replace::{Hub, Part, Subscriber, Wire, body, hub};

/// Returns the next chunk as hyper does. It is released when it has been written.
fn chunk(viewer: &mut body::Body<Subscriber>) -> Option<Bytes> {
    let frame = block_on(poll_fn(|cx| Pin::new(&mut *viewer).poll_frame(cx)));
    frame.map(|frame| frame.unwrap().into_data().unwrap())
}

fn number(chunk: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(chunk).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    body.split_once("\r\n").and_then(|(number, _)| number.parse().ok())
}

const PARTS: u64 = 2_000;

#[test]
fn every_viewer_gets_last_part_in_any_order() {
    let (publisher, hub) = hub::builder().keep_alive_interval(Duration::from_millis(3)).linger(Duration::ZERO).build();
    std::thread::scope(|threads| {
        let camera = threads.spawn(move || {
            let demand = publisher.demand();
            assert!(demand.blocking_wanted());
            for nth in 1..=PARTS {
                publisher.publish(Part::text(nth.to_string()).unwrap()).unwrap();
                if nth % 50 == 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        let staying: Vec<_> = (0..6)
            .map(|nth| {
                threads.spawn({
                    let hub = hub.clone();
                    move || stay(&hub, nth)
                })
            })
            .collect();
        for nth in 0..2 {
            let hub = hub.clone();
            threads.spawn(move || come_and_go(&hub, nth));
        }
        for thread in staying {
            assert_eq!(thread.join().unwrap(), PARTS);
        }
        camera.join().unwrap();
    });
    assert_eq!((hub.stats().viewers, hub.stats().parts_published), (0, PARTS));
}

/// Reads to the end, and returns the last number. Another thread drops the chunks, as the writer of a server may.
fn stay(hub: &Hub, nth: usize) -> u64 {
    let wire = if nth.is_multiple_of(2) { Wire::Machine } else { Wire::Script };
    let mut viewer = hub.subscribe(wire).unwrap().into_body();
    let (written, writer) = mpsc::sync_channel::<Bytes>(4);
    let writer = std::thread::spawn(move || writer.into_iter().filter_map(|chunk| number(&chunk)).last());
    let mut last = 0;
    while let Some(chunk) = chunk(&mut viewer) {
        if let Some(number) = number(&chunk) {
            assert!(number >= last, "{number} came after {last}");
            last = number;
        }
        written.send(chunk).unwrap();
    }
    drop(written);
    assert_eq!(writer.join().unwrap(), Some(last));
    last
}

/// Disconnects in the middle of a part, waits for snapshots, reads the statistics.
fn come_and_go(hub: &Hub, nth: usize) {
    for round in 0..200 {
        let mut viewer = hub.subscribe(Wire::Script).unwrap().key(format!("{}", round % 2)).exclusive(true).into_body();
        for _ in 0..round % 4 {
            drop(chunk(&mut viewer));
        }
        let _ = (hub.stats().parts_delivered, hub.viewers().len(), viewer.parts_skipped());
        if (round + nth).is_multiple_of(3) {
            block_on(hub.snapshot(Duration::from_millis(1)));
        }
    }
}
