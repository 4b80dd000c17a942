//! JPEG files (ITU-T T.81), damaged in one place each.

use std::process::Command;

use bytes::Bytes;
use interop_tests::browsers::Colour;
use interop_tests::browsers::picture::PALETTE;

use crate::Case;
use crate::others::{output, temporary};

/// A marker, and the payload after its length.
#[derive(Clone, Debug)]
struct Segment(u8, Vec<u8>);

/// A file as its segments up to the SOS, and the rest.
#[derive(Clone, Debug)]
struct Jpeg {
    segments: Vec<Segment>,
    rest: Vec<u8>,
}

impl Jpeg {
    fn parse(file: &[u8]) -> Self {
        let (mut segments, mut at) = (Vec::new(), 2);
        loop {
            let length = usize::from(file[at + 2]) << 8 | usize::from(file[at + 3]);
            segments.push(Segment(file[at + 1], file[at + 4..at + 2 + length].to_vec()));
            at += 2 + length;
            if file[at - 2 - length + 1] == SOS {
                return Self { segments, rest: file[at..].to_vec() };
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        [self.header(), self.rest.clone()].concat()
    }

    fn header(&self) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8];
        for Segment(marker, payload) in &self.segments {
            bytes.extend(segment(*marker, payload));
        }
        bytes
    }

    /// Returns the payload of the first segment with this marker.
    fn payload(&mut self, marker: u8) -> &mut Vec<u8> {
        let found = self.segments.iter_mut().find(|segment| segment.0 == marker);
        &mut found.expect("a segment of this kind").1
    }

    fn index(&self, marker: u8) -> usize {
        self.segments.iter().position(|segment| segment.0 == marker).expect("a segment of this kind")
    }

    fn size(&mut self, width: u16, height: u16) {
        self.payload(SOF0)[1..5].copy_from_slice(&[height.to_be_bytes(), width.to_be_bytes()].concat());
    }
}

fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).expect("a segment's length").to_be_bytes();
    [&[0xff, marker], &length[..], payload].concat()
}

pub(crate) fn good(colour: Colour) -> Bytes {
    colour.jpeg().body().clone()
}

