//! Publishing the frames of a camera, good and damaged; their times and numbers.

use std::time::Instant;

use bytes::BytesMut;
use mixed_replace::encode::EncodeError;
use mixed_replace::hub::{Activity, Closed};
use mixed_replace::{Decoder, InvalidPart};

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

/// ESP32 cameras and mjpg-streamer with V4L2 send the seconds since they were switched on.
#[test]
fn time_that_says_nothing_is_replaced() {
    for value in ["12.5", ""] {
        let (publisher, hub) = hub::channel();
        let sent = format!("--x\r\nX-Timestamp: {value}\r\nX-Sequence: {value}\r\n\r\non\r\n--x--");
        let part = Decoder::new("x").decode(&mut BytesMut::from(&*sent)).unwrap().unwrap();
        assert_eq!((part.captured(), part.sequence()), (None, None));
        publisher.publish(part).unwrap();
        let published = hub.latest().unwrap();
        assert!(published.captured().is_some() && published.headers().is_empty(), "{published:?}");
        assert_eq!(published.sequence(), Some(1));
    }
}

#[test]
fn rejected_part_takes_no_number() {
    let (publisher, hub) = quiet();
    let viewer = hub.subscribe(Wire::Machine).unwrap();
    let boundary = boundary(&viewer.headers()["content-type"]);
    publisher.publish(text("first")).unwrap();
    publisher.publish(text(&format!("\r\n--{boundary}"))).unwrap_err();
    publisher.publish(text("second")).unwrap();
    assert_eq!(hub.latest().unwrap().sequence(), Some(2));
}

#[test]
fn time_and_number_can_be_turned_off() {
    let (publisher, hub) = quiet();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("on").captured_at(SystemTime::now())).unwrap();
    assert_eq!(viewer.poll(), first("on"));
    assert!(hub.latest().unwrap().captured().is_some(), "the program still has them");
}

/// A healthy server repeats the last picture of a frozen camera as its keep-alive.
#[test]
fn repeat_of_a_part_is_no_news() {
    let then = SystemTime::now() - Duration::from_secs(60);
    let (publisher, hub) = quiet_builder().stale_after(Duration::from_millis(100), text("no signal")).build();
    let mut viewer = Viewer::new(&hub);
    let part = || text("on").captured_at(then).with_sequence(17);
    publisher.publish(part()).unwrap();
    assert_eq!(viewer.poll(), first("on"));
    assert!(hub.stats().age.unwrap() >= Duration::from_secs(60), "the age is that of the capture");
    // On another connection, the time is translated anew.
    let later = || part().captured_at(then + Duration::from_secs(1));
    let begin = Instant::now();
    let mut repeats = 0;
    while hub.activity() != Activity::Silent {
        publisher.publish(part()).unwrap();
        publisher.publish(later()).unwrap();
        repeats += 2;
        assert!(begin.elapsed() < Duration::from_secs(20), "repeats postpone the \"no signal\" part");
        std::thread::sleep(Duration::from_millis(5));
        let _ = viewer.poll();
    }
    publisher.publish(part()).unwrap();
    assert_eq!(hub.activity(), Activity::Silent, "a repeat does not end the silence");
    assert_eq!((hub.stats().parts_published, hub.stats().parts_repeated), (1, repeats + 1));

    publisher.publish(part().with_sequence(18)).unwrap();
    assert_eq!(hub.activity(), Activity::Live);
}

/// Each row has the second of two parts. The first has the time `then`, the number 17 and the body "on".
#[test]
fn repeat_has_the_time_number_and_body_of_a_part() {
    let then = SystemTime::now() - Duration::from_secs(60);
    let seconds = |seconds| then + Duration::from_secs(seconds);
    for (part, repeats) in [
        (text("on").captured_at(then).with_sequence(17), true),
        (text("on").captured_at(seconds(2)).with_sequence(17), true),
        (text("on").captured_at(seconds(3)).with_sequence(17), false),
        (text("on").captured_at(then).with_sequence(18), false),
        (text("off").captured_at(then).with_sequence(17), false),
        (text("on").captured_at(then), true),
        (text("on").captured_at(seconds(1)), false),
        (text("on").with_sequence(17), true),
        (text("on"), false),
    ] {
        let (publisher, hub) = quiet();
        publisher.publish(text("on").captured_at(then).with_sequence(17)).unwrap();
        publisher.publish(part.clone()).unwrap();
        assert_eq!(hub.stats().parts_repeated, u64::from(repeats), "{part:?}");
        assert_eq!(hub.stats().parts_published, 2 - u64::from(repeats), "{part:?}");
    }
}

/// Otherwise a page would call a status old that is confirmed each second.
#[test]
fn keep_alive_has_the_time_of_the_last_identical_part() {
    let (publisher, hub) = hub::builder().drop_identical(true).keep_alive_interval(Duration::from_millis(80)).build();
    let mut viewer = Viewer::new(&hub);
    let time = |seconds| UNIX_EPOCH + Duration::from_secs(1_764_150_000 + seconds);
    for seconds in 0..2 {
        publisher.publish(text("on").captured_at(time(seconds))).unwrap();
        if seconds == 0 {
            assert!(matches!(viewer.poll(), Poll::Ready(Some(part)) if part.contains("X-Timestamp: 1764150000.0")));
        }
        assert_eq!(hub.stats().parts_identical, seconds);
    }
    let begin = Instant::now();
    let repeat = loop {
        if let Poll::Ready(Some(repeat)) = viewer.poll() {
            break repeat;
        }
        assert!(begin.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(repeat.contains("X-Timestamp: 1764150001.0"), "{repeat}");
    assert_eq!(hub.stats().parts_skipped, 0);
    let mut recorder = hub.parts().unwrap();
    let mut next = || Pin::new(&mut recorder).poll_next(&mut Context::from_waker(Waker::noop()));
    assert!(next().is_ready() && next().is_pending());
    publisher.publish(text("on").captured_at(time(2))).unwrap();
    assert!(next().is_pending(), "the part is dropped");
}

/// A relay and a page take it for no new picture.
#[test]
fn no_signal_part_has_the_time_and_number_of_the_last_part() {
    let then = UNIX_EPOCH + Duration::from_secs(1_764_150_000);
    let no_signal = text("no signal");
    let (publisher, hub) =
        hub::builder().linger(Duration::ZERO).stale_after(Duration::from_millis(20), no_signal).build();
    let mut viewer = Viewer::new(&hub);
    publisher.publish(text("on").captured_at(then).with_sequence(17)).unwrap();
    let begin = Instant::now();
    let sent = loop {
        assert!(begin.elapsed() < Duration::from_secs(20));
        match viewer.poll() {
            Poll::Ready(Some(sent)) if sent.contains("no signal") => break sent,
            _ => {}
        }
    };
    assert_eq!(hub.activity(), Activity::Silent);
    assert!(sent.contains("X-Timestamp: 1764150000.000000\r\nX-Sequence: 17\r\n"), "{sent}");
    let snapshot = futures::executor::block_on(hub.snapshot(Duration::ZERO).or_latest_after(Duration::ZERO)).unwrap();
    assert!(snapshot.stale);
    assert_eq!((snapshot.part.captured(), snapshot.part.sequence()), (Some(then), Some(17)));
}
