//! Images that end a stream in browsers, and images that do not: `tests/frames` holds measured ones of both kinds.

use std::path::Path;

use mime::Mime;
use mixed_replace::{Part, hub, picture};

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
fn hub_rejects_and_counts_a_damaged_frame_that_a_decoder_returned() {
    let mut bytes = bytes::BytesMut::from(&b"--x\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xd9\r\n--x--"[..]);
    let part = mixed_replace::Decoder::detect().decode(&mut bytes).unwrap().unwrap();
    let (publisher, hub) = hub::channel();
    assert!(matches!(publisher.publish(part), Err(hub::PublishError::InvalidPicture(_))));
    assert_eq!((hub.latest(), hub.stats().parts_invalid), (None, 1));
}