pub(crate) fn cases() -> Vec<Case> {
    let file = good(PALETTE[3]);
    let mut cases = Vec::new();
    let mut add = |name: &str, bad: Vec<u8>| {
        cases.push(Case {
            name: format!("jpeg {name}"),
            kind: "image/jpeg",
            labelled: "image/jpeg",
            good,
            bad: bad.into(),
        })
    };

    add("as it should be", file.to_vec());
    add("ff d8 ff d9", vec![0xff, 0xd8, 0xff, 0xd9]);
    add("ff d8 alone", vec![0xff, 0xd8]);
    add("ff d8 ff", vec![0xff, 0xd8, 0xff]);
    add("empty header: SOI + EOI + zeros", vec![0xff, 0xd8, 0xff, 0xd9, 0, 0, 0, 0]);
    for (name, junk) in [
        ("one zero", &[0][..]),
        ("four zeros", &[0; 4]),
        ("16 bytes aa", &[0xaa; 16]),
        ("CRLF", b"\r\n"),
        ("one ff", &[0xff]),
        ("SOI twice", &[0xff, 0xd8]),
        ("a whole picture", &file),
    ] {
        add(&format!("in front of SOI: {name}"), [junk, &file].concat());
    }

    let sound = Jpeg::parse(&file);
    let mut edit = |name: &str, change: &dyn Fn(&mut Jpeg)| {
        let mut jpeg = sound.clone();
        change(&mut jpeg);
        add(name, jpeg.bytes());
    };
    // The frame header.
    for marker in [0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf] {
        edit(&format!("SOF0 relabelled as ff {marker:02x}"), &|jpeg| {
            let at = jpeg.index(SOF0);
            jpeg.segments[at].0 = marker;
        });
    }
    for precision in [0, 1, 2, 7, 9, 12, 16, 255] {
        edit(&format!("SOF precision {precision}"), &|jpeg| jpeg.payload(SOF0)[0] = precision);
    }
    for (width, height) in [(0, 0), (0, 240), (320, 0), (1, 1), (321, 241)] {
        edit(&format!("SOF size {width} x {height}"), &|jpeg| jpeg.size(width, height));
    }
    for count in [0, 1, 2, 4, 5, 255] {
        edit(&format!("SOF says {count} components, length of 3"), &|jpeg| jpeg.payload(SOF0)[5] = count);
    }
    for count in [0_u8, 1, 2, 4, 5, 10, 11] {
        edit(&format!("SOF with {count} components, length right"), &|jpeg| {
            let sof = jpeg.payload(SOF0);
            sof[5] = count;
            sof.truncate(6);
            (1..=count).for_each(|id| sof.extend([id, 0x11, 0]));
        });
    }
    for (index, name, values) in [
        (0, "first", &[0x00, 0x01, 0x10, 0x14, 0x22, 0x33, 0x41, 0x44, 0x15, 0x51, 0xff][..]),
        (1, "second", &[0x00, 0x22, 0x44, 0x51]),
    ] {
        for sampling in values.iter().copied() {
            edit(&format!("SOF sampling {sampling:02x} of the {name} component"), &|jpeg| {
                jpeg.payload(SOF0)[7 + 3 * index] = sampling
            });
        }
    }
    edit("SOF sampling 44 of all three", &|jpeg| {
        for index in 0..3 {
            jpeg.payload(SOF0)[7 + 3 * index] = 0x44
        }
    });
    edit("SOF sampling 22 of all three", &|jpeg| {
        for index in 0..3 {
            jpeg.payload(SOF0)[7 + 3 * index] = 0x22
        }
    });
    for table in [1, 3, 4, 255] {
        edit(&format!("SOF quantisation table {table}"), &|jpeg| jpeg.payload(SOF0)[8] = table);
    }
    edit("SOF: two components with one id", &|jpeg| jpeg.payload(SOF0)[9] = 1);
    edit("SOF: three components with one id", &|jpeg| {
        for index in 0..3 {
            jpeg.payload(SOF0)[6 + 3 * index] = 1
        }
    });
    edit("SOF one byte longer", &|jpeg| jpeg.payload(SOF0).push(0));
    edit("SOF one byte shorter", &|jpeg| {
        jpeg.payload(SOF0).pop();
    });
    edit("SOF empty", &|jpeg| jpeg.payload(SOF0).clear());
    edit("SOF twice", &|jpeg| {
        let at = jpeg.index(SOF0);
        jpeg.segments.insert(at, jpeg.segments[at].clone());
    });
    edit("SOF missing", &|jpeg| {
        let at = jpeg.index(SOF0);
        jpeg.segments.remove(at);
    });
    for count in [1_u8, 2, 3, 4, 5] {
        edit(&format!("SOF and SOS with {count} components, lengths right"), &|jpeg| {
            let sof = jpeg.payload(SOF0);
            sof[5] = count;
            sof.truncate(6);
            (1..=count).for_each(|id| sof.extend([id, 0x11, 0]));
            let sos = jpeg.payload(SOS);
            sos.clear();
            sos.push(count.min(4));
            (1..=count.min(4)).for_each(|id| sos.extend([id, 0]));
            sos.extend([0, 63, 0]);
        });
    }
    // The scan header.
    edit("SOS of a component that is not in the SOF", &|jpeg| jpeg.payload(SOS)[1] = 9);
    edit("SOS: a component twice", &|jpeg| jpeg.payload(SOS)[3] = 1);
    for count in [0, 1, 2, 4, 5, 255] {
        edit(&format!("SOS says {count} components, length of 3"), &|jpeg| jpeg.payload(SOS)[0] = count);
    }
    for count in [0, 1, 2] {
        edit(&format!("SOS with {count} components, length right"), &|jpeg| {
            let sos = jpeg.payload(SOS);
            sos[0] = count;
            sos.drain(1 + 2 * usize::from(count)..7);
        });
    }
    edit("SOS with 4 components, the fourth unknown", &|jpeg| {
        let sos = jpeg.payload(SOS);
        sos[0] = 4;
        sos.splice(7..7, [4, 0x11]);
    });
    edit("SOS one byte longer", &|jpeg| jpeg.payload(SOS).push(0));
    edit("SOS one byte shorter", &|jpeg| {
        jpeg.payload(SOS).pop();
    });
    edit("SOS empty", &|jpeg| jpeg.payload(SOS).clear());
    for tables in [0x22, 0x33, 0x40, 0x04, 0xff] {
        edit(&format!("SOS Huffman tables {tables:02x}"), &|jpeg| jpeg.payload(SOS)[2] = tables);
    }
    edit("SOS Ss 5, Se 0", &|jpeg| {
        let sos = jpeg.payload(SOS);
        sos[7] = 5;
        sos[8] = 0;
    });
    edit("SOS Ss 1", &|jpeg| jpeg.payload(SOS)[7] = 1);
    edit("SOS Se 64", &|jpeg| jpeg.payload(SOS)[8] = 64);
    edit("SOS Se 0", &|jpeg| jpeg.payload(SOS)[8] = 0);
    edit("SOS Ah/Al ff", &|jpeg| jpeg.payload(SOS)[9] = 0xff);
    edit("SOS twice", &|jpeg| {
        let at = jpeg.index(SOS);
        jpeg.segments.push(jpeg.segments[at].clone());
    });
    // Quantisation tables.
    edit("DQT precision 1, with 64 bytes", &|jpeg| jpeg.payload(DQT)[0] |= 0x10);
    edit("DQT precision 1, with 128 bytes", &|jpeg| {
        let dqt = jpeg.payload(DQT);
        dqt[0] |= 0x10;
        dqt.truncate(65);
        let wide: Vec<u8> = dqt[1..].iter().flat_map(|value| [0, *value]).collect();
        dqt.splice(1.., wide);
    });
    for first in [0x04, 0x0f, 0x20, 0xf0] {
        edit(&format!("DQT precision and id {first:02x}"), &|jpeg| jpeg.payload(DQT)[0] = first);
    }
    edit("DQT empty", &|jpeg| jpeg.payload(DQT).clear());
    edit("DQT one byte shorter", &|jpeg| {
        jpeg.payload(DQT).pop();
    });
    edit("DQT one byte longer", &|jpeg| jpeg.payload(DQT).push(0));
    edit("DQT ten bytes", &|jpeg| jpeg.payload(DQT).truncate(10));
    edit("DQT with zeros", &|jpeg| jpeg.payload(DQT)[1..65].fill(0));
    edit("without DQT", &|jpeg| jpeg.segments.retain(|segment| segment.0 != DQT));
    // Huffman tables.
    for first in [0x04, 0x0f, 0x20, 0x24, 0xf0] {
        edit(&format!("DHT class and id {first:02x}"), &|jpeg| jpeg.payload(DHT)[0] = first);
    }
    edit("DHT empty", &|jpeg| jpeg.payload(DHT).clear());
    edit("DHT ten bytes", &|jpeg| jpeg.payload(DHT).truncate(10));
    edit("DHT one byte shorter", &|jpeg| {
        jpeg.payload(DHT).pop();
    });
    edit("DHT one byte longer", &|jpeg| jpeg.payload(DHT).push(0));
    edit("DHT 17 bytes longer, zeros", &|jpeg| jpeg.payload(DHT).extend([0; 17]));
    edit("DHT counts 16 x 255", &|jpeg| jpeg.payload(DHT)[1..17].fill(255));
    edit("DHT counts 1 x 255", &|jpeg| jpeg.payload(DHT)[1] = 255);
    edit("DHT counts of zero, without symbols", &|jpeg| {
        let dht = jpeg.payload(DHT);
        dht[1..].fill(0);
        dht.truncate(17);
    });
    edit("DHT counts of zero, symbols left", &|jpeg| jpeg.payload(DHT)[1..17].fill(0));
    edit("DHT three codes of one bit, length right", &|jpeg| {
        let dht = jpeg.payload(DHT);
        let symbols = dht[1..17].iter().copied().sum::<u8>();
        dht[1..17].fill(0);
        dht[1] = 3;
        dht[16] = symbols - 3;
    });
    edit("DHT 257 symbols, length right", &|jpeg| {
        let dht = jpeg.payload(DHT);
        dht.clear();
        dht.push(0x10);
        dht.extend([0; 14]);
        dht.extend([128, 129]);
        dht.extend([1; 257]);
    });
    edit("DHT 256 symbols, length right", &|jpeg| {
        let dht = jpeg.payload(DHT);
        dht.clear();
        dht.push(0x13);
        dht.extend([0; 14]);
        dht.extend([128, 128]);
        dht.extend([1; 256]);
    });
    edit("DHT DC symbol ff", &|jpeg| {
        let dht = jpeg.payload(DHT);
        dht[17] = 0xff;
    });
    edit("DHT DC symbol 16", &|jpeg| {
        let dht = jpeg.payload(DHT);
        dht[17] = 16;
    });
    edit("without DHT", &|jpeg| jpeg.segments.retain(|segment| segment.0 != DHT));
    // Other segments.
    for (name, marker, payload) in [
        ("DRI empty", 0xdd, &[][..]),
        ("DRI of 4 bytes", 0xdd, &[0; 4]),
        ("DRI 65535", 0xdd, &[255; 2]),
        ("DAC odd", 0xcc, &[0]),
        ("DAC index 255", 0xcc, &[255, 0]),
        ("DAC value U < L", 0xcc, &[0, 0x0f]),
        ("DNL", 0xdc, &[0, 240]),
        ("DHP", 0xde, &[8, 0, 240, 1, 64, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]),
        ("EXP", 0xdf, &[0x11]),
        ("RES ff 02", 0x02, &[0; 4]),
        ("RES ff bf", 0xbf, &[0; 4]),
        ("JPG0 ff f0", 0xf0, &[0; 4]),
        ("JPG13 ff fd", 0xfd, &[0; 4]),
        ("JPG ff c8", 0xc8, &[0; 4]),
        ("COM empty", 0xfe, &[]),
        ("APP15 of zeros", 0xef, &[0; 9]),
        ("APP14 Adobe cut", 0xee, b"Adobe"),
        ("APP14 Adobe transform 7", 0xee, b"Adobe\0\x64\0\0\0\0\x07"),
        ("APP1 Exif junk", 0xe1, b"Exif\0\0MM\0\x2a\xff\xff\xff\xff"),
        (
            "APP1 Exif orientation 9",
            0xe1,
            b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0\0\0\0\0",
        ),
        ("APP2 ICC junk", 0xe2, b"ICC_PROFILE\0\x01\x01junk"),
        ("APP2 ICC 0 of 0", 0xe2, b"ICC_PROFILE\0\0\0junk"),
        ("APP2 MPF junk", 0xe2, b"MPF\0junkjunk"),
        ("APP0 JFIF again, version 9", 0xe0, b"JFIF\0\x09\x09\x09\xff\xff\xff\xff\xff\xff"),
    ] {
        edit(&format!("with {name} in front of the SOF"), &|jpeg| {
            let at = jpeg.index(SOF0);
            jpeg.segments.insert(at, Segment(marker, payload.to_vec()));
        });
    }
    for (name, raw) in [
        ("ff 00", &[0xff, 0][..]),
        ("ff ff ff", &[0xff; 3]),
        ("one zero", &[0]),
        ("16 bytes aa", &[0xaa; 16]),
        ("RST0", &[0xff, 0xd0]),
        ("TEM", &[0xff, 1]),
        ("SOI", &[0xff, 0xd8]),
        ("EOI", &[0xff, 0xd9]),
        ("APP4 of length 0", &[0xff, 0xe4, 0, 0]),
        ("APP4 of length 1", &[0xff, 0xe4, 0, 1]),
        ("APP4 of length ffff", &[0xff, 0xe4, 0xff, 0xff]),
        ("COM of length 0", &[0xff, 0xfe, 0, 0]),
        ("DQT of length 0", &[0xff, 0xdb, 0, 0]),
        ("CRLF", b"\r\n"),
    ] {
        for (place, marker) in [("SOF", SOF0), ("SOS", SOS)] {
            let at = Jpeg { segments: sound.segments[..sound.index(marker)].to_vec(), rest: Vec::new() }.bytes().len();
            let mut bad = file.to_vec();
            bad.splice(at..at, raw.iter().copied());
            add(&format!("raw in front of the {place}: {name}"), bad);
        }
    }
    // Cut.
    let header = sound.header().len();
    for (name, length) in [
        ("in the first segment", 8),
        ("behind DQT", header - 400),
        ("one byte in front of the SOS's end", header - 1),
        ("at the SOS's end", header),
        ("one byte of the scan", header + 1),
        ("ten bytes of the scan", header + 10),
        ("in the middle", file.len() / 2),
    ] {
        add(&format!("cut {name}"), file[..length].to_vec());
    }
    let cut = Jpeg { segments: sound.segments[..sound.index(SOF0)].to_vec(), rest: Vec::new() }.header();
    add("cut in front of the SOF", cut.clone());
    add("cut in front of the SOF, with EOI", [cut, vec![0xff, 0xd9]].concat());
    let cut = Jpeg { segments: sound.segments[..sound.index(SOS)].to_vec(), rest: Vec::new() }.header();
    add("cut in front of the SOS, with EOI", [cut, vec![0xff, 0xd9]].concat());
    add("EOI at once behind the SOS", [sound.header(), vec![0xff, 0xd9]].concat());
    // Structures of other encoders.
    let ppm = temporary(
        "yellow.ppm",
        &output(Command::new("convert").args([
            "-size",
            "320x240",
            &format!("xc:{}", crate::others::css(PALETTE[3])),
            "ppm:-",
        ])),
    );
    for (name, arguments) in [
        ("arithmetic", &["-arithmetic"][..]),
        ("arithmetic progressive", &["-arithmetic", "-progressive"]),
        ("progressive", &["-progressive"]),
        ("grey", &["-grayscale"]),
        ("restart 1", &["-restart", "1"]),
        ("4:1:1", &["-sample", "4x1"]),
    ] {
        add(&format!("from cjpeg: {name}"), output(Command::new("cjpeg").args(arguments).arg(&ppm)));
    }
    let lossless = [
        "-v",
        "error",
        "-i",
        ppm.to_str().expect("a path"),
        "-c:v",
        "ljpeg",
        "-pix_fmt",
        "bgr24",
        "-f",
        "image2pipe",
        "-",
    ];
    add("from ffmpeg: lossless", output(Command::new("ffmpeg").args(lossless)));
    let mut convert = Command::new("convert");
    add("from ImageMagick: CMYK", output(convert.arg(&ppm).args(["-colorspace", "CMYK", "jpeg:-"])));
    cases
}

pub(crate) fn sizes() -> Vec<Case> {
    let sound = Jpeg::parse(&good(PALETTE[3]));
    let sizes = [
        (4096, 4096),
        (8192, 8192),
        (16_384, 16_384),
        (20_000, 20_000),
        (23_170, 23_170),
        (23_171, 23_171),
        (32_767, 16_384),
        (32_768, 16_384),
        (32_768, 1),
        (65_500, 1),
        (65_501, 1),
        (65_535, 1),
        (1, 65_500),
        (1, 65_501),
        (1, 65_535),
        (65_500, 4096),
        (65_500, 8196),
        (65_500, 8197),
        (32_768, 32_768),
        (65_500, 65_500),
        (65_535, 65_535),
    ];
    sizes
        .into_iter()
        .map(|(width, height)| {
            let mut jpeg = sound.clone();
            jpeg.size(width, height);
            Case {
                name: format!("size of a jpeg {width} x {height}"),
                kind: "image/jpeg",
                labelled: "image/jpeg",
                good,
                bad: jpeg.bytes().into(),
            }
        })
        .collect()
}

const SOF0: u8 = 0xc0;
const DHT: u8 = 0xc4;
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
