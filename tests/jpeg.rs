//! Splits a byte stream into JPEG pictures, for any chunking and any bytes between and inside the pictures.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::convert::Infallible;
use std::process::Command;

use bytes::{Bytes, BytesMut};
use futures::{FutureExt as _, StreamExt as _, stream};
use jpeg_encoder::{ColorType, Encoder};
use mixed_replace::jpeg::{
    Pictures, PicturesError, SplitError, Splitter, complete_len, is_complete, with_huffman_tables,
};

/// Errors by their messages.
type Item = Result<Bytes, String>;

#[test]
fn fixtures_are_complete_and_their_prefixes_are_not() {
    for (name, picture) in fixtures() {
        assert!(is_complete(&picture), "{name}");
        for at in 0..picture.len() {
            assert!(!is_complete(&picture[..at]), "{name}, {at}");
        }
        assert!(!is_complete(&[&picture[..], b"\n"].concat()), "{name}");
        assert!(!is_complete(&[&picture[..], &picture].concat()), "{name}");
    }
    let with = |what: &[u8]| [b"\xff\xd8\xff\xc0\x00\x02", what, b"\xff\xda\x00\x02\xff\xd9"].concat();
    assert!(is_complete(&with(b"")));
    let frame = b"\xff\xc0\x00\x02";
    for impossible in [&frame[..], b"\xff\xd0", b"\xff\xd8", b"\xff\xd9", b"\xff\x02", b"\xff\xdb\x00\x01"] {
        assert!(!is_complete(&with(impossible)), "{impossible:x?}");
    }
}

#[test]
fn pictures_do_not_depend_on_chunking() {
    let mut stream = b"\r\n--frame\xff\xff\xd8\xff\xd9".to_vec();
    for (_, picture) in fixtures() {
        stream.extend_from_slice(&picture);
        stream.extend_from_slice(b"\0\0\xff");
    }
    let complete = split(&Splitter::new(), [&stream[..]]);
    assert_eq!(complete.items, fixtures().map(|(_, picture)| Ok(picture)));
    assert_eq!((complete.skipped, complete.broken), (14 + 7 * 3, 1));

    assert_eq!(split(&Splitter::new(), stream.chunks(1)), complete);
    assert_eq!(pictures(&Splitter::new(), stream.chunks(1)), complete);
    for at in 0..=stream.len() {
        let (front, back) = stream.split_at(at);
        assert_eq!(split(&Splitter::new(), [front, back]), complete, "{at}");
        assert_eq!(pictures(&Splitter::new(), [front, back]), complete, "{at}");
    }
}

#[test]
fn picture_within_a_chunk_is_not_copied() {
    let picture = hand_made();
    let chunk = Bytes::from([b"\0", &picture[..], &picture, &picture[..9]].concat());
    let start = chunk.as_ptr();
    let chunks = [chunk, picture.slice(9..)].map(Ok::<_, Infallible>);
    let mut pictures = Pictures::new(stream::iter(chunks), Splitter::new());
    for offset in [1, 1 + picture.len()] {
        let next = pictures.next().now_or_never().unwrap().unwrap().unwrap();
        assert_eq!((next.as_ptr(), &next), (start.wrapping_add(offset), &picture));
    }
    assert_eq!(pictures.next().now_or_never().unwrap(), Some(Ok(picture)));
    assert_eq!(pictures.next().now_or_never().unwrap(), None);

    let mut buffer = BytesMut::from(&hand_made()[..]);
    let start = buffer.as_ptr();
    assert_eq!(Splitter::new().split(&mut buffer).unwrap().unwrap().as_ptr(), start);
}

