//! Three nodes in a row and one camera.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use mixed_replace::{Hub, Hubs, Live, Part, hub};
use serde_json::Value;
use test_support::{Program, Server, Viewer, eventually, get};

const EDGE: Program = Program::Package("edge");

/// The origin: a camera on demand whose parts say when they were published.
struct Origin {
    url: String,
    hub: Hub,
    /// The number of times that the camera was started, and whether it runs.
    starts: Arc<AtomicUsize>,
    runs: Arc<AtomicBool>,
    _runtime: tokio::runtime::Runtime,
}

impl Origin {
    fn start(period: Duration) -> Self {
        let (publisher, hub) = hub::builder().linger(Duration::from_secs(1)).build();
        let (starts, runs) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, running) = (Arc::clone(&starts), Arc::clone(&runs));
        spawn(move || {
            let demand = publisher.demand();
            while demand.blocking_wanted() {
                count.fetch_add(1, Ordering::SeqCst);
                running.store(true, Ordering::SeqCst);
                while demand.is_wanted() {
                    let mut picture = include_bytes!("../../../src/picture/dot.jpg").to_vec();
                    picture.resize(50_000, 0);
                    drop(publisher.publish(Part::jpeg(picture).unwrap().captured_at(SystemTime::now())));
                    sleep(period);
                }
                running.store(false, Ordering::SeqCst);
            }
        });
        let cameras = Hubs::new();
        cameras.insert("yard 1", hub.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let app = Router::new().nest_service("/cameras", Live::by_name(cameras));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/cameras", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { url, hub, starts, runs, _runtime: runtime }
    }
}

fn node(listen: &str, upstream: &str) -> Server {
    Server::start(EDGE, &["--listen", listen, "--upstream", upstream])
}

/// Returns the number of viewers of a camera at a node.
fn viewers(node: &Server) -> u64 {
    let (_, body) = get(&node.url("/cameras"));
    let list: Value = serde_json::from_slice(&body).unwrap();
    list.as_array().unwrap().iter().map(|camera| camera["viewers"].as_u64().unwrap()).sum()
}

fn age(part: &Part) -> Duration {
    part.captured().unwrap().elapsed().unwrap_or_default()
}

#[test]
fn three_levels_take_one_connection_each_and_let_the_camera_sleep() {
    let origin = Origin::start(Duration::from_millis(40));
    let one = node("127.0.0.1:0", &origin.url);
    let two = node("127.0.0.1:0", &one.url("/cameras"));
    let three = node("127.0.0.1:0", &two.url("/cameras"));
    sleep(Duration::from_millis(500));
    assert_eq!((origin.starts.load(Ordering::SeqCst), origin.hub.stats().viewers_peak), (0, 0));

    let path = "/cameras/yard%201";
    let mut watching: Vec<_> = (0..20).map(|_| Viewer::open(&three.url(path))).collect();
    watching.extend((0..5).map(|_| Viewer::open(&one.url(path))));
    for viewer in &mut watching {
        assert!(viewer.next(Duration::from_secs(10)).is_some());
    }
    assert_eq!([&one, &two, &three].map(viewers), [6, 1, 20]);
    assert_eq!((origin.hub.stats().viewers, origin.hub.stats().viewers_peak), (1, 1));
    assert_eq!(origin.starts.load(Ordering::SeqCst), 1);

    drop(watching);
    // Each level notices after its linger, and the next after that.
    let asleep = eventually(Duration::from_secs(40), || (!origin.runs.load(Ordering::SeqCst)).then_some(()));
    assert!(asleep.is_some(), "the camera sleeps when nobody watches: {:?}", origin.hub.stats());
    let mut again = Viewer::open(&three.url(path));
    // The last picture comes first.
    assert!(again.next_that(Duration::from_secs(10), |part| age(part) < Duration::from_secs(1)).is_some());
    assert_eq!(origin.starts.load(Ordering::SeqCst), 2);
}

#[test]
fn killed_node_comes_back_and_viewers_go_on() {
    let origin = Origin::start(Duration::from_millis(40));
    let one = node("127.0.0.1:0", &origin.url);
    let two = node("127.0.0.1:0", &one.url("/cameras"));
    let address = two.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let three = node("127.0.0.1:0", &two.url("/cameras"));
    let mut viewer = Viewer::open(&three.url("/cameras/yard%201"));
    assert!(viewer.next(Duration::from_secs(10)).is_some());
    two.signal("KILL");
    drop(two);
    while viewer.next(Duration::from_millis(500)).is_some() {}
    let started = Instant::now();
    let two = node(&address, &one.url("/cameras"));
    let next = viewer.next_that(Duration::from_secs(15), |part| age(part) < Duration::from_secs(1));
    assert!(next.is_some(), "{}", three.log());
    println!("pictures again {:?} after the restart of the node in the middle", started.elapsed());
    assert_eq!((viewers(&two), viewers(&three)), (1, 1));
}

#[test]
fn unknown_camera_is_a_404_at_the_origin_and_silent_at_the_edge() {
    let origin = Server::start(EDGE, &["--listen", "127.0.0.1:0"]);
    let edge = node("127.0.0.1:0", &origin.url("/cameras"));
    let (head, body) = get(&origin.url("/cameras/roof?snapshot"));
    assert!(head.contains(" 404 ") && body == b"no hub has this name", "{head}");
    let (head, _) = get(&edge.url("/cameras/roof?snapshot"));
    assert!(head.contains(" 503 "), "{head}");
    let mut test = Viewer::open(&edge.url("/cameras/test"));
    assert!(test.next(Duration::from_secs(10)).is_some());
}

/// Prints the median age of parts at each level: `cargo test --release -p edge -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn latency_of_each_level() {
    let origin = Origin::start(Duration::from_millis(40));
    let one = node("127.0.0.1:0", &origin.url);
    let two = node("127.0.0.1:0", &one.url("/cameras"));
    let three = node("127.0.0.1:0", &two.url("/cameras"));
    let path = "/cameras/yard%201";
    let direct = format!("{}/yard%201", origin.url);
    let levels = [direct, one.url(path), two.url(path), three.url(path)];
    let threads = levels.map(|url| {
        spawn(move || {
            let mut viewer = Viewer::open(&url);
            let mut ages: Vec<_> = (0..300).map(|_| age(&viewer.next(Duration::from_secs(10)).unwrap())).collect();
            ages.drain(..50);
            ages.sort();
            (ages[ages.len() / 2], ages[ages.len() * 95 / 100])
        })
    });
    let ages = threads.map(|thread| thread.join().unwrap());
    for (level, (median, most)) in ages.iter().enumerate() {
        println!("level {level}: median {median:?}, 95 % {most:?}");
    }
    let added = ages[3].0.saturating_sub(ages[0].0) / 3;
    println!("each level adds {added:?}");
    // 0.6 ms on a quiet machine. A level that waited for the next picture would add 40 ms.
    assert!(added < Duration::from_millis(20), "{added:?}");
}
