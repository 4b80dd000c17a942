//! Publishing the frames of a camera, good and damaged.

use mixed_replace::InvalidPart;
use mixed_replace::encode::EncodeError;
use mixed_replace::hub::Closed;

use super::*;

/// One grey pixel: SOI, SOF0, SOS, a byte of the scan, EOI.
const PICTURE: &[u8] =
    b"\xff\xd8\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0\0\xff\xd9";

#[test]
fn skips_damaged_frames_and_publishes_the_next_good_one() {
    let (publisher, hub) = quiet();
    for (count, damaged) in [&b""[..], b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<html>"].into_iter().enumerate()
    {
        let error = publisher.publish_jpeg(damaged).unwrap().unwrap_err();
        let EncodeError::InvalidPart(reason) = &error else { panic!("{error:?}") };
        assert_eq!(reason, &Part::jpeg(damaged).unwrap_err());
        assert_eq!(error.to_string(), reason.to_string());
        assert_eq!(hub.stats().parts_invalid, count as u64 + 1);
    }
    assert_eq!((hub.stats().parts_published, hub.latest()), (0, None));
    assert_eq!(publisher.publish_jpeg(PICTURE).unwrap(), Ok(()));
    assert_eq!(publisher.publish_jpeg("").unwrap(), Err(EncodeError::InvalidPart(InvalidPart::Empty)));
    assert_eq!(hub.latest(), Some(Part::jpeg(PICTURE).unwrap()), "viewers keep the previous picture");
}

#[test]
fn skips_frame_with_the_boundary() {
    let (publisher, hub) = quiet();
    let viewer = Viewer::new(&hub);
    let forged = [PICTURE, viewer.boundary.as_bytes()].concat();
    let error = publisher.publish_jpeg(forged.clone()).unwrap().unwrap_err();
    assert!(matches!(error, EncodeError::BoundaryInPart(_)), "{error:?}");
    let error = publisher.publish(Part::jpeg(forged).unwrap()).unwrap_err();
    assert!(!error.is_closed());
    assert_eq!((hub.stats().parts_invalid, hub.stats().parts_published), (2, 0));
}

#[test]
fn only_a_closed_hub_ends_the_publish_loop() {
    let (publisher, hub) = quiet();
    let mut frames = 0;
    let mut capture = || {
        frames += 1;
        if frames == 1000 {
            hub.close();
        }
        [PICTURE, b"", b"\xff\xd8", b"no picture"][frames % 4]
    };
    while publisher.publish_jpeg(capture()).is_ok() {}
    assert_eq!((hub.stats().parts_published, hub.stats().parts_invalid), (249, 750));
    for frame in [PICTURE, b""] {
        let error: Closed = publisher.publish_jpeg(frame).unwrap_err();
        assert_eq!(error.to_string(), "the hub is closed");
    }
    assert_eq!(hub.stats().parts_invalid, 750, "frames are not counted after the close");
}
