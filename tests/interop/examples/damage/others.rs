//! PNG, GIF, WebP, AVIF, SVG, BMP and ICO files, damaged in one place each, and labels that differ from the bytes.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use interop_tests::browsers::Colour;
use interop_tests::browsers::picture::PALETTE;

use crate::{Case, jpeg};

pub(crate) fn cases() -> Vec<Case> {
    [pngs(), gifs(), webps(), avifs(), svgs(), bitmaps(), labels()].concat()
}

fn case(kind: &'static str, good: fn(Colour) -> Bytes) -> impl FnMut(&str, Vec<u8>) -> Case {
    let format = kind.split(['/', '+']).nth(1).unwrap_or_default().to_owned();
    move |name, bad| Case { name: format!("{format} {name}"), kind, labelled: kind, good, bad: bad.into() }
}

fn pngs() -> Vec<Case> {
    let (file, mut case, mut cases) = (png(YELLOW), case("image/png", png), Vec::new());
    let mut add = |name: &str, bad: Vec<u8>| cases.push(case(name, bad));
    add("as it should be", file.to_vec());
    add("signature alone", file[..8].to_vec());
    add("signature and junk", [&file[..8], &JUNK].concat());
    add("empty line in front", [b"\r\n", &file[..]].concat());
    add("16 bytes aa in front", [&[0xaa; 16], &file[..]].concat());
    add("junk behind IEND", [&file[..], &JUNK].concat());

    let chunks = chunks(&file);
    let mut edit = |name: &str, change: &dyn Fn(&mut Vec<Chunk>)| {
        let mut chunks = chunks.clone();
        change(&mut chunks);
        add(name, built(&chunks));
    };
    let ihdr = |at: usize, value: u8| move |chunks: &mut Vec<Chunk>| chunks[0].1[at] = value;
    for depth in [0, 1, 3, 4, 16, 32, 255] {
        edit(&format!("IHDR bit depth {depth}"), &ihdr(8, depth));
    }
    for colour in [0, 1, 4, 5, 6, 7, 255] {
        edit(&format!("IHDR colour type {colour}"), &ihdr(9, colour));
    }
    edit("IHDR palette type without PLTE", &ihdr(9, 3));
    edit("IHDR compression 1", &ihdr(10, 1));
    edit("IHDR filter 1", &ihdr(11, 1));
    edit("IHDR interlace 1", &ihdr(12, 1));
    edit("IHDR interlace 2", &ihdr(12, 2));
    for (width, height) in [
        (0_u32, 0_u32),
        (0, 240),
        (320, 0),
        (1 << 31, 240),
        (320, 1 << 31),
        (u32::MAX, u32::MAX),
        (1_000_001, 1),
        (1, 1_000_001),
        (1_000_000, 1),
        (65_536, 1),
        (16_384, 16_384),
        (23_170, 23_170),
        (23_171, 23_171),
        (32_768, 32_768),
        (1_000_000, 1_000_000),
    ] {
        edit(&format!("IHDR size {width} x {height}"), &|chunks| {
            chunks[0].1[..8].copy_from_slice(&[width.to_be_bytes(), height.to_be_bytes()].concat())
        });
    }
    edit("IHDR one byte longer", &|chunks| chunks[0].1.push(0));
    edit("IHDR one byte shorter", &|chunks| {
        chunks[0].1.pop();
    });
    edit("IHDR twice", &|chunks| chunks.insert(1, chunks[0].clone()));
    edit("IHDR missing", &|chunks| {
        chunks.remove(0);
    });
    edit("IDAT in front of IHDR", &|chunks| chunks.swap(0, 1));
    edit("IDAT missing", &|chunks| chunks.retain(|chunk| chunk.0 != "IDAT"));
    edit("IDAT and IEND missing", &|chunks| chunks.retain(|chunk| chunk.0 == "IHDR"));
    edit("IEND missing", &|chunks| chunks.retain(|chunk| chunk.0 != "IEND"));
    edit("IDAT empty", &|chunks| chunks[1].1.clear());
    edit("IDAT empty, then whole", &|chunks| chunks.insert(1, ("IDAT".into(), Vec::new())));
    edit("IDAT of junk", &|chunks| chunks[1].1 = JUNK.to_vec());
    edit("IDAT with a wrong zlib head", &|chunks| chunks[1].1[..2].fill(0xff));
    edit("IDAT junk behind the zlib head", &|chunks| chunks[1].1[2..].fill(0xaa));
    edit("PLTE of 4 bytes, true colour", &|chunks| chunks.insert(1, ("PLTE".into(), vec![1; 4])));
    edit("PLTE empty, true colour", &|chunks| chunks.insert(1, ("PLTE".into(), vec![])));
    edit("PLTE of 771 bytes, true colour", &|chunks| chunks.insert(1, ("PLTE".into(), vec![1; 771])));
    edit("palette type, PLTE of 4 bytes", &|chunks| {
        chunks[0].1[9] = 3;
        chunks.insert(1, ("PLTE".into(), vec![1; 4]));
    });
    edit("palette type, PLTE of 3 bytes", &|chunks| {
        chunks[0].1[9] = 3;
        chunks.insert(1, ("PLTE".into(), vec![1; 3]));
    });
    edit("palette type, PLTE behind IDAT", &|chunks| {
        chunks[0].1[9] = 3;
        chunks.insert(2, ("PLTE".into(), vec![1; 3]));
    });
    edit("tRNS of 1 byte", &|chunks| chunks.insert(1, ("tRNS".into(), vec![1])));
    edit("iCCP junk", &|chunks| chunks.insert(1, ("iCCP".into(), JUNK.to_vec())));
    edit("gAMA empty", &|chunks| chunks.insert(1, ("gAMA".into(), vec![])));
    edit("eXIf junk", &|chunks| chunks.insert(1, ("eXIf".into(), JUNK.to_vec())));
    edit("unknown critical chunk", &|chunks| chunks.insert(1, ("ABCD".into(), vec![1; 4])));
    edit("unknown ancillary chunk", &|chunks| chunks.insert(1, ("abCD".into(), vec![1; 4])));
    edit("chunk name 1234", &|chunks| chunks.insert(1, ("1234".into(), vec![1; 4])));
    edit("acTL of 0 frames", &|chunks| chunks.insert(1, ("acTL".into(), vec![0; 8])));
    edit("acTL empty", &|chunks| chunks.insert(1, ("acTL".into(), vec![])));
    edit("acTL of 2 frames, one there", &|chunks| chunks.insert(1, ("acTL".into(), vec![0, 0, 0, 2, 0, 0, 0, 0])));
    let mut splice = |name: &str, at: usize, bytes: &[u8]| {
        let mut bad = file.to_vec();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        add(name, bad);
    };
    splice("IHDR with a wrong CRC", 29, &[1, 2, 3, 4]);
    splice("IHDR with a length of 12", 8, &[0, 0, 0, 12]);
    splice("IDAT with a length of ffffffff", 33, &[255; 4]);
    splice("IDAT with a length of 7fffffff", 33, &[0x7f, 255, 255, 255]);
    splice("IDAT with a length of 5", 33, &[0, 0, 0, 5]);
    for (name, length) in [
        ("in the IHDR", 20),
        ("in front of the IHDR's CRC", 29),
        ("behind the IHDR", 33),
        ("in the IDAT's head", 40),
        ("behind the IDAT's head", 41),
        ("behind 1 byte of IDAT", 42),
        ("behind 2 bytes of IDAT", 43),
        ("behind 10 bytes of IDAT", 51),
        ("in the middle", file.len() / 2),
        ("in front of IEND", file.len() - 12),
    ] {
        add(&format!("cut {name}"), file[..length].to_vec());
    }
    let mut wrong = chunks.clone();
    wrong.insert(1, ("tEXt".into(), b"a\0b".to_vec()));
    let mut bad = built(&wrong);
    bad[33 + 8 + 3] ^= 1;
    add("tEXt with a wrong CRC", bad);
    cases
}

