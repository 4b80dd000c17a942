//! Ladders without a server: the bytes across moves, demand, and ends.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use test_support::Wakes;

use super::rule::Move;
use super::shared::Shared;
use super::{Ladder, Reason, Size, Subscriber};
use crate::body::{Feed, Supply as _};
use crate::boundary::Boundary;
use crate::decode::decoder::Decoder;
use crate::hub::{self, Hub, Publisher, Refused};
use crate::part::Part;
use crate::wire::Wire;

const B: &str = "ThisRandomString";
/// Streams end after nine tenths of it at the earliest.
const LIFETIME: Duration = Duration::from_millis(1600);

/// A viewer whose stream ends earlier than one whose lifetime starts now, and later than one whose lifetime has started a
/// quarter of it ago.
fn before_one_of_a_fresh_lifetime(ladder: &Ladder) -> Viewer {
    Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap().expires_in(LIFETIME * 13 / 16))
}

fn ladder<const N: usize>() -> ([Publisher; N], [Hub; N], Ladder) {
    ladder_of([(); N].map(|()| hub::channel()))
}

fn ladder_of<const N: usize>(hubs: [(Publisher, Hub); N]) -> ([Publisher; N], [Hub; N], Ladder) {
    let (publishers, hubs): (Vec<_>, Vec<_>) = hubs.into_iter().unzip();
    let shared = Shared::new(hubs.iter().map(|hub| (hub.clone(), None, None)).collect(), &Boundary::from_static(B));
    (publishers.try_into().unwrap(), hubs.try_into().unwrap(), Ladder { shared })
}

fn text(body: &str) -> Part {
    Part::text(body.to_owned()).unwrap()
}

/// A picture of this width that browsers open, and that is this long at least.
fn picture(width: u16, len: usize) -> Part {
    let dot = include_bytes!("../picture/dot.jpg");
    let frame = dot.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    let mut body = dot.to_vec();
    body[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    body.resize(body.len().max(len), 0);
    Part::jpeg(body).unwrap()
}

/// A viewer as on a hyper-like stack.
struct Viewer {
    feed: Feed<Subscriber>,
    wakes: Arc<Wakes>,
    in_flight: Option<Bytes>,
    all: BytesMut,
}

/// A waker that polls another viewer, as a task on another thread may do in the middle of a call.
struct Polls(Arc<Mutex<Viewer>>);

impl Wake for Polls {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().take();
    }
}

impl Viewer {
    fn new(subscriber: Subscriber) -> Self {
        let feed = subscriber.into_feed();
        let mut viewer = Self { feed, wakes: Arc::default(), in_flight: None, all: BytesMut::new() };
        assert!(viewer.poll().is_pending(), "the response's head comes first");
        viewer
    }

    fn poll(&mut self) -> Poll<Option<Bytes>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.feed.poll_chunk(true, &mut Context::from_waker(&waker))
    }

    /// Waits until its next wake-up polls another viewer.
    fn wait_for(&mut self, other: &Arc<Mutex<Self>>) {
        let waker = Waker::from(Arc::new(Polls(Arc::clone(other))));
        assert!(self.feed.poll_chunk(true, &mut Context::from_waker(&waker)).is_pending());
    }

    /// Releases the part in flight, and takes the next one. Returns whether there was one.
    fn take(&mut self) -> bool {
        self.in_flight = None;
        let before = self.all.len();
        while let Poll::Ready(Some(chunk)) = self.poll() {
            self.all.extend_from_slice(&chunk);
            self.in_flight = Some(chunk);
        }
        self.all.len() > before
    }

    /// Releases the part in flight, and returns the parts that the viewer has got, some of them twice on the browser wire.
    fn parts(&mut self) -> Vec<String> {
        while self.take() {}
        let (mut decoder, mut parts) = (Decoder::new(B), Vec::new());
        while let Some(part) = decoder.decode(&mut self.all).unwrap() {
            parts.push(String::from_utf8(part.into_body().to_vec()).unwrap());
        }
        parts
    }

    fn is_over(&mut self) -> bool {
        self.in_flight = None;
        matches!(self.poll(), Poll::Ready(None))
    }

    /// Waits until another stream is over, and returns whether this one is. Timers end streams in the order of their times,
    /// however late they are.
    fn is_over_with(&mut self, mut other: Self) -> bool {
        let start = Instant::now();
        let is_over = |viewer: &mut Self| {
            viewer.take();
            viewer.is_over()
        };
        while !is_over(&mut other) {
            assert!(start.elapsed() < Duration::from_secs(20));
            sleep(Duration::from_millis(5));
        }
        is_over(self)
    }

    /// Lets it wait for a picture for so long.
    fn wait(&mut self, time: Duration) {
        self.feed.supply.try_another(Waker::noop(), Instant::now() + time);
    }

    fn move_to(&mut self, rung: usize) {
        self.feed.supply.start_move(Move { to: rung, reason: Reason::Calm });
    }
}

