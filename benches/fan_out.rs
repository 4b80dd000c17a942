//! In process: what a hub costs for each viewer and part, without a network, from 1 viewer to 10,000.
//!
//! The viewers are polled as a server polls a body, and drop each chunk as a server does that has written it.

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http_body::Body;
use mixed_replace::hub;
use mixed_replace::{Encoder, Part, Wire};

/// Everything that the viewer can be given now.
fn drain(viewer: &mut hub::Body, cx: &mut Context<'_>) {
    while let Poll::Ready(Some(Ok(chunk))) = Pin::new(&mut *viewer).poll_frame(cx) {
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
        let mut viewing: Vec<_> =
            (0..viewers).map(|_| hub.subscribe(Wire::Machine).expect("no limit is set").into_body()).collect();
        viewing.iter_mut().for_each(|viewer| drain(viewer, &mut cx));
        group.throughput(Throughput::Elements(viewers));
        group.bench_function(BenchmarkId::new(format!("{viewers} viewers"), size), |bencher| {
            bencher.iter(|| {
                publisher.publish(part.clone()).expect("the hub is open");
                viewing.iter_mut().for_each(|viewer| drain(viewer, &mut cx));
            });
        });
    }
    group.finish();
}

/// One buffer for each part against the three that need no copy of the body.
fn shape(criterion: &mut Criterion) {
    let encoder = Encoder::random(Wire::Machine);
    let mut group = criterion.benchmark_group("encode for all viewers");
    for size in [2_000, 30_000, 150_000] {
        let part = picture(size);
        let encode = || encoder.encode(&part).expect("a random boundary occurs in no part");
        group.bench_function(BenchmarkId::new("one buffer", size), |bencher| bencher.iter(|| encode().to_bytes()));
        group.bench_function(BenchmarkId::new("head and tail", size), |bencher| {
            bencher.iter(&encode);
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out, shape);
criterion_main!(benches);
