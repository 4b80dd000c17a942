//! Images that end a stream in browsers, and images that do not.
//!
//! The rows follow the tables of `docs/frames.md`; `tests/frames` holds some of the measured files.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::convert::Infallible;
use std::path::Path;

use bytes::BytesMut;
use futures::executor::block_on;
use futures::{TryStreamExt as _, stream};
use mime::Mime;
use mixed_replace::encode::EncodeError;
use mixed_replace::write::WriteError;
use mixed_replace::{Decoder, Encoder, MixedReplace, Part, Writer, hub, picture};
use test_support::WIRES;

/// Each name says what Chromium and WebKit do: `refuse-` stays broken for good, `take-` and `good-` go on.
#[test]
fn rejects_the_frames_that_end_an_image_stream_and_no_others() {
    let mut frames = 0;
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frames")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let content_type: Mime = match path.extension().unwrap().to_str().unwrap() {
            "jpg" => mime::IMAGE_JPEG,
            other => format!("image/{other}").parse().unwrap(),
        };
        let body = std::fs::read(&path).unwrap();
        let refuse = name.starts_with("refuse-");
        assert_eq!(picture::check(&content_type, &body).is_err(), refuse, "{name}");
        assert_eq!(Part::new(content_type, body).is_err(), refuse, "{name}");
        frames += 1;
    }
    assert_eq!(frames, 17);
}

