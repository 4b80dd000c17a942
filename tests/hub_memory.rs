//! Memory of a hub's viewers: little while they wait, and almost none for each part.

#![cfg(feature = "http-body")]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use bytes::Bytes;
use futures::Stream as _;
use http_body::Body as _;
use mixed_replace::{Hub, Part, Publisher, Subscriber, Wire, body, hub};
use test_support::WIRES;

const VIEWERS: usize = 1000;
const PICTURE: usize = 50_000;

fn picture() -> Part {
    let mut picture = include_bytes!("../src/picture/dot.jpg").to_vec();
    picture.resize(PICTURE, 0);
    Part::jpeg(picture).unwrap()
}

/// Polls as hyper does.
fn frame(viewer: &mut body::Body<Subscriber>) -> Option<Bytes> {
    // Twice, because the first poll is pending so that the response head is sent.
    (0..2).find_map(|_| match Pin::new(&mut *viewer).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => Some(frame.into_data().unwrap()),
        _ => None,
    })
}

/// Polls as actix does.
fn chunk(viewer: &mut body::Chunks<Subscriber>) -> Option<Bytes> {
    match Pin::new(viewer).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(chunk))) => Some(chunk),
        _ => None,
    }
}

/// Viewers that have received a part and wait for the next.
fn watching<B>(
    hub: &Hub,
    count: usize,
    wire: Wire,
    into: fn(Subscriber) -> B,
    next: fn(&mut B) -> Option<Bytes>,
) -> Vec<B> {
    let viewers = (0..count).map(|_| into(hub.subscribe(wire).unwrap()));
    let mut viewers: Vec<_> = viewers.collect();
    viewers.iter_mut().for_each(|viewer| while next(viewer).is_some() {});
    viewers
}

fn bodies(hub: &Hub, count: usize, wire: Wire) -> Vec<body::Body<Subscriber>> {
    watching(hub, count, wire, Subscriber::into_body, frame)
}

fn streams(hub: &Hub, count: usize, wire: Wire) -> Vec<body::Chunks<Subscriber>> {
    watching(hub, count, wire, Subscriber::into_stream, chunk)
}

fn started() -> (Publisher, Hub) {
    let (publisher, hub) = hub::channel();
    publisher.publish(picture()).unwrap();
    // One viewer for each wire, so that the measurement contains no encoding.
    for wire in WIRES {
        drop(streams(&hub, 1, wire));
    }
    (publisher, hub)
}

#[test]
fn idle_viewer_needs_at_most_half_a_kilobyte() {
    needs_at_most_half_a_kilobyte("body", bodies);
    needs_at_most_half_a_kilobyte("stream", streams);
}

fn needs_at_most_half_a_kilobyte<B>(how: &str, watching: fn(&Hub, usize, Wire) -> Vec<B>) {
    // With 1,025 viewers a table that grows by doubling has just doubled.
    for count in [VIEWERS, 1025] {
        let (_publisher, hub) = started();
        let mut viewers = Vec::new();
        let cost = measure(|| viewers = watching(&hub, count, Wire::Machine));
        let each = usize::try_from(cost.bytes_current).unwrap() / count;
        assert!(each <= 500, "{how}, {count} viewers: {each} bytes, {} of them the body", size_of::<B>());
        drop(viewers);
    }
}

/// `bytes` allocates once when a part is cloned for the first time, however many viewers there are.
const SHARING: u64 = 1;

#[test]
fn part_costs_a_body_one_small_allocation_and_no_copy() {
    for wire in WIRES {
        let (publisher, hub) = started();
        let mut viewers = bodies(&hub, VIEWERS, wire);
        publisher.publish(picture()).unwrap();
        let mut bytes = 0;
        let waiting = measure(|| {
            for viewer in &mut viewers {
                bytes += frame(viewer).unwrap().len();
                assert!(frame(viewer).is_none());
            }
        });
        assert!(bytes > VIEWERS * PICTURE);
        let counted = waiting.count_total;
        println!("{wire:?}: {} bytes in {counted} allocations for {VIEWERS} viewers", waiting.bytes_total);
        assert!(counted <= VIEWERS as u64 + SHARING, "{counted} allocations");
        assert!(waiting.bytes_total <= 128 * VIEWERS as u64, "{} bytes", waiting.bytes_total);

        // A newer part is already published when the transport releases this one.
        publisher.publish(picture()).unwrap();
        let mut held: Vec<_> = viewers.iter_mut().map(|viewer| frame(viewer).unwrap()).collect();
        viewers.iter_mut().for_each(|viewer| assert!(frame(viewer).is_none()));
        publisher.publish(picture()).unwrap();
        let busy = measure(|| {
            for (viewer, held) in viewers.iter_mut().zip(&mut held) {
                *held = Bytes::new();
                *held = frame(viewer).unwrap();
            }
        });
        assert!(busy.count_total <= VIEWERS as u64 + SHARING, "{} allocations", busy.count_total);
    }
}

#[test]
fn part_costs_a_stream_no_allocation() {
    for wire in WIRES {
        let (publisher, hub) = started();
        let mut viewers = streams(&hub, VIEWERS, wire);
        publisher.publish(picture()).unwrap();
        let cost = measure(|| {
            for viewer in &mut viewers {
                assert!(chunk(viewer).unwrap().len() > PICTURE);
                assert!(chunk(viewer).is_none());
            }
        });
        assert!(cost.count_total <= SHARING, "{wire:?}: {} allocations", cost.count_total);
    }
}

#[test]
fn publish_allocations_do_not_grow_with_viewers() {
    let (publisher, hub) = started();
    let mut viewers = bodies(&hub, VIEWERS, Wire::Machine);
    let mut cost = || {
        viewers.iter_mut().for_each(|viewer| while frame(viewer).is_some() {});
        let part = picture();
        let cost = measure(|| publisher.publish(part).unwrap());
        viewers.truncate(1);
        (cost.count_total, cost.bytes_total)
    };
    let ((many, bytes), (one, _)) = (cost(), cost());
    println!("{many} allocations and {bytes} bytes for {VIEWERS} viewers, {one} allocations for one");
    assert!(many <= one + 1, "{many} allocations, {one} for one viewer");
    assert!(bytes <= (PICTURE + 4096 + 64 * VIEWERS) as u64, "{bytes} bytes");
}

#[test]
fn dropped_viewers_leave_no_memory() {
    let (publisher, hub) = started();
    let mut viewers = bodies(&hub, VIEWERS, Wire::Machine);
    publisher.publish(picture()).unwrap();
    viewers.clear();
    let cost = measure(|| {
        for key in 0..10 * VIEWERS {
            let mut viewer = hub.subscribe(Wire::Machine).unwrap().key(key.to_string()).into_body();
            let in_flight = frame(&mut viewer).unwrap();
            drop(viewer);
            drop(in_flight);
        }
    });
    println!("{} bytes remain", cost.bytes_current);
    // A table of keys keeps some capacity.
    assert!(cost.bytes_current <= 1024, "{} bytes remain", cost.bytes_current);
}
