//! Cameras that stall, drip bytes, vanish or cannot be reached.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use browser_tests::picture::PALETTE;
use relay_tests::{Fake, camera, relay};
use socket2::{Domain, Socket, Type};
use test_support::net::free_port;
use test_support::{Viewer, eventually, get};

#[test]
fn reconnects_after_15_seconds_without_a_picture() {
    // The first two stop after a picture.
    let stalls = Fake::start(|connection| {
        if connection.number > 0 {
            return connection.stream(PALETTE[0], 5);
        }
        connection.begin("")?;
        connection.picture(PALETTE[0])?;
        connection.hang()
    });
    let drips = Fake::start(|connection| {
        connection.begin("")?;
        connection.picture(PALETTE[1])?;
        let picture = PALETTE[1].jpeg();
        connection.write(format!("Content-Length: {}\r\n\r\n", picture.body().len()))?;
        for byte in picture.body() {
            connection.write([*byte])?;
            sleep(Duration::from_secs(1));
        }
        Ok(())
    });
    let silent = Fake::start(relay_tests::Connection::hang);
    let (_hole, unreachable) = black_hole();
    let hangs = camera(free_port(), &["--fps", "5"]);
    let cameras = [stalls.url(), drips.url(), silent.url(), unreachable, hangs.url("/stream")];
    let relay = relay(&cameras);
    let state = |camera: usize| relay.state()["cameras"][camera].clone();

    let mut viewers = [1, 2, 3, 4, 5].map(|number| Viewer::open(&relay.url(&format!("/cameras/{number}"))));
    let begin = Instant::now();
    for camera in [0, 1, 4] {
        assert!(viewers[camera].next(Duration::from_secs(5)).is_some());
    }
    hangs.signal("STOP");
    let last = viewers[0].next(Duration::ZERO);
    assert!(last.is_none(), "only one picture");

    // Viewers see the last picture for 5 seconds, then "no signal".
    let (_, no_signal) = get(&relay.url("/no-signal"));
    let shown = viewers[0].next_that(Duration::from_secs(8), |part| part.body() == &no_signal);
    assert!(shown.is_some());
    let silence = begin.elapsed();
    assert!(silence > Duration::from_millis(4500) && silence < Duration::from_secs(8), "{silence:?}");
    for viewer in &mut viewers[1..] {
        assert!(viewer.next_that(Duration::from_secs(3), |part| part.body() == &no_signal).is_some());
    }

    // The status changes after 15 seconds.
    sleep((begin + Duration::from_secs(14)).saturating_duration_since(Instant::now()));
    for (camera, expected) in [(0, "live"), (1, "live"), (2, "connecting"), (3, "connecting"), (4, "live")] {
        let state = state(camera);
        assert_eq!((state["state"].as_str(), state["connections"].as_u64()), (Some(expected), Some(1)), "{state}");
    }
    for camera in 0..5 {
        let given_up = |state: &serde_json::Value| {
            state["cameras"][camera]["connections"] == 2 || state["cameras"][camera]["problem"].is_string()
        };
        relay.state_when(Duration::from_secs(4), given_up);
    }
    // The first camera has recovered.
    let green = viewers[0].next_that(Duration::from_secs(3), |part| part.body() == PALETTE[0].jpeg().body());
    assert!(green.is_some());
    assert!(state(0)["problem"].is_null(), "{}", state(0));
    for camera in [2, 3] {
        assert_eq!(state(camera)["problem"], "no picture for 15 seconds");
    }
    let log = relay.log();
    assert_eq!(log.matches("no picture for 15 seconds").count(), 5, "{log}");
    for (camera, at_least) in [(&stalls, 2), (&drips, 2), (&silent, 2)] {
        let times = eventually(Duration::from_secs(2), || Some(camera.times()).filter(|times| times.len() >= at_least));
        let pause = times.map(|times| times[1] - times[0]).unwrap().as_secs_f64();
        assert!((15.0..17.0).contains(&pause), "{pause}");
    }

    hangs.signal("CONT");
    let mut last = viewers.into_iter().next_back().unwrap();
    let back = last.next_that(Duration::from_secs(10), |part| part.body() != &no_signal);
    assert!(back.is_some(), "{}", relay.log());
}

#[test]
fn pauses_grow_and_differ_between_cameras() {
    let cameras = [0, 1, 2].map(|_| Fake::start(|_| Ok(())));
    let relay = relay(&cameras.each_ref().map(Fake::url));
    let _viewers = [1, 2, 3].map(|number| Viewer::open(&relay.url(&format!("/cameras/{number}"))));
    sleep(Duration::from_secs(8));
    let pauses = cameras.each_ref().map(|camera| -> Vec<f64> {
        camera.times().windows(2).map(|times| (times[1] - times[0]).as_secs_f64()).collect()
    });
    for pauses in &pauses {
        assert!(pauses.len() >= 4, "{pauses:?}");
        for (pause, most) in pauses.iter().zip([0.5, 1.0, 2.0, 4.0]) {
            assert!((most / 2.0..most + 0.3).contains(pause), "{pauses:?}");
        }
    }
    let apart = (pauses[0][3] - pauses[1][3]).abs().max((pauses[0][3] - pauses[2][3]).abs());
    assert!(apart > 0.02, "{pauses:?}");
    let state = relay.state();
    assert_eq!(state["cameras"][0]["state"], "lost");
    assert!(state["cameras"][0]["again_in"].as_f64().is_some());
}

#[test]
fn reports_why_a_camera_cannot_be_reached() {
    let away = format!("http://127.0.0.1:{}/", free_port());
    let unknown = "http://no-such-camera.invalid/".to_owned();
    let relay = relay(&[away, unknown]);
    let _viewers = [1, 2].map(|number| Viewer::open(&relay.url(&format!("/cameras/{number}"))));
    let state = relay.state_when(Duration::from_secs(12), |state| {
        state["cameras"].as_array().unwrap().iter().all(|camera| camera["problem"].is_string())
    });
    let problem = |camera: usize| state["cameras"][camera]["problem"].as_str().unwrap().to_owned();
    assert!(problem(0).starts_with("Connection refused"), "{state}");
    assert!(problem(1).contains("lookup"), "{state}");
    // Each is logged once.
    sleep(Duration::from_secs(2));
    let said = relay.log().lines().filter(|line| line.contains("efused") || line.contains("lookup")).count();
    assert_eq!(said, 2, "{}", relay.log());
}

/// Returns an address whose backlog is full, so that it accepts no connection.
fn black_hole() -> (Vec<Socket>, String) {
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let listener = socket();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    listener.listen(0).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let mut sockets = vec![listener];
    for _ in 0..4 {
        let client = socket();
        client.set_nonblocking(true).expect("a socket");
        // Stays in progress.
        let _ = client.connect(&address);
        sockets.push(client);
    }
    sleep(Duration::from_millis(100));
    (sockets, format!("http://{}/", address.as_socket().expect("an address of a port")))
}
