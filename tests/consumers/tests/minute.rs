//! A minute of a real program's pictures: none torn, none out of order.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::process::Command;
use std::time::Duration;

use consumer_tests::curl::{self, Http};
use consumer_tests::run::{run, said};
use consumer_tests::{Camera, Example};

#[test]
#[ignore = "needs ffmpeg and curl, and takes two minutes"]
fn a_minute_of_ffmpeg_is_whole_and_in_order() {
    for example in Example::BOTH {
        let source = format!("ffmpeg -loglevel error {SOURCE} -");
        let camera = Camera::start(example, &["--source", &source]);
        let body = curl::body(&camera.url("/stream"), Http::V1_1, Some(60));
        let (published, skipped) = (camera.count("published"), camera.count("skipped"));
        let pictures = body.pictures();
        println!("{example}: {} pictures of {published}, {skipped} skipped", pictures.len());
        assert!(pictures.len() >= 60, "{example}: {} pictures in a minute", pictures.len());

        // Each is, byte for byte, one that ffmpeg makes, and they come in its order.
        let numbers = numbers(published);
        let mut last = None;
        for (index, picture) in pictures.iter().enumerate() {
            let number = numbers.get(&digest(picture)).copied();
            assert!(number.is_some(), "{example}: picture {index} is none of ffmpeg's");
            assert!(number > last, "{example}: number {number:?} comes behind {last:?}");
            last = number;
        }
    }
}

/// The number of each of the first pictures of the same source.
fn numbers(count: usize) -> HashMap<u64, usize> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-loglevel", "error"]).args(SOURCE.split(' '));
    let output = run(ffmpeg.args(["-frames:v", &count.to_string(), "-"]), Duration::from_secs(300));
    assert!(output.status.success(), "ffmpeg: {}", said(&output));
    let mut numbers = HashMap::new();
    let mut rest = output.stdout.as_slice();
    // ffmpeg's pictures have no other in them, so each ends with the first end marker.
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

const SOURCE: &str = "-f lavfi -i testsrc=size=640x480:rate=30 -f mjpeg -q:v 5";
