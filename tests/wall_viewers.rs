//! What a wall costs for each viewer and part, and what a viewer with a thin line gets of it.

#![cfg(all(feature = "axum", feature = "socket"))]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use axum::serve::ListenerExt as _;
use bytes::{Bytes, BytesMut};
use futures::executor::block_on;
use http::{HeaderName, Request};
use http_body::Body as _;
use mixed_replace::serve::ResponseBody;
use mixed_replace::{Decoder, Hubs, Live, Part, Publisher, Wall, hub, socket};
use test_support::boundary;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const VIEWERS: u64 = 200;

fn cameras(count: usize) -> (Hubs, Vec<Publisher>) {
    let hubs = Hubs::new();
    let publishers = (0..count).map(|nth| {
        let (publisher, hub) = hub::channel();
        hubs.insert(&format!("cam{nth:02}"), hub).unwrap();
        publisher
    });
    let publishers = publishers.collect();
    (hubs, publishers)
}

fn request(path: &str) -> Request<()> {
    Request::get(path).header("accept", "multipart/mixed").body(()).unwrap()
}

/// Polls as hyper does.
fn frame(body: &mut ResponseBody) -> Option<Bytes> {
    match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => Some(frame.into_data().unwrap()),
        _ => None,
    }
}

fn drain(bodies: &mut [ResponseBody]) {
    // Twice, because the first poll is pending so that the response head is sent.
    (0..2).for_each(|_| bodies.iter_mut().for_each(|body| while frame(body).is_some() {}));
}

/// Returns the allocations for a part that each body is sent, and for the release of it.
fn allocations(publisher: &Publisher, bodies: &mut [ResponseBody]) -> u64 {
    drain(bodies);
    for text in ["first", "second"] {
        publisher.publish(Part::text(text.repeat(1000)).unwrap()).unwrap();
        drain(bodies);
    }
    publisher.publish(Part::text("measured".repeat(1000)).unwrap()).unwrap();
    let mut sent = 0;
    let counted = measure(|| {
        for body in bodies.iter_mut() {
            sent += u64::from(frame(body).is_some());
            assert!(frame(body).is_none());
        }
    });
    assert_eq!(sent, bodies.len() as u64);
    counted.count_total
}

#[test]
fn part_costs_a_viewer_of_a_wall_as_many_allocations_as_one_of_a_hub() {
    let (hubs, publishers) = cameras(60);
    let live = Live::new(hubs.get("cam07").unwrap());
    publishers[7].publish(Part::text("on").unwrap()).unwrap();
    let mut bodies: Vec<_> = (0..VIEWERS).map(|_| block_on(live.respond(request("/"))).into_body()).collect();
    let of_hub = allocations(&publishers[7], &mut bodies);
    drop(bodies);
    let wall = Wall::new(hubs);
    let mut bodies: Vec<_> = (0..VIEWERS).map(|_| block_on(wall.respond(request("/"))).into_body()).collect();
    let of_wall = allocations(&publishers[7], &mut bodies);
    println!("{VIEWERS} viewers: {of_hub} allocations of a hub, {of_wall} of a wall");
    // And those that encode the part, once.
    assert!(of_wall <= of_hub + 20, "{of_wall}, {of_hub} of a hub");
}

/// 12 cameras make 3 MB/s.
#[tokio::test(flavor = "multi_thread")]
async fn slow_viewer_gets_every_camera_at_an_even_rate_and_fresh() {
    const CAMERAS: usize = 12;
    const RATE: usize = 250_000;
    const SECONDS: u64 = 10;
    let (hubs, publishers) = cameras(CAMERAS);
    let app = axum::Router::new().route_service("/wall", Wall::new(hubs));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.tap_io(|connection| drop(socket::tune(connection)));
    tokio::spawn(async { axum::serve(listener, app).await });
    let begin = Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let source = std::thread::spawn(move || {
        let mut next = Instant::now();
        while !stopped.load(Ordering::SeqCst) {
            for publisher in &publishers {
                let mut part = Part::text("x".repeat(25_000)).unwrap();
                let at = begin.elapsed().as_millis().to_string();
                part.insert_header(HeaderName::from_static("x-at"), at.parse().unwrap()).unwrap();
                publisher.publish(part).unwrap();
            }
            next += Duration::from_millis(100);
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    });

    let connection = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    connection.set_recv_buffer_size(16 * 1024).unwrap();
    connection.connect(&address.into()).unwrap();
    connection.set_nonblocking(true).unwrap();
    let mut connection = tokio::net::TcpStream::from_std(connection.into()).unwrap();
    let head = "GET /wall HTTP/1.0\r\nAccept: multipart/mixed\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let (mut bytes, mut decoder) = (BytesMut::new(), None);
    let (mut counts, mut oldest, mut read) = (BTreeMap::<String, usize>::new(), Duration::ZERO, 0_usize);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(SECONDS) {
        let mut some = [0; 5_000];
        let taken = connection.read(&mut some).await.unwrap();
        bytes.extend_from_slice(&some[..taken]);
        read += taken;
        if decoder.is_none() {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8(bytes.split_to(end + 4).to_vec()).unwrap();
            decoder = Some(Decoder::new(boundary(head)));
        }
        while let Some(part) = decoder.as_mut().unwrap().decode(&mut bytes).unwrap() {
            let Some(name) = part.headers().get("content-location") else { continue };
            // The first ones of a connection are sent into empty buffers.
            if started.elapsed() > Duration::from_secs(3) {
                *counts.entry(name.to_str().unwrap().to_owned()).or_default() += 1;
                let at = Duration::from_millis(part.headers()["x-at"].to_str().unwrap().parse().unwrap());
                oldest = oldest.max(begin.elapsed() - at);
            }
        }
        let due = Duration::from_secs_f64(read as f64 / RATE as f64);
        tokio::time::sleep(due.saturating_sub(started.elapsed())).await;
    }
    stop.store(true, Ordering::SeqCst);
    source.join().unwrap();
    let (most, least) = (*counts.values().max().unwrap(), *counts.values().min().unwrap());
    println!("{read} bytes in {SECONDS} s; parts of each camera: {least} to {most}; oldest {oldest:.2?}; {counts:?}");
    assert_eq!(counts.len(), CAMERAS);
    assert!(most - least <= 2, "{counts:?}");
    let round = Duration::from_secs_f64((CAMERAS * 25_000) as f64 / RATE as f64);
    assert!(oldest <= round + Duration::from_millis(1500), "{oldest:?}");
}
