//! Walls without a server: their bytes, their turns, and what they cost.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Wake as _, Waker};
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use test_support::Wakes;

use super::ready::{Next, Ready, Track};
use super::shared::{Config, Shared};
use super::subscriber::{Options, StartError, Subscriber};
use crate::body::{Feed, Supply as _};
use crate::boundary::Boundary;
use crate::clock::Timed as _;
use crate::hub::{self, Publisher};
use crate::hubs::{self, Hubs};
use crate::ladder::{self, Ladder, Size};
use crate::part::Part;
use crate::wire::Wire;

/// A wall with the boundary `B`, and the publishers of its hubs.
struct Wall {
    hubs: Hubs,
    shared: Arc<Shared>,
    publishers: BTreeMap<String, Publisher>,
    now: Cell<Instant>,
}

const B: &str = "ThisRandomString";
/// Longer than a test, which lets its pulses pass.
const KEEP_ALIVE: Duration = Duration::from_secs(7200);

impl Wall {
    fn new(names: &[&str]) -> Self {
        Self::with(&hub::builder().timestamps(false), names)
    }

    fn with(builder: &hub::Builder, names: &[&str]) -> Self {
        let hubs = Hubs::new();
        let shared = Shared::new(hubs.clone(), &Boundary::from_static(B));
        let mut wall = Self { hubs, shared, publishers: BTreeMap::new(), now: Cell::new(Instant::now()) };
        names.iter().for_each(|name| wall.insert(builder.clone(), name));
        wall
    }

    fn insert(&mut self, builder: hub::Builder, name: &str) {
        let (publisher, hub) = builder.build();
        self.hubs.insert(name, hub).unwrap();
        self.publishers.insert(name.to_owned(), publisher);
    }

    fn publish(&self, name: &str, text: &str) {
        self.publishers[name].publish(Part::text(text.to_owned()).unwrap()).unwrap();
    }

    fn options(of: Option<&str>) -> Options {
        Options {
            config: Config { keep_alive: Some(KEEP_ALIVE), max_lifetime: None },
            max: 500,
            of: of.map(|of| of.split(',').map(|name| (Arc::from(name), Size::Full)).collect()),
            by_size: true,
            size: Size::Full,
            viewer: ladder::Options::new(Wire::Script),
        }
    }

    /// The options of a viewer who asks this of each hub.
    fn asking(viewer: ladder::Options, of: Option<&str>) -> Options {
        Options { viewer, ..Self::options(of) }
    }

    fn viewer(&self, of: Option<&str>) -> Viewer {
        self.viewer_with(Self::options(of))
    }

    fn viewer_with(&self, options: Options) -> Viewer {
        Viewer::new(Subscriber::new(&self.shared, options).unwrap())
    }

    /// Lets so many pulses of the keep-alive pass.
    fn pulse(&self, pulses: usize) {
        for _ in 0..pulses {
            self.now.set(self.now.get() + KEEP_ALIVE / 8 + Duration::from_secs(1));
            Arc::clone(&self.shared).tick(self.now.get());
        }
    }
}

/// A viewer as on a hyper-like stack.
struct Viewer {
    feed: Feed<Subscriber>,
    wakes: Arc<Wakes>,
    in_flight: Option<Bytes>,
}

impl Viewer {
    fn new(subscriber: Subscriber) -> Self {
        let mut viewer = Self { feed: subscriber.into_feed(), wakes: Arc::default(), in_flight: None };
        assert!(viewer.poll(true).is_pending(), "the response's head comes first");
        viewer
    }

    fn poll(&mut self, gated: bool) -> Poll<Option<Bytes>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.feed.poll_chunk(gated, &mut Context::from_waker(&waker))
    }

    /// Releases the part in flight, and returns the next one.
    fn next(&mut self) -> Option<String> {
        self.in_flight = None;
        let mut all = String::new();
        while let Poll::Ready(Some(chunk)) = self.poll(true) {
            all.push_str(std::str::from_utf8(&chunk).unwrap());
            self.in_flight = Some(chunk);
        }
        (!all.is_empty()).then_some(all)
    }

    /// Returns the bodies that come, each after the name of its track.
    fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).flat_map(|bytes| bodies(&bytes)).collect()
    }

    fn wakes(&self) -> usize {
        self.wakes.take()
    }
}

/// Returns `name: body` for each part, and the body only of states.
fn bodies(bytes: &str) -> Vec<String> {
    let delimiter = format!("--{B}");
    let parts = bytes.split(&delimiter).filter(|part| part.contains("\r\n\r\n"));
    let body = |part: &str| {
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        let body = body.trim_end().trim_end_matches("--").trim_end();
        match head.split("\r\n").find_map(|line| line.strip_prefix("Content-Location: ")) {
            Some(name) => format!("{name}: {body}"),
            None => body.to_owned(),
        }
    };
    parts.map(body).collect()
}

