//! Hubs by name: made by their first viewer, dropped when nobody uses them.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mixed_replace::hub::Activity;
use mixed_replace::hubs::{InsertError, InvalidName, OpenError, Unknown};
use mixed_replace::{Hubs, Part, Publisher, Wire, hub, hubs};

/// The publishers that a source was called with.
#[derive(Clone, Default)]
struct Sources(Arc<Mutex<Vec<Publisher>>>);

impl Sources {
    /// Returns a configuration whose source knows the names that begin with "cam".
    fn builder(&self) -> hubs::Builder {
        let this = self.clone();
        Hubs::builder().source(move |name, publisher| {
            if !name.starts_with("cam") {
                return Err(Unknown.into());
            }
            publisher.publish(Part::text(name.to_owned())?)?;
            this.0.lock().unwrap().push(publisher);
            Ok(())
        })
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn end(&self) {
        self.0.lock().unwrap().clear();
    }
}

fn eventually(what: &str, is: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !is() {
        assert!(Instant::now() < until, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn first_viewers_start_one_source() {
    let calls = Arc::new(AtomicUsize::new(0));
    let (count, kept) = (Arc::clone(&calls), Mutex::new(Vec::new()));
    let hubs = Hubs::builder().source(move |_, publisher| {
        count.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(50));
        kept.lock().unwrap().push(publisher);
        Ok(())
    });
    let hubs = hubs.build();
    let start = Barrier::new(16);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                start.wait();
                assert!(!hubs.open("yard").unwrap().is_closed());
            });
        }
    });
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn unknown_and_failed_sources_leave_no_name() {
    let sources = Sources::default();
    let hubs = sources.builder().build();
    assert!(matches!(hubs.open("roof"), Err(OpenError::Unknown)));
    let failing = Hubs::builder().source(|_, _| Err("rtsp://admin:secret@10.0.0.7 is unreachable".into())).build();
    let error = failing.open("roof").unwrap_err();
    assert_eq!(error.to_string(), "the source cannot be started");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("unreachable"));
    assert!(matches!(Hubs::new().open("roof"), Err(OpenError::Unknown)), "there is no source");
    assert_eq!((hubs.names(), failing.names()), (vec![], vec![]));
}

#[test]
fn panic_of_a_source_frees_its_name() {
    let calls = AtomicUsize::new(0);
    let hubs = Hubs::builder().source(move |_, publisher| {
        assert!(calls.fetch_add(1, Ordering::SeqCst) > 0, "the first call");
        std::mem::forget(publisher);
        Ok(())
    });
    let hubs = hubs.build();
    let other = hubs.clone();
    assert!(thread::spawn(move || other.open("yard").map(drop)).join().is_err());
    assert!(hubs.open("yard").is_ok());
}

#[test]
fn ended_source_is_started_again_by_the_next_viewer() {
    let sources = Sources::default();
    let hubs = sources.builder().build();
    let first = hubs.open("cam1").unwrap();
    sources.end();
    assert!(first.is_closed());
    assert_eq!(hubs.list()[0].activity, Activity::Ended);
    assert!(!hubs.open("cam1").unwrap().is_closed());
    assert_eq!((sources.len(), hubs.names()), (1, vec!["cam1".to_owned()]));
}

#[test]
fn idle_hub_is_dropped_and_watched_one_is_kept() {
    let sources = Sources::default();
    let hubs = sources.builder().idle(Duration::from_millis(200)).build();
    let (_publisher, inserted) = hub::channel();
    hubs.insert("cam9", inserted).unwrap();
    let watched = hubs.open("cam1").unwrap();
    let viewer = watched.subscribe(Wire::Machine).unwrap();
    let idle = hubs.open("cam2").unwrap();
    // Which ends its source.
    eventually("the idle hub is dropped", || hubs.names() == ["cam1", "cam9"] && idle.is_closed());
    thread::sleep(Duration::from_millis(600));
    assert_eq!(hubs.names(), ["cam1", "cam9"]);
    assert!(!watched.is_closed());
    drop(viewer);
    eventually("it is dropped without viewers", || hubs.names() == ["cam9"] && watched.is_closed());
}