#[test]
fn finds_next_picture_after_truncation_anywhere() {
    let (mut cuts, mut misses) = (0, 0);
    for (name, cut) in fixtures() {
        for (next_name, next) in fixtures() {
            for at in 3..cut.len() {
                cuts += 1;
                if split(&Splitter::new(), [&cut[..at], &next]).items != [Ok(next.clone())] {
                    // A truncated segment looks complete if its length happens to end at a marker of the next
                    // picture.
                    misses += 1;
                    let in_header = ranges(&cut).any(|(_, segment)| segment.contains(&at));
                    assert!(in_header, "{name} cut at {at}, then {next_name}");
                    let later = split(&Splitter::new(), [&cut[..at], &next.repeat(9)]).items;
                    assert_eq!(later.last(), Some(&Ok(next.clone())), "{name} cut at {at}, then {next_name}");
                }
            }
        }
    }
    assert!(misses * 50 < cuts, "{misses} of {cuts}");
}

#[test]
fn starts_in_the_middle_of_a_picture() {
    let next = baseline();
    for (name, first) in fixtures() {
        for at in 1..first.len() {
            let items = split(&Splitter::new(), [&first[at..], &next]).items;
            assert_eq!(items.last(), Some(&Ok(next.clone())), "{name} from {at}");
        }
    }
    // A reader that starts right in front of a thumbnail cannot recognize it as one.
    let picture = hand_made();
    let items = split(&Splitter::new(), [&picture[2..], &next]).items;
    assert_eq!(items.first(), Some(&Ok(Bytes::from_static(THUMBNAIL))));
}

#[test]
fn swallowed_picture_and_later_ones_come_out() {
    let (next, small) = (baseline(), Bytes::from_static(THUMBNAIL));
    let application_data = [b"\xff\xd8\xff\xe1\x01\x00Exif", &next[..], &small].concat();
    assert_eq!(split(&Splitter::new(), [application_data]).items, [Ok(next.clone()), Ok(small)]);

    // No table is that long, so the next picture does not wait for its end.
    let mut buffer = BytesMut::from(&[b"\xff\xd8\xff\xdb\xff\xff", &next[..]].concat()[..]);
    assert_eq!(Splitter::new().split(&mut buffer), Ok(Some(next)));
}

#[test]
fn damage_loses_one_picture_and_yields_no_thumbnail() {
    let next = baseline();
    for (name, picture) in fixtures() {
        let thumbnail = find(&picture, THUMBNAIL);
        for at in 2..picture.len() - 2 {
            let mut damaged = picture.to_vec();
            // A reserved marker, valid nowhere, not even in a scan.
            damaged.splice(at..at + 2, *b"\xff\x03");
            // A damaged length may swallow up to 64 KiB.
            let items = split(&Splitter::new(), [&damaged, &next[..].repeat(if at < 80 { 90 } else { 2 })]).items;
            assert_eq!(items.last(), Some(&Ok(next.clone())), "{name} damaged at {at}");
            if thumbnail.is_some_and(|start| start <= at) {
                assert!(items.iter().flatten().all(|item| item != THUMBNAIL), "{name} damaged at {at}");
            }
        }
    }
}

#[test]
fn end_of_input_within_a_picture_is_an_error() {
    for (name, picture) in fixtures() {
        for at in 3..picture.len() {
            let got = split(&Splitter::new(), [&picture, &picture[..at]]);
            assert_eq!(
                got.items,
                [Ok(picture.clone()), Err(format!("the stream ends {at} bytes into a JPEG picture"))],
                "{name}"
            );
            assert_eq!((got.skipped, got.broken > 0), (at as u64, true), "{name}");
        }
    }
}

#[test]
fn bytes_without_pictures_are_an_error() {
    let html = split(&Splitter::new(), [b"<!DOCTYPE html>\xff\xd8"]);
    let [Err(error)] = &html.items[..] else { panic!("{html:?}") };
    assert_eq!(error, "no JPEG picture in 17 bytes that start with 3c 21 44 4f 43 54 59 50");
    assert_eq!(html.skipped, 17);

    assert_eq!(split(&Splitter::new(), [b""; 2]).items, []);
    // No frame and no scan, as in abbreviated table data (T.81 B.5); no scan; no frame.
    for none in [&b"\xff\xd8\xff\xd9"[..], b"\xff\xd8\xff\xc0\x00\x02\xff\xd9", b"\xff\xd8\xff\xda\x00\x02\xff\xd9"] {
        let items = split(&Splitter::new(), [none]).items;
        let [Err(error)] = &items[..] else { panic!("{items:?}") };
        assert!(error.starts_with("no JPEG picture in "), "{error}");
    }
}