#[test]
fn rejects_a_jpeg_header_that_ends_a_stream_and_no_other() {
    let file = Jpeg::parse(include_bytes!("frames/good-1.jpg"));
    let complete = file.bytes();
    let header = complete.len() - file.data.len();
    let of = |change: &dyn Fn(&mut Jpeg)| {
        let mut jpeg = file.clone();
        change(&mut jpeg);
        jpeg.bytes()
    };
    let before_sof = |bytes: &[u8]| {
        let at = file.place(SOF);
        [&complete[..at], bytes, &complete[at..]].concat()
    };
    let set = |marker: u8, at: usize, value: u8| of(&|jpeg| jpeg.payload(marker)[at] = value);
    let size = |width: u16, height: u16| {
        of(&|jpeg| jpeg.payload(SOF)[1..5].copy_from_slice(&[height.to_be_bytes(), width.to_be_bytes()].concat()))
    };
    let components = |frame: u8, scan: u8| {
        of(&|jpeg| {
            *jpeg.payload(SOF) =
                [8, 0, 48, 0, 64, frame].into_iter().chain((1..=frame).flat_map(|id| [id, 0x11, 0])).collect();
            *jpeg.payload(SOS) =
                std::iter::once(scan).chain((1..=scan).flat_map(|id| [id, 0])).chain([0, 63, 0]).collect();
        })
    };
    let table = |symbols: usize| {
        of(&|jpeg| {
            let (half, rest) = (symbols / 2, symbols - symbols / 2);
            let counts = [half, rest].map(|count| u8::try_from(count).unwrap());
            *jpeg.payload(DHT) = [&[0x10][..], &[0; 14], &counts, &vec![1; symbols]].concat();
        })
    };
    let relabelled = |marker: u8| of(&|jpeg| jpeg.segment(SOF).0 = marker);
    let both = [&complete[..], &complete].concat();
    check(
        &mime::IMAGE_JPEG,
        [
            // The beginning.
            ("SOI and EOI", REFUSE, b"\xff\xd8\xff\xd9".to_vec()),
            ("SOI", REFUSE, b"\xff\xd8".to_vec()),
            ("SOI and ff", REFUSE, b"\xff\xd8\xff".to_vec()),
            ("zeros after EOI", REFUSE, b"\xff\xd8\xff\xd9\0\0\0\0".to_vec()),
            ("a zero in front", REFUSE, [b"\0", &complete[..]].concat()),
            ("a line end in front", REFUSE, [b"\r\n", &complete[..]].concat()),
            ("ff in front", REFUSE, [b"\xff", &complete[..]].concat()),
            ("a second SOI", REFUSE, [b"\xff\xd8", &complete[..]].concat()),
            ("a picture in front", TAKE, both),
            // The end of the file.
            ("cut in the first segment", REFUSE, complete[..10].to_vec()),
            ("cut before the SOF", REFUSE, complete[..file.place(SOF)].to_vec()),
            ("cut before the SOF, with EOI", REFUSE, [&complete[..file.place(SOF)], b"\xff\xd9"].concat()),
            ("cut before the SOS", REFUSE, complete[..file.place(SOS)].to_vec()),
            ("cut before the SOS, with EOI", REFUSE, [&complete[..file.place(SOS)], b"\xff\xd9"].concat()),
            ("cut before the last byte of the SOS header", REFUSE, complete[..header - 1].to_vec()),
            ("cut at the end of the SOS header", TAKE, complete[..header].to_vec()),
            ("cut after a byte of the scan", TAKE, complete[..=header].to_vec()),
            ("cut in the middle", TAKE, complete[..complete.len() / 2].to_vec()),
            ("EOI at once after the SOS header", TAKE, [&complete[..header], b"\xff\xd9"].concat()),
            ("junk in the scan", TAKE, [&complete[..header], &[0xaa; 300], b"\xff\xd9"].concat()),
            ("junk after EOI", TAKE, [&complete[..], &[0xaa; 200]].concat()),
            // SOF.
            ("SOF1", TAKE, relabelled(0xc1)),
            ("SOF2", TAKE, relabelled(0xc2)),
            ("SOF3", REFUSE, relabelled(0xc3)),
            ("SOF5", REFUSE, relabelled(0xc5)),
            ("SOF6", REFUSE, relabelled(0xc6)),
            ("SOF7", REFUSE, relabelled(0xc7)),
            ("JPG", REFUSE, relabelled(0xc8)),
            ("SOF9", TAKE, relabelled(0xc9)),
            ("SOF10", TAKE, relabelled(0xca)),
            ("SOF11", REFUSE, relabelled(0xcb)),
            ("SOF13", REFUSE, relabelled(0xcd)),
            ("SOF14", REFUSE, relabelled(0xce)),
            ("SOF15", REFUSE, relabelled(0xcf)),
            ("two SOF", REFUSE, before_sof(&segment(SOF, &file.clone().payload(SOF).clone()))),
            ("no SOF", REFUSE, of(&|jpeg| jpeg.segments.retain(|segment| segment.0 != SOF))),
            ("empty SOF", REFUSE, of(&|jpeg| jpeg.payload(SOF).clear())),
            ("SOF one byte longer", REFUSE, of(&|jpeg| jpeg.payload(SOF).push(0))),
            ("SOF one byte shorter", REFUSE, of(&|jpeg| jpeg.payload(SOF).truncate(14))),
            ("0 bits", REFUSE, set(SOF, 0, 0)),
            ("12 bits", REFUSE, set(SOF, 0, 12)),
            ("0 x 0", REFUSE, size(0, 0)),
            ("0 x 240", REFUSE, size(0, 240)),
            ("320 x 0", REFUSE, size(320, 0)),
            ("1 x 1", TAKE, size(1, 1)),
            ("65,500 x 1", TAKE, size(65_500, 1)),
            ("65,501 x 1", REFUSE, size(65_501, 1)),
            ("1 x 65,500", TAKE, size(1, 65_500)),
            ("1 x 65,501", REFUSE, size(1, 65_501)),
            ("16,384 x 16,384", TAKE, size(16_384, 16_384)),
            ("20,000 x 20,000", TAKE, size(20_000, 20_000)),
            ("23,170 x 23,170", REFUSE, size(23_170, 23_170)),
            ("23,171 x 23,171", REFUSE, size(23_171, 23_171)),
            ("65,500 x 65,500", REFUSE, size(65_500, 65_500)),
            ("0 components", REFUSE, components(0, 1)),
            ("1 component", TAKE, components(1, 1)),
            ("2 components", REFUSE, components(2, 2)),
            ("3 components, 2 of them in the scan", TAKE, components(3, 2)),
            ("4 components", TAKE, components(4, 4)),
            ("5 components", REFUSE, components(5, 4)),
            ("SOF that says 4 components and has 3", REFUSE, set(SOF, 5, 4)),
            ("sampled 0 x 1", REFUSE, set(SOF, 7, 0x01)),
            ("sampled 1 x 0", REFUSE, set(SOF, 7, 0x10)),
            ("sampled 4 x 4", TAKE, set(SOF, 7, 0x44)),
            ("sampled 5 x 1", REFUSE, set(SOF, 7, 0x51)),
            ("sampled 1 x 5", REFUSE, set(SOF, 7, 0x15)),
            ("quantization table 255", TAKE, set(SOF, 8, 255)),
            (
                "three components with one id",
                REFUSE,
                of(&|jpeg| (0..3).for_each(|at| jpeg.payload(SOF)[6 + 3 * at] = 1)),
            ),
            // SOS.
            ("scan of no component", REFUSE, components(3, 0)),
            ("scan of an unknown component", REFUSE, set(SOS, 1, 9)),
            ("scan of a component twice", REFUSE, set(SOS, 3, 1)),
            ("SOS one byte longer", REFUSE, of(&|jpeg| jpeg.payload(SOS).push(0))),
            ("SOS one byte shorter", REFUSE, of(&|jpeg| jpeg.payload(SOS).truncate(9))),
            ("Huffman tables that are not there", TAKE, set(SOS, 2, 0x33)),
            ("spectral selection of 5 to 0", TAKE, of(&|jpeg| jpeg.payload(SOS)[7..9].copy_from_slice(&[5, 0]))),
            // DQT.
            ("no DQT", TAKE, of(&|jpeg| jpeg.segments.retain(|segment| segment.0 != DQT))),
            ("empty DQT", TAKE, of(&|jpeg| jpeg.payload(DQT).clear())),
            ("DQT of zeros", TAKE, of(&|jpeg| jpeg.payload(DQT)[1..65].fill(0))),
            ("quantization table 4", REFUSE, set(DQT, 0, 4)),
            ("16 bits over 8-bit values", REFUSE, set(DQT, 0, 0x10)),
            ("16-bit values", TAKE, of(&|jpeg| *jpeg.payload(DQT) = [&[0x10][..], &[1; 128]].concat())),
            ("DQT one byte longer", REFUSE, of(&|jpeg| jpeg.payload(DQT).push(0))),
            ("DQT one byte shorter", REFUSE, of(&|jpeg| assert!(jpeg.payload(DQT).pop().is_some()))),
            // DHT.
            ("no DHT", TAKE, of(&|jpeg| jpeg.segments.retain(|segment| segment.0 != DHT))),
            ("empty DHT", TAKE, of(&|jpeg| jpeg.payload(DHT).clear())),
            ("Huffman table 4", REFUSE, set(DHT, 0, 4)),
            ("Huffman table of class 2", REFUSE, set(DHT, 0, 0x20)),
            ("DHT one byte longer", REFUSE, of(&|jpeg| jpeg.payload(DHT).push(0))),
            ("DHT one byte shorter", REFUSE, of(&|jpeg| assert!(jpeg.payload(DHT).pop().is_some()))),
            ("a second DHT of zeros", TAKE, of(&|jpeg| jpeg.payload(DHT).extend([0; 17]))),
            ("counts of 16 x 255", REFUSE, of(&|jpeg| jpeg.payload(DHT)[1..17].fill(255))),
            ("256 symbols", TAKE, table(256)),
            ("257 symbols", REFUSE, table(257)),
            ("DC symbol of 255 bits", TAKE, set(DHT, 17, 255)),
            // Other segments.
            ("empty DRI", REFUSE, before_sof(&segment(0xdd, &[]))),
            ("DRI of 4 bytes", REFUSE, before_sof(&segment(0xdd, &[0; 4]))),
            ("restarts", TAKE, before_sof(&segment(0xdd, &[255, 255]))),
            ("DAC of an odd length", REFUSE, before_sof(&segment(0xcc, &[0, 16, 0]))),
            ("DAC 255", REFUSE, before_sof(&segment(0xcc, &[255, 16]))),
            ("DAC with bounds in the wrong order", REFUSE, before_sof(&segment(0xcc, &[0, 1]))),
            ("DNL", TAKE, before_sof(&segment(0xdc, &[0, 48]))),
            ("DHP", REFUSE, before_sof(&segment(0xde, &[8, 0, 48, 0, 64, 1, 1, 0x11, 0]))),
            ("EXP", REFUSE, before_sof(&segment(0xdf, &[0x11]))),
            ("reserved marker 02", REFUSE, before_sof(&segment(0x02, &[0; 4]))),
            ("reserved marker bf", REFUSE, before_sof(&segment(0xbf, &[0; 4]))),
            ("JPG0", REFUSE, before_sof(&segment(0xf0, &[0; 4]))),
            ("JPG13", REFUSE, before_sof(&segment(0xfd, &[0; 4]))),
            ("empty comment", TAKE, before_sof(&segment(0xfe, &[]))),
            ("junk as Exif", TAKE, before_sof(&segment(0xe1, b"Exif\0\0ZZ*\0\xff\xff\xff\xff"))),
            ("junk as ICC profile", TAKE, before_sof(&segment(0xe2, b"ICC_PROFILE\0\0\0junk"))),
            ("Adobe transform 7", TAKE, before_sof(&segment(0xee, b"Adobe\0d\0\0\0\0\x07"))),
            ("APP4 of length 0", TAKE, before_sof(b"\xff\xe4\0\0")),
            ("APP4 of length 1", TAKE, before_sof(b"\xff\xe4\0\x01")),
            ("comment of length 0", TAKE, before_sof(b"\xff\xfe\0\0")),
            ("DQT of length 0", REFUSE, before_sof(b"\xff\xdb\0\0")),
            ("APP4 longer than the file", REFUSE, before_sof(b"\xff\xe4\xff\xff")),
            // As Photoshop's files have them that Pillow is tested with: it reads the rest of the contents as junk.
            ("APP13 shorter than its contents", TAKE, before_sof(b"\xff\xed\0\x10Photoshop 3.0\08BIM\x03\xed\0\0\0\0")),
            // Between segments.
            ("SOI", REFUSE, before_sof(b"\xff\xd8")),
            ("EOI", REFUSE, before_sof(b"\xff\xd9")),
            ("RST0", TAKE, before_sof(b"\xff\xd0")),
            ("TEM", TAKE, before_sof(b"\xff\x01")),
            ("ff 00", TAKE, before_sof(b"\xff\0")),
            ("fill bytes", TAKE, before_sof(b"\xff\xff\xff")),
            ("a zero", TAKE, before_sof(b"\0")),
            ("a line end", TAKE, before_sof(b"\r\n")),
            ("junk", TAKE, before_sof(&[0xaa; 16])),
        ],
    );
}