#[test]
fn move_keeps_the_stream_on_every_wire() {
    for (wire, expected) in [
        (
            Wire::Browser,
            "--B\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nlarge\r\n--B\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
             large\r\n--B\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
             small\r\n--B\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
             small\r\n--B--\r\n",
        ),
        (
            Wire::Machine,
            "--B\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nlarge\r\n--B\r\n\
             Content-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\n\r\nsmall\r\n--B\r\n\
             Content-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\n\r\nsmall\r\n--B--\r\n",
        ),
        (
            Wire::Script,
            "--B\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nlarge\r\n--B\r\n\
             Content-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\n\r\nsmall\r\n--B--\r\n",
        ),
    ] {
        let ([large, small], _, ladder) = ladder();
        let mut viewer = Viewer::new(ladder.subscribe(wire, Size::Line).unwrap());
        large.publish(text("large")).unwrap();
        assert!(viewer.take());
        viewer.move_to(1);
        small.publish(Part::html("small").unwrap()).unwrap();
        assert!(viewer.take());
        ladder.close();
        assert!(viewer.take());
        assert!(viewer.is_over());
        let text = String::from_utf8(viewer.all.to_vec()).unwrap().replace(B, "B");
        // The fields that a hub adds, and those that fill up a small first part.
        let added = |line: &str| {
            line.starts_with("X-Timestamp: ") || line.starts_with("X-Sequence: ") || line.starts_with("X-Padding: ")
        };
        let text = text.split_inclusive("\r\n").filter(|line| !added(line)).collect::<String>();
        assert_eq!(text, expected, "{wire:?}");
    }
}

#[test]
fn viewer_goes_on_until_the_new_rung_has_a_picture_that_is_no_older() {
    let ([large, small], _, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    small.publish(text("old")).unwrap();
    sleep(Duration::from_millis(2));
    large.publish(text("large 1")).unwrap();
    assert_eq!(viewer.parts(), ["large 1"]);
    viewer.move_to(1);
    assert_eq!(viewer.parts(), [""; 0]);
    large.publish(text("large 2")).unwrap();
    sleep(Duration::from_millis(2));
    assert_eq!(viewer.parts(), ["large 2"]);
    small.publish(text("small 3")).unwrap();
    large.publish(text("large 3")).unwrap();
    assert_eq!(viewer.parts(), ["small 3"]);
    large.publish(text("large 4")).unwrap();
    assert_eq!(viewer.parts(), [""; 0]);
}

#[test]
fn viewer_moves_to_a_rung_whose_pictures_come_later() {
    let ([large, small], _, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    large.publish(text("large")).unwrap();
    assert_eq!(viewer.parts(), ["large"]);
    viewer.move_to(1);
    let start = Instant::now();
    while ladder.viewers()[0].rung == 0 {
        assert!(start.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(10));
        let now = SystemTime::now();
        large.publish(text("large").captured_at(now)).unwrap();
        small.publish(text("small").captured_at(now - Duration::from_millis(300))).unwrap();
        viewer.take();
    }
    assert_eq!(viewer.parts().last().map(String::as_str), Some("small"));
}

#[test]
fn only_rungs_with_viewers_are_demand() {
    let builder = || hub::builder().linger(Duration::ZERO).build();
    let ([large, small], hubs, ladder) = ladder_of([builder(), builder()]);
    let wanted = || [&large, &small].map(|publisher| publisher.demand().is_wanted());
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    assert_eq!(wanted(), [true, false]);
    large.publish(text("large")).unwrap();
    viewer.parts();
    viewer.move_to(1);
    assert_eq!(wanted(), [true, true]);
    small.publish(text("small")).unwrap();
    viewer.parts();
    assert_eq!(wanted(), [false, true]);
    assert_eq!(hubs.each_ref().map(|hub| hub.stats().ended.moved), [1, 0]);
    let stats = ladder.stats();
    assert_eq!((stats.moves_down, stats.moves_up), (1, 0));
    assert_eq!(stats.rungs.iter().map(|rung| rung.viewers).collect::<Vec<_>>(), [0, 1]);
    let listed = &ladder.viewers()[0];
    assert_eq!((listed.rung, listed.moves, listed.reason), (1, 1, Some(Reason::Calm)));
    drop(viewer);
    assert_eq!(wanted(), [false, false]);
    assert_eq!(ladder.viewers(), []);
}

/// The first part of a viewer takes 0.8 s: 125 kB/s.
#[test]
fn slow_viewer_moves_to_the_rung_that_its_line_carries() {
    let (publishers, _, ladder) = ladder::<3>();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Machine, Size::Line).unwrap());
    for (publisher, (width, len)) in publishers.iter().zip([(1280, 100_000), (640, 12_000), (320, 3_000)]) {
        publisher.publish(picture(width, len)).unwrap();
    }
    assert!(viewer.take());
    sleep(Duration::from_millis(800));
    assert!(viewer.take());
    let listed = &ladder.viewers()[0];
    assert!(listed.rung > 0, "{listed:?}");
    assert!(matches!(listed.reason, Some(Reason::Slow { bytes_per_second: 60_000..=130_000 })), "{listed:?}");
}