/// A name and the data.
type Chunk = (String, Vec<u8>);

fn chunks(file: &[u8]) -> Vec<Chunk> {
    let (mut chunks, mut at) = (Vec::new(), 8);
    while at < file.len() {
        let length = usize::from(file[at + 1]) << 16 | usize::from(file[at + 2]) << 8 | usize::from(file[at + 3]);
        chunks.push((
            String::from_utf8_lossy(&file[at + 4..at + 8]).into_owned(),
            file[at + 8..at + 8 + length].to_vec(),
        ));
        at += 12 + length;
    }
    chunks
}

fn built(chunks: &[Chunk]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in chunks {
        file.extend(u32::try_from(data.len()).expect("a small chunk").to_be_bytes());
        let body = [name.as_bytes(), data].concat();
        file.extend(&body);
        file.extend(crc(&body).to_be_bytes());
    }
    file
}

/// ISO 3309, as PNG uses it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn gifs() -> Vec<Case> {
    let (file, mut case, mut cases) = (gif(YELLOW), case("image/gif", gif), Vec::new());
    let mut add = |name: &str, bad: Vec<u8>| cases.push(case(name, bad));
    let picture = file.len() - 16;
    add("as it should be", file.to_vec());
    for (name, length) in [
        ("in the signature", 4),
        ("behind the signature", 6),
        ("behind 10 bytes", 10),
        ("behind the screen", 13),
        ("in the palette", 15),
        ("behind the palette", 19),
        ("in the comment", 300),
        ("in front of the picture", picture),
        ("in the picture's descriptor", picture + 5),
        ("behind the descriptor", picture + 10),
        ("behind the code size", picture + 11),
        ("behind the block's length", picture + 12),
        ("in the data", picture + 13),
        ("behind the data", picture + 14),
        ("in front of the trailer", file.len() - 1),
    ] {
        add(&format!("cut {name}"), file[..length].to_vec());
    }
    let mut set = |name: &str, changes: &[(usize, u8)]| {
        let mut bad = file.to_vec();
        changes.iter().for_each(|(at, value)| bad[*at] = *value);
        add(name, bad);
    };
    for size in [0, 1, 3, 8, 9, 11, 12, 13, 255] {
        set(&format!("LZW code size {size}"), &[(picture + 10, size)]);
    }
    set("GIF88a", &[(4, b'8')]);
    set("GIF87a", &[(4, b'7')]);
    set("screen 0 x 0", &[(6, 0), (8, 0)]);
    set("screen 65535 x 65535", &[(6, 255), (7, 255), (8, 255), (9, 255)]);
    set("picture 0 x 0", &[(picture + 5, 0), (picture + 7, 0)]);
    set("picture 0 x 0 and screen 0 x 0", &[(picture + 5, 0), (picture + 7, 0), (6, 0), (8, 0)]);
    set("picture 65535 x 65535", &[(picture + 5, 255), (picture + 6, 255), (picture + 7, 255), (picture + 8, 255)]);
    set("picture at 500, 500", &[(picture + 1, 244), (picture + 2, 1), (picture + 3, 244), (picture + 4, 1)]);
    set("LZW data junk", &[(picture + 12, 0xff), (picture + 13, 0xff)]);
    set("first data block empty", &[(picture + 11, 0)]);
    set("data block longer than the file", &[(picture + 11, 255)]);
    set("no trailer, another byte", &[(picture + 15, 0x55)]);
    set("unknown block in front of the picture", &[(picture, 0x55)]);
    set("unknown extension in place of the comment", &[(20, 0x55)]);
    set("background colour 255", &[(11, 255)]);
    let mut bad = file.to_vec();
    bad.drain(13..19);
    bad[10] &= 0x7f;
    add("no palette at all", bad);
    add("no picture: header and trailer", [&file[..19], b";"].concat());
    add("no picture: comment and trailer", [&file[..picture], b";"].concat());
    add("trailer first, then a picture", [&file[..19], b";", &file[19..]].concat());
    add("junk behind the trailer", [&file[..], &JUNK].concat());
    add("header and junk", [&file[..13], &JUNK].concat());
    add("header, palette and zeros", [&file[..19], &[0; 40]].concat());
    add("graphic control of length 3", [&file[..19], b"\x21\xf9\x03\0\0\0\0", &file[19..]].concat());
    add("graphic control twice", [&file[..19], b"\x21\xf9\x04\0\0\0\0\0\x21\xf9\x04\0\0\0\0\0", &file[19..]].concat());
    add("16 bytes aa in front", [&[0xaa; 16], &file[..]].concat());
    cases
}

