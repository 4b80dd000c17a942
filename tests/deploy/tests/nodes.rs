//! A part published on one node reaches the viewers of every node.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use deploy_tests::cluster::{Broker, Kind, age, node, published};
use test_support::{Viewer, eventually};

#[test]
#[ignore = "needs mosquitto and redis-server"]
fn part_reaches_viewers_of_every_node_at_once() {
    for kind in Kind::ALL {
        let broker = kind.start();
        let source = node(&broker, &["--publish", "25"]);
        let other = node(&broker, &[]);
        let mut viewer = Viewer::open(&other.url("/live"));
        assert!(viewer.next(Duration::from_secs(5)).is_some());
        let mut ages = Vec::new();
        let mut last = Duration::ZERO;
        for _ in 0..100 {
            let part = viewer.next(Duration::from_secs(5)).expect("the next part");
            assert!(published(&part) > last, "in order");
            last = published(&part);
            ages.push(age(&part));
        }
        ages.sort();
        eprintln!("{kind:?}: published on one node, read from the other: median {:?}, most {:?}", ages[50], ages[99]);
        assert!(ages[50] < Duration::from_millis(100), "{ages:?}");
        // The publishing node shows each part once.
        let state = source.state();
        assert_eq!(state["received"], 0, "{state}");
        let mut own = Viewer::open(&source.url("/live"));
        let part = own.next(Duration::from_secs(1)).unwrap();
        assert!(own.next(Duration::from_secs(1)).is_some_and(|next| published(&next) > published(&part)));
    }
}