#[test]
fn size_is_a_fixed_rung() {
    let (publishers, _, ladder) = ladder::<3>();
    let rungs = || {
        [
            Size::Line,
            Size::Full,
            Size::Width(1),
            Size::Width(320),
            Size::Width(321),
            Size::Width(1000),
            Size::Width(9000),
        ]
    };
    let rungs = || rungs().map(|size| ladder.shared.rung_of(size));
    // No width is known.
    assert_eq!(rungs(), [0; 7]);
    for (publisher, width) in publishers.iter().zip([1280, 640, 320]) {
        publisher.publish(picture(width, 0)).unwrap();
    }
    assert_eq!(rungs(), [0, 0, 2, 2, 1, 0, 0]);
    assert_eq!(
        ladder.stats().rungs.iter().map(|rung| rung.width).collect::<Vec<_>>(),
        [Some(1280), Some(640), Some(320)]
    );
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Machine, Size::Width(640)).unwrap());
    assert!(viewer.take());
    sleep(Duration::from_millis(800));
    publishers[1].publish(picture(640, 1000)).unwrap();
    assert!(viewer.take());
    assert_eq!((ladder.viewers()[0].rung, ladder.viewers()[0].moves), (1, 0));
}

#[test]
fn closed_rung_leaves_its_viewers_to_another() {
    let ([large, small], hubs, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    large.publish(text("large")).unwrap();
    assert_eq!(viewer.parts(), ["large"]);
    drop(large);
    assert_eq!(viewer.parts(), [""; 0]);
    assert!(!viewer.is_over());
    small.publish(text("small")).unwrap();
    assert_eq!(viewer.parts(), ["small"]);
    assert_eq!(ladder.viewers()[0].reason, Some(Reason::Closed));
    hubs[1].close();
    viewer.take();
    assert!(viewer.is_over());
}

#[test]
fn full_or_closed_rung_is_passed_over() {
    let full = || hub::builder().max_subscribers(0).build();
    let ([large, small], _, ladder) = ladder_of([full(), hub::channel()]);
    small.publish(text("small")).unwrap();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    assert_eq!(viewer.parts(), ["small"]);
    let refused = ladder.subscribe(Wire::Script, Size::Full).err();
    assert!(matches!(refused, Some(Refused::TooManyViewers { .. })), "{refused:?}");
    // A move to a rung that has no place leaves the viewer where it is.
    large.publish(text("large")).unwrap();
    viewer.move_to(0);
    small.publish(text("small 2")).unwrap();
    assert_eq!(viewer.parts(), ["small 2"]);
    ladder.close();
    let ([large, small], _, ladder) = ladder_of([full(), full()]);
    assert!(ladder.subscribe(Wire::Script, Size::Line).is_err());
    drop((large, small));
}

#[test]
fn viewer_of_a_width_starts_on_another_rung_where_its_own_was_closed_before_a_picture() {
    for size in [Size::Width(640), Size::Full] {
        let ([large, small], _, ladder) = ladder();
        drop(large);
        small.publish(text("small")).unwrap();
        let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, size).unwrap());
        assert_eq!(viewer.parts(), ["small"]);
        drop(small);
        viewer.take();
        assert!(viewer.is_over());
    }
    let ([large, small], _, ladder) = ladder();
    drop((large, small));
    assert_eq!(ladder.subscribe(Wire::Script, Size::Full).err(), Some(Refused::Closed));
}

#[test]
fn key_ends_a_stream_on_any_rung() {
    let ([large, small], _, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap().key("ada"));
    large.publish(text("large")).unwrap();
    assert_eq!(viewer.parts(), ["large"]);
    viewer.move_to(1);
    small.publish(text("small")).unwrap();
    assert_eq!(viewer.parts(), ["small"]);
    assert_eq!(ladder.revoke("ada"), 1);
    small.publish(text("not for Ada")).unwrap();
    viewer.take();
    assert_eq!(viewer.parts(), [""; 0]);
    assert!(viewer.is_over());
}

#[test]
fn exclusive_stream_ends_older_ones_on_other_rungs() {
    let ([large, small], _, ladder) = ladder();
    let subscribe = || Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap().key("ada").exclusive(true));
    let mut older = subscribe();
    large.publish(text("large")).unwrap();
    older.parts();
    older.move_to(1);
    small.publish(text("small")).unwrap();
    assert_eq!(older.parts(), ["small"]);
    let mut newer = subscribe();
    assert_eq!(newer.parts(), ["large"]);
    older.take();
    assert!(older.is_over());
    // The move of a stream ends no other one, nor itself.
    newer.move_to(1);
    small.publish(text("small 2")).unwrap();
    assert_eq!(newer.parts(), ["small 2"]);
    assert_eq!(ladder.viewers().len(), 1);
}