#[test]
fn writes_states_then_parts_with_their_names() {
    let wall = Wall::new(&["a b", "yard"]);
    wall.publish("yard", "on");
    let mut viewer = wall.viewer(Some("yard,a b"));
    let mut bytes = viewer.next().unwrap();
    bytes.push_str(&viewer.next().unwrap());
    assert_eq!(
        bytes,
        "--ThisRandomString\r\n\
         Content-Type: application/json\r\nContent-Length: 40\r\n\r\n\
         {\"tracks\":{\"a b\":\"waiting\",\"yard\":\"live\"}}\r\n--ThisRandomString\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Location: yard\r\nContent-Length: 2\r\n\r\n\
         on\r\n--ThisRandomString"
            .replace(
                "Content-Length: 40",
                &format!("Content-Length: {}", r#"{"tracks":{"a b":"waiting","yard":"live"}}"#.len())
            )
    );
    assert_eq!(viewer.next(), None);
    wall.publish("a b", "off");
    assert_eq!(viewer.rest(), ["a%20b: off", r#"{"tracks":{"a b":"live"}}"#]);

    let machine = Wall::asking(ladder::Options::new(Wire::Machine), Some("yard"));
    let mut viewer = wall.viewer_with(machine);
    viewer.next();
    assert_eq!(
        viewer.next().unwrap(),
        "Content-Type: text/plain; charset=utf-8\r\nContent-Location: yard\r\nContent-Length: 2\r\n\r\non\r\n\
         --ThisRandomString\r\n"
    );
}

#[test]
fn parts_carry_their_time_unless_their_hub_turns_it_off() {
    let then = UNIX_EPOCH + Duration::from_micros(1_764_150_000_123_456);
    for (sent, lines) in [(true, "X-Timestamp: 1764150000.123456\r\nX-Sequence: 17\r\n"), (false, "")] {
        let wall = Wall::with(&hub::builder().timestamps(sent), &["yard"]);
        let part = Part::text("on").unwrap().captured_at(then).with_sequence(17);
        wall.publishers["yard"].publish(part).unwrap();
        let mut viewer = wall.viewer(Some("yard"));
        viewer.next();
        let part = format!("utf-8\r\nContent-Location: yard\r\n{lines}Content-Length: 2\r\n\r\non\r\n");
        let next = viewer.next().unwrap();
        assert!(next.contains(&part), "{next}");
    }
}

#[test]
fn new_viewer_gets_the_time_of_the_last_identical_part() {
    let wall = Wall::with(&hub::builder().drop_identical(true), &["yard"]);
    let first = |seconds| {
        let captured = UNIX_EPOCH + Duration::from_secs(seconds);
        wall.publishers["yard"].publish(Part::text("on").unwrap().captured_at(captured)).unwrap();
        let mut viewer = wall.viewer(Some("yard"));
        viewer.next();
        viewer.next().unwrap()
    };
    for seconds in [1_764_150_000, 1_764_150_060] {
        let part = first(seconds);
        assert!(part.contains(&format!("X-Timestamp: {seconds}.000000\r\n")), "{part}");
    }
}

#[test]
fn sends_newest_part_of_each_track_in_turn() {
    let wall = Wall::new(&["a", "b", "c"]);
    let mut viewer = wall.viewer(None);
    assert_eq!(viewer.rest(), [r#"{"tracks":{"a":"waiting","b":"waiting","c":"waiting"}}"#]);
    ["a", "b", "c"].iter().for_each(|name| wall.publish(name, "first"));
    viewer.rest();
    let mut shown = Vec::new();
    for round in 0..5 {
        // The first track publishes most, and all more than the viewer takes.
        (0..10).for_each(|nth| wall.publish("a", &format!("{round}.{nth}")));
        wall.publish("b", &format!("{round}"));
        wall.publish("c", &format!("{round}"));
        shown.extend(viewer.next().map(|bytes| bodies(&bytes)).unwrap());
    }
    assert_eq!(shown, ["a: 0.9", "b: 1", "c: 2", "a: 3.9", "b: 4"]);
}

#[test]
fn slow_viewer_gets_every_track_equally_often() {
    let names: Vec<String> = (0..12).map(|nth| format!("cam{nth:02}")).collect();
    let wall = Wall::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut viewer = wall.viewer(None);
    let mut shown = BTreeMap::<String, usize>::new();
    for round in 0..600 {
        for (nth, name) in names.iter().enumerate() {
            // Once in a round to once in four, all of them faster than the viewer.
            if round % (1 + nth / 3) == 0 {
                wall.publish(name, &round.to_string());
            }
        }
        for part in bodies(&viewer.next().unwrap_or_default()).iter().filter(|part| !part.starts_with('{')) {
            *shown.entry(part.split_once(':').unwrap().0.to_owned()).or_default() += 1;
        }
    }
    let counts = || shown.values().copied();
    assert_eq!(shown.len(), 12);
    assert!(counts().max().unwrap() - counts().min().unwrap() <= 2, "{shown:?}");
}

#[test]
fn publish_wakes_a_viewer_once_and_asks_one_hub() {
    let names: Vec<String> = (0..60).map(|nth| format!("cam{nth}")).collect();
    // A pulse of the keep-alive takes a lock too.
    let builder = hub::builder().timestamps(false).keep_alive_interval(None);
    let wall = Wall::with(&builder, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut viewers: Vec<_> = (0..10).map(|_| wall.viewer(None)).collect();
    names.iter().for_each(|name| wall.publish(name, "first"));
    viewers.iter_mut().for_each(|viewer| drop(viewer.rest()));
    let hubs = || names.iter().map(|name| wall.hubs.get(name).unwrap());
    // `stats` takes a lock too.
    let locks = || hubs().map(|hub| hub.locks()).sum::<usize>();
    let encodings = || hubs().map(|hub| hub.stats().encodings).sum::<u64>();
    for nth in 0..20 {
        viewers.iter().for_each(|viewer| {
            viewer.wakes();
        });
        let encoded = encodings();
        let before = locks();
        wall.publish("cam7", &nth.to_string());
        for viewer in &mut viewers {
            assert_eq!(viewer.wakes(), 1);
            assert_eq!(bodies(&viewer.next().unwrap()), [format!("cam7: {nth}")]);
            // In flight: nothing wakes the task until the release, which does once.
            wall.publish("cam8", "busy");
            wall.publish("cam9", "busy");
            assert_eq!(viewer.wakes(), 0);
            viewer.in_flight = None;
            assert_eq!(viewer.wakes(), 1);
        }
        viewers.iter_mut().for_each(|viewer| drop(viewer.rest()));
        let published = 1 + 2 * viewers.len();
        let locked = locks() - before;
        // cam7, and at the end cam8 and cam9.
        assert_eq!(encodings() - encoded, 3);
        assert_eq!(
            locked,
            2 * published + 3,
            "two for each part published, one for its encoding, none for the viewers"
        );
    }
    let stats = wall.hubs.get("cam7").unwrap().stats();
    assert_eq!((stats.viewers, stats.encodings, stats.parts_published), (10, 21, 21));
}

#[test]
fn each_part_is_encoded_once_for_all_viewers() {
    let wall = Wall::new(&["a"]);
    let mut viewers = [wall.viewer(None), wall.viewer(None)];
    viewers.iter_mut().for_each(|viewer| drop(viewer.rest()));
    wall.publish("a", "shared");
    let chunks = viewers.each_mut().map(|viewer| match viewer.poll(true) {
        Poll::Ready(Some(chunk)) => chunk.as_ptr(),
        _ => panic!("no part"),
    });
    assert_eq!(chunks.first(), chunks.last());
}

#[test]
fn stalled_ended_and_invalid_tracks_do_not_affect_others() {
    let mut wall = Wall::new(&["ends", "good", "stalls"]);
    ["ends", "good", "stalls"].iter().for_each(|name| wall.publish(name, "0"));
    let mut viewer = wall.viewer(Some("stalls,good,ends"));
    let all = [r#"{"tracks":{"ends":"live","good":"live","stalls":"live"}}"#, "ends: 0", "good: 0", "stalls: 0"];
    assert_eq!(viewer.rest(), all);
    let ends = wall.publishers.remove("ends").unwrap();
    ends.publish(Part::text("last").unwrap()).unwrap();
    drop(ends);
    assert_eq!(viewer.rest(), ["ends: last", r#"{"tracks":{"ends":"ended"}}"#]);

    wall.publish("stalls", &format!("--{B}--"));
    wall.publish("good", "1");
    assert_eq!(viewer.rest(), ["good: 1"]);
    let stats = wall.hubs.get("stalls").unwrap().stats();
    assert_eq!((stats.parts_invalid, stats.parts_delivered), (1, 1));
    wall.publish("stalls", "1");
    assert_eq!(viewer.rest(), ["stalls: 1"]);
    wall.publish("good", "2");
    assert_eq!(viewer.rest(), ["good: 2"]);
}

#[test]
fn tracks_come_and_go_while_it_runs() {
    let mut wall = Wall::new(&["a"]);
    let (mut all, mut some) = (wall.viewer(None), wall.viewer(Some("a")));
    assert_eq!(all.rest(), [r#"{"tracks":{"a":"waiting"}}"#]);
    assert_eq!(some.rest(), [r#"{"tracks":{"a":"waiting"}}"#]);
    all.wakes();
    wall.insert(hub::builder(), "b");
    assert_eq!((all.wakes(), all.rest()), (1, vec![r#"{"tracks":{"b":"waiting"}}"#.to_owned()]));
    assert_eq!(some.rest(), [""; 0], "it did not ask for it");
    wall.publish("b", "on");
    assert_eq!(all.rest(), ["b: on", r#"{"tracks":{"b":"live"}}"#]);

    wall.hubs.remove("b");
    assert_eq!(all.rest(), [r#"{"tracks":{"b":"ended"}}"#]);
    wall.publish("b", "unseen");
    assert_eq!(all.rest(), [""; 0]);

    // Another hub of the name takes its place.
    wall.publish("a", "old");
    assert_eq!(some.rest(), ["a: old", r#"{"tracks":{"a":"live"}}"#]);
    wall.insert(hub::builder(), "a");
    wall.publish("a", "new");
    assert_eq!(some.rest(), [r#"{"tracks":{"a":"live"}}"#, "a: new"]);

    all.rest();
    // After `close` each viewer gets the last parts and the end.
    wall.publish("a", "last");
    wall.hubs.close();
    assert!(all.rest().contains(&"a: last".to_owned()));
    assert_eq!(some.rest(), ["a: last", r#"{"tracks":{"a":"ended"}}"#]);
    assert!(matches!((all.poll(true), some.poll(true)), (Poll::Ready(None), Poll::Ready(None))));
}

#[test]
fn closed_queue_keeps_no_track() {
    let ready = Arc::new(Ready::default());
    let track = |id| Arc::new(Track::new(&ready, id));
    track(0).wake();
    let late = track(1);
    assert_eq!(Arc::strong_count(&ready), 3);
    ready.close();
    late.wake();
    assert_eq!(Arc::strong_count(&ready), 1);
}

#[test]
fn stream_of_named_tracks_ends_with_the_last_of_them() {
    let mut wall = Wall::new(&["a", "b"]);
    wall.publish("b", "on");
    let mut viewer = wall.viewer(Some("a,b"));
    viewer.rest();
    wall.publishers.remove("a");
    assert_eq!(viewer.rest(), [r#"{"tracks":{"a":"ended"}}"#]);
    wall.publishers.remove("b");
    let bytes = std::iter::from_fn(|| viewer.next()).collect::<String>();
    assert!(bytes.ends_with("{\"tracks\":{\"b\":\"ended\"}}\r\n--ThisRandomString--\r\n"), "{bytes}");
    assert!(matches!(viewer.poll(true), Poll::Ready(None)));
}

#[test]
fn silent_track_waits_and_comes_back() {
    let no_signal = Part::text("no signal").unwrap();
    let builder = hub::builder().stale_after(Duration::from_millis(300), no_signal);
    let wall = Wall::with(&builder, &["a"]);
    wall.publish("a", "on");
    let mut viewer = wall.viewer(None);
    assert_eq!(viewer.rest(), [r#"{"tracks":{"a":"live"}}"#, "a: on"]);
    viewer.wakes();
    let deadline = Instant::now() + Duration::from_secs(20);
    while viewer.wakes() == 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(viewer.rest(), ["a: no signal", r#"{"tracks":{"a":"waiting"}}"#]);
    // One who comes now is told after the picture too, since that looks like a live one.
    let mut late = wall.viewer(None);
    let waiting = r#"{"tracks":{"a":"waiting"}}"#;
    assert_eq!(late.rest(), [waiting, "a: no signal", waiting]);
    wall.publish("a", "on");
    assert_eq!(viewer.rest(), ["a: on", r#"{"tracks":{"a":"live"}}"#]);
}

#[test]
fn heartbeat_comes_when_nothing_was_sent_for_its_period() {
    let wall = Wall::new(&["a", "b"]);
    let mut viewer = wall.viewer(Some("a,b"));
    viewer.rest();
    viewer.wakes();
    wall.pulse(7);
    assert_eq!((viewer.wakes(), viewer.next()), (0, None));
    wall.publish("a", "on");
    viewer.rest();
    wall.pulse(7);
    assert_eq!(viewer.next(), None);
    wall.pulse(1);
    assert_eq!(viewer.rest(), [r#"{"tracks":{}}"#]);

    let empty = Wall::new(&[]);
    let mut viewer = empty.viewer(None);
    assert_eq!(viewer.rest(), [r#"{"tracks":{}}"#]);
    viewer.wakes();
    empty.pulse(8);
    assert_eq!((viewer.wakes(), viewer.rest()), (1, vec![r#"{"tracks":{}}"#.to_owned()]));
}

#[test]
fn options_apply_to_each_hub() {
    let wall = Wall::new(&["a", "b"]);
    let keyed = |exclusive| {
        let options = ladder::Options { key: Some("ada".into()), exclusive, ..ladder::Options::new(Wire::Script) };
        Wall::asking(options, Some("a,b"))
    };
    let mut viewer = wall.viewer_with(keyed(false));
    viewer.rest();
    assert_eq!(wall.hubs.get("a").unwrap().viewers()[0].key.as_deref(), Some("ada"));
    assert_eq!(wall.hubs.get("a").unwrap().revoke("ada"), 1);
    assert_eq!(viewer.rest(), [r#"{"tracks":{"a":"ended"}}"#]);
    wall.publish("a", "secret");
    wall.publish("b", "on");
    assert_eq!(viewer.rest(), ["b: on", r#"{"tracks":{"b":"live"}}"#]);

    // A newer exclusive one ends it.
    let mut newer = wall.viewer_with(keyed(true));
    assert!(newer.next().is_some() && viewer.next().unwrap().ends_with("--\r\n"));
    assert!(matches!(viewer.poll(true), Poll::Ready(None)));

    let brief = Config { keep_alive: None, max_lifetime: Some(Duration::from_secs(60)) };
    let mut viewer = wall.viewer_with(Options { config: brief, ..Wall::options(Some("b")) });
    viewer.rest();
    Arc::clone(&wall.shared).tick(Instant::now() + Duration::from_secs(61));
    assert!(viewer.next().unwrap().ends_with("--\r\n"));
    drop((newer, viewer));
    assert_eq!(wall.hubs.get("b").unwrap().stats().viewers, 0);
}

/// The options of a viewer with this key.
fn keyed(key: &str, of: Option<&str>) -> Options {
    Wall::asking(ladder::Options { key: Some(key.into()), ..ladder::Options::new(Wire::Script) }, of)
}

#[test]
fn revoked_key_ends_the_stream_wherever_it_is() {
    // Before the first poll, a stream of all tracks has no place in a hub.
    let mut wall = Wall::new(&["a", "b"]);
    for of in [None, Some("a,b")] {
        let subscriber = Subscriber::new(&wall.shared, keyed("ada", of)).unwrap();
        wall.hubs.revoke("ada");
        let mut viewer = Viewer::new(subscriber);
        assert!(viewer.next().unwrap().ends_with("--\r\n"), "{of:?}");
        assert!(matches!(viewer.poll(true), Poll::Ready(None)));
    }
    assert_eq!(wall.hubs.get("a").unwrap().stats().viewers_peak, 0, "it wakes no camera");

    // In a part on a slow line, while a camera is added.
    let (publisher, hub) = hub::channel();
    wall.hubs.insert_ladder("c", Ladder::new([hub])).unwrap();
    let [mut viewer, mut other] = ["ada", "bob"].map(|key| wall.viewer_with(keyed(key, None)));
    viewer.rest();
    other.rest();
    wall.publish("a", "on");
    assert!(viewer.next().is_some() && viewer.in_flight.is_some());
    viewer.wakes();
    wall.insert(hub::builder().timestamps(false), "d");
    assert_eq!((wall.hubs.revoke("ada"), viewer.wakes()), (3, 1));
    let Poll::Ready(Some(end)) = viewer.poll(true) else { panic!("it waits for the line") };
    assert!(end.ends_with(b"--\r\n"));
    assert!(matches!(viewer.poll(true), Poll::Ready(None)));
    wall.publish("d", "on");
    assert!(other.rest().contains(&"d: on".to_owned()));
    drop(viewer);
    let [a, d] = ["a", "d"].map(|name| wall.hubs.get(name).unwrap().stats());
    assert_eq!(
        (a.ended.revoked, d.viewers_peak),
        (2, 1),
        "one before its first poll; the new camera has the other viewer"
    );
    drop((publisher, other));

    // Without a track.
    let empty = Wall::new(&[]);
    let mut viewer = empty.viewer_with(keyed("ada", None));
    viewer.rest();
    assert_eq!(empty.hubs.revoke("ada"), 0);
    assert!(viewer.next().unwrap().ends_with("--\r\n"));
}

#[test]
fn stream_expires_with_all_tracks() {
    let wall = Wall::new(&["a", "b"]);
    let expiring = |of, time| Viewer::new(Subscriber::new(&wall.shared, Wall::options(of)).unwrap().expires_in(time));
    let stats = || wall.hubs.get("a").unwrap().stats();
    let mut viewer = expiring(None, Duration::from_secs(60));
    viewer.rest();
    Arc::clone(&wall.shared).tick(Instant::now() + Duration::from_secs(59));
    wall.publish("a", "on");
    assert!(viewer.next().unwrap().contains("on") && viewer.in_flight.is_some());
    viewer.wakes();
    Arc::clone(&wall.shared).tick(Instant::now() + Duration::from_secs(61));
    assert_eq!(viewer.wakes(), 1);
    let Poll::Ready(Some(end)) = viewer.poll(true) else { panic!("it waits for the line") };
    assert!(end.ends_with(b"--\r\n"));
    assert!(matches!(viewer.poll(true), Poll::Ready(None)));
    drop(viewer);
    assert_eq!((stats().ended.expired, stats().viewers_peak), (1, 1));

    for mut viewer in [None, Some("a,b")].map(|of| expiring(of, Duration::ZERO)) {
        assert!(viewer.next().unwrap().ends_with("--\r\n"), "a stream without access sends no part");
    }
    assert_eq!(stats().viewers_peak, 1, "and does not count as a viewer");
}

#[test]
fn rate_is_limited_for_each_track() {
    let wall = Wall::new(&["a", "b"]);
    let min_interval = Some(Duration::from_secs(3600));
    let slow = ladder::Options { min_interval, ..ladder::Options::new(Wire::Script) };
    let mut viewer = wall.viewer_with(Wall::asking(slow, None));
    viewer.rest();
    for nth in 0..3 {
        wall.publish("a", &nth.to_string());
        wall.publish("b", &nth.to_string());
        let shown: Vec<_> = viewer.rest().into_iter().filter(|part| !part.starts_with('{')).collect();
        assert_eq!(shown.len(), if nth == 0 { 2 } else { 0 }, "{shown:?}");
    }
}

#[test]
fn failing_source_stops_no_other_track() {
    let hubs = Hubs::builder().max(3).source(|name, publisher| match name {
        "full" => Err("no camera".into()),
        "gone" => Err(hubs::Unknown.into()),
        _ => Ok(publisher.publish(Part::text("on")?).map(|()| std::mem::forget(publisher))?),
    });
    let shared = Shared::new(hubs.build(), &Boundary::from_static(B));
    let start = |of| Subscriber::new(&shared, Wall::options(Some(of)));
    let mut viewer = Viewer::new(start("full,yard").unwrap());
    assert_eq!(viewer.rest(), [r#"{"tracks":{"full":"ended","yard":"live"}}"#, "yard: on"]);
    assert!(matches!(start("full"), Err(StartError::Open(hubs::OpenError::Source(_)))));
    let Err(StartError::Unknown(names)) = start("gone,yard,full") else { panic!("one is unknown") };
    assert_eq!(names, [Arc::from("gone")]);
}

#[test]
fn names_cannot_forge_a_delimiter() {
    let wall = Wall::new(&[&format!("x{B}\"\\")]);
    wall.publish(&format!("x{B}\"\\"), "on");
    let mut viewer = wall.viewer_with(Wall::asking(ladder::Options::new(Wire::Machine), None));
    let bytes = [viewer.next().unwrap(), viewer.next().unwrap()].concat();
    assert_eq!(bytes.matches(B).count(), 3, "{bytes}");
    assert!(bytes.contains(r"\u0078\u0054") && bytes.contains("Content-Location: %78%54"), "{bytes}");
    let wall = Wall::new(&["a\"\\ä,/".trim_end_matches('/')]);
    wall.publish("a\"\\ä,", "on");
    assert_eq!(wall.viewer(None).rest(), [r#"{"tracks":{"a\"\\ä,":"live"}}"#, "a%22%5C%C3%A4%2C: on"]);
}

#[test]
fn stack_without_releases_gets_each_part_when_it_polls() {
    let wall = Wall::new(&["a", "b"]);
    wall.publish("a", "1");
    let wakes = Arc::<Wakes>::default();
    let waker = Waker::from(Arc::clone(&wakes));
    let mut feed = Subscriber::new(&wall.shared, Wall::options(None)).unwrap().into_feed();
    let mut next = || match feed.poll_chunk(false, &mut Context::from_waker(&waker)) {
        Poll::Ready(Some(chunk)) => bodies(std::str::from_utf8(&chunk).unwrap()),
        _ => Vec::new(),
    };
    assert_eq!(next(), [r#"{"tracks":{"a":"live","b":"waiting"}}"#]);
    assert_eq!(next(), ["a: 1"]);
    // The transport is full: it polls when it has room, and is not woken before.
    wall.publish("a", "2");
    wall.publish("b", "1");
    assert_eq!(wakes.count(), 0);
    let mut shown = [next(), next(), next()].concat();
    shown.sort();
    assert_eq!(shown, ["a: 2", "b: 1", r#"{"tracks":{"b":"live"}}"#]);
    assert_eq!(next(), [""; 0]);
    let stats = wall.hubs.get("a").unwrap().stats();
    assert_eq!((stats.parts_delivered, stats.viewers), (2, 1));
    wall.publish("a", "3");
    assert_eq!((wakes.count(), next()), (1, vec!["a: 3".to_owned()]));
}

/// A picture of this width.
fn picture(width: u16) -> Part {
    let dot = include_bytes!("../picture/dot.jpg");
    let frame = dot.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    let mut body = dot.to_vec();
    body[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    Part::jpeg(body).unwrap()
}

/// A wall with a ladder and a hub, the publishers of the rungs, and their hubs.
fn sized() -> (Wall, [Publisher; 2], [hub::Hub; 2]) {
    let wall = Wall::new(&["door"]);
    let ((main, main_hub), (sub, sub_hub)) = (hub::channel(), hub::channel());
    wall.hubs.insert_ladder("yard", Ladder::new([main_hub.clone(), sub_hub.clone()])).unwrap();
    wall.publishers["door"].publish(picture(1280)).unwrap();
    (wall, [main, sub], [main_hub, sub_hub])
}

impl Viewer {
    /// Releases the part in flight, and takes what comes. Returns the widths of the pictures of each track, and the states.
    fn pictures(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            self.in_flight = None;
            let mut bytes = Vec::new();
            while let Poll::Ready(Some(chunk)) = self.poll(true) {
                bytes.extend_from_slice(&chunk);
                self.in_flight = Some(chunk);
            }
            if bytes.is_empty() {
                return all;
            }
            let at = |needle: &[u8]| bytes.windows(needle.len()).position(|window| window == needle);
            all.push(match (at(b"Content-Location: "), at(&[0xff, 0xc0])) {
                (Some(name), Some(frame)) => {
                    let width = u16::from_be_bytes([bytes[frame + 7], bytes[frame + 8]]);
                    format!("{} {width}", std::str::from_utf8(&bytes[name + 18..name + 22]).unwrap())
                }
                _ => bodies(std::str::from_utf8(&bytes).unwrap()).concat(),
            });
        }
    }
}

fn of_width(of: Option<&str>, width: u32) -> Options {
    let mut options = Options { size: Size::Width(width), ..Wall::options(of) };
    options.of.iter_mut().flat_map(BTreeMap::values_mut).for_each(|size| *size = Size::Width(width));
    options
}

#[test]
fn ladder_is_a_track_in_the_size_of_each_viewer() {
    let (wall, [main, sub], hubs) = sized();
    let viewers = || hubs.each_ref().map(|hub| hub.stats().viewers);
    main.publish(picture(1280)).unwrap();
    sub.publish(picture(320)).unwrap();
    let states = r#"{"tracks":{"door":"live","yard":"live"},"sized":["yard"]}"#;
    let mut large = wall.viewer(Some("door,yard"));
    assert_eq!(large.pictures(), [states, "door 1280", "yard 1280"]);
    let mut small = wall.viewer_with(of_width(Some("door,yard"), 200));
    assert_eq!(small.pictures(), [states, "door 1280", "yard 320"]);
    let mut all = wall.viewer_with(of_width(None, 200));
    assert_eq!(all.pictures(), [states, "door 1280", "yard 320"]);
    assert_eq!(viewers(), [1, 2]);
    main.publish(picture(1281)).unwrap();
    sub.publish(picture(321)).unwrap();
    assert_eq!((large.pictures(), small.pictures()), (vec!["yard 1281".to_owned()], vec!["yard 321".to_owned()]));
    // One who asks for more gets it at once, while the other request goes on.
    let mut larger = wall.viewer_with(of_width(Some("yard"), 1000));
    assert_eq!(larger.pictures(), [r#"{"tracks":{"yard":"live"},"sized":["yard"]}"#, "yard 1281"]);
    sub.publish(picture(322)).unwrap();
    assert_eq!((larger.pictures(), small.pictures()), (vec![], vec!["yard 322".to_owned()]));
    drop((large, small, all, larger));
    assert_eq!(viewers(), [0, 0]);
}

#[test]
fn part_of_a_rung_is_encoded_once_for_all_viewers() {
    let (wall, [_main, sub], hubs) = sized();
    sub.publish(picture(320)).unwrap();
    let mut viewers = [(); 2].map(|()| wall.viewer_with(of_width(Some("yard"), 320)));
    viewers.iter_mut().for_each(|viewer| drop(viewer.pictures()));
    sub.publish(picture(321)).unwrap();
    let chunks = viewers.each_mut().map(|viewer| match viewer.poll(true) {
        Poll::Ready(Some(chunk)) => chunk.as_ptr(),
        _ => panic!("no part"),
    });
    assert_eq!(chunks.first(), chunks.last());
    assert_eq!(hubs[1].stats().encodings, 2);
}

#[test]
fn track_moves_to_a_smaller_rung_once_its_width_is_known() {
    let (wall, [main, sub], hubs) = sized();
    let viewers = || hubs.each_ref().map(|hub| hub.stats().viewers);
    let mut viewer = wall.viewer_with(of_width(Some("yard"), 320));
    assert_eq!(viewer.pictures(), [r#"{"tracks":{"yard":"waiting"},"sized":["yard"]}"#]);
    main.publish(picture(1280)).unwrap();
    assert_eq!(viewer.pictures(), ["yard 1280", r#"{"tracks":{"yard":"live"},"sized":["yard"]}"#]);
    // The picture goes on until the smaller one is there.
    main.publish(picture(1281)).unwrap();
    assert_eq!((viewer.pictures(), viewers()), (vec!["yard 1281".to_owned()], [1, 1]));
    viewer.wakes();
    sub.publish(picture(320)).unwrap();
    assert_eq!(viewer.wakes(), 1);
    assert_eq!((viewer.pictures(), viewers()), (vec!["yard 320".to_owned()], [0, 1]));
    main.publish(picture(1282)).unwrap();
    assert_eq!((viewer.wakes(), viewer.pictures()), (0, vec![]));
}

#[test]
fn closed_rung_leaves_the_track_to_another_and_the_last_one_ends_it() {
    let (wall, [main, sub], _hubs) = sized();
    main.publish(picture(1280)).unwrap();
    sub.publish(picture(320)).unwrap();
    let mut viewer = wall.viewer_with(of_width(Some("door,yard"), 320));
    viewer.pictures();
    drop(sub);
    main.publish(picture(1281)).unwrap();
    assert_eq!(viewer.pictures(), ["yard 1281"]);
    drop(main);
    assert_eq!(viewer.pictures(), [r#"{"tracks":{"yard":"ended"},"sized":["yard"]}"#]);
    wall.publishers["door"].publish(picture(1281)).unwrap();
    assert_eq!(viewer.pictures(), ["door 1281"]);
}

#[test]
fn ladder_that_is_replaced_while_it_is_watched_leaves_its_track_to_the_next_one() {
    let (wall, [main, sub], hubs) = sized();
    main.publish(picture(1280)).unwrap();
    sub.publish(picture(320)).unwrap();
    let mut viewer = wall.viewer_with(of_width(Some("yard"), 320));
    viewer.pictures();
    let [(main, large), (next_sub, small)] = [hub::channel(), hub::channel()];
    main.publish(picture(1290)).unwrap();
    next_sub.publish(picture(330)).unwrap();
    let replaced = wall.hubs.insert_ladder("yard", Ladder::new([large, small])).unwrap();
    let replaced = replaced.unwrap();
    assert!(replaced.hub().is_same(&hubs[0]) && !replaced.is_closed());
    assert_eq!(viewer.pictures(), [r#"{"tracks":{"yard":"live"},"sized":["yard"]}"#, "yard 330"]);
    assert_eq!(hubs.map(|hub| hub.stats().viewers), [0, 0]);
    sub.publish(picture(321)).unwrap();
    assert_eq!(viewer.pictures(), [""; 0]);
    // A hub has one size.
    let (publisher, hub) = hub::channel();
    publisher.publish(picture(1280)).unwrap();
    wall.hubs.insert("yard", hub).unwrap();
    assert_eq!(viewer.pictures(), [r#"{"tracks":{"yard":"live"}}"#, "yard 1280"]);
}

#[test]
fn removed_ladder_is_closed_in_all_sizes() {
    let (wall, _publishers, hubs) = sized();
    let removed = wall.hubs.remove("yard").unwrap();
    assert!(!removed.is_closed() && removed.hub().is_same(&hubs[0]));
    removed.close();
    assert!(removed.is_closed() && hubs.iter().all(hub::Hub::is_closed));
}

#[test]
fn track_that_two_hubs_wake_is_queued_once() {
    let ready = Arc::new(Ready::default());
    let [one, other] = [0, 1].map(|id| Arc::new(Track::new(&ready, id)));
    for track in [&one, &other, &one] {
        Arc::clone(track).wake();
    }
    let next = |working| match ready.next(working, Waker::noop()) {
        Next::Track(track) => Some(track.id),
        Next::Due(_) | Next::Wait => None,
    };
    assert_eq!([next(false), next(true), next(true)], [Some(0), Some(1), None]);
    one.wake();
    assert_eq!(next(false), Some(0));
}

#[cfg(feature = "scale")]
#[tokio::test]
async fn wall_of_thirty_costs_the_sizes_that_are_seen() {
    use jpeg_encoder::{ColorType, Encoder};

    use crate::ladder::Rendition;

    async fn pictures(viewer: &mut Viewer, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..2000 {
            all.extend(viewer.pictures().into_iter().filter(|part| !part.starts_with('{')));
            if all.len() >= count {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{all:?}");
    }

    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, 90).encode(&[120; 320 * 160 * 3], 320, 160, ColorType::Rgb).unwrap();
    let jpeg = Part::jpeg(jpeg).unwrap();
    let wall = Wall::new(&[]);
    let cameras = (0..30).map(|nth| {
        let (publisher, hub) = hub::builder().linger(Duration::ZERO).build();
        publisher.publish(jpeg.clone()).unwrap();
        let ladder = Ladder::from_hub(hub, [Rendition::width(160), Rendition::width(40)]);
        wall.hubs.insert_ladder(&format!("c{nth:03}"), ladder.clone()).unwrap();
        (publisher, ladder)
    });
    let cameras: Vec<_> = cameras.collect();
    let made = || cameras.iter().map(|(_, ladder)| [1, 2].map(|rung| ladder.stats().rungs[rung].encodings));
    let mut viewers = [(); 2].map(|()| wall.viewer_with(of_width(None, 33)));
    for viewer in &mut viewers {
        let mut shown = pictures(viewer, 30).await;
        shown.sort();
        assert_eq!(shown, (0..30).map(|nth| format!("c{nth:03} 40")).collect::<Vec<_>>());
    }
    assert!(made().all(|made| made == [0, 1]), "each small picture is made once, and no other");

    // One that is enlarged.
    let mut large = wall.viewer_with(of_width(Some("c007"), 320));
    assert_eq!(large.pictures().last().unwrap(), "c007 320", "it is there already");
    let mut medium = wall.viewer_with(of_width(Some("c007"), 100));
    assert_eq!(pictures(&mut medium, 1).await, ["c007 160"]);
    assert_eq!((made().nth(7), made().flatten().sum::<u64>()), (Some([1, 1]), 31));
    drop((viewers, large, medium));
    for (publisher, _) in &cameras {
        while publisher.demand().is_wanted() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        publisher.publish(jpeg.clone()).unwrap();
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(made().flatten().sum::<u64>(), 31, "nobody watches");
}
