//! The cost of encoding one picture as a part, beside code written by hand and multipart-stream. Without a network: the parts
//! are dropped at once.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use futures::executor::block_on;
use futures::{StreamExt as _, stream};
use mixed_replace::{Encoder, MixedReplace, Part, Wire, picture};

const SIZES: [usize; 3] = [1_000, 50_000, 1_000_000];

/// Measures the encoding of one part.
fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for size in SIZES {
        let picture = picture(size);
        let part = Part::jpeg(picture.clone()).unwrap();

        // Up to 64 KiB the body is copied behind the framing, a larger one is shared.
        for wire in [Wire::Browser, Wire::Machine, Wire::Script] {
            let encoder = Encoder::random(wire);
            group.bench_function(BenchmarkId::new(format!("{wire:?} wire"), size), |bencher| {
                bencher.iter(|| encoder.encode(black_box(&part)));
            });
        }

        // As sent to one client: copied into one chunk up to 64 KiB.
        let encoder = Encoder::random(Wire::Machine);
        group.bench_function(BenchmarkId::new("Machine wire, chunks", size), |bencher| {
            bencher.iter(|| {
                encoder.encode(black_box(&part)).map(|part| part.chunks().for_each(|chunk| drop(black_box(chunk))))
            });
        });

        // A fixed boundary is searched for in each part.
        let fixed = Encoder::new("ThisRandomString".parse().unwrap(), Wire::Machine);
        group.bench_function(BenchmarkId::new("Machine wire, fixed boundary", size), |bencher| {
            bencher.iter(|| fixed.encode(black_box(&part)));
        });

        group.bench_function(BenchmarkId::new("format! and Vec", size), |bencher| {
            bencher.iter(|| {
                let mut part = Vec::new();
                part.extend_from_slice(
                    format!("Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len()).as_bytes(),
                );
                part.extend_from_slice(black_box(&picture));
                part.extend_from_slice(format!("\r\n--{}\r\n", black_box("ThisRandomString")).as_bytes());
                Bytes::from(part)
            });
        });

        group.bench_function(BenchmarkId::new("multipart-stream", size), |bencher| {
            let parts = stream::repeat_with(|| {
                let mut headers = http02::HeaderMap::new();
                headers.insert(http02::header::CONTENT_TYPE, http02::HeaderValue::from_static("image/jpeg"));
                Ok::<_, Infallible>(multipart_stream::Part { headers, body: picture.clone() })
            });
            let mut body = pin!(multipart_stream::serialize(parts, "ThisRandomString"));
            // One part is three chunks: headers, body, line end.
            bencher.iter(|| (0..3).for_each(|_| drop(black_box(block_on(body.next())))));
        });
    }
    group.finish();
}

/// Measures a complete response body: source, encoder, chunks.
fn stream(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream");
    for size in SIZES {
        let part = Part::jpeg(picture(size)).unwrap();
        let chunks = if size > 64 * 1024 { 3 } else { 1 };
        group.bench_function(BenchmarkId::new("MixedReplace", size), |bencher| {
            let mut body = pin!(
                MixedReplace::new(stream::repeat(part.clone()).map(Ok::<_, Infallible>), Wire::Machine).into_stream()
            );
            bencher.iter(|| (0..chunks).for_each(|_| drop(black_box(block_on(body.next())))));
        });
    }
    group.finish();
}

/// Measures the check of a picture, which reads only the header.
fn check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check");
    for size in [2_000, 2_000_000] {
        let picture = picture(size);
        group.bench_function(BenchmarkId::new("JPEG", size), |bencher| {
            bencher.iter(|| picture::check(&mime::IMAGE_JPEG, black_box(&picture)));
        });
    }
    group.finish();
}

fn picture(size: usize) -> Bytes {
    let mut picture: Vec<u8> = (0..size).map(|i| (i * 31 % 251).to_le_bytes()[0]).collect();
    picture[..HEADER.len()].copy_from_slice(HEADER);
    Bytes::from(picture)
}

/// A picture that is valid with any bytes appended.
const HEADER: &[u8] = include_bytes!("../src/picture/dot.jpg");

criterion_group!(benches, encode, check, stream);
criterion_main!(benches);
