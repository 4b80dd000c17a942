//! Loom models of a set of hubs. Timers do not fire, so the models sweep.

use std::sync::Arc;
use std::time::{Duration, Instant};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::{model, thread};

use super::error::OpenError;
use super::handle::Hubs;
use crate::clock::Timed as _;
use crate::hub::{self, Publisher};
use crate::part::Part;
use crate::sync::Mutex;
use crate::wire::Wire;

/// Hubs that are dropped at the first sweep without a viewer, and the publishers that the source was called with.
fn hubs() -> (Hubs, Arc<Mutex<Vec<Publisher>>>) {
    let publishers = Arc::new(Mutex::new(Vec::new()));
    let source = Arc::clone(&publishers);
    let hubs =
        Hubs::builder().hub(hub::builder().keep_alive_interval(None).linger(Duration::ZERO)).idle(Duration::ZERO);
    let hubs = hubs.source(move |_, publisher| {
        publisher.publish(Part::text("on")?)?;
        source.lock().unwrap().push(publisher);
        Ok(())
    });
    (hubs.build(), publishers)
}

#[test]
fn concurrent_first_viewers_start_one_source() {
    model(|| {
        let (hubs, publishers) = hubs();
        let other = hubs.clone();
        let viewer =
            thread::spawn(move || other.with("yard", |member| member.hub().subscribe(Wire::Script)).unwrap().unwrap());
        let one = hubs.with("yard", |member| member.hub().subscribe(Wire::Script)).unwrap().unwrap();
        let two = viewer.join().unwrap();
        assert_eq!(publishers.lock().unwrap().len(), 1);
        drop((one, two));
    });
}

#[test]
fn failed_source_fails_or_restarts_for_each_viewer() {
    model(|| {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let hubs = Hubs::builder().source(move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            Err("no camera".into())
        });
        let hubs = hubs.build();
        let other = hubs.clone();
        let viewer = thread::spawn(move || assert!(matches!(other.open("yard"), Err(OpenError::Source(_)))));
        assert!(matches!(hubs.open("yard"), Err(OpenError::Source(_))));
        viewer.join().unwrap();
        assert_eq!((calls.load(Ordering::SeqCst), hubs.names().len()), (2, 0));
    });
}

#[test]
fn viewer_that_comes_while_the_last_one_leaves_is_not_ended() {
    model(|| {
        let (hubs, publishers) = hubs();
        let last = hubs.with("yard", |member| member.hub().subscribe(Wire::Script)).unwrap().unwrap();
        let timer = hubs.clone();
        let leaves = thread::spawn(move || {
            drop(last);
            timer.shared.tick(Instant::now());
        });
        let (hub, viewer) =
            hubs.with("yard", |member| (member.hub().clone(), member.hub().subscribe(Wire::Script).unwrap())).unwrap();
        leaves.join().unwrap();
        Arc::clone(&hubs.shared).tick(Instant::now());
        assert!(!hub.is_closed(), "it has a viewer");
        drop(viewer);
        Arc::clone(&hubs.shared).tick(Instant::now());
        assert!(hub.is_closed() && hubs.names().is_empty());
        assert!(publishers.lock().unwrap().iter().all(Publisher::is_closed));
    });
}

#[test]
fn ended_source_is_started_once_by_concurrent_viewers() {
    model(|| {
        let (hubs, publishers) = hubs();
        hubs.open("yard").unwrap();
        publishers.lock().unwrap().clear();
        let other = hubs.clone();
        let viewer = thread::spawn(move || assert!(!other.open("yard").unwrap().is_closed()));
        assert!(!hubs.open("yard").unwrap().is_closed());
        viewer.join().unwrap();
        assert_eq!(publishers.lock().unwrap().len(), 1);
    });
}