#[test]
fn move_does_not_prolong_a_stream() {
    let ([large, small], _, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap().max_lifetime(LIFETIME));
    large.publish(text("large")).unwrap();
    assert_eq!(viewer.parts(), ["large"]);
    sleep(LIFETIME / 4);
    let other = before_one_of_a_fresh_lifetime(&ladder);
    viewer.move_to(1);
    small.publish(text("small")).unwrap();
    assert_eq!(viewer.parts(), ["small"]);
    assert!(viewer.is_over_with(other));
}

#[test]
fn part_is_encoded_once_for_all_viewers_of_a_rung() {
    let ([large, _small], hubs, ladder) = ladder();
    let mut viewers: Vec<_> =
        (0..500).map(|_| Viewer::new(ladder.subscribe(Wire::Machine, Size::Line).unwrap())).collect();
    large.publish(text("large")).unwrap();
    let mut starts: Vec<_> = viewers
        .iter_mut()
        .map(|viewer| viewer.feed.poll_chunk(true, &mut Context::from_waker(Waker::noop())))
        .collect();
    let second: Vec<_> = {
        starts.clear();
        large.publish(text("large 2")).unwrap();
        viewers.iter_mut().map(|viewer| viewer.poll()).collect()
    };
    let pointers = second.iter().map(|chunk| match chunk {
        Poll::Ready(Some(chunk)) => chunk.as_ptr(),
        other => panic!("{other:?}"),
    });
    assert_eq!(pointers.collect::<std::collections::HashSet<_>>().len(), 1);
    assert_eq!(hubs.each_ref().map(|hub| hub.stats().encodings), [2, 0]);
}

#[test]
fn release_wakes_a_viewer_whose_next_rung_has_a_picture() {
    let ([large, small], _, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    large.publish(text("large")).unwrap();
    assert!(viewer.take());
    viewer.move_to(1);
    assert!(viewer.poll().is_pending());
    small.publish(text("small")).unwrap();
    assert!(viewer.poll().is_pending());
    let before = viewer.wakes.count();
    viewer.in_flight = None;
    assert!(viewer.wakes.count() > before);
    assert_eq!(viewer.parts(), ["large", "small"]);
}

#[test]
fn repeat_has_the_time_of_an_identical_part() {
    let builder = || hub::builder().drop_identical(true).keep_alive_interval(Duration::from_millis(16)).build();
    let ([large, _small], _, ladder) = ladder_of([builder(), builder()]);
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Machine, Size::Line).unwrap());
    let same =
        |seconds: u64| text("same").captured_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds));
    large.publish(same(1)).unwrap();
    assert!(viewer.take());
    large.publish(same(2)).unwrap();
    let start = Instant::now();
    while !String::from_utf8_lossy(&viewer.all).contains("X-Timestamp: 1700000002") {
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", viewer.all);
        sleep(Duration::from_millis(4));
        viewer.take();
    }
    large.publish(text("other")).unwrap();
    assert_eq!(viewer.parts().last().map(String::as_str), Some("other"));
}

#[test]
fn key_ends_a_stream_once_that_is_about_to_move() {
    let ([large, small], _, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap().key("ada"));
    large.publish(text("large")).unwrap();
    assert_eq!(viewer.parts(), ["large"]);
    viewer.move_to(1);
    assert_eq!(viewer.parts(), [""; 0]);
    assert_eq!(ladder.revoke("ada"), 1);
    small.publish(text("not for Ada")).unwrap();
    assert_eq!(viewer.parts(), [""; 0]);
    assert!(viewer.is_over());
}

#[test]
fn key_ends_a_stream_that_moves_meanwhile() {
    let ([large, small], _, ladder) = ladder();
    let subscribe = |size| Viewer::new(ladder.subscribe(Wire::Script, size).unwrap().key("ada"));
    let mut other = subscribe(Size::Line);
    let mut viewer = subscribe(Size::Line);
    small.publish(text("small")).unwrap();
    viewer.move_to(1);
    assert_eq!(viewer.parts(), ["small"]);
    large.publish(text("large")).unwrap();
    viewer.move_to(0);
    let viewer = Arc::new(Mutex::new(viewer));
    other.parts();
    other.wait_for(&viewer);
    assert_eq!(ladder.revoke("ada"), 2);
    let mut viewer = viewer.lock().unwrap();
    assert_eq!(viewer.parts(), ["large"]);
    assert!(viewer.is_over());
}