#[test]
fn junk_before_first_picture_is_limited() {
    let picture = hand_made();
    let junk = [0; 101];
    let splitter = Splitter::new().max_junk_bytes(100);
    let none = || Err(format!("no JPEG picture in 101 bytes that start with{}", " 00".repeat(8)));

    let got = split(&splitter, [&junk, &junk[..], &picture, &junk, &picture]);
    assert_eq!(got.items, [none(), none(), Ok(picture.clone()), Ok(picture.clone())]);
    let got = split(&splitter, [&junk[1..], &picture]);
    assert_eq!(got.items, [Ok(picture)]);
}

#[test]
fn picture_over_the_limit_is_an_error_and_the_next_one_follows() {
    let (large, small) = (baseline(), hand_made());
    assert!(large.len() > small.len());
    let stream = [&large[..], &small, &large, &small].concat();
    let splitter = Splitter::new().max_picture_bytes(small.len());
    let large = || Err(format!("a JPEG picture exceeds the limit of {} bytes", small.len()));
    for chunk in [1, 7, stream.len()] {
        let got = split(&splitter, stream.chunks(chunk));
        assert_eq!(got.items, [large(), Ok(small.clone()), large(), Ok(small.clone())]);
        assert_eq!(got.broken, 2);
        assert_eq!(pictures(&splitter, stream.chunks(chunk)), got);
    }
}

#[test]
fn skips_bytes_between_segments() {
    // Logitech C270 and others; every browser shows these pictures.
    let picture = hand_made();
    let tables = find(&picture, b"\xff\xdb").unwrap();
    let sloppy = Bytes::from([&picture[..tables], &[0; 26], &picture[tables..]].concat());
    let plain = Bytes::from([&b"\xff\xd8\xff\xe0\x00\x04AV\0"[..], &sloppy[tables + 26..]].concat());
    assert!(is_complete(&plain));
    assert_eq!(split(&Splitter::new(), [&plain, &plain]).items, [Ok(plain.clone()), Ok(plain)]);
}

#[test]
fn adds_missing_end_marker() {
    let pictures = [baseline(), progressive(), encode(|encoder| encoder.set_restart_interval(1)), baseline()];
    let unended = pictures.each_ref().map(|picture| picture.slice(..picture.len() - 2));
    let stream = unended.concat();
    let expected = Vec::from(pictures.clone().map(Ok));
    for at in 0..=stream.len() {
        let (front, back) = stream.split_at(at);
        assert_eq!(items(&Splitter::new(), [front, back]), (expected.clone(), 0), "{at}");
    }
    assert_eq!(items(&Splitter::new(), stream.chunks(1)), (expected, 0));

    // A picture that is truncated in its header is skipped.
    let cut = [&unended[0], &unended[1], &unended[2][..100], &unended[3], &unended[0]];
    let expected = [&pictures[0], &pictures[1], &pictures[3], &pictures[0]].map(|picture| Ok(picture.clone()));
    assert_eq!(items(&Splitter::new(), cut), (expected.to_vec(), 1));
}

