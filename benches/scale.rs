//! What the renditions of a ladder cost: pictures a second on one core, with each codec that was compared.
//!
//! `cargo bench -p benches --bench scale`, and with `--no-default-features` the encoder without `simd`. The time is that of the
//! processor, so that other programs do not count.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, ResizeAlg, ResizeOptions, Resizer};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

/// A picture with edges, slopes and grain, as of a camera.
fn picture(width: u16, height: u16) -> Vec<u8> {
    let mut grain = 1_u32;
    let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..u32::from(height) {
        for x in 0..u32::from(width) {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let edge = if (x / 60 + y / 45) % 2 == 0 { 60 } else { 0 };
            let value = x * 120 / u32::from(width) + edge + (grain >> 28);
            pixels.extend([value, value * 3 / 4 + 20, y * 200 / u32::from(height)].map(|value| value.min(255) as u8));
        }
    }
    let mut jpeg = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 80);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    jpeg
}

fn by_zune(jpeg: &[u8]) -> Vec<u8> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::YCbCr);
    zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(jpeg), options).decode().unwrap()
}

fn by_jpeg_decoder(jpeg: &[u8], scale: Option<(u16, u16)>) -> Vec<u8> {
    let mut decoder = jpeg_decoder::Decoder::new(jpeg);
    if let Some((width, height)) = scale {
        decoder.scale(width, height).unwrap();
    }
    decoder.decode().unwrap()
}

fn resized(pixels: &[u8], from: (u32, u32), to: (u32, u32)) -> Vec<u8> {
    let image = ImageRef::new(from.0, from.1, pixels, PixelType::U8x3).unwrap();
    let mut smaller = Image::new(to.0, to.1, PixelType::U8x3);
    let filter = ResizeAlg::Convolution(fast_image_resize::FilterType::CatmullRom);
    Resizer::new().resize(&image, &mut smaller, &ResizeOptions::new().resize_alg(filter)).unwrap();
    smaller.into_vec()
}

fn encoded(pixels: &[u8], (width, height): (u16, u16)) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 60);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.encode(pixels, width, height, jpeg_encoder::ColorType::Ycbcr).unwrap();
    jpeg
}

/// Measures the time that this thread was on a processor.
fn measure<T>(b: &mut Bencher<'_>, run: impl Fn() -> T) {
    b.iter_custom(|times| {
        let start = on_processor();
        for _ in 0..times {
            black_box(run());
        }
        on_processor() - start
    });
}

fn on_processor() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").expect("needs Linux");
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

fn scale(c: &mut Criterion) {
    for (width, height) in [(1280_u16, 720_u16), (1920, 1080)] {
        let mut group = c.benchmark_group(format!("{width}x{height}"));
        group
            .throughput(Throughput::Elements(1))
            .sample_size(10)
            .measurement_time(Duration::from_secs(2))
            .warm_up_time(Duration::from_secs(1));
        let jpeg = picture(width, height);
        let (size, half) = ((u32::from(width), u32::from(height)), (width / 2, height / 2));
        let small = (u32::from(half.0), u32::from(half.1));
        group.bench_function("decode: zune-jpeg", |b| measure(b, || by_zune(black_box(&jpeg))));
        group.bench_function("decode: jpeg-decoder", |b| measure(b, || by_jpeg_decoder(black_box(&jpeg), None)));
        group.bench_function("decode at half size: jpeg-decoder", |b| {
            measure(b, || by_jpeg_decoder(black_box(&jpeg), Some(half)));
        });
        let pixels = by_zune(&jpeg);
        group.bench_function("scale to half", |b| measure(b, || resized(black_box(&pixels), size, small)));
        let pixels = resized(&pixels, size, small);
        // Twice: `--no-default-features` of this package is without `simd`.
        let simd = if cfg!(feature = "simd") { "with" } else { "without" };
        group.bench_function(format!("encode half: jpeg-encoder {simd} simd"), |b| {
            measure(b, || encoded(black_box(&pixels), half));
        });
        group.bench_function("one rung of half the width, in all", |b| {
            measure(b, || encoded(&resized(&by_zune(black_box(&jpeg)), size, small), half));
        });
        group.finish();
    }
}

criterion_group!(benches, scale);
criterion_main!(benches);