fn webps() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, file) in [("lossy", webp(YELLOW)), ("lossless", webp_lossless(YELLOW))] {
        let mut case = case("image/webp", webp);
        let mut add = |name: &str, bad: Vec<u8>| cases.push(case(&format!("{kind} {name}"), bad));
        let length = u32::try_from(file.len()).expect("a small file");
        add("as it should be", file.to_vec());
        for (name, length) in [
            ("in RIFF", 3),
            ("behind RIFF", 8),
            ("behind WEBP", 12),
            ("in the chunk's head", 18),
            ("behind the chunk's head", 20),
            ("behind 5 bytes of data", 25),
            ("behind 10 bytes of data", 30),
            ("in the middle", file.len() / 2),
            ("20 bytes in front of the end", file.len() - 20),
            ("2 bytes in front of the end", file.len() - 2),
            ("1 byte in front of the end", file.len() - 1),
        ] {
            add(&format!("cut {name}"), file[..length].to_vec());
        }
        let mut set = |name: &str, at: usize, bytes: &[u8]| {
            let mut bad = file.to_vec();
            bad[at..at + bytes.len()].copy_from_slice(bytes);
            add(name, bad);
        };
        set("RIFF length 0", 4, &[0; 4]);
        set("RIFF length one less", 4, &(length - 9).to_le_bytes());
        set("RIFF length half", 4, &(length / 2).to_le_bytes());
        set("RIFF length one more", 4, &(length - 7).to_le_bytes());
        set("RIFF length 100 more", 4, &(length + 92).to_le_bytes());
        set("RIFF length ffffffff", 4, &[255; 4]);
        set("chunk length 0", 16, &[0; 4]);
        set("chunk length ffffffff", 16, &[255; 4]);
        set("chunk length half", 16, &(length / 2).to_le_bytes());
        set("chunk length 100 more", 16, &(length + 80).to_le_bytes());
        set("chunk name unknown", 12, b"ABCD");
        set("WEBP misspelt", 8, b"WEBX");
        set("VP8 head of zeros", 20, &[0; 10]);
        set("VP8 head of ff", 20, &[255; 10]);
        set("data of aa behind the head", 30, &vec![0xaa; file.len() - 30]);
        if kind == "lossy" {
            set("VP8 start code wrong", 23, &[0; 3]);
            set("VP8 no key frame", 20, &[file[20] | 1]);
            set("VP8 size 0 x 0", 26, &[0; 4]);
            set("VP8 size 16383 x 16383", 26, &[0xff, 0x3f, 0xff, 0x3f]);
            set("VP8 first partition longer than the file", 22, &[255]);
        } else {
            set("VP8L signature wrong", 20, &[0]);
            set("VP8L version 7", 24, &[file[24] | 0xe0]);
            set("VP8L size 16384 x 16384", 21, &[255, 255, 255, 15]);
        }
        add("junk behind the end", [&file[..], &JUNK].concat());
        add("16 bytes aa in front", [&[0xaa; 16], &file[..]].concat());
        add("RIFF head and junk", [&file[..12], &JUNK].concat());
        let extended = |flags: u8, rest: &[u8]| {
            let body = [b"WEBPVP8X\x0a\0\0\0", &[flags, 0, 0, 0, 63, 0, 0, 63, 0, 0][..], rest].concat();
            [b"RIFF", &u32::try_from(body.len()).expect("a small file").to_le_bytes()[..], &body].concat()
        };
        add("VP8X and the picture", extended(0, &file[12..]));
        add("VP8X alone", extended(0, &[]));
        add("VP8X of an animation without frames", extended(2, b"ANIM\x06\0\0\0\0\0\0\0\0\0"));
        add("VP8X of an animation with a picture in place of frames", extended(2, &file[12..]));
        add("VP8X with all flags", extended(0xff, &file[12..]));
    }
    cases
}