#[test]
fn finds_picture_after_one_cut_in_a_table() {
    let next = &b"\xff\xd8\xff\xe0\x00\x02\xff\xc0\x00\x02\xff\xda\x00\x02..\xff\xd9"[..];
    for cut in [
        &b"\xff\xd8\xff\xe0\x00\x02\xff\xdb\x00\x06ab"[..],
        b"\xff\xd8\xff\xe0\x00\x02\xff\xc0\x00\x06ab",
        b"\xff\xd8\xff\xe0\x00\x02\xff\xdd\x00\x04",
    ] {
        let stream = [cut, next].concat();
        for at in 0..=stream.len() {
            let (front, back) = stream.split_at(at);
            let got = split(&Splitter::new(), [front, back]);
            assert_eq!((got.items, got.broken), (vec![Ok(Bytes::from_static(next))], 1), "{cut:x?}, {at}");
        }
    }
}

#[test]
fn skips_stuffed_bytes_between_segments() {
    let picture = b"\xff\xd8\xff\xee\x00\x02\xff\x00\x00\x02\xff\xc0\x00\x02\xff\xda\x00\x02..\xff\xd9";
    for at in 0..=picture.len() {
        let (front, back) = picture.split_at(at);
        assert_eq!(split(&Splitter::new(), [front, back]).items, [Ok(Bytes::from_static(picture))], "{at}");
    }
    assert!(is_complete(picture));
}

#[test]
fn finds_length_of_padded_picture() {
    for (name, picture) in fixtures() {
        for padding in [&b""[..], b"\0\0\0", b"\r\n", b"\xff\xd8\xff", b"\xff\xd9"] {
            assert_eq!(complete_len(&[&picture[..], padding].concat()), Some(picture.len()), "{name}");
        }
        assert_eq!(complete_len(&picture[..picture.len() - 1]), None, "{name}");
        assert_eq!(complete_len(&[b"\0", &picture[..]].concat()), None, "{name}");
    }
}

/// Random input made of the bytes that matter to a splitter.
#[test]
fn random_input_neither_panics_nor_hoards_memory() {
    const LIMIT: usize = 300;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let fixtures = [hand_made(), Bytes::from_static(THUMBNAIL)];
    for round in 0..600 {
        // It starts with an EOI, so that none is added and every byte is counted.
        let mut stream = THUMBNAIL.to_vec();
        while stream.len() < 2000 {
            match random.below(8) {
                0 => stream.extend_from_slice(&fixtures[random.below(2)]),
                1 => stream.extend_from_slice(&fixtures[0][..random.below(fixtures[0].len())]),
                2 => stream.extend_from_slice(&fixtures[0][random.below(fixtures[0].len())..]),
                3 => stream.extend_from_slice(b"\xff\xd8\xff"),
                4 => stream.extend_from_slice(&[0xff, 0xc0 + random.byte() % 64, 0, random.byte() % 64]),
                5 => stream.extend_from_slice(&[0xff, random.byte()]),
                6 => stream.extend_from_slice(&[0xff, random.byte(), random.byte() % 4, random.byte()]),
                _ => stream.extend((0..random.below(40)).map(|_| random.byte())),
            }
        }
        let splitter = Splitter::new().max_picture_bytes(LIMIT).max_junk_bytes(usize::MAX);
        let (mut hoarder, mut buffer) = (splitter.clone(), BytesMut::from(&stream[..]));
        while hoarder.split(&mut buffer) != Ok(None) {}
        assert!(buffer.len() <= LIMIT, "round {round}");

        let complete = split(&splitter, [&stream[..]]);
        assert!(complete.items.iter().flatten().all(|picture| is_complete(picture) && picture.len() <= LIMIT));
        let longest = 1 + random.below(400);
        let mut chunks = Vec::new();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (chunk, behind) = rest.split_at((1 + random.below(longest)).min(rest.len()));
            chunks.push(chunk);
            rest = behind;
        }
        for chunks in [chunks, stream.chunks(1).collect()] {
            assert_eq!(split(&splitter, chunks.iter().copied()), complete, "round {round}");
            assert_eq!(pictures(&splitter, chunks), complete, "round {round}");
        }
    }
}