#[test]
#[ignore = "needs mosquitto and redis-server"]
fn late_node_shows_last_part() {
    for kind in Kind::ALL {
        let broker = kind.start();
        let source = node(&broker, &["--publish", "0.01"]);
        // Once another node has the part, the broker has it too.
        let other = node(&broker, &[]);
        other.state_when(Duration::from_secs(5), |state| state["received"].as_u64().unwrap() > 0);
        let mut own = Viewer::open(&source.url("/live"));
        let part = own.next(Duration::from_secs(1)).unwrap();
        drop((own, source, other));
        sleep(Duration::from_secs(1));
        let late = node(&broker, &[]);
        let mut viewer = Viewer::open(&late.url("/live"));
        assert_eq!(viewer.next(Duration::from_secs(2)).as_ref().map(published), Some(published(&part)));
        // Its age does not measure the latency.
        assert!(late.state()["transit"].is_null(), "{}", late.state());
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn part_crosses_a_tree_of_brokers() {
    let root = Broker::start("");
    let branches = ["one", "two"].map(|name| Broker::bridged(&root, name));
    let source = node(&branches[0], &["--publish", "10"]);
    let far = node(&branches[1], &[]);
    let mut viewer = Viewer::open(&far.url("/live"));
    let part = viewer.next_that(Duration::from_secs(15), |part| age(part) < Duration::from_millis(500));
    assert!(part.is_some(), "{}", far.state());
    // No part returns to its source or arrives twice.
    let state = far.state_when(Duration::from_secs(5), |state| state["received"].as_u64().unwrap() > 20);
    assert_eq!(state["ignored"], 0);
    assert!(source.state()["ignored"].as_u64().unwrap() == 0 && source.state()["received"] == 0, "{}", source.state());
}

#[test]
#[ignore = "needs mosquitto, redis-server and ss"]
fn stalled_viewers_do_not_grow_the_broker_queue() {
    for kind in Kind::ALL {
        let broker = kind.start();
        let source = node(&broker, &["--publish", "50"]);
        let other = node(&broker, &[]);
        let address = other.url("/live");
        let host = address.trim_start_matches("http://").split('/').next().unwrap();
        let stalled: Vec<_> = (0..100)
            .map(|_| {
                let mut socket = TcpStream::connect(host).unwrap();
                write!(socket, "GET /live HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
                socket
            })
            .collect();
        other.state_when(Duration::from_secs(5), |state| state["hub"]["viewers"] == 100);
        let mut viewer = Viewer::open(&address);
        // Long enough for the stalled viewers to fill the system's buffers.
        sleep(Duration::from_secs(2));
        let before = other.state()["received"].as_u64().unwrap();
        let sent_before = source.state()["sent"].as_u64().unwrap();
        let mut most = 0;
        let mut ages = Vec::new();
        for nth in 0..150 {
            let part = viewer.next(Duration::from_secs(1)).expect("readers get every part");
            ages.push(age(&part));
            // `ss` takes longer than a part.
            if nth % 10 == 0 {
                most = most.max(broker.unsent());
            }
        }
        // Both are asked again and again: a delay passes, lost parts do not come back.
        let mut counts = (0, 0);
        let all = eventually(Duration::from_secs(5), || {
            // In this order, because parts come between the two answers.
            let sent = source.state()["sent"].as_u64().unwrap() - sent_before;
            counts = (other.state()["received"].as_u64().unwrap() - before, sent);
            (counts.0 + 5 >= sent).then_some(())
        });
        assert!(all.is_some(), "received and sent: {counts:?}");
        ages.sort();
        assert!(ages[75] < Duration::from_millis(100), "{ages:?}");
        // One or two parts may be in flight.
        assert!(most < 200_000, "{most} bytes wait at the broker");
        assert_eq!(other.state()["hub"]["viewers"], 101);
        drop(stalled);
    }
}

#[test]
#[ignore = "needs mosquitto and redis-server"]
fn reports_two_publishers_on_one_topic() {
    Kind::each(|kind| {
        let broker = kind.start();
        let [first, second] = [10, 10].map(|fps: u32| node(&broker, &["--publish", &fps.to_string()]));
        let other = node(&broker, &[]);
        for node in [&first, &second, &other] {
            let problem = "several nodes publish to this topic; stop all but one of them";
            node.state_when(Duration::from_secs(5), |state| state["problem"] == problem);
        }
        drop(second);
        for node in [&first, &other] {
            node.state_when(Duration::from_secs(15), |state| state["problem"].is_null());
        }
        // A restarted publisher does not count as a second one.
        let fresh = node(&broker, &[]);
        drop(first);
        let again = node(&broker, &["--publish", "10"]);
        let mixed = eventually(Duration::from_secs(3), || fresh.state()["problem"].as_str().map(str::to_owned));
        assert_eq!(mixed, None);
        assert!(again.state()["problem"].is_null());
    });
}

/// Stops a node for a while. The others do not notice, and it shows new pictures once it runs again.
#[test]
#[ignore = "needs mosquitto and redis-server"]
fn stopped_node_skips_to_the_latest_part_and_holds_up_no_other() {
    for kind in Kind::ALL {
        let broker = kind.start();
        let source = node(&broker, &["--publish", "50"]);
        let [good, slow] = [(); 2].map(|()| node(&broker, &[]));
        let [mut viewer, mut behind] = [&good, &slow].map(|node| Viewer::open(&node.url("/live")));
        assert!(behind.next(Duration::from_secs(5)).is_some());
        let before = good.state()["received"].as_u64().unwrap();
        slow.signal("STOP");
        let (started, mut ages) = (Instant::now(), Vec::new());
        while started.elapsed() < Duration::from_secs(6) {
            ages.push(age(&viewer.next(Duration::from_secs(1)).expect("the other node goes on")));
        }
        let received = good.state()["received"].as_u64().unwrap() - before;
        slow.signal("CONT");
        let started = Instant::now();
        let part = behind.next_that(Duration::from_secs(15), |part| age(part) < Duration::from_millis(500));
        assert!(part.is_some(), "{kind:?}: {}", slow.log());
        ages.sort();
        eprintln!(
            "{kind:?}: a node was stopped for 6 s. Another one received {received} parts, median age {:?}. The stopped one \
             shows new pictures after {:?}, connected {} times",
            ages[ages.len() / 2],
            started.elapsed(),
            slow.log().matches("connected to the broker").count()
        );
        assert!(ages[ages.len() / 2] < Duration::from_millis(100), "{kind:?}");
        assert!(source.state()["problem"].is_null());
    }
}