#[test]
fn closing_moves_no_viewer() {
    let ([large, _small], hubs, ladder) = ladder();
    let subscribe = || Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    let (mut other, mut viewer) = (subscribe(), subscribe());
    large.publish(text("large")).unwrap();
    assert_eq!((other.parts(), viewer.parts()), (vec!["large".to_owned()], vec!["large".to_owned()]));
    let viewer = Arc::new(Mutex::new(viewer));
    other.wait_for(&viewer);
    ladder.close();
    assert!(viewer.lock().unwrap().is_over());
    assert_eq!(hubs[1].stats().viewers_peak, 0);
}

#[test]
fn closed_rungs_leave_their_viewers_to_one_that_is_open() {
    let full = || hub::builder().max_subscribers(0).build();
    let ([large, medium, small, smallest], _, ladder) =
        ladder_of([hub::channel(), hub::channel(), full(), hub::channel()]);
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    large.publish(text("large")).unwrap();
    assert_eq!(viewer.parts(), ["large"]);
    drop(large);
    assert_eq!(viewer.parts(), [""; 0]);
    drop(medium);
    assert_eq!(viewer.parts(), [""; 0]);
    assert_eq!(ladder.viewers()[0].rung, 3);
    smallest.publish(text("smallest")).unwrap();
    assert_eq!(viewer.parts(), ["smallest"]);
    drop((small, smallest));
    viewer.take();
    assert!(viewer.is_over());
}

#[test]
fn closed_rung_leaves_its_viewers_to_one_with_a_picture() {
    let ([large, _medium, small], _, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap().key("ada"));
    small.publish(text("old")).unwrap();
    sleep(Duration::from_millis(2));
    large.publish(text("large")).unwrap();
    assert_eq!(viewer.parts(), ["large"]);
    drop(large);
    assert_eq!(viewer.parts(), [""; 0]);
    small.publish(text("small")).unwrap();
    assert_eq!(viewer.parts(), ["small"]);
    assert_eq!(ladder.revoke("ada"), 1);
    viewer.take();
    assert!(viewer.is_over());
}

#[test]
fn late_release_of_a_closed_rung_is_not_that_of_the_part_in_flight() {
    let ([large, medium, small], _, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    large.publish(text("large")).unwrap();
    assert!(viewer.take());
    let late = viewer.in_flight.take();
    medium.publish(text("medium")).unwrap();
    drop(large);
    assert!(viewer.take());
    drop(late);
    assert!(viewer.poll().is_pending());
    viewer.move_to(2);
    small.publish(text("small")).unwrap();
    assert!(viewer.poll().is_pending(), "the part of the second rung is in flight");
    assert_eq!(viewer.parts(), ["large", "medium", "small"]);
}

#[test]
fn rung_without_a_place_is_left_out() {
    let full = hub::builder().max_subscribers(0).build();
    let (publishers, hubs, ladder) = ladder_of([hub::channel(), hub::channel(), full, hub::channel()]);
    for (publisher, len) in publishers.iter().zip([100_000, 12_000, 3_000, 1_000]) {
        publisher.publish(picture(640, len)).unwrap();
    }
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Machine, Size::Line).unwrap());
    assert!(viewer.take());
    hubs[3].close();
    // Neither a full nor a closed rung takes a viewer.
    viewer.move_to(3);
    viewer.move_to(2);
    // Longer than the time between two moves.
    sleep(Duration::from_millis(2100));
    assert!(viewer.take());
    assert_eq!(ladder.viewers()[0].rung, 1);
}