#[test]
fn source_error_does_not_end_the_stream() {
    let picture = hand_made();
    let chunks = [Ok(picture.slice(..20)), Err("reset"), Ok(picture.slice(20..))];
    let mut pictures = Pictures::new(stream::iter(chunks), Splitter::new());
    assert_eq!(pictures.next().now_or_never().unwrap(), Some(Err(PicturesError::Source("reset"))));
    assert_eq!(pictures.next().now_or_never().unwrap(), Some(Ok(picture)));
    assert_eq!(pictures.next().now_or_never().unwrap(), None);
}

#[test]
fn cancelled_wait_loses_nothing() {
    let picture = hand_made();
    let mut polls = 0;
    let bytes = picture.clone();
    // Ready only at every second poll.
    let source = stream::poll_fn(move |_| {
        polls += 1;
        let at = polls / 2;
        match polls % 2 {
            1 => std::task::Poll::Pending,
            _ => std::task::Poll::Ready((at <= bytes.len()).then(|| Ok::<_, Infallible>(bytes.slice(at - 1..at)))),
        }
    });
    let mut pictures = Pictures::new(source, Splitter::new());
    let mut given_up = 0;
    let got = loop {
        match pictures.next().now_or_never() {
            Some(item) => break item,
            None => given_up += 1,
        }
    };
    assert_eq!((got, given_up), (Some(Ok(picture.clone())), picture.len()));
}

#[test]
fn standard_tables_decode_to_the_same_pixels() {
    let full = baseline();
    let bare = without(&full, 0xc4);
    assert_eq!(full.len() - bare.len(), 4 * 4 + 416, "one segment for each table");
    let restored = with_huffman_tables(bare.clone());
    assert_eq!(restored.len(), bare.len() + 420);
    assert!(is_complete(&restored));
    assert_eq!(decode(&restored), decode(&full));

    let scan = find(&restored, b"\xff\xda").unwrap();
    let mut tables: Vec<_> = segments(&full, 0xc4);
    tables.sort();
    let mut ours = segments(&restored, 0xc4);
    let mut rest = &ours.remove(0)[..];
    while let Some((head, behind)) = rest.split_at_checked(17) {
        let len = head[1..].iter().map(|count| usize::from(*count)).sum();
        ours.push([head, &behind[..len]].concat());
        rest = &behind[len..];
    }
    ours.sort();
    assert_eq!(ours, tables, "equal to the tables of another encoder");
    assert_eq!(restored[scan - 420..scan - 416], *b"\xff\xc4\x01\xa2");
}

#[test]
fn adds_tables_only_where_missing() {
    let bare = without(&baseline(), 0xc4);
    let arithmetic = {
        let mut picture = bare.to_vec();
        let frame = find(&picture, b"\xff\xc0").unwrap();
        picture[frame + 1] = 0xc9;
        Bytes::from(picture)
    };
    let progressive = without(&progressive(), 0xc4);
    let cut = bare.slice(..100);
    for same in [baseline(), arithmetic, progressive, cut, Bytes::new(), Bytes::from_static(b"\0"), bare.slice(1..)] {
        assert_eq!(with_huffman_tables(same.clone()).as_ptr(), same.as_ptr());
    }
}

