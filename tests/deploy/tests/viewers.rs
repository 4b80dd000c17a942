//! One connection to a camera for any number of viewers, none without viewers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use deploy_tests::relay::{Fake, relay};
use interop_tests::browsers::picture::PALETTE;
use test_support::{Viewer, eventually};

#[test]
fn five_hundred_viewers_share_one_connection() {
    let camera = Fake::showing(PALETTE[0], 5);
    let relay = relay(&[camera.url()]);
    let picture = PALETTE[0].jpeg();
    let (seen, all_have_seen) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let watch = || {
            let mut viewer = Viewer::open(&relay.url("/cameras/1"));
            for number in 0..10 {
                let part = viewer.next(Duration::from_secs(20)).unwrap_or_else(|| panic!("no picture {number}"));
                assert_eq!(part.body(), picture.body());
            }
            seen.fetch_add(1, Ordering::Relaxed);
            while !all_have_seen.load(Ordering::Relaxed) {
                assert!(viewer.next(Duration::from_secs(20)).is_some());
            }
        };
        for _ in 0..VIEWERS {
            thread::Builder::new().stack_size(512 * 1024).spawn_scoped(scope, watch).unwrap();
        }
        let all = eventually(Duration::from_secs(30), || {
            (seen.load(Ordering::Relaxed) == VIEWERS).then(|| relay.state()["cameras"][0].clone())
        });
        all_have_seen.store(true, Ordering::Relaxed);
        assert_eq!(all.expect("each sees ten pictures")["hub"]["viewers"], VIEWERS);
    });
    assert_eq!(camera.times().len(), 1);
}

#[test]
fn connects_only_while_somebody_watches() {
    let camera = Fake::showing(PALETTE[0], 10);
    let relay = relay(&[camera.url()]);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(camera.times().len(), 0);
    assert_eq!(relay.state()["cameras"][0]["status"]["state"], "asleep");

    let mut viewer = Viewer::open(&relay.url("/cameras/1"));
    assert!(viewer.next(Duration::from_secs(10)).is_some());
    assert_eq!(camera.open(), 1);
    drop(viewer);
    let disconnected = Instant::now();
    // A reloaded page finds the camera running.
    thread::sleep(LINGER / 2);
    assert_eq!(camera.open(), 1);
    let mut viewer = Viewer::open(&relay.url("/cameras/1"));
    assert!(viewer.next(Duration::from_secs(10)).is_some());
    assert_eq!(camera.times().len(), 1);
    thread::sleep((disconnected + LINGER + Duration::from_secs(1)).saturating_duration_since(Instant::now()));
    assert_eq!(camera.open(), 1, "a viewer is connected again");

    drop(viewer);
    let disconnected = Instant::now();
    let closed = eventually(LINGER * 2, || (camera.open() == 0).then(|| disconnected.elapsed()));
    let closed = closed.expect("the connection closes");
    assert!(closed > LINGER - Duration::from_millis(100) && closed < LINGER + Duration::from_secs(3), "{closed:?}");
    relay.state_when(Duration::from_secs(1), |state| state["cameras"][0]["status"]["state"] == "asleep");

    let mut viewer = Viewer::open(&relay.url("/cameras/1"));
    let connected = eventually(Duration::from_secs(2), || (camera.open() == 1).then_some(()));
    assert!(connected.is_some());
    assert!(viewer.next(Duration::from_secs(2)).is_some());
}

const VIEWERS: usize = 500;
const LINGER: Duration = Duration::from_secs(10);
