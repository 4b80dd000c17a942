//! Faults of the broker: it is down, hangs, rejects the login, or has a lower limit. Each node keeps serving, reports
//! the problem, and reconnects.

use std::io::Write as _;
use std::net::TcpListener;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use deploy_tests::cluster::{Broker, CLUSTER, Kind, age, node, published};
use test_support::{Server, Viewer};

#[test]
#[ignore = "needs mosquitto and redis-server"]
fn nodes_reconnect_after_broker_restart() {
    Kind::each(|kind| {
        let broker = kind.start();
        let source = node(&broker, &["--publish", "10"]);
        let other = node(&broker, &[]);
        let [mut own, mut far] = [&source, &other].map(|node| Viewer::open(&node.url("/live")));
        let mut last = far.next(Duration::from_secs(5)).expect("a part");
        for _ in 0..10 {
            last = far.next(Duration::from_secs(5)).expect("the next part");
        }

        broker.signal("KILL");
        for node in [&source, &other] {
            let state = node.state_when(Duration::from_secs(10), |state| state["broker"] == false);
            assert!(state["problem"].as_str().unwrap().starts_with("the broker is unreachable: "), "{state}");
        }
        // The node of the source continues. The other shows its last part, also to new viewers.
        assert!(own.next_that(Duration::from_secs(10), |part| age(part) < Duration::from_millis(200)).is_some());
        while let Some(part) = far.next(Duration::from_secs(2)) {
            last = part;
        }
        let mut newcomer = Viewer::open(&other.url("/live"));
        assert_eq!(newcomer.next(Duration::from_secs(5)).as_ref().map(published), Some(published(&last)));

        let _broker = broker.again();
        let back = Instant::now();
        let mut before = published(&last);
        for viewer in [&mut far, &mut newcomer] {
            let part =
                viewer.next_that(Duration::from_secs(10), |part| published(part) > before).expect("a new picture");
            // No part from the time without a broker arrives first.
            assert!(age(&part) < Duration::from_secs(2), "{:?}", age(&part));
            before = published(&last);
        }
        eprintln!("{kind:?}: shown again {:?} after the broker was back", back.elapsed());
        for node in [&source, &other] {
            node.state_when(Duration::from_secs(10), |state| state["broker"] == true && state["problem"].is_null());
        }
        let mut newest = Duration::ZERO;
        for _ in 0..20 {
            let time = published(&far.next(Duration::from_secs(10)).unwrap());
            assert!(time >= newest, "the time never decreases");
            newest = time;
        }
    });
}

#[test]
#[ignore = "needs mosquitto and redis-server"]
fn hanging_broker_is_noticed_and_blocks_no_viewer() {
    Kind::each(|kind| {
        let broker = kind.start();
        let source = node(&broker, &["--publish", "50"]);
        let other = node(&broker, &[]);
        other.state_when(Duration::from_secs(5), |state| state["received"].as_u64().unwrap() > 10);
        let mut own = Viewer::open(&source.url("/live"));
        broker.signal("STOP");
        let start = Instant::now();
        let mut ages = Vec::new();
        while start.elapsed() < Duration::from_secs(20) {
            let part = own.next(Duration::from_secs(10)).expect("viewers of the source's node continue");
            ages.push(age(&part));
        }
        ages.sort_unstable();
        assert!(ages[ages.len() / 2] < Duration::from_millis(500) && ages.len() > 200, "{ages:?}");
        for node in [&source, &other] {
            let state = node.state();
            assert_eq!(state["broker"], false, "{state}\n{}", node.log());
        }
        broker.signal("CONT");
        // The pauses have grown to 8 seconds by then.
        other.state_when(Duration::from_secs(20), |state| {
            state["transit"].as_f64().unwrap() < 1.0 && state["broker"] == true
        });
        let mut far = Viewer::open(&other.url("/live"));
        let part = far.next_that(Duration::from_secs(5), |part| age(part) < Duration::from_millis(500));
        assert!(part.is_some());
    });
}

