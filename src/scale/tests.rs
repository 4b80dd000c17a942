//! What is kept of a picture, which pictures are refused, and what these cost.

#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failure of a helper is a failure of its test"
)]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::*;

/// Half as wide as a picture of this test, which is 160 x 80.
const HALF: Rendition = Rendition { width: 80, quality: 90 };

/// A pattern in which no turn or reflection equals another: a bright corner, a dark edge, a slope.
fn pixel(x: usize, y: usize, (width, height): (usize, usize)) -> [u8; 3] {
    let (x, y) = (x * 256 / width, y * 256 / height);
    let wave = ((x * y / 97) % 64) as u8;
    match (x, y) {
        (0..64, 0..64) => [250, 220, 60],
        (_, 224..) => [20, 40, 90],
        _ => [(x / 2) as u8 + wave, (y / 2) as u8 + 40, 120 - wave],
    }
}

fn pixels(width: usize, height: usize) -> Vec<u8> {
    (0..width * height).flat_map(|at| pixel(at % width, at / width, (width, height))).collect()
}

fn jpeg(change: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, 95);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    change(&mut encoder);
    encoder.encode(&pixels(160, 80), 160, 80, ColorType::Rgb).unwrap();
    jpeg
}

fn half(picture: &[u8]) -> Result<Vec<u8>, Unscalable> {
    scaled(Bytes::copy_from_slice(picture), &[HALF]).map(|scaled| scaled[0].clone().unwrap())
}

/// Decodes a picture to RGB, by another decoder than that of the renditions.
fn decoded(picture: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut decoder = jpeg_decoder::Decoder::new(picture);
    let pixels = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    let pixels = match info.pixel_format {
        jpeg_decoder::PixelFormat::L8 => pixels.iter().flat_map(|gray| [*gray; 3]).collect(),
        _ => pixels,
    };
    (usize::from(info.width), usize::from(info.height), pixels)
}

/// The mean of each square of pixels, which is what a picture of 1/n of the width shows.
fn reference(n: usize, (width, height): (usize, usize), pixels: &[u8]) -> Vec<u8> {
    let mut small = Vec::new();
    for y in 0..height / n {
        for x in 0..width / n {
            for channel in 0..3 {
                let square = (0..n * n).map(|at| ((y * n + at / n) * width + x * n + at % n) * 3 + channel);
                let sum: usize = square.map(|at| usize::from(pixels[at])).sum();
                small.push(((sum + n * n / 2) / (n * n)) as u8);
            }
        }
    }
    small
}

/// The peak signal-to-noise ratio in decibels of a picture against another that is moved by some pixels.
fn psnr(one: &[u8], other: &[u8], (width, height): (usize, usize), (dx, dy): (usize, usize)) -> f64 {
    let mut sum = 0.0;
    let mut count = 0.0;
    for y in 0..height - dy {
        for x in 0..width - dx {
            for channel in 0..3 {
                let (at, moved) = ((y * width + x) * 3 + channel, ((y + dy) * width + x + dx) * 3 + channel);
                let difference = f64::from(one[at]) - f64::from(other[moved]);
                (sum, count) = (sum + difference * difference, count + 1.0);
            }
        }
    }
    10.0 * (255.0 * 255.0 * count / sum).log10()
}

fn mean(pixels: &[u8]) -> f64 {
    pixels.iter().map(|value| f64::from(*value)).sum::<f64>() / pixels.len() as f64
}