fn avifs() -> Vec<Case> {
    let (file, mut case, mut cases) = (avif(YELLOW), case("image/avif", avif), Vec::new());
    let mut add = |name: &str, bad: Vec<u8>| cases.push(case(name, bad));
    let find = |name: &[u8]| file.windows(name.len()).position(|window| window == name).expect("a box of this name");
    let (meta, mdat) = (find(b"meta") - 4, find(b"mdat") - 4);
    add("as it should be", file.to_vec());
    for (name, length) in [
        ("in ftyp", 10),
        ("behind ftyp", meta),
        ("in meta", meta + 60),
        ("behind meta", mdat),
        ("behind mdat's head", mdat + 8),
        ("behind 10 bytes of mdat", mdat + 18),
        ("in the middle of mdat", (mdat + file.len()) / 2),
        ("1 byte in front of the end", file.len() - 1),
    ] {
        add(&format!("cut {name}"), file[..length].to_vec());
    }
    let mut set = |name: &str, at: usize, bytes: &[u8]| {
        let mut bad = file.to_vec();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        add(name, bad);
    };
    for brand in ["heic", "mif1", "isom", "abcd", "avis"] {
        set(&format!("major brand {brand}"), 8, brand.as_bytes());
    }
    set("no brand of AVIF", 8, b"abcd\0\0\0\0abcdabcdabcd");
    set("ftyp misspelt", 4, b"ftyx");
    set("ftyp length 0", 0, &[0; 4]);
    set("ftyp length 7fffffff", 0, &[0x7f, 255, 255, 255]);
    set("meta misspelt", meta + 4, b"metx");
    set("meta length 0", meta, &[0; 4]);
    set("meta length 9", meta, &[0, 0, 0, 9]);
    set("meta length 7fffffff", meta, &[0x7f, 255, 255, 255]);
    set("mdat misspelt", mdat + 4, b"mdax");
    set("mdat length 0, to the end", mdat, &[0; 4]);
    set("mdat length 7fffffff", mdat, &[0x7f, 255, 255, 255]);
    set("mdat length half", mdat, &[0, 0, 0, 20]);
    set("mdat of zeros", mdat + 8, &vec![0; file.len() - mdat - 8]);
    set("mdat of aa", mdat + 8, &vec![0xaa; file.len() - mdat - 8]);
    set("mdat's second half of aa", (mdat + file.len()) / 2, &vec![0xaa; file.len() - (mdat + file.len()) / 2]);
    for (name, of, at, bytes) in [
        ("hdlr misspelt", "hdlr", 0, &b"hdlx"[..]),
        ("hdlr of type vide", "hdlr", 12, b"vide"),
        ("pitm misspelt", "pitm", 0, b"pitx"),
        ("pitm 9", "pitm", 8, &[0, 9]),
        ("iloc misspelt", "iloc", 0, b"ilox"),
        ("iloc version 9", "iloc", 4, &[9]),
        ("iinf misspelt", "iinf", 0, b"iinx"),
        ("infe of type abcd", "infe", 12, b"abcd"),
        ("iprp misspelt", "iprp", 0, b"iprx"),
        ("ipco misspelt", "ipco", 0, b"ipcx"),
        ("av1C misspelt", "av1C", 0, b"av1X"),
        ("av1C version 9", "av1C", 4, &[0x89]),
        ("ispe misspelt", "ispe", 0, b"ispx"),
        ("ispe 0 x 0", "ispe", 8, &[0; 8]),
        ("ispe 65535 x 65535", "ispe", 8, &[0, 0, 255, 255, 0, 0, 255, 255]),
        ("ispe ffffffff x ffffffff", "ispe", 8, &[255; 8]),
        ("ispe of another size", "ispe", 8, &[0, 0, 0, 32, 0, 0, 0, 32]),
        ("pixi misspelt", "pixi", 0, b"pixx"),
        ("ipma misspelt", "ipma", 0, b"ipmx"),
    ] {
        set(name, find(of.as_bytes()) + at, bytes);
    }
    add("junk", JUNK.to_vec());
    add("ftyp and junk", [&file[..meta], &JUNK].concat());
    add("ftyp missing", file[meta..].to_vec());
    add("meta missing", [&file[..meta], &file[mdat..]].concat());
    add("mdat in front of meta", [&file[..meta], &file[mdat..], &file[meta..mdat]].concat());
    add("junk behind the end", [&file[..], &JUNK].concat());
    add("16 bytes aa in front", [&[0xaa; 16], &file[..]].concat());
    cases
}

