//! The cost of a hub for each viewer and part, in process and without a network, from 1 to 10,000 viewers.
//!
//! The bodies are polled as by a server, and each chunk is dropped as if written.

use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::executor::block_on;
use http_body::Body;
use mixed_replace::serve::ResponseBody;
use mixed_replace::{Encoder, Part, Subscriber, Wire, body};
use mixed_replace::{Hubs, Live, Wall, hub};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// Reads all chunks that are ready.
fn drain(body: &mut body::Body<Subscriber>, cx: &mut Context<'_>) {
    while let Poll::Ready(Some(Ok(chunk))) = Pin::new(&mut *body).poll_frame(cx) {
        black_box(chunk.into_data().map(drop).is_ok());
    }
}

fn picture(size: usize) -> Part {
    let mut body = include_bytes!("../src/picture/dot.jpg").to_vec();
    body.resize(size, 0x55);
    Part::jpeg(body).expect("a picture")
}

fn fan_out(criterion: &mut Criterion) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut group = criterion.benchmark_group("publish and fan out");
    for (viewers, size) in
        [1, 100, 1_000, 10_000].into_iter().flat_map(|n| [2_000, 30_000, 150_000].map(|size| (n, size)))
    {
        let (publisher, hub) = hub::channel();
        let part = picture(size);
        let mut bodies: Vec<_> =
            (0..viewers).map(|_| hub.subscribe(Wire::Machine).expect("no limit is set").into_body()).collect();
        bodies.iter_mut().for_each(|body| drain(body, &mut cx));
        group.throughput(Throughput::Elements(viewers));
        group.bench_function(BenchmarkId::new(format!("{viewers} viewers"), size), |bencher| {
            bencher.iter(|| {
                publisher.publish(part.clone()).expect("the hub is open");
                bodies.iter_mut().for_each(|body| drain(body, &mut cx));
            });
        });
    }
    group.finish();
}

/// Compares 60 hubs, each with 500 viewers, with 500 viewers of a wall of these hubs: the same parts to as many viewers. The
/// time is that of the processor.
fn wall(criterion: &mut Criterion) {
    let (tracks, viewers) = (60, 500);
    let hubs = Hubs::new();
    let publishers = (0..tracks).map(|nth| {
        let (publisher, hub) = hub::channel();
        hubs.insert(&format!("camera-{nth}"), hub).expect("a valid name");
        publisher
    });
    let publishers: Vec<_> = publishers.collect();
    let part = picture(30_000);
    publishers.iter().for_each(|publisher| publisher.publish(part.clone()).expect("the hub is open"));
    let mut group = criterion.benchmark_group(format!("{tracks} parts to {viewers} viewers each"));
    group.throughput(Throughput::Elements(tracks * viewers));
    let request = || http::Request::get("/").header("accept", "multipart/mixed").body(()).expect("a valid request");
    let mut measure = |name, mut bodies: Vec<ResponseBody>| {
        let mut cx = Context::from_waker(Waker::noop());
        let drain = |body: &mut ResponseBody, cx: &mut Context<'_>| {
            while let Poll::Ready(Some(Ok(chunk))) = Pin::new(&mut *body).poll_frame(cx) {
                black_box(chunk.into_data().map(drop).is_ok());
            }
        };
        (0..2).for_each(|_| bodies.iter_mut().for_each(|body| drain(body, &mut cx)));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let before = processor_time();
                for _ in 0..times {
                    publishers.iter().for_each(|publisher| publisher.publish(part.clone()).expect("the hub is open"));
                    bodies.iter_mut().for_each(|body| drain(body, &mut cx));
                }
                processor_time() - before
            });
        });
    };
    let lives: Vec<_> = hubs.names().iter().filter_map(|name| hubs.get(name)).map(Live::new).collect();
    let all = (0..viewers).flat_map(|_| lives.iter().map(|live| block_on(live.respond(request())).into_body()));
    measure("hubs", all.collect());
    let wall = Wall::new(hubs.clone());
    measure("wall", (0..viewers).map(|_| block_on(wall.respond(request())).into_body()).collect());
    group.finish();
}

