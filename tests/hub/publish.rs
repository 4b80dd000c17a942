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

/// Each row has a part, and the time and number under which it is published: `None` for those of the hub.
#[test]
fn sets_time_and_number_of_a_part_that_has_none() {
    let then = UNIX_EPOCH + Duration::from_micros(1_764_150_000_123_456);
    let (publisher, hub) = hub::channel();
    let mut viewer = Viewer::new(&hub);
    let mut insert = text("header");
    insert.insert_header("x-timestamp".parse().unwrap(), "1764150000.123456".parse().unwrap()).unwrap();
    let mut counted = 0;
    for (part, time, number) in [
        (text("neither"), None, None),
        (text("time").captured_at(then), Some(then), None),
        (text("number").with_sequence(70), None, Some(70)),
        (text("both").captured_at(then).with_sequence(7), Some(then), Some(7)),
        (insert, Some(then), None),
        (text("neither again"), None, None),
    ] {
        let before = SystemTime::now();
        publisher.publish(part.clone()).unwrap();
        let published = hub.latest().unwrap();
        let captured = published.captured().unwrap();
        assert!(time.map_or(before <= captured && captured <= SystemTime::now(), |time| captured == time), "{part:?}");
        counted += u64::from(number.is_none());
        assert_eq!(published.sequence(), Some(number.unwrap_or(counted)), "{part:?}");
        assert_eq!(published, part, "they are not compared");

        let sent = viewer.poll();
        let Poll::Ready(Some(sent)) = sent else { panic!("{sent:?}") };
        let since = captured.duration_since(UNIX_EPOCH).unwrap();
        let lines = format!(
            "utf-8\r\nX-Timestamp: {}.{:06}\r\nX-Sequence: {}\r\nContent-Length: ",
            since.as_secs(),
            since.subsec_micros(),
            published.sequence().unwrap()
        );
        assert!(sent.contains(&lines), "{sent}");
    }
}

#[test]
fn time_and_number_can_be_turned_off() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("on").captured_at(SystemTime::now())).unwrap();
    assert_eq!(viewer.poll(), first("on"));
    assert!(hub.latest().unwrap().captured().is_some(), "the program still has them");
}