#[test]
fn pause_of_the_source_is_no_period() {
    let ([large], _, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    let start = SystemTime::now() - Duration::from_secs(100);
    let tenths = (0..20).chain([600]);
    for tenth in tenths {
        large.publish(text("large").captured_at(start + Duration::from_millis(100) * tenth)).unwrap();
        assert_eq!(viewer.parts(), ["large"]);
    }
    let period = ladder.shared.rung(0).period();
    assert!((95..150).contains(&period.as_millis()), "{period:?}");
}

/// The source has ten pictures a second, and the processor makes one of them smaller.
#[test]
fn rendition_needs_what_it_takes_at_the_rate_of_the_source() {
    for (made, bytes, share) in [(Some(Arc::default()), 10_000.0, 0.1), (None, 1_000.0, 1.0)] {
        let channels = [hub::channel(), hub::channel()];
        let rungs = [(channels[0].1.clone(), None, None), (channels[1].1.clone(), Some(320), made)];
        let ladder = Ladder { shared: Shared::new(rungs.into(), &Boundary::from_static(B)) };
        let [mut large, mut small] = [0, 1].map(|rung| {
            let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
            if rung == 1 {
                viewer.move_to(1);
            }
            viewer
        });
        let start = SystemTime::now() - Duration::from_millis(3000);
        for tenth in 0..=30 {
            let at = start + Duration::from_millis(100) * tenth;
            channels[0].0.publish(picture(640, 4_000).captured_at(at)).unwrap();
            large.take();
            if tenth % 10 == 0 {
                channels[1].0.publish(picture(320, 1_000).captured_at(at)).unwrap();
                small.take();
            }
        }
        let need = ladder.shared.needs(None, &[], Instant::now())[1];
        assert!((need.bytes / bytes - 1.0).abs() < 0.1 && (need.share - share).abs() < 0.02, "{need:?}");
    }
}

#[test]
fn move_back_does_not_prolong_the_lifetime_of_a_hub() {
    let limited = hub::builder().max_lifetime(LIFETIME).build();
    let ([large, small], _, ladder) = ladder_of([hub::channel(), limited]);
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    for (rung, publisher) in [(1, &small), (0, &large)] {
        viewer.move_to(rung);
        publisher.publish(text("picture")).unwrap();
        assert_eq!(viewer.parts(), ["picture"]);
        sleep(LIFETIME / 8);
    }
    let other = before_one_of_a_fresh_lifetime(&ladder);
    viewer.move_to(1);
    small.publish(text("picture")).unwrap();
    assert_eq!(viewer.parts(), ["picture"]);
    assert!(viewer.is_over_with(other));
}

#[test]
fn stream_whose_access_has_expired_ends_no_other_and_wakes_no_rung() {
    let ([large, small], _, ladder) = ladder();
    let valid = |size| ladder.subscribe(Wire::Script, size).unwrap().key("ada").exclusive(true);
    small.publish(text("small")).unwrap();
    let mut expired = Viewer::new(valid(Size::Full).expires_in(Duration::ZERO));
    assert_eq!((expired.parts().len(), expired.is_over()), (0, true));
    assert!(!large.demand().is_wanted() && !small.demand().is_wanted());

    large.publish(text("large")).unwrap();
    let mut viewer = Viewer::new(valid(Size::Full));
    assert_eq!(viewer.parts(), ["large"]);
    drop(large);
    let mut expired = Viewer::new(valid(Size::Line).expires_in(Duration::ZERO));
    assert_eq!((expired.parts().len(), expired.is_over()), (0, true));
    small.publish(text("more")).unwrap();
    assert_eq!(viewer.parts(), ["more"], "it was not replaced");
}

#[test]
fn last_viewer_of_a_rung_takes_its_encodings_along() {
    let ([large, small], _, ladder) = ladder();
    let kept = || [0, 1].map(|rung| ladder.shared.encodings.any(rung));
    let subscribe = || Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    let (mut one, mut other) = (subscribe(), subscribe());
    large.publish(text("large")).unwrap();
    assert_eq!((one.parts().len(), other.parts().len()), (1, 1));
    drop(other);
    assert_eq!(kept(), [true, false]);
    one.move_to(1);
    small.publish(text("small")).unwrap();
    assert_eq!(one.parts(), ["small"]);
    assert_eq!(kept(), [false, true]);
    drop(one);
    assert_eq!(kept(), [false, false]);
}

#[test]
fn viewer_of_a_closed_rung_waits_for_the_first_picture_of_another_for_some_seconds() {
    let ([large, silent], _, ladder) = ladder();
    let subscriber = ladder.subscribe(Wire::Script, Size::Line).unwrap().expires_in(Duration::from_secs(3600));
    let mut viewer = Viewer::new(subscriber);
    large.publish(text("large")).unwrap();
    assert_eq!(viewer.parts(), ["large"]);
    drop(large);
    assert_eq!(viewer.parts(), [""; 0]);
    let ends_in = |viewer: &mut Viewer| viewer.feed.supply.ends_at().unwrap() - Instant::now();
    assert!(ends_in(&mut viewer) <= Duration::from_secs(15));
    silent.publish(text("silent")).unwrap();
    assert_eq!(viewer.parts(), ["silent"]);
    assert!(ends_in(&mut viewer) > Duration::from_secs(3000), "the end that was set");
}

#[test]
fn viewer_whose_rung_is_closed_before_its_first_picture_keeps_its_end() {
    let ([large, silent], _, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    assert_eq!(viewer.parts(), [""; 0]);
    drop(large);
    assert_eq!(viewer.parts(), [""; 0]);
    assert!(viewer.feed.supply.ends_at().is_some(), "in some seconds, if no picture comes");
    silent.publish(text("silent")).unwrap();
    assert_eq!(viewer.parts(), ["silent"]);
    assert_eq!(viewer.feed.supply.ends_at(), None);
}

#[test]
fn track_of_a_wall_waits_for_the_first_picture_of_another_rung_as_long_as_it_takes() {
    let ([large, silent], _, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap().waiting());
    large.publish(text("large")).unwrap();
    assert_eq!(viewer.parts(), ["large"]);
    drop(large);
    assert_eq!(viewer.parts(), [""; 0]);
    assert_eq!(viewer.feed.supply.ends_at(), None);
    silent.publish(text("silent")).unwrap();
    assert_eq!(viewer.parts(), ["silent"]);
}

#[test]
fn still_of_a_closed_rung_is_that_of_the_nearest_that_is_open() {
    let ([large, medium, small], hubs, ladder) = ladder();
    for (publisher, name) in [(&large, "large"), (&small, "small")] {
        publisher.publish(text(name)).unwrap();
    }
    let still = || ladder.hub_of(Size::Full).latest().map(|part| part.body().clone());
    hubs[0].close();
    assert_eq!(still().as_deref(), Some(&b"small"[..]), "the medium one has had no picture");
    medium.publish(text("medium")).unwrap();
    assert_eq!(still().as_deref(), Some(&b"medium"[..]));
    drop((medium, small));
    assert_eq!(still().as_deref(), Some(&b"large"[..]), "the last of the size");
}

#[test]
fn viewer_of_a_closed_rung_does_not_wait_long_where_the_picture_is_older() {
    let ([large, small], _, ladder) = ladder();
    small.publish(text("old")).unwrap();
    sleep(Duration::from_millis(5));
    large.publish(text("new")).unwrap();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Full).unwrap());
    assert_eq!(viewer.parts(), ["new"]);
    drop(large);
    assert_eq!(viewer.parts(), [""; 0]);
    assert!(viewer.feed.supply.ends_at().unwrap() - Instant::now() <= Duration::from_secs(15));
}

