//! The cost of decoding: with and without lengths, in single bytes, beside other crates, and relative to a floor, which is
//! `memchr::memmem` over the same bytes.
//!
//! Run with `cargo bench -p benches --bench decode`

use std::convert::Infallible;
use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use futures::{StreamExt as _, executor::block_on, stream};
use memchr::memmem;
use mixed_replace::Decoder;
use mixed_replace::decode::Parts;

const BOUNDARY: &str = "7kKzXq0M3vTqRz5c1LwYpA";
const PARTS: usize = 16;
const SIZES: [usize; 4] = [2_000, 50_000, 150_000, 1_000_000];
/// SOI to the first SOS.
const HEADER: &[u8] = DOT.split_at(160).0;
const DOT: &[u8] = include_bytes!("../src/picture/dot.jpg");
/// The largest read of hyper.
const CHUNK: usize = 400 * 1024;

/// Returns a stream of pictures: JPEG headers with scans of random bytes.
fn pictures(size: usize, length: bool) -> Bytes {
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    let mut bytes = Vec::new();
    for _ in 0..PARTS {
        bytes.extend(format!("--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n").bytes());
        if length {
            bytes.extend(format!("Content-Length: {size}\r\n").bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(HEADER);
        bytes.extend((HEADER.len() + 2..size).map(|_| noise().min(0xfe)));
        bytes.extend(b"\xff\xd9\r\n");
    }
    bytes.extend(format!("--{BOUNDARY}--\r\n").bytes());
    Bytes::from(bytes)
}

fn decoder() -> Decoder {
    Decoder::new(BOUNDARY)
}

/// Measures only the decoder, over a buffer with the complete stream.
fn decoder_only(c: &mut Criterion) {
    for (name, length) in [("with_length", true), ("without_length", false)] {
        let mut group = c.benchmark_group(name);
        for size in SIZES {
            let bytes = pictures(size, length);
            // Per part with lengths, otherwise per byte.
            group.throughput(match length {
                true => Throughput::Elements(PARTS as u64),
                false => Throughput::Bytes(bytes.len() as u64),
            });
            group.bench_function(BenchmarkId::new("decoder", size), |b| {
                b.iter_batched_ref(
                    || (decoder(), BytesMut::from(&bytes[..])),
                    |(decoder, buffer)| {
                        let mut parts = 0;
                        while let Ok(Some(part)) = decoder.decode(buffer) {
                            drop(black_box(part));
                            parts += 1;
                        }
                        assert_eq!(parts, PARTS);
                    },
                    BatchSize::PerIteration,
                );
            });
            if !length {
                let finder = memmem::Finder::new(BOUNDARY);
                group.bench_function(BenchmarkId::new("memmem", size), |b| {
                    b.iter_batched_ref(
                        || BytesMut::from(&bytes[..]),
                        |buffer| assert_eq!(finder.find_iter(buffer).count(), PARTS + 1),
                        BatchSize::PerIteration,
                    );
                });
            }
        }
    }
}

/// Measures a stream, beside other crates. multipart-stream needs lengths and ignores the close-delimiter.
fn streams(c: &mut Criterion) {
    for (name, length) in [("stream_with_length", true), ("stream_without_length", false)] {
        let mut group = c.benchmark_group(name);
        for size in SIZES {
            let bytes = pictures(size, length);
            let chunks: Vec<_> =
                (0..bytes.len()).step_by(CHUNK).map(|at| bytes.slice(at..bytes.len().min(at + CHUNK))).collect();
            let source = || stream::iter(chunks.clone().into_iter().map(Ok::<_, Infallible>));
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(BenchmarkId::new("mixed-replace", size), |b| {
                b.iter(|| block_on(Parts::new(source(), decoder()).take(PARTS).for_each(|part| async { drop(part) })));
            });
            group.bench_function(BenchmarkId::new("multer", size), |b| {
                b.iter(|| {
                    block_on(async {
                        let mut multipart = multer::Multipart::new(source(), BOUNDARY);
                        while let Some(field) = multipart.next_field().await.expect("well-formed") {
                            black_box(field.bytes().await.expect("well-formed"));
                        }
                    });
                });
            });
            if length {
                group.bench_function(BenchmarkId::new("multipart-stream", size), |b| {
                    b.iter(|| {
                        let parts = multipart_stream::parse(source(), BOUNDARY).take(PARTS);
                        block_on(parts.for_each(|part| async { drop(part.expect("well-formed")) }));
                    });
                });
            }
        }
    }
}

/// Measures one byte at a time: eight times the bytes take eight times as long, for hostile input too.
fn bytewise(c: &mut Criterion) {
    let mut group = c.benchmark_group("bytewise");
    group.sample_size(10);
    for megabytes in [1, 8] {
        let size = megabytes << 20;
        let head = format!("--{BOUNDARY}\r\n\r\n");
        let part = |pattern: &[u8]| [head.as_bytes(), &pattern.repeat(size / pattern.len())].concat();
        for (name, bytes) in [
            ("pictures", pictures(size / PARTS, false).to_vec()),
            ("pictures with lengths", pictures(size / PARTS, true).to_vec()),
            ("CR flood", part(b"\r")),
            ("near-boundaries", part(b"\r\n--7kKzXq0M3vTqRz5c1LwYp")),
            ("boundaries inside lines", part(b"x--7kKzXq0M3vTqRz5c1LwYpA")),
            ("empty parts", format!("--{BOUNDARY}\r\n\r\n").repeat(size / 28).into_bytes()),
            (
                "lying lengths",
                format!("--{BOUNDARY}\r\nContent-Length: 9000000\r\n\r\nx\r\n").repeat(size / 56).into_bytes(),
            ),
        ] {
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(BenchmarkId::new(name, format!("{megabytes} MiB")), |b| {
                b.iter(|| {
                    let (mut decoder, mut buffer) = (decoder(), BytesMut::new());
                    for byte in &bytes {
                        buffer.extend_from_slice(&[*byte]);
                        while let Some(part) = decoder.decode(&mut buffer).expect("below the limits") {
                            drop(black_box(part));
                        }
                    }
                });
            });
        }
    }
}

/// Measures chunks of 64 KiB of input that could restart a search again and again.
fn hostile(c: &mut Criterion) {
    let mut group = c.benchmark_group("hostile");
    group.sample_size(10);
    for megabytes in [1, 8] {
        for (name, decoder, pattern) in [
            ("near-boundaries", Decoder::new("b"), &b"\r\n--"[..]),
            ("boundaries inside lines", Decoder::new("b"), b"-b--b"),
            ("detecting the boundary", Decoder::detect(), b"\xff\xd9--"),
            ("dashes", Decoder::detect(), b"-"),
        ] {
            let bytes =
                [&b"Content-Type: text/plain\r\n\r\n"[..], &pattern.repeat((megabytes << 20) / pattern.len())].concat();
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(BenchmarkId::new(name, format!("{megabytes} MiB")), |b| {
                b.iter(|| {
                    let (mut decoder, mut buffer) = (decoder.clone(), BytesMut::new());
                    for chunk in bytes.chunks(64 * 1024) {
                        buffer.extend_from_slice(chunk);
                        assert!(decoder.decode(&mut buffer).expect("below the limits").is_none());
                    }
                });
            });
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    decoder_only(&mut criterion);
    streams(&mut criterion);
    bytewise(&mut criterion);
    hostile(&mut criterion);
    criterion.final_summary();
}