#[test]
fn idle_time_counts_from_the_last_use() {
    let sources = Sources::default();
    let hubs = sources.builder().idle(Duration::from_secs(2)).build();
    for _ in 0..12 {
        assert!(!hubs.open("cam1").unwrap().is_closed());
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(sources.len(), 1);
}

#[test]
fn full_set_rejects_new_names_only() {
    let sources = Sources::default();
    let hubs = sources.builder().max(2).build();
    hubs.open("cam1").unwrap();
    hubs.open("cam2").unwrap();
    let error = hubs.open("cam3").unwrap_err();
    assert_eq!(error.to_string(), "too many hubs, at most 2 are allowed");
    let (_publisher, hub) = hub::channel();
    assert!(matches!(hubs.insert("cam3", hub.clone()), Err(InsertError::Full { max: 2, .. })));
    assert!(hubs.open("cam1").is_ok());
    let replaced = hubs.insert("cam1", hub).unwrap().unwrap();
    assert!(replaced.is_closed(), "a made hub that is replaced has no name, so its source ends");
    assert!(hubs.remove("cam2").unwrap().is_closed());
    assert!(!hubs.remove("cam1").unwrap().is_closed(), "an inserted hub stays open");
    assert!(hubs.open("cam3").is_ok());
}

#[test]
fn closed_set_ends_all_hubs_and_opens_none() {
    let sources = Sources::default();
    let hubs = sources.builder().build();
    let (publisher, hub) = hub::channel();
    hubs.insert("door", hub.clone()).unwrap();
    let made = hubs.open("cam1").unwrap();
    hubs.close();
    assert!(made.is_closed() && publisher.is_closed() && hubs.names().is_empty());
    assert!(matches!(hubs.open("cam1"), Err(OpenError::Closed)));
    assert_eq!(hubs.insert("door", hub).unwrap_err(), InsertError::Closed);
}

#[test]
fn dropped_set_ends_its_sources() {
    let sources = Sources::default();
    let hubs = sources.builder().build();
    let made = hubs.open("cam1").unwrap();
    drop(hubs);
    assert!(made.is_closed());
}

#[test]
fn names_are_one_path_segment() {
    let hubs = Sources::default().builder().build();
    let long = "cam".repeat(37);
    for (name, error) in [
        ("", InvalidName::Empty),
        (".", InvalidName::Dots),
        ("..", InvalidName::Dots),
        ("cam/1", InvalidName::Char('/')),
        ("cam\r\nSet-Cookie: a", InvalidName::Char('\r')),
        ("cam\0", InvalidName::Char('\0')),
        ("cam\u{85}", InvalidName::Char('\u{85}')),
    ] {
        assert!(matches!(hubs.open(name), Err(OpenError::InvalidName(other)) if other == error), "{name:?}");
        let (_publisher, hub) = hub::channel();
        assert_eq!(hubs.insert(name, hub).unwrap_err(), InsertError::InvalidName(error));
    }
    let error = hubs.open(&long).unwrap_err();
    assert_eq!(error.to_string(), "invalid name: is longer than 109 bytes, percent-encoded");
    for name in ["cam", "cam...", "cam 1", "cam%2f", "camära", &long[..109]] {
        assert!(hubs.open(name).is_ok(), "{name}");
    }
}

#[test]
fn source_may_use_the_set() {
    let slot: Arc<Mutex<Option<Hubs>>> = Arc::default();
    let inner = Arc::clone(&slot);
    let hubs = Hubs::builder().source(move |name, publisher| {
        let hubs = inner.lock().unwrap().clone();
        if let Some(hubs) = hubs.filter(|_| name == "both") {
            hubs.open("one")?;
            assert_eq!(hubs.names().len(), 2);
        }
        std::mem::forget(publisher);
        Ok(())
    });
    let hubs = hubs.build();
    *slot.lock().unwrap() = Some(hubs.clone());
    assert!(hubs.open("both").is_ok());
    *slot.lock().unwrap() = None;
}