#[test]
fn viewer_starts_on_a_rung_that_has_pictures() {
    let ([large, small], _, ladder) = ladder();
    small.publish(text("small")).unwrap();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Line).unwrap());
    assert_eq!(viewer.parts(), ["small"]);
    // One of a size until its own comes.
    let mut full = Viewer::new(ladder.subscribe(Wire::Script, Size::Full).unwrap());
    assert_eq!(full.parts(), ["small"]);
    large.publish(text("large")).unwrap();
    assert_eq!(full.parts(), ["large"]);
    small.publish(text("small")).unwrap();
    assert_eq!(full.parts(), [""; 0]);
}

#[test]
fn old_picture_of_a_sleeping_rung_is_not_sent_in_place_of_fresh_ones() {
    for size in [Size::Full, Size::Width(1000)] {
        let ([main, sub], hubs, ladder) = ladder();
        let viewers = || hubs.each_ref().map(|hub| hub.stats().viewers);
        main.publish(picture(1280, 0).captured_at(SystemTime::now() - Duration::from_secs(10))).unwrap();
        sub.publish(picture(320, 0)).unwrap();
        let _small = Viewer::new(ladder.subscribe(Wire::Script, Size::Width(320)).unwrap());
        let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, size).unwrap());
        assert_eq!(viewers(), [1, 2], "both are wanted");
        for _ in 0..2 {
            assert!(viewer.take(), "the fresh one, at full rate");
            assert_eq!(ladder.viewers()[1].rung, 1);
            assert!(!viewer.take());
            sub.publish(picture(320, 0)).unwrap();
        }
        main.publish(picture(1280, 0)).unwrap();
        assert!(viewer.take());
        viewer.take();
        let listed = &ladder.viewers()[1];
        assert_eq!((listed.rung, listed.moves, viewers()), (0, 1, [1, 1]));
    }
}

#[test]
fn sleeping_rung_with_the_only_picture_is_where_its_viewer_starts() {
    let ([main, sub], hubs, ladder) = ladder();
    main.publish(picture(1280, 0)).unwrap();
    sub.publish(picture(320, 0)).unwrap();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Full).unwrap());
    assert!(viewer.take());
    assert_eq!(hubs.map(|hub| hub.stats().viewers), [1, 0]);
}

#[test]
fn viewer_of_a_width_that_no_open_rung_has_gets_the_widest() {
    let ([large, medium, small], hubs, ladder) = ladder();
    let viewers = || hubs.each_ref().map(|hub| hub.stats().viewers);
    large.publish(picture(1280, 0)).unwrap();
    small.publish(picture(320, 0)).unwrap();
    drop(large);
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Width(1000)).unwrap());
    assert!(viewer.take());
    viewer.take();
    assert_eq!(viewers(), [0, 1, 1]);
    medium.publish(picture(640, 0)).unwrap();
    assert!(viewer.take());
    assert_eq!(viewers(), [0, 1, 0]);
}

#[test]
fn still_of_a_closed_ladder_is_that_of_the_nearest_rung_with_a_picture() {
    let ([large, medium, small], hubs, ladder) = ladder();
    for (publisher, width) in [(&large, 1280), (&medium, 640)] {
        publisher.publish(picture(width, 0)).unwrap();
    }
    drop((large, medium, small));
    assert!(hubs.iter().all(Hub::is_closed));
    assert_eq!(ladder.hub_of(Size::Width(640)).latest(), hubs[1].latest());
    assert_eq!(ladder.hub_of(Size::Full).latest(), hubs[0].latest());
}