fn svgs() -> Vec<Case> {
    let (file, mut case, mut cases) = (svg(YELLOW), case("image/svg+xml", svg), Vec::new());
    let text = String::from_utf8_lossy(&file).into_owned();
    let mut add = |name: &str, bad: &str| cases.push(case(name, bad.as_bytes().to_vec()));
    add("as it should be", &text);
    add("text: hello", "hello");
    add("one blank", " ");
    add("junk of letters", &"abc<&>".repeat(50));
    add("binary junk", &"\u{1}\u{2}\0\u{7f}".repeat(50));
    add("cut in the root's tag", &text[..20]);
    add("cut behind the root's tag", &text[..=text.find('>').unwrap_or_default()]);
    add("cut in the middle", &text[..text.len() / 2]);
    add("cut in front of the end tag", text.trim_end().trim_end_matches("</svg>"));
    add("without namespace", &text.replace(" xmlns='http://www.w3.org/2000/svg'", ""));
    add("empty root", "<svg xmlns='http://www.w3.org/2000/svg'/>");
    add("empty root with a size", "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'/>");
    add("size 0 x 0", &text.replace("width='64' height='64'", "width='0' height='0'"));
    add("size 1e9 x 1e9", &text.replace("width='64' height='64'", "width='1e9' height='1e9'"));
    add("no size, no viewBox", &text.replacen(" width='64' height='64'", "", 1));
    add("another root", "<note><to>You</to></note>");
    add("root of HTML", "<!doctype html><title>Log in</title><p>Log in");
    add("XHTML", "<html xmlns='http://www.w3.org/1999/xhtml'><body>Log in</body></html>");
    add("end tag misspelt", &text.replace("</svg>", "</svx>"));
    add("unknown entity", &text.replace("</svg>", "&nbsp;</svg>"));
    add("a duplicate attribute", &text.replacen("width='64'", "width='64' width='64'", 1));
    add("junk behind the end", &format!("{text}junk<"));
    add("a line in front of the XML declaration", &format!("\r\n<?xml version='1.0'?>{text}"));
    add("with an XML declaration", &format!("<?xml version='1.0'?>{text}"));
    add("encoding unknown", &format!("<?xml version='1.0' encoding='x-none'?>{text}"));
    add("with a byte order mark", &format!("\u{feff}{text}"));
    cases
}