/// Against the mean of each square of pixels: the floor is what quality 60 leaves, some decibels below what was measured.
#[test]
fn rungs_look_like_the_picture() {
    let size = (960, 480);
    let mut large = Vec::new();
    Encoder::new(&mut large, 95).encode(&pixels(size.0, size.1), 960, 480, ColorType::Rgb).unwrap();
    let (_, _, original) = decoded(&large);
    for (n, quality) in [(2, 90), (3, 75), (4, 60), (6, 50)] {
        let rendition = Rendition::width(960 / n as u16).quality(quality);
        let scaled = scaled(Bytes::from(large.clone()), &[rendition]).unwrap().remove(0).unwrap();
        let (width, height, rung) = decoded(&scaled);
        let small = (960 / n, 480 / n);
        assert_eq!((width, height), small);
        let reference = reference(n, size, &original);
        let same = psnr(&rung, &reference, small, (0, 0));
        assert!(same > 26.0, "1/{n}: {same} dB");
        let brighter = mean(&rung) - mean(&reference);
        assert!(brighter.abs() < 1.0, "1/{n}: {brighter} brighter");
        for moved in [(1, 0), (0, 1), (1, 1)] {
            assert!(psnr(&rung, &reference, small, moved) < same, "1/{n}: moved by {moved:?}");
            assert!(psnr(&reference, &rung, small, moved) < same, "1/{n}: moved back by {moved:?}");
        }
    }
}

#[test]
fn orientation_is_kept() {
    for orientation in 1..=8_u8 {
        for exif in [
            [&b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0, 0, 0, 0, 0]],
            [&b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01"[..], &[0, orientation, 0, 0, 0, 0, 0, 0]],
        ] {
            let picture = jpeg(|encoder| encoder.add_app_segment(1, exif.concat()).unwrap());
            let scaled = scaled(picture.into(), &[Rendition::width(40)]).unwrap().remove(0).unwrap();
            let mut decoder = jpeg_decoder::Decoder::new(&*scaled);
            decoder.read_info().unwrap();
            let kept = decoder.exif_data().and_then(super::orientation).unwrap_or(1);
            assert_eq!(kept, orientation);
            // The width is the one that is shown. On its side, that is the height of the pixels.
            let info = decoder.info().unwrap();
            let shown = if orientation < 5 { info.width } else { info.height };
            assert_eq!((shown, info.width), if orientation < 5 { (40, 40) } else { (40, 80) }, "{orientation}");
        }
    }
}

#[test]
fn color_profile_is_kept() {
    // Of two segments.
    let profile: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
    let scaled = half(&jpeg(|encoder| encoder.add_icc_profile(&profile).unwrap())).unwrap();
    let mut decoder = jpeg_decoder::Decoder::new(&*scaled);
    decoder.read_info().unwrap();
    assert_eq!(decoder.icc_profile(), Some(profile));
}

#[test]
fn gray_picture_stays_gray() {
    let mut picture = Vec::new();
    let gray: Vec<u8> = (0..160 * 80).map(|at| (at % 160) as u8).collect();
    Encoder::new(&mut picture, 95).encode(&gray, 160, 80, ColorType::Luma).unwrap();
    let scaled = half(&picture).unwrap();
    let mut decoder = jpeg_decoder::Decoder::new(&*scaled);
    decoder.read_info().unwrap();
    assert_eq!(decoder.info().unwrap().pixel_format, jpeg_decoder::PixelFormat::L8);
}

#[test]
fn colors_of_each_sampling_and_of_progressive_pictures_stay() {
    let plain = decoded(&half(&jpeg(|_| ())).unwrap());
    for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2] {
        for progressive in [false, true] {
            let picture = jpeg(|encoder| {
                encoder.set_sampling_factor(sampling);
                encoder.set_progressive(progressive);
                encoder.set_restart_interval(if progressive { 0 } else { 3 });
            });
            let (width, height, scaled) = decoded(&half(&picture).unwrap());
            assert_eq!((width, height), (80, 40));
            let same = psnr(&scaled, &plain.2, (80, 40), (0, 0));
            assert!(same > 25.0, "{sampling:?}, progressive {progressive}: {same} dB");
        }
    }
}

