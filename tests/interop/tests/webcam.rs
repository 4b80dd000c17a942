//! Pictures of webcams lack the standard Huffman tables, which some decoders require.

use std::process::Command;
use std::time::Duration;

use interop_tests::consumers::run::{run, said};
use interop_tests::consumers::{Camera, Example, go};

/// ffmpeg, browsers and jpeg-decoder contain the standard tables. Go reports `uninitialized Huffman table`.
#[test]
#[ignore = "needs ffmpeg and Go"]
fn go_decodes_picture_with_added_huffman_tables() {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=320x240"]);
    let output =
        run(ffmpeg.args(["-frames:v", "1", "-huffman", "default", "-f", "mjpeg", "-"]), Duration::from_secs(60));
    assert!(output.status.success(), "ffmpeg: {}", said(&output));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("bare.mjpeg");
    std::fs::write(&file, without_tables(&output.stdout)).expect("a file");

    for example in Example::BOTH {
        let camera = Camera::start(example, &["--source", &format!("cat '{}'", file.display())]);
        // The source ends at once and is started again, so the stream does not end.
        let decoded = go::pictures(&camera.url("/live"), Some(1));
        assert_eq!(decoded.len(), 1, "{example}: the picture, with tables");
    }
}

fn without_tables(picture: &[u8]) -> Vec<u8> {
    let (soi, mut rest) = picture.split_at(2);
    let mut bare = soi.to_vec();
    let mut skipped = 0;
    while let [0xff, code, high, low, ..] = *rest {
        if code == SOS {
            break;
        }
        let (segment, behind) = rest.split_at(2 + usize::from(u16::from_be_bytes([high, low])));
        if code == DHT {
            skipped += segment.len();
        } else {
            bare.extend_from_slice(segment);
        }
        rest = behind;
    }
    assert!(skipped >= 420, "{skipped} bytes are not the four tables");
    bare.extend_from_slice(rest);
    bare
}

const DHT: u8 = 0xc4;
const SOS: u8 = 0xda;