fn bitmaps() -> Vec<Case> {
    let mut cases = Vec::new();
    let (file, mut bmp_case) = (bmp(YELLOW), case("image/bmp", bmp));
    let mut add = |name: &str, bad: Vec<u8>| cases.push(bmp_case(name, bad));
    add("as it should be", file.to_vec());
    add("junk", JUNK.to_vec());
    add("signature and junk", [b"BM", &JUNK[..]].concat());
    for (name, length) in [
        ("behind the signature", 2),
        ("in the file header", 10),
        ("behind the file header", 14),
        ("in the header", 30),
        ("behind the headers", 54.max(usize::from(file[10]))),
        ("in the middle", file.len() / 2),
    ] {
        add(&format!("cut {name}"), file[..length].to_vec());
    }
    for (name, at, bytes) in [
        ("header size 0", 14, &[0; 4][..]),
        ("header size 13", 14, &[13, 0, 0, 0]),
        ("header size ffffffff", 14, &[255; 4]),
        ("width 0", 18, &[0; 4]),
        ("height 0", 22, &[0; 4]),
        ("width -1", 18, &[255; 4]),
        ("height -64, top down", 22, &[0xc0, 255, 255, 255]),
        ("size 65535 x 65535", 18, &[255, 255, 0, 0, 255, 255, 0, 0]),
        ("planes 0", 26, &[0; 2]),
        ("7 bits a pixel", 28, &[7, 0]),
        ("8 bits a pixel without a table", 28, &[8, 0]),
        ("compression 9", 30, &[9, 0, 0, 0]),
        ("compression of RLE8 at 24 bits", 30, &[1, 0, 0, 0]),
        ("offset 0", 10, &[0; 4]),
        ("offset ffffffff", 10, &[255; 4]),
        ("file size 0", 2, &[0; 4]),
    ] {
        let mut bad = file.to_vec();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        add(name, bad);
    }
    let (file, mut ico_case) = (ico(YELLOW), case("image/x-icon", ico));
    let mut add = |name: &str, bad: Vec<u8>| cases.push(ico_case(name, bad));
    add("as it should be", file.to_vec());
    add("junk", JUNK.to_vec());
    add("head and junk", [&file[..6], &JUNK].concat());
    for (name, length) in
        [("in the head", 4), ("behind the head", 6), ("behind the directory", 22), ("in the middle", file.len() / 2)]
    {
        add(&format!("cut {name}"), file[..length].to_vec());
    }
    for (name, at, bytes) in [
        ("count 0", 4, &[0; 2][..]),
        ("count 2, one there", 4, &[2, 0]),
        ("type 9", 2, &[9, 0]),
        ("reserved 1", 0, &[1, 0]),
        ("offset 0", 18, &[0; 4]),
        ("offset ffffffff", 18, &[255; 4]),
        ("length 0", 14, &[0; 4]),
        ("length ffffffff", 14, &[255; 4]),
        ("header size 0", 22, &[0; 4]),
    ] {
        let mut bad = file.to_vec();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        add(name, bad);
    }
    cases
}