/// Of Adobe's programs, and of encoders that name the components.
#[test]
fn rgb_picture_keeps_its_colors() {
    let encoded = |app14: Option<&[u8]>| {
        let mut picture = Vec::new();
        let mut encoder = Encoder::new(&mut picture, 95);
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
        app14.into_iter().for_each(|bytes| encoder.add_app_segment(14, bytes.to_vec()).unwrap());
        // The pixels are stored as they are.
        encoder.encode(&pixels(160, 80), 160, 80, ColorType::Ycbcr).unwrap();
        // JFIF is always YCbCr.
        let jfif = picture.windows(2).position(|marker| marker == [0xff, 0xe0]).unwrap();
        picture.drain(jfif..jfif + 18);
        picture
    };
    let adobe = encoded(Some(b"Adobe\0\x64\0\0\0\0\0"));
    let mut named = encoded(None);
    let frame = named.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    let scan = named.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
    for (component, name) in b"RGB".iter().enumerate() {
        named[frame + 10 + 3 * component] = *name;
        named[scan + 5 + 2 * component] = *name;
    }
    let (_, _, plain) = decoded(&half(&jpeg(|_| ())).unwrap());
    for picture in [adobe, named] {
        let (width, height, scaled) = decoded(&half(&picture).unwrap());
        assert_eq!((width, height), (80, 40));
        let same = psnr(&scaled, &plain, (80, 40), (0, 0));
        assert!(same > 25.0, "{same} dB");
    }
}

/// Sizes that fill no block, in each sampling, turned and not.
#[test]
fn odd_sizes_keep_their_shape_and_brightness() {
    for (width, height) in [(1_u16, 1_u16), (1, 9), (15, 9), (161, 83), (333, 17)] {
        let size = (usize::from(width), usize::from(height));
        for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2] {
            for orientation in [1, 6] {
                let mut large = Vec::new();
                let mut encoder = Encoder::new(&mut large, 95);
                encoder.set_sampling_factor(sampling);
                let exif = [EXIF, &[orientation, 0, 0, 0, 0, 0, 0, 0]].concat();
                encoder.add_app_segment(1, exif).unwrap();
                encoder.encode(&pixels(size.0, size.1), width, height, ColorType::Rgb).unwrap();
                let shown = if orientation == 1 { width } else { height };
                let widths = [shown - 1, shown / 2, shown / 3, 1].map(|width| Rendition::width(width).quality(90));
                let rungs = scaled(large.clone().into(), &widths).unwrap();
                let original = mean(&decoded(&large).2);
                for (rendition, rung) in widths.iter().zip(rungs) {
                    let case = format!("{width} x {height} to {}, {sampling:?}, {orientation}", rendition.width);
                    let Some(rung) = rung else {
                        assert!(rendition.width >= shown, "{case}");
                        continue;
                    };
                    let (scaled_width, scaled_height, pixels) = decoded(&rung);
                    let ratio = f64::from(rendition.width) / f64::from(shown);
                    for (scaled, full) in [(scaled_width, width), (scaled_height, height)] {
                        let exact = (f64::from(full) * ratio).max(1.0);
                        assert!((scaled as f64 - exact).abs() <= 0.5, "{case}: {scaled_width} x {scaled_height}");
                    }
                    // A few pixels are not the mean of all.
                    let most = if scaled_width * scaled_height < 100 { 16.0 } else { 4.0 };
                    let brighter = mean(&pixels) - original;
                    assert!(brighter.abs() < most, "{case}: {brighter} brighter");
                }
            }
        }
    }
}

#[test]
fn webcam_picture_without_huffman_tables_is_scaled() {
    let mut picture = jpeg(|_| ());
    while let Some(at) = picture.windows(2).position(|marker| marker == [0xff, 0xc4]) {
        let len = 2 + usize::from(u16::from_be_bytes([picture[at + 2], picture[at + 3]]));
        picture.drain(at..at + len);
    }
    assert_eq!(half(&picture).map(|scaled| decoded(&scaled).0), Ok(80));
}