#[test]
#[ignore = "needs ffmpeg and GStreamer"]
fn splits_output_of_programs() {
    let ffmpeg = |options: &str| {
        let arguments = format!("-v error -f lavfi -i testsrc=size=640x480:rate=30 -t 3 {options} -");
        run("ffmpeg", &arguments)
    };
    let gstreamer = |encoder: &str| {
        let source = "videotestsrc num-buffers=90 ! video/x-raw,width=640,height=480";
        run("gst-launch-1.0", &format!("-q {source} ! {encoder} ! fdsink"))
    };
    for (name, stream) in [
        ("ffmpeg", ffmpeg("-f mjpeg -q:v 5")),
        ("ffmpeg, optimal tables", ffmpeg("-f mjpeg -huffman optimal")),
        ("ffmpeg, standard tables", ffmpeg("-f mjpeg -huffman default")),
        ("ffmpeg, image2pipe", ffmpeg("-f image2pipe -c:v mjpeg")),
        ("ffmpeg, mpjpeg", ffmpeg("-f mpjpeg")),
        ("GStreamer", gstreamer("jpegenc")),
        ("GStreamer, with EXIF", gstreamer("jpegenc ! jifmux")),
    ] {
        for chunk in [1, 4096, 65536] {
            let got = pictures(&Splitter::new(), stream.chunks(chunk));
            assert_eq!((got.items.len(), got.broken), (90, 0), "{name}");
            assert_eq!(got.skipped > 0, name == "ffmpeg, mpjpeg", "{name}");
            if chunk == 65536 {
                for picture in got.items {
                    let picture = picture.unwrap();
                    assert_eq!(decode(&picture).len(), 640 * 480 * 3, "{name}");
                    if name == "ffmpeg, standard tables" {
                        let restored = with_huffman_tables(without(&picture, 0xc4));
                        assert_eq!(segments(&restored, 0xc4), segments(&picture, 0xc4));
                        assert_eq!(decode(&restored), decode(&picture));
                    }
                }
            }
        }
    }
}

fn run(program: &str, arguments: &str) -> Vec<u8> {
    let output = Command::new(program).args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[derive(Debug, PartialEq)]
struct Outcome {
    items: Vec<Item>,
    skipped: u64,
    broken: u64,
}

fn item(result: Result<Option<Bytes>, SplitError>) -> Option<Item> {
    result.map_err(|error| error.to_string()).transpose()
}

fn split<C: AsRef<[u8]>>(splitter: &Splitter, chunks: impl IntoIterator<Item = C>) -> Outcome {
    let mut splitter = splitter.clone();
    let (mut buffer, mut items, mut total) = (BytesMut::new(), Vec::new(), 0);
    for chunk in chunks {
        buffer.extend_from_slice(chunk.as_ref());
        items.extend(std::iter::from_fn(|| item(splitter.split(&mut buffer))));
        total += chunk.as_ref().len();
    }
    items.extend(std::iter::from_fn(|| item(splitter.split_eof(&mut buffer))));
    let handed_out: usize = items.iter().flatten().map(Bytes::len).sum();
    assert_eq!(splitter.skipped(), (total - handed_out) as u64, "every byte is in a picture or skipped");
    Outcome { items, skipped: splitter.skipped(), broken: splitter.broken() }
}

/// Returns the pictures and the number of broken ones, by both ways of splitting, where bytes are added.
fn items<C: AsRef<[u8]>>(splitter: &Splitter, chunks: impl IntoIterator<Item = C>) -> (Vec<Item>, u64) {
    let chunks: Vec<_> = chunks.into_iter().map(|chunk| chunk.as_ref().to_vec()).collect();
    let (mut splitter, by_stream) = (splitter.clone(), pictures(splitter, chunks.iter().map(Vec::as_slice)));
    let (mut buffer, mut items) = (BytesMut::new(), Vec::new());
    for chunk in &chunks {
        buffer.extend_from_slice(chunk);
        items.extend(std::iter::from_fn(|| item(splitter.split(&mut buffer))));
    }
    items.extend(std::iter::from_fn(|| item(splitter.split_eof(&mut buffer))));
    assert_eq!((&items, splitter.broken()), (&by_stream.items, by_stream.broken));
    (items, splitter.broken())
}

fn pictures<'a>(splitter: &Splitter, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let chunks: Vec<_> = chunks.into_iter().map(|chunk| Ok::<_, Infallible>(Bytes::copy_from_slice(chunk))).collect();
    let mut pictures = Pictures::new(stream::iter(chunks), splitter.clone());
    let mut items = Vec::new();
    while let Some(item) = pictures.next().now_or_never().unwrap() {
        items.push(item.map_err(|error| match error {
            PicturesError::Split(error) => error.to_string(),
            other => panic!("{other}"),
        }));
    }
    Outcome { items, skipped: pictures.skipped(), broken: pictures.broken() }
}

