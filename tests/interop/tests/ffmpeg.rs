//! Pictures from ffmpeg, as fast as it sends them, none torn or out of order.

#![expect(clippy::print_stdout, reason = "the figures are a result")]

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::process::Command;
use std::thread;
use std::time::Duration;

use interop_tests::consumers::curl::{self, Http};
use interop_tests::consumers::run::{run, said};
use interop_tests::consumers::{Camera, Example};

#[test]
#[ignore = "needs ffmpeg and curl"]
fn pictures_of_ffmpeg_are_complete_and_in_order() {
    thread::scope(|scope| {
        for example in Example::BOTH {
            scope.spawn(move || complete_and_in_order(example));
        }
    });
}

fn complete_and_in_order(example: Example) {
    let camera = Camera::start(example, &["--source", &format!("ffmpeg -loglevel error {SOURCE} -")]);
    // One size only: a slow viewer is moved to a smaller one, whose pictures are not those of ffmpeg.
    let body = curl::body(&camera.url("/live?width=full"), Http::V1_1, Some(SECONDS));
    let (published, skipped) = (camera.count("parts_published"), camera.count("parts_skipped"));
    drop(camera);
    let pictures = body.pictures();

    // Each picture equals one of ffmpeg's, and they arrive in its order.
    let numbers = numbers(published);
    let mut seen: Vec<usize> = Vec::new();
    for picture in &pictures {
        let number = numbers.get(&digest(picture)).copied();
        let number = number.unwrap_or_else(|| panic!("{example}: picture {} is not from ffmpeg", seen.len()));
        assert!(seen.last() < Some(&number), "{example}: number {number} comes behind {:?}", seen.last());
        seen.push(number);
    }
    let (first, last) = (seen.first().copied().unwrap_or_default(), seen.last().copied().unwrap_or_default());
    let missing = last + 1 - first - seen.len();
    println!("{example}: {} pictures in {SECONDS} s, numbers {first} to {last}, {missing} missing", seen.len());
    assert!(seen.len() as u64 >= SECONDS * 25, "{example}: too few");
    assert!(missing <= skipped, "{example}: {missing} missing, but only {skipped} skipped for a viewer too slow");
}

/// Returns the numbers of the first pictures of the same source.
fn numbers(count: usize) -> HashMap<u64, usize> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-loglevel", "error"]).args(SOURCE.split(' '));
    let output = run(ffmpeg.args(["-frames:v", &count.to_string(), "-"]), Duration::from_secs(300));
    assert!(output.status.success(), "ffmpeg: {}", said(&output));
    let mut numbers = HashMap::new();
    let mut rest = output.stdout.as_slice();
    // ffmpeg's pictures contain no thumbnails, so each ends at the first end marker.
    while let Some(end) = rest.windows(2).position(|marker| marker == b"\xff\xd9") {
        let (picture, behind) = rest.split_at(end + 2);
        numbers.insert(digest(picture), numbers.len());
        rest = behind;
    }
    assert_eq!(numbers.len(), count, "ffmpeg's pictures differ from each other");
    numbers
}

fn digest(picture: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    picture.hash(&mut hasher);
    hasher.finish()
}

/// More than a thousand pictures, because ffmpeg sends them as fast as it can.
const SECONDS: u64 = 10;
const SOURCE: &str = "-f lavfi -i testsrc=size=640x480:rate=30 -f mjpeg -q:v 5";