#[test]
fn each_size_is_made_of_one_decoded_picture() {
    let sizes = [Rendition::width(160), Rendition::width(100), Rendition::width(1)];
    let scaled = scaled(jpeg(|_| ()).into(), &sizes).unwrap();
    let sizes = scaled.iter().map(|picture| picture.as_ref().map(|picture| decoded(picture))).collect::<Vec<_>>();
    let sizes: Vec<_> = sizes.iter().map(|size| size.as_ref().map(|(width, height, _)| (*width, *height))).collect();
    assert_eq!(sizes, [None, Some((100, 50)), Some((1, 1))]);
}

/// Returns a picture whose frame header has another precision and size.
fn with_frame(mut picture: Vec<u8>, precision: u8, width: u16, height: u16) -> Vec<u8> {
    let frame = picture.windows(2).position(|marker| matches!(marker, [0xff, 0xc0 | 0xc2])).unwrap();
    picture[frame + 4] = precision;
    picture[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    picture[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    picture
}

#[test]
fn picture_that_cannot_be_scaled_is_refused_with_its_reason() {
    let plain = jpeg(|_| ());
    let mut cmyk = Vec::new();
    Encoder::new(&mut cmyk, 90).encode(&[90; 96 * 16 * 4], 96, 16, ColorType::Cmyk).unwrap();
    let mut ycck = Vec::new();
    Encoder::new(&mut ycck, 90).encode(&[90; 96 * 16 * 4], 96, 16, ColorType::CmykAsYcck).unwrap();
    let progressive = jpeg(|encoder| encoder.set_progressive(true));
    let scan = progressive.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
    let mut scans = progressive[..progressive.len() - 2].to_vec();
    (0..100).for_each(|_| scans.extend_from_slice(&progressive[scan..scan + 14]));
    scans.extend_from_slice(b"\xff\xd9");
    let scans = with_frame(scans, 8, 4096, 4096);
    for (picture, reason) in [
        (plain[..plain.len() / 2].to_vec(), "the picture has no end"),
        (with_frame(plain.clone(), 8, 20_000, 20_000), "20000"),
        (with_frame(plain.clone(), 8, 16_000, 16_000), "the picture has 16000 x 16000 pixels, at most 16777216"),
        (with_frame(plain.clone(), 12, 160, 80), "12 bits"),
        (with_frame(plain, 8, 0, 80), "zero"),
        (cmyk, "CMYK"),
        (ycck, "YCCK"),
        (scans, "scans, at most 16"),
    ] {
        let error = half(&picture).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

/// The largest pictures of few bytes that are decoded. What they cost is counted, since a time depends on the machine: the memory,
/// and the pixels of all scans.
#[test]
fn bomb_costs_bounded_memory_and_work() {
    for progressive in [false, true] {
        let bomb = with_frame(jpeg(|encoder| encoder.set_progressive(progressive)), 8, 4096, 4096);
        let memory = allocation_counter::measure(|| drop(half(&bomb)));
        assert!(memory.bytes_max < 250_000_000, "{} bytes", memory.bytes_max);
    }
    let progressive = jpeg(|encoder| encoder.set_progressive(true));
    let scan = progressive.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
    let before = progressive.windows(2).filter(|marker| *marker == [0xff, 0xda]).count();
    let with_scans = |scans: usize| {
        let mut picture = progressive[..progressive.len() - 2].to_vec();
        (before..scans).for_each(|_| picture.extend_from_slice(&progressive[scan..scan + 14]));
        picture.extend_from_slice(b"\xff\xd9");
        picture
    };
    // An encoder writes ten.
    for (width, height, scans, refused) in [(4096, 4096, 17, true), (1920, 1080, 130, true), (512, 512, 64, false)] {
        let scaled = half(&with_frame(with_scans(scans), 8, width, height));
        let is_refused = matches!(scaled, Err(Unscalable::Scans { .. }));
        assert_eq!(is_refused, refused, "{width} x {height}, {scans} scans: {:?}", scaled.map(|picture| picture.len()));
    }
}