#[test]
fn viewer_of_a_width_tries_rungs_without_a_picture_and_moves_to_the_smallest_wide_enough() {
    let ([large, medium, small], hubs, ladder) = ladder();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Width(640)).unwrap());
    let wanted = || hubs.each_ref().map(|hub| hub.stats().viewers);
    // Where nothing is known it starts on the first one, and it tries another at its first picture.
    assert_eq!(wanted(), [1, 0, 0]);
    large.publish(picture(1280, 0)).unwrap();
    assert!(viewer.take());
    viewer.take();
    assert_eq!(wanted(), [1, 0, 1]);
    small.publish(picture(320, 0)).unwrap();
    assert!(!viewer.take(), "it is too small");
    assert_eq!(wanted(), [1, 0, 0]);
    sleep(Duration::from_millis(2100));
    large.publish(picture(1280, 0)).unwrap();
    viewer.take();
    viewer.take();
    assert_eq!(wanted(), [1, 1, 0]);
    medium.publish(picture(640, 0)).unwrap();
    assert!(viewer.take());
    assert_eq!(wanted(), [0, 1, 0]);
    let listed = &ladder.viewers()[0];
    assert_eq!((listed.rung, listed.moves, listed.reason), (1, 1, Some(Reason::Width)));
    // The next one starts there.
    let _next = Viewer::new(ladder.subscribe(Wire::Script, Size::Width(640)).unwrap());
    assert_eq!(wanted(), [0, 2, 0]);
}

#[test]
fn viewer_of_a_width_tries_no_rung_of_texts_twice() {
    let ([large, small], hubs, ladder) = ladder();
    large.publish(text("large")).unwrap();
    small.publish(text("small")).unwrap();
    let mut viewer = Viewer::new(ladder.subscribe(Wire::Script, Size::Width(640)).unwrap());
    for _ in 0..3 {
        large.publish(text("large")).unwrap();
        viewer.take();
    }
    assert_eq!(hubs.each_ref().map(|hub| hub.stats().viewers), [1, 0]);
}

/// A viewer of two rungs that have never had a picture, the publishers, and the number of viewers of each rung.
fn silent(size: Size) -> ([Publisher; 2], Viewer, impl Fn() -> [usize; 2]) {
    let (publishers, hubs, ladder) = ladder();
    let viewer = Viewer::new(ladder.subscribe(Wire::Machine, size).unwrap());
    (publishers, viewer, move || hubs.each_ref().map(|hub| hub.stats().viewers))
}

#[test]
fn viewer_of_a_silent_rung_gets_the_pictures_of_another() {
    for size in [Size::Line, Size::Full, Size::Width(100), Size::Width(640)] {
        let ([_main, sub], mut viewer, watched) = silent(size);
        assert_eq!((viewer.take(), watched()), (false, [1, 0]), "{size:?}");
        viewer.wait(Duration::from_secs(14));
        assert_eq!(watched(), [1, 0], "its camera may be starting");
        viewer.wait(Duration::from_secs(16));
        assert_eq!((viewer.take(), watched()), (false, [1, 1]), "{size:?}");
        viewer.wakes.take();
        sub.publish(picture(320, 0)).unwrap();
        assert_eq!(viewer.wakes.take(), 1);
        assert_eq!((viewer.take(), watched()), (true, [0, 1]), "{size:?}");
        sub.publish(picture(321, 0)).unwrap();
        assert_eq!((viewer.take(), watched()), (true, [0, 1]), "{size:?}");
    }
}

#[cfg(feature = "scale")]
#[test]
fn no_signal_part_is_no_picture_for_a_viewer_that_waits_for_one() {
    let ([main, sub], mut viewer, watched) = silent(Size::Full);
    main.publish_no_signal(text("no signal"));
    assert!(viewer.take());
    viewer.in_flight = None;
    viewer.wait(Duration::from_secs(16));
    assert_eq!(watched(), [1, 1]);
    assert!(!viewer.take());
    sub.publish(picture(320, 0)).unwrap();
    assert_eq!((viewer.take(), watched()), (true, [0, 1]));
}

#[test]
fn rung_that_answers_late_keeps_its_viewer() {
    let ([main, sub], mut viewer, watched) = silent(Size::Full);
    viewer.wait(Duration::from_secs(16));
    main.publish(picture(1280, 0)).unwrap();
    assert_eq!((viewer.take(), watched()), (true, [1, 0]));
    sub.publish(picture(320, 0)).unwrap();
    assert!(!viewer.take());
}

#[test]
fn viewer_of_silent_rungs_is_woken_to_try_another() {
    let (_publishers, mut viewer, _) = silent(Size::Full);
    viewer.wakes.take();
    assert!(!viewer.take());
    viewer.feed.supply.tick();
    assert_eq!(viewer.wakes.take(), 1);
}