/// Compares a hub with a `watch` channel of encoded parts, each with 1,000 viewers that are tasks of a runtime with one worker and
/// with two. The time is from the publish until the last viewer has the part: without contention two workers need half of it.
fn workers(criterion: &mut Criterion) {
    let viewers = 1_000;
    let part = picture(30_000);
    let encoded = Encoder::random(Wire::Machine).encode(&part).expect("a random boundary occurs in no part").to_bytes();
    let mut group = criterion.benchmark_group(format!("from one thread to {viewers} tasks"));
    group.throughput(Throughput::Elements(viewers as u64));
    for workers in [1, 2] {
        let start = || Builder::new_multi_thread().worker_threads(workers).build().expect("a runtime");
        let name = |kind| BenchmarkId::new(kind, if workers == 1 { "1 worker" } else { "2 workers" });

        let (runtime, (publisher, hub), missing) = (start(), hub::channel(), Missing::default());
        for _ in 0..viewers {
            let mut body = hub.subscribe(Wire::Machine).expect("no limit is set").into_body();
            let missing = missing.clone();
            // The first part comes in two pieces.
            let (part, mut received) = (part.clone(), 0);
            runtime.spawn(async move {
                while let Some(Ok(chunk)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                    received += chunk.into_data().map(|bytes| black_box(bytes).len()).unwrap_or_default();
                    if received >= part.body().len() {
                        received = 0;
                        missing.arrived();
                    }
                }
            });
        }
        let publish = || publisher.publish(part.clone()).expect("the hub is open");
        missing.until_all(viewers, publish);
        group.bench_function(name("hub"), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| missing.until_all(viewers, publish)).sum());
        });
        end(runtime);

        let (runtime, (sender, receiver), missing) = (start(), watch::channel(Bytes::new()), Missing::default());
        for _ in 0..viewers {
            let (mut receiver, missing) = (receiver.clone(), missing.clone());
            runtime.spawn(async move {
                while receiver.changed().await.is_ok() {
                    black_box(Bytes::clone(&receiver.borrow_and_update()));
                    missing.arrived();
                }
            });
        }
        let publish = || drop(sender.send_replace(encoded.clone()));
        missing.until_all(viewers, publish);
        group.bench_function(name("watch"), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| missing.until_all(viewers, publish)).sum());
        });
        end(runtime);
    }
    group.finish();
}

/// How many viewers do not have the part yet, for a thread that waits for them.
#[derive(Clone)]
struct Missing(Arc<(AtomicUsize, Thread)>);

impl Default for Missing {
    fn default() -> Self {
        Self(Arc::new((AtomicUsize::new(0), thread::current())))
    }
}

impl Missing {
    fn arrived(&self) {
        if self.0.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.1.unpark();
        }
    }

    /// Publishes a part and returns the time until all viewers have it.
    fn until_all(&self, viewers: usize, publish: impl FnOnce()) -> Duration {
        self.0.0.store(viewers, Ordering::Release);
        let start = Instant::now();
        publish();
        while self.0.0.load(Ordering::Acquire) > 0 {
            thread::park();
        }
        start.elapsed()
    }
}

fn end(runtime: Runtime) {
    runtime.shutdown_timeout(Duration::from_secs(1));
}

/// Returns the processor time of this thread so far. Linux only.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("a number"))
}

/// Compares one buffer for each part with three that share the body.
fn layout(criterion: &mut Criterion) {
    let encoder = Encoder::random(Wire::Machine);
    let mut group = criterion.benchmark_group("encode for all viewers");
    // Up to 64 KiB a part is always in one.
    for size in [70_000, 150_000] {
        let part = picture(size);
        let encode = || encoder.encode(&part).expect("a random boundary occurs in no part");
        group.bench_function(BenchmarkId::new("one buffer", size), |bencher| bencher.iter(|| encode().to_bytes()));
        group.bench_function(BenchmarkId::new("head and tail", size), |bencher| {
            bencher.iter(&encode);
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out, wall, workers, layout);
criterion_main!(benches);