type Format = (&'static str, fn(Colour) -> Bytes);

fn labels() -> Vec<Case> {
    let formats: [Format; 7] = [
        ("image/jpeg", jpeg::good),
        ("image/png", png),
        ("image/gif", gif),
        ("image/webp", webp),
        ("image/avif", avif),
        ("image/svg+xml", svg),
        ("image/bmp", bmp),
    ];
    let mut cases = Vec::new();
    for (kind, good) in formats {
        for (other, bytes) in formats {
            if kind != other {
                cases.push(Case {
                    name: format!("label {kind} over the bytes of {other}"),
                    kind,
                    labelled: kind,
                    good,
                    bad: bytes(YELLOW),
                });
                cases.push(Case {
                    name: format!("type changes {kind} to {other} and back"),
                    kind,
                    labelled: other,
                    good,
                    bad: bytes(YELLOW),
                });
            }
        }
    }
    let page = YELLOW.html().body().clone();
    for (kind, good) in formats.into_iter().take(2) {
        for (labelled, bad) in [
            ("text/html", &page),
            ("text/html; charset=utf-8", &page),
            ("text/plain", &Bytes::from_static(b"hello")),
            ("application/json", &Bytes::from_static(b"{}")),
            ("application/xml", &Bytes::from_static(b"<a/>")),
            ("application/octet-stream", &jpeg::good(YELLOW)),
            ("image/x-unknown", &jpeg::good(YELLOW)),
            ("text/plain", &jpeg::good(YELLOW)),
            ("text/html", &jpeg::good(YELLOW)),
            ("image/jpg", &jpeg::good(YELLOW)),
            ("image/pjpeg", &jpeg::good(YELLOW)),
            ("image/jpeg; charset=utf-8", &jpeg::good(YELLOW)),
            ("video/mp4", &jpeg::good(YELLOW)),
            ("multipart/mixed", &jpeg::good(YELLOW)),
        ] {
            let what = if bad == &jpeg::good(YELLOW) { "a JPEG" } else { "such a body" };
            cases.push(Case {
                name: format!("label {labelled} over {what} in a stream of {kind}"),
                kind,
                labelled,
                good,
                bad: bad.clone(),
            });
        }
        for (name, bad) in [
            ("an HTML page", page.clone()),
            ("text", Bytes::from_static(b"hello")),
            ("one zero", Bytes::from_static(&[0])),
            ("zeros", Bytes::from_static(&[0; 5000])),
            ("junk", Bytes::from_static(&JUNK)),
            ("no bytes", Bytes::new()),
        ] {
            cases.push(Case { name: format!("label {kind} over {name}"), kind, labelled: kind, good, bad });
        }
    }
    cases
}

fn png(colour: Colour) -> Bytes {
    colour.png().body().clone()
}

fn gif(colour: Colour) -> Bytes {
    colour.gif(700).body().clone()
}

fn webp(colour: Colour) -> Bytes {
    converted(colour, "webp", &["-quality", "90"])
}

fn webp_lossless(colour: Colour) -> Bytes {
    converted(colour, "webp", &["-define", "webp:lossless=true"])
}

fn avif(colour: Colour) -> Bytes {
    converted(colour, "avif", &["-quality", "90"])
}

fn bmp(colour: Colour) -> Bytes {
    converted(colour, "bmp3", &[])
}

fn ico(colour: Colour) -> Bytes {
    converted(colour, "ico", &[])
}

fn svg(colour: Colour) -> Bytes {
    let shape = format!("<rect width='64' height='64' fill='{}'/>", css(colour));
    format!("<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64' viewBox='0 0 64 64'>{shape}</svg>\n").into()
}

/// Converts a picture with ImageMagick once: solid, or with noise near this colour where a format encodes a solid
/// picture in too few bytes.
fn converted(colour: Colour, format: &str, options: &[&str]) -> Bytes {
    static MADE: OnceLock<Mutex<HashMap<String, Bytes>>> = OnceLock::new();
    let mut convert = Command::new("convert");
    convert.args([
        "-size",
        "64x64",
        &format!("xc:{}", css(colour)),
        "-seed",
        "1",
        "-attenuate",
        "0.02",
        "+noise",
        "Gaussian",
    ]);
    convert.args(options).arg(format!("{format}:-"));
    let mut made = MADE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(format!("{convert:?}")).or_insert_with(|| output(&mut convert).into()).clone()
}

pub(crate) fn css(colour: Colour) -> String {
    let html = colour.html();
    let text = String::from_utf8_lossy(html.body()).into_owned();
    let (_, after) = text.split_once("background: ").expect("a background");
    after.split_once('\'').expect("its end").0.replace(' ', "")
}

pub(crate) fn output(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success() && !output.stdout.is_empty(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

pub(crate) fn temporary(name: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("damage-{}-{name}", std::process::id()));
    std::fs::File::create(&path).and_then(|mut file| file.write_all(bytes)).expect("a writable temporary directory");
    path
}

const YELLOW: Colour = PALETTE[3];
const JUNK: [u8; 200] = {
    let (mut junk, mut at, mut state) = ([0; 200], 0, 12_345_u32);
    while at < junk.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        junk[at] = state.to_be_bytes()[0];
        at += 1;
    }
    junk
};