/// Pictures with structures that have misled splitters.
fn fixtures() -> [(&'static str, Bytes); 7] {
    [
        ("baseline", baseline()),
        ("progressive", progressive()),
        ("restart markers", encode(|encoder| encoder.set_restart_interval(1))),
        ("thumbnail", encode(|encoder| encoder.add_app_segment(1, [b"Exif\0\0", THUMBNAIL].concat()).unwrap())),
        ("no Huffman tables", without(&baseline(), 0xc4)),
        ("hand-made", hand_made()),
        ("small", Bytes::from_static(THUMBNAIL)),
    ]
}

fn baseline() -> Bytes {
    encode(|_| {})
}

fn progressive() -> Bytes {
    encode(|encoder| encoder.set_progressive(true))
}

/// 40 by 16 pixels of noise, so that the scan contains stuffed bytes.
fn encode(options: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Bytes {
    let mut random = Random(1);
    let pixels: Vec<u8> = (0..40 * 16 * 3).map(|_| random.byte()).collect();
    let mut picture = Vec::new();
    let mut encoder = Encoder::new(&mut picture, 50);
    options(&mut encoder);
    encoder.encode(&pixels, 40, 16, ColorType::Rgb).unwrap();
    picture.into()
}

/// A picture with markers in segments, fill bytes, TEM, DNL and tables between two scans, which no encoder combines.
fn hand_made() -> Bytes {
    Bytes::from(
        [
            &b"\xff\xd8\xff\xe0\x00\x06AVI1"[..],
            &[0xff, 0xe1, 0, u8::try_from(2 + 6 + THUMBNAIL.len()).unwrap()],
            b"Exif\0\0",
            THUMBNAIL,
            b"\xff\xfe\x00\x07\xff\xd9\xff\xd8\xff",
            b"\xff\xdb\x00\x06\xff\xff\xd9\x00",
            b"\xff\xc1\x00\x0b\x08\x00\x00\x00\x10\x01\x01\x11\x00",
            b"\xff\xdd\x00\x04\x00\x02",
            b"\xff\xff\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00",
            b"data\xff\x00data\xff\xd0data\xff\xff\xd1data\xff\xff\x00",
            b"\xff\xdc\x00\x04\x00\x10\xff\x01",
            b"\xff\xc4\x00\x03\x10",
            b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00",
            b"data\xff\x01data\xff\xff\xd9",
        ]
        .concat(),
    )
}

const THUMBNAIL: &[u8] = b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00\
    \xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00thumb\xff\x00nail\xff\xd9";

fn decode(picture: &[u8]) -> Vec<u8> {
    jpeg_decoder::Decoder::new(picture).decode().unwrap()
}

/// Returns the contents of the segments of one kind up to the first scan.
fn segments(picture: &[u8], code: u8) -> Vec<Vec<u8>> {
    ranges(picture).filter(|(found, _)| *found == code).map(|(_, range)| picture[range][4..].to_vec()).collect()
}

fn without(picture: &[u8], code: u8) -> Bytes {
    let mut rest = picture.to_vec();
    let found: Vec<_> = ranges(picture).filter(|(found, _)| *found == code).collect();
    for (_, range) in found.into_iter().rev() {
        rest.drain(range);
    }
    rest.into()
}

fn ranges(picture: &[u8]) -> impl Iterator<Item = (u8, std::ops::Range<usize>)> {
    let mut at = 2;
    std::iter::from_fn(move || {
        let (start, code) = (at, picture[at + 1]);
        at += 2 + usize::from(u16::from_be_bytes([picture[at + 2], picture[at + 3]]));
        (code != 0xda).then_some((code, start..at))
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Xorshift with a fixed seed.
struct Random(u64);

impl Random {
    fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_be_bytes()[0]
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(u16::from_be_bytes([self.byte(), self.byte()])) % end
    }
}