#[test]
#[ignore = "needs mosquitto"]
fn part_above_broker_limit_stays_local_and_is_logged() {
    let broker = Broker::start("max_packet_size 5000");
    let source = node(&broker, &["--publish", "10"]);
    let other = node(&broker, &[]);
    let state = source.state_when(Duration::from_secs(5), |state| state["problem"].is_string());
    let problem = state["problem"].as_str().unwrap();
    assert!(
        problem.starts_with("a part of ") && problem.ends_with(" stays on this node: the broker accepts at most 5000"),
        "{problem}"
    );
    let mut own = Viewer::open(&source.url("/live"));
    for _ in 0..10 {
        assert!(own.next(Duration::from_secs(1)).is_some());
    }
    let state = source.state();
    assert_eq!((&state["broker"], &state["sent"]), (&true.into(), &0.into()), "{state}\n{}", source.log());
    assert_eq!(other.state()["received"], 0);
    // It is logged once.
    assert_eq!(source.log().matches("stays on this node").count(), 1, "{}", source.log());
}

#[test]
#[ignore = "needs mosquitto"]
fn rejected_login_backs_off_and_leaks_no_password() {
    let access = "user reader\ntopic read mixed-replace/#\nuser writer\ntopic write mixed-replace/#\n";
    let broker = Broker::for_users(&["reader:s3cret", "writer:s3cret"], access);
    let as_user = |login: &str, arguments: &[&str]| {
        Server::start(CLUSTER, &[&["--broker", broker.url(login).as_str()], arguments].concat())
    };
    let wrong = as_user("reader:gue55@", &[]);
    let state = wrong.state_when(Duration::from_secs(5), |state| state["problem"].is_string());
    assert_eq!(state["problem"], "the broker refuses the connection: NotAuthorized");
    assert!(!format!("{state}{}", wrong.log()).contains("gue55"));

    let reader = as_user("reader:s3cret@", &[]);
    let writer = as_user("writer:s3cret@", &["--publish", "10"]);
    let mut viewer = Viewer::open(&reader.url("/live"));
    assert!(viewer.next(Duration::from_secs(5)).is_some(), "{}", reader.log());
    let intruder = as_user("reader:s3cret@", &["--publish", "10"]);
    // mosquitto does not report dropped messages.
    intruder.state_when(Duration::from_secs(10), |state| state["sent"].as_u64().unwrap() > 10);
    assert!(reader.state()["problem"].is_null(), "{}", reader.state());
    drop(writer);
}

#[test]
#[ignore = "needs redis-server"]
fn rejected_redis_password_is_reported_and_not_leaked() {
    let broker = Broker::redis_with_password("s3cret");
    for login in [":gue55@", ""] {
        let wrong = Server::start(CLUSTER, &["--broker", &broker.url(login)]);
        let state = wrong.state_when(Duration::from_secs(5), |state| state["problem"].is_string());
        let problem = state["problem"].as_str().unwrap();
        assert!(problem.starts_with("the broker refuses the connection: "), "{problem}");
        assert!(!format!("{state}{}", wrong.log()).contains("gue55"));
    }
    let source = Server::start(CLUSTER, &["--broker", &broker.url(":s3cret@"), "--publish", "10"]);
    source.state_when(Duration::from_secs(5), |state| state["sent"].as_u64().is_some_and(|sent| sent > 5));
}

#[test]
fn closed_connections_back_off() {
    // A CONNACK of MQTT 5 with success and no properties, or nothing.
    for mut times in [&[0x20, 3, 0, 0, 0][..], &[]].map(connections).map(JoinHandle::join).map(Result::unwrap) {
        assert!((4..=8).contains(&times.len()), "{times:?}");
        let last = times.pop().unwrap() - times.pop().unwrap();
        assert!(last > Duration::from_secs(2), "the pauses grow: {last:?}");
    }
}

/// Returns the times at which a node connects to a broker that sends this response and closes the connection.
fn connections(answer: &'static [u8]) -> JoinHandle<Vec<Duration>> {
    spawn(move || {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("mqtt://{}", listener.local_addr().expect("an address"));
        let _node = Server::start(CLUSTER, &["--broker", &url, "--publish", "10"]);
        listener.set_nonblocking(true).expect("a socket");
        let start = Instant::now();
        let mut times = Vec::new();
        while start.elapsed() < Duration::from_secs(14) {
            if let Ok((mut socket, _)) = listener.accept() {
                times.push(start.elapsed());
                socket.set_nonblocking(false).expect("a socket");
                socket.write_all(answer).expect("a node that reads");
                sleep(Duration::from_millis(50));
            }
            sleep(Duration::from_millis(5));
        }
        times
    })
}