#[test]
fn rejects_a_png_header_that_ends_a_stream_and_no_other() {
    type Chunks = Vec<(&'static [u8; 4], Vec<u8>)>;
    fn png(chunks: &Chunks) -> Vec<u8> {
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (name, data) in chunks {
            let body = [&name[..], data].concat();
            png.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
            png.extend(&body);
            png.extend(crc(&body).to_be_bytes());
        }
        png
    }
    let complete = include_bytes!("../src/picture/dot.png");
    let (ihdr, idat) = (complete[16..29].to_vec(), complete[41..64].to_vec());
    let chunks: Chunks = vec![(b"IHDR", ihdr), (b"IDAT", idat), (b"IEND", Vec::new())];
    assert_eq!(png(&chunks), complete);
    let of = |change: &dyn Fn(&mut Chunks)| {
        let mut chunks = chunks.clone();
        change(&mut chunks);
        png(&chunks)
    };
    let field = |at: usize, value: u8| of(&|chunks| chunks[0].1[at] = value);
    let kind = |color: u8, depth: u8| of(&|chunks| (chunks[0].1[8], chunks[0].1[9]) = (depth, color));
    let size = |width: u32, height: u32| {
        of(&|chunks| chunks[0].1[..8].copy_from_slice(&[width.to_be_bytes(), height.to_be_bytes()].concat()))
    };
    let before_idat = |name: &'static [u8; 4], data: &[u8]| of(&|chunks| chunks.insert(1, (name, data.to_vec())));
    let palette = |colors: &[u8]| {
        of(&|chunks| {
            chunks[0].1[9] = 3;
            chunks.insert(1, (b"PLTE", colors.to_vec()));
        })
    };
    let rgb_palette = |colors: &[u8]| {
        of(&|chunks| {
            chunks[0].1[9] = 2;
            chunks.insert(1, (b"PLTE", colors.to_vec()));
        })
    };
    // A frame as the first IDAT holds it: number, width, height, x, y, delay (2), dispose, blend.
    let (width, height) = (&complete[16..20], &complete[20..24]);
    let frame = [&[0; 4], width, height, &[0; 8], &[0, 1, 0, 10], &[0, 0]].concat();
    let framed = |at: usize, value: u8| {
        let mut frame = frame.clone();
        frame[at] = value;
        before_idat(b"fcTL", &frame)
    };
    let frames = |numbers: &[u8]| {
        of(&|chunks| {
            for number in numbers {
                let frame = [&[0, 0, 0, *number], &frame[4..]].concat();
                chunks.insert(chunks.len() - 2, (b"fcTL", frame));
            }
        })
    };
    // With the CRC of the chunk after IHDR turned over.
    let wrong_crc = |mut png: Vec<u8>, len: usize| {
        png[33 + 8 + len] ^= 1;
        png
    };
    let spliced = |at: usize, bytes: &[u8]| [&complete[..at], bytes, &complete[at + bytes.len()..]].concat();
    check(
        &mime::IMAGE_PNG,
        [
            ("signature", REFUSE, complete[..8].to_vec()),
            ("signature and junk", REFUSE, [&complete[..8], &[0xaa; 40]].concat()),
            ("a line end in front", REFUSE, [b"\r\n", &complete[..]].concat()),
            ("junk after IEND", TAKE, [&complete[..], &[0xaa; 40]].concat()),
            // IHDR.
            ("0 bits", REFUSE, field(8, 0)),
            ("1 bit of gray", TAKE, kind(0, 1)),
            ("3 bits of gray", REFUSE, kind(0, 3)),
            ("1 bit of RGB", REFUSE, kind(2, 1)),
            ("4 bits of RGB", REFUSE, kind(2, 4)),
            ("16 bits of RGB", TAKE, kind(2, 16)),
            ("32 bits of RGB", REFUSE, kind(2, 32)),
            ("color type 1", REFUSE, kind(1, 8)),
            ("color type 4", TAKE, kind(4, 8)),
            ("color type 5", REFUSE, kind(5, 8)),
            ("color type 6", TAKE, kind(6, 8)),
            ("color type 7", REFUSE, kind(7, 8)),
            ("compression 1", REFUSE, field(10, 1)),
            ("filter 1", REFUSE, field(11, 1)),
            ("interlace 1", TAKE, field(12, 1)),
            ("interlace 2", REFUSE, field(12, 2)),
            ("0 x 0", REFUSE, size(0, 0)),
            ("0 x 240", REFUSE, size(0, 240)),
            ("320 x 0", REFUSE, size(320, 0)),
            ("1,000,000 x 1", TAKE, size(1_000_000, 1)),
            ("1,000,001 x 1", REFUSE, size(1_000_001, 1)),
            ("1 x 1,000,001", REFUSE, size(1, 1_000_001)),
            ("23,170 x 23,170", REFUSE, size(23_170, 23_170)),
            ("IHDR one byte longer", REFUSE, of(&|chunks| chunks[0].1.push(0))),
            ("IHDR one byte shorter", REFUSE, of(&|chunks| chunks[0].1.truncate(12))),
            ("two IHDR", REFUSE, of(&|chunks| chunks.insert(1, chunks[0].clone()))),
            ("no IHDR", REFUSE, of(&|chunks| drop(chunks.remove(0)))),
            ("IDAT before IHDR", REFUSE, of(&|chunks| chunks.swap(0, 1))),
            ("wrong CRC of IHDR", REFUSE, spliced(29, &[1, 2, 3, 4])),
            // IDAT.
            ("no IDAT", REFUSE, of(&|chunks| drop(chunks.remove(1)))),
            ("IHDR only", REFUSE, of(&|chunks| chunks.truncate(1))),
            ("no IEND", TAKE, of(&|chunks| chunks.truncate(2))),
            ("empty IDAT", TAKE, of(&|chunks| chunks[1].1.clear())),
            ("empty IDAT in front", TAKE, before_idat(b"IDAT", &[])),
            ("IDAT of junk", TAKE, of(&|chunks| chunks[1].1.fill(0xaa))),
            ("IDAT of ffffffff bytes", REFUSE, spliced(33, &[255; 4])),
            ("IDAT of 7fffffff bytes", TAKE, spliced(33, &[127, 255, 255, 255])),
            ("wrong CRC of IDAT", TAKE, spliced(64, &[1, 2, 3, 4])),
            // PLTE.
            ("no PLTE", REFUSE, kind(3, 8)),
            ("PLTE of a color", TAKE, palette(&[1; 3])),
            ("PLTE of 4 bytes", REFUSE, palette(&[1; 4])),
            ("PLTE of 4 bytes for RGB", TAKE, rgb_palette(&[1; 4])),
            ("PLTE of no color for RGB", REFUSE, rgb_palette(&[])),
            ("PLTE of 257 colors for RGB", REFUSE, rgb_palette(&[1; 771])),
            ("wrong CRC of PLTE", REFUSE, wrong_crc(palette(&[1; 3]), 3)),
            ("wrong CRC of PLTE for RGB", REFUSE, wrong_crc(rgb_palette(&[1; 3]), 3)),
            (
                "two PLTE",
                REFUSE,
                of(&|chunks| {
                    chunks[0].1[9] = 2;
                    chunks.splice(1..1, [(b"PLTE", vec![1; 3]), (b"PLTE", vec![1; 3])]);
                }),
            ),
            // Frames.
            ("a frame", TAKE, framed(0, 0)),
            ("frame of 4 bytes", REFUSE, before_idat(b"fcTL", &[0; 4])),
            ("frame of number 1", REFUSE, framed(3, 1)),
            ("frame wider than the image", REFUSE, framed(7, complete[19] + 1)),
            ("frame of width 0", REFUSE, framed(7, 0)),
            ("frame of height 255", REFUSE, framed(11, 255)),
            ("frame at 1, 0", REFUSE, framed(15, 1)),
            ("frame at 0, 16,777,216", REFUSE, framed(16, 1)),
            ("dispose 2", TAKE, framed(24, 2)),
            ("dispose 3", REFUSE, framed(24, 3)),
            ("blend 1", TAKE, framed(25, 1)),
            ("blend 2", REFUSE, framed(25, 2)),
            ("wrong CRC of a frame of blend 2", TAKE, wrong_crc(framed(25, 2), 26)),
            ("frames 0 and 1", TAKE, frames(&[0, 1])),
            ("frames 0 and 0", REFUSE, frames(&[0, 0])),
            ("frame data before IDAT", REFUSE, before_idat(b"fdAT", &[0, 0, 0, 1, 0])),
            // Other chunks.
            ("5,000 comments", TAKE, of(&|chunks| drop(chunks.splice(1..1, vec![(b"tEXt", b"a\0b".to_vec()); 5000])))),
            ("unknown critical chunk", REFUSE, before_idat(b"ABCD", &[1; 4])),
            ("unknown ancillary chunk", TAKE, before_idat(b"abCD", &[1; 4])),
            ("chunk 1234", REFUSE, before_idat(b"1234", &[1; 4])),
            ("tRNS of a byte", TAKE, before_idat(b"tRNS", &[1])),
            ("junk as iCCP", TAKE, before_idat(b"iCCP", &[0xaa; 40])),
            ("empty gAMA", TAKE, before_idat(b"gAMA", &[])),
            ("junk as eXIf", TAKE, before_idat(b"eXIf", &[0xaa; 40])),
            ("empty acTL", TAKE, before_idat(b"acTL", &[])),
            ("acTL of 0 frames", TAKE, before_idat(b"acTL", &[0; 8])),
            // The end of the file.
            ("cut in IHDR", REFUSE, complete[..20].to_vec()),
            ("cut before the CRC of IHDR", REFUSE, complete[..29].to_vec()),
            ("cut after IHDR", REFUSE, complete[..33].to_vec()),
            ("cut in the head of IDAT", REFUSE, complete[..40].to_vec()),
            ("cut after the head of IDAT", TAKE, complete[..41].to_vec()),
            ("cut in IDAT", TAKE, complete[..50].to_vec()),
        ],
    );
}

#[test]
fn rejects_a_gif_header_that_ends_a_stream_and_no_other() {
    let (screen, colors) = (b"GIF89a\x40\0\x30\0\x80\0\0", [10, 20, 30, 40, 50, 60]);
    let (comment, image) = (b"\x21\xfe\x04made\0", b"\x2c\0\0\0\0\x40\0\x30\0\0");
    let header = [&screen[..], &colors].concat();
    let front = [&header[..], comment].concat();
    let complete = [&front[..], image, b"\x02\x02\x44\x51\0;"].concat();
    let place = front.len();
    let set = |changes: &[(usize, &[u8])]| {
        let mut gif = complete.clone();
        for (at, bytes) in changes {
            gif[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        gif
    };
    let after_colors = |bytes: &[u8]| [&header[..], bytes, &complete[header.len()..]].concat();
    check(
        &mime::IMAGE_GIF,
        [
            ("whole", TAKE, complete.clone()),
            ("GIF87a", TAKE, set(&[(4, b"7")])),
            ("GIF88a", REFUSE, set(&[(4, b"8")])),
            ("junk in front", REFUSE, [&[0xaa; 16], &complete[..]].concat()),
            ("cut in the signature", REFUSE, complete[..4].to_vec()),
            ("cut after the signature", REFUSE, complete[..6].to_vec()),
            ("cut after 10 bytes", REFUSE, complete[..10].to_vec()),
            ("cut after the screen", REFUSE, complete[..13].to_vec()),
            ("cut in the colors", REFUSE, complete[..15].to_vec()),
            ("cut after the colors", REFUSE, complete[..19].to_vec()),
            ("cut in the comment", REFUSE, complete[..22].to_vec()),
            ("cut before the image", REFUSE, complete[..place].to_vec()),
            ("cut in the image descriptor", REFUSE, complete[..place + 5].to_vec()),
            ("cut after the image descriptor", TAKE, complete[..place + 10].to_vec()),
            ("cut after the code size", TAKE, complete[..place + 11].to_vec()),
            ("cut after the length of the data", TAKE, complete[..place + 12].to_vec()),
            ("cut in the data", TAKE, complete[..place + 13].to_vec()),
            ("codes of 0 bits", TAKE, set(&[(place + 10, &[0])])),
            ("codes of 12 bits", TAKE, set(&[(place + 10, &[12])])),
            ("codes of 13 bits", TAKE, set(&[(place + 10, &[13])])),
            ("codes of 255 bits", TAKE, set(&[(place + 10, &[255])])),
            ("image without data", TAKE, set(&[(place + 11, &[0])])),
            ("screen of 0 x 0", TAKE, set(&[(6, &[0, 0, 0, 0])])),
            ("image of 0 x 0", TAKE, set(&[(place + 5, &[0, 0, 0, 0])])),
            ("screen and image of 0 x 0", REFUSE, set(&[(6, &[0, 0, 0, 0]), (place + 5, &[0, 0, 0, 0])])),
            ("screen of 65,535 x 65,535", REFUSE, set(&[(6, &[255; 4])])),
            ("image of 65,535 x 65,535", REFUSE, set(&[(place + 5, &[255; 4])])),
            ("image at 500, 500", TAKE, set(&[(place + 1, &[244, 1, 244, 1])])),
            ("no image", TAKE, [&header[..], b";"].concat()),
            ("a comment and no image", TAKE, [&front[..], b";"].concat()),
            ("trailer in front", TAKE, after_colors(b";")),
            ("unknown block", TAKE, set(&[(place, b"U")])),
            ("unknown extension", TAKE, set(&[(20, b"U")])),
            ("junk instead of blocks", TAKE, [&header[..], &[0xaa; 40]].concat()),
            ("zeros instead of blocks", TAKE, [&header[..], &[0; 40]].concat()),
            ("graphic control of 3 bytes", REFUSE, after_colors(b"\x21\xf9\x03\0\0\0\0")),
            ("graphic control of 4 bytes", TAKE, after_colors(b"\x21\xf9\x04\0\0\0\0\0")),
            ("junk after the trailer", TAKE, [&complete[..], &[0xaa; 40]].concat()),
        ],
    );
}

#[test]
fn rejects_a_webp_image_that_ends_a_stream_and_no_other() {
    fn riff(chunks: &[u8]) -> Vec<u8> {
        let len = u32::try_from(4 + chunks.len()).unwrap().to_le_bytes();
        [b"RIFF", &len[..], b"WEBP", chunks].concat()
    }
    let lossless = &include_bytes!("../src/picture/dot.webp")[..];
    // A key frame of 16 x 16 pixels with a partition of 4 bytes, and 6 bytes of data.
    let lossy = riff(b"VP8 \x10\0\0\0\x90\0\0\x9d\x01\x2a\x10\0\x10\0......");
    let cut = |len: usize| lossy[..len].to_vec();
    let set = |at: usize, bytes: &[u8]| [&lossy[..at], bytes, &lossy[at + bytes.len()..]].concat();
    let set_lossless = |at: usize, bytes: &[u8]| [&lossless[..at], bytes, &lossless[at + bytes.len()..]].concat();
    let extended = |flags: u8, chunks: &[u8]| {
        riff(&[&[b'V', b'P', b'8', b'X', 10, 0, 0, 0, flags, 0, 0, 0, 15, 0, 0, 15, 0, 0], chunks].concat())
    };
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let len = u32::try_from(data.len()).unwrap().to_le_bytes();
        [&kind[..], &len, data, &[0][..data.len() % 2]].concat()
    };
    let (image, alpha) = (&lossy[12..], &chunk(b"ALPH", &[0; 4])[..]);
    let canvas = |width: u8, height: u8| {
        let mut webp = extended(0, image);
        (webp[24], webp[27]) = (width - 1, height - 1);
        webp
    };
    // A frame of 16 x 16 pixels at twice these places.
    let frame = |x: u8, y: u8, image: &[u8]| {
        chunk(b"ANMF", &[&[x, 0, 0, y, 0, 0, 15, 0, 0, 15, 0, 0, 100, 0, 0, 0], image].concat())
    };
    let animation = |flags: u8, kind: &[u8; 4], frames: &[Vec<u8>]| {
        extended(flags, &[chunk(kind, &[0; 6]), frames.concat()].concat())
    };
    let animated = |frames: &[Vec<u8>]| animation(2, b"ANIM", frames);
    // With a byte of the frame's head replaced.
    let reframed = |at: usize, value: u8| {
        let mut frame = frame(0, 0, image);
        frame[at] = value;
        animated(&[frame])
    };
    check(
        &"image/webp".parse().unwrap(),
        [
            ("lossy", TAKE, lossy.clone()),
            ("lossless", TAKE, lossless.to_vec()),
            ("RIFF", REFUSE, cut(4)),
            ("RIFF and its length", REFUSE, cut(8)),
            ("the first 12 bytes", REFUSE, cut(12)),
            ("the first 12 bytes and junk", REFUSE, [&lossy[..12], &[0xaa; 40]].concat()),
            ("cut in the head of the chunk", REFUSE, cut(16)),
            ("cut after the head of the chunk", REFUSE, cut(20)),
            ("cut in the data", REFUSE, cut(30)),
            ("cut before the last byte", REFUSE, cut(lossy.len() - 1)),
            ("RIFF length 0", REFUSE, set(4, &[0; 4])),
            ("RIFF length one less", REFUSE, set(4, &[27])),
            ("RIFF length one more", REFUSE, set(4, &[29])),
            ("RIFF length ffffffff", REFUSE, set(4, &[255; 4])),
            ("chunk length 0", REFUSE, set(16, &[0; 4])),
            ("chunk length ffffffff", REFUSE, set(16, &[255; 4])),
            ("chunk length half", REFUSE, set(16, &[8])),
            ("chunk length 100 more", REFUSE, set(16, &[116])),
            ("unknown chunk", REFUSE, set(12, b"ABCD")),
            ("WEBP misspelt", REFUSE, set(8, b"WEBX")),
            ("head of zeros", REFUSE, set(20, &[0; 10])),
            ("head of ff", REFUSE, set(20, &[255; 10])),
            ("wrong start code", REFUSE, set(23, &[0; 3])),
            ("no key frame", REFUSE, set(20, &[0x91])),
            ("0 x 0", REFUSE, set(26, &[0; 4])),
            ("partition longer than the file", REFUSE, set(22, &[255])),
            ("junk as data", TAKE, set(30, &[0xaa; 6])),
            ("wrong VP8L signature", REFUSE, set_lossless(20, &[0])),
            ("VP8L version 7", REFUSE, set_lossless(24, &[lossless[24] | 0xe0])),
            ("junk after the end", TAKE, [&lossy[..], &[0xaa; 40]].concat()),
            ("junk in front", REFUSE, [&[0xaa; 16], &lossy[..]].concat()),
            ("VP8X and the image", TAKE, extended(0, &lossy[12..])),
            ("VP8X only", REFUSE, extended(0, &[])),
            ("VP8X with all flags", REFUSE, extended(0xff, &lossy[12..])),
            ("VP8X with all known flags but animation", TAKE, extended(0x3c, image)),
            ("VP8X with a reserved flag", REFUSE, extended(0x01, image)),
            ("VP8X with another reserved flag", REFUSE, extended(0x40, image)),
            ("canvas of 17 x 16", REFUSE, canvas(17, 16)),
            ("canvas of 16 x 15", REFUSE, canvas(16, 15)),
            (
                "metadata around the image",
                TAKE,
                extended(0x0c, &[&chunk(b"EXIF", &[1; 3]), image, &chunk(b"XMP ", &[1; 3])].concat()),
            ),
            ("5,000 unknown chunks", TAKE, extended(0, &[&chunk(b"ABCD", &[]).repeat(5000), image].concat())),
            ("two images", REFUSE, extended(0, &[image, image].concat())),
            ("alpha", TAKE, extended(0x10, &[alpha, image].concat())),
            ("alpha without its flag", TAKE, extended(0, &[alpha, image].concat())),
            ("alpha only", REFUSE, extended(0x10, alpha)),
            ("alpha after the image", REFUSE, extended(0x10, &[image, alpha].concat())),
            ("alpha, a chunk, and the image", REFUSE, extended(0x10, &[alpha, &chunk(b"ABCD", &[]), image].concat())),
            ("animation", TAKE, animated(&[frame(0, 0, image), frame(0, 0, &[alpha, image].concat())])),
            ("animation without its flag", REFUSE, animation(0, b"ANIM", &[frame(0, 0, image)])),
            ("animation without ANIM", REFUSE, animation(2, b"ANIX", &[frame(0, 0, image)])),
            ("frame at 2, 0", REFUSE, animated(&[frame(1, 0, image)])),
            ("frame at 0, 2", REFUSE, animated(&[frame(0, 1, image)])),
            ("second frame at 2, 0", REFUSE, animated(&[frame(0, 0, image), frame(1, 0, image)])),
            ("ANMF misspelt", REFUSE, reframed(3, b'X')),
            ("ANMF shorter than its image", REFUSE, reframed(4, 38)),
            ("ANMF longer than the file", REFUSE, reframed(5, 1)),
            ("ANMF shorter than its head", REFUSE, animated(&[chunk(b"ANMF", &[0; 10])])),
            ("ANMF of another size than its image", TAKE, reframed(8 + 6, 3)),
            (
                "ANMF of more pixels than fit",
                REFUSE,
                animated(&[chunk(b"ANMF", &[&[0; 6][..], &[255; 6], &[0; 4], image].concat())]),
            ),
            (
                "ANMF with an unknown chunk after its image",
                TAKE,
                animated(&[frame(0, 0, &[image, &chunk(b"ABCD", &[1; 3])].concat())]),
            ),
            ("ANMF without an image", REFUSE, animated(&[frame(0, 0, &chunk(b"ABCD", &[1; 3]))])),
            ("ANMF with a damaged image", REFUSE, animated(&[frame(0, 0, &set(23, &[0])[12..])])),
            ("animation without frames", REFUSE, extended(2, b"ANIM\x06\0\0\0\0\0\0\0\0\0")),
            ("animation with an image instead of frames", REFUSE, extended(2, &lossy[12..])),
        ],
    );
}

/// A part says its type, which some readers go by: only browsers go by the bytes.
#[test]
fn rejects_an_image_of_another_type() {
    let images: [(&str, &[u8]); 4] = [
        ("image/gif", include_bytes!("../src/picture/dot.gif")),
        ("image/jpeg", include_bytes!("../src/picture/dot.jpg")),
        ("image/png", include_bytes!("../src/picture/dot.png")),
        ("image/webp", include_bytes!("../src/picture/dot.webp")),
    ];
    for (content_type, _) in images {
        for (other, body) in
            images.into_iter().chain([("", &b"<svg/>"[..]), ("", b"<!doctype html>"), ("", b"\0"), ("", b"")])
        {
            let checked = picture::check(&content_type.parse().unwrap(), body);
            assert_eq!(checked.is_ok(), content_type == other, "{content_type}: {other} {checked:?}");
        }
    }
}

/// A decoder returns them, so that they can be looked into; nothing sends them.
#[test]
fn no_sender_sends_a_damaged_image_that_a_decoder_returned() {
    let good = &include_bytes!("frames/good-1.jpg")[..];
    let damaged: [(&str, &[u8]); 4] = [
        ("image/jpeg", b"\xff\xd8\xff\xd9"),
        ("image/jpeg", &good[..200]),
        ("image/png", b"\x89PNG\r\n\x1a\n"),
        ("image/gif", b"GIF89a\x40\0\x30\0"),
    ];
    for (content_type, body) in damaged {
        let part = |content_type: &str, body: &[u8]| {
            let head = format!("--x\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n", body.len());
            let mut bytes = BytesMut::from(&[head.as_bytes(), body, b"\r\n--x--"].concat()[..]);
            Decoder::detect().decode(&mut bytes).unwrap().unwrap()
        };
        let (damaged, good) = (part(content_type, body), part("image/jpeg", good));
        assert_eq!(&damaged.body()[..], body);
        assert!(damaged.check_picture().is_err());

        let (publisher, hub) = hub::channel();
        assert!(matches!(publisher.publish(damaged.clone()), Err(hub::PublishError::Encode(_))));
        assert!(publisher.publish_jpeg(body.to_vec()).unwrap().is_err());
        assert_eq!((hub.latest(), hub.stats().parts_invalid), (None, 2));
        publisher.publish(good.clone()).unwrap();
        assert_eq!(hub.latest(), Some(good.clone()));

        for wire in WIRES {
            let encoder = Encoder::new("ThisRandomString".parse().unwrap(), wire);
            assert!(matches!(encoder.encode(&damaged), Err(EncodeError::InvalidPart(_))));

            let written = |parts: &[&Part]| {
                let mut writer = Writer::with_encoder(Vec::new(), encoder.clone());
                for part in parts {
                    match writer.write(part) {
                        Ok(()) => assert_eq!(*part, &good),
                        Err(error) => assert!(matches!(error, WriteError::Encode(_)) && *part == &damaged),
                    }
                }
                writer.finish().unwrap()
            };
            assert_eq!(written(&[&good, &damaged, &good]), written(&[&good, &good]), "{wire:?}");

            let streamed = |parts: &[&Part]| {
                let parts: Vec<_> = parts.iter().map(|part| Ok::<_, Infallible>((*part).clone())).collect();
                let body = MixedReplace::with_encoder(stream::iter(parts), encoder.clone()).into_stream();
                block_on(body.try_collect::<Vec<_>>()).unwrap().concat()
            };
            assert_eq!(streamed(&[&good, &damaged, &good]), streamed(&[&good, &good]), "{wire:?}");
        }
    }
}

/// Checks images of one type, each named.
fn check(content_type: &Mime, rows: impl IntoIterator<Item = (&'static str, bool, Vec<u8>)>) {
    let mut wrong = Vec::new();
    for (name, refuse, body) in rows {
        let checked = picture::check(content_type, &body);
        if checked.is_err() != refuse {
            wrong.push(format!("{content_type}, {name}: {checked:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A JPEG image: its segments up to the SOS header, and the rest.
#[derive(Clone, Debug)]
struct Jpeg {
    segments: Vec<(u8, Vec<u8>)>,
    data: Vec<u8>,
}

impl Jpeg {
    fn parse(file: &[u8]) -> Self {
        let (mut segments, mut at) = (Vec::new(), 2);
        loop {
            let (marker, len) = (file[at + 1], usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]])));
            segments.push((marker, file[at + 4..at + 2 + len].to_vec()));
            at += 2 + len;
            if marker == SOS {
                return Self { segments, data: file[at..].to_vec() };
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let segments = self.segments.iter().flat_map(|(marker, payload)| segment(*marker, payload));
        [0xff, 0xd8].into_iter().chain(segments).chain(self.data.iter().copied()).collect()
    }

    fn segment(&mut self, marker: u8) -> &mut (u8, Vec<u8>) {
        self.segments.iter_mut().find(|segment| segment.0 == marker).unwrap()
    }

    fn payload(&mut self, marker: u8) -> &mut Vec<u8> {
        &mut self.segment(marker).1
    }

    /// Returns the place of the first such marker.
    fn place(&self, marker: u8) -> usize {
        2 + self
            .segments
            .iter()
            .take_while(|segment| segment.0 != marker)
            .map(|segment| segment.1.len() + 4)
            .sum::<usize>()
    }
}

fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], &len[..], payload].concat()
}

/// The CRC of a PNG chunk.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

const REFUSE: bool = true;
const TAKE: bool = false;
const SOF: u8 = 0xc0;
const DHT: u8 = 0xc4;
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
