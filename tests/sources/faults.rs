//! Cameras that stall, drip bytes, vanish or cannot be reached, and viewers that come and leave.

use std::net::TcpListener;
use std::thread::sleep;
use std::time::{Duration, Instant};

use futures::future::join_all;
use mixed_replace::source::{self, Status};
use mixed_replace::{Part, hub};
use socket2::{Domain, Socket, Type};

use crate::support::{Connection, Fake, SOON, pictures, watch};

#[tokio::test]
async fn camera_without_a_picture_in_time_is_opened_again() {
    // Each shows no picture, or one.
    let stalls = Fake::start(|connection| {
        connection.begin("")?;
        connection.picture()?;
        connection.hang()
    });
    let drips = Fake::start(|connection| {
        connection.begin("")?;
        connection.picture()?;
        connection.write(format!("Content-Length: {}\r\n\r\n", pictures()[0].len()))?;
        for byte in &pictures()[0] {
            connection.write([*byte])?;
            sleep(Duration::from_millis(100));
        }
        Ok(())
    });
    let silent = Fake::start(Connection::hang);
    join_all([stalls, drips, silent].map(async |camera| {
        let no_signal = Part::jpeg(pictures()[1].clone()).unwrap();
        let builder = hub::builder().stale_after(Duration::from_millis(500), no_signal);
        let mut watched = watch!(source::http(&camera.url()).unwrap().timeout(Duration::from_secs(2)), builder);
        watched.sees(&pictures()[1], SOON).await;
        assert_eq!(watched.error(SOON).await.to_string(), "no picture for 2s");
        let begin = Instant::now();
        while camera.times().len() < 2 {
            assert!(begin.elapsed() < SOON);
            let _ = watched.next(Duration::from_millis(20)).await;
        }
        let times = camera.times();
        let apart = (times[1] - times[0]).as_secs_f64();
        assert!((2.0..4.0).contains(&apart), "{apart}");
        // A camera notices it at its next byte.
        while !camera.ended(0) {
            assert!(begin.elapsed() < SOON, "the first connection is closed");
            let _ = watched.next(Duration::from_millis(20)).await;
        }
    }))
    .await;
}

#[tokio::test]
async fn host_that_does_not_answer_is_given_up() {
    let (_hole, url) = black_hole();
    let mut watched = watch!(source::http(&url).unwrap().timeout(Duration::from_secs(1)));
    assert_eq!(watched.error(SOON).await.to_string(), "no picture for 1s");
}

#[tokio::test]
async fn pauses_grow_and_differ_between_sources() {
    let cameras = [0, 1, 2].map(|_| Fake::start(|_| Ok(())));
    let mut watched = cameras.each_ref().map(|camera| {
        let (first, longest) = (Duration::from_millis(200), Duration::from_millis(800));
        watch!(source::http(&camera.url()).unwrap().pauses(first, longest))
    });
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(5) {
        for watched in &mut watched {
            let _ = watched.next(Duration::from_millis(10)).await;
        }
    }
    let pauses = cameras.each_ref().map(|camera| -> Vec<f64> {
        camera.times().windows(2).map(|times| (times[1] - times[0]).as_secs_f64()).collect()
    });
    for pauses in &pauses {
        assert!(pauses.len() >= 4, "{pauses:?}");
        for (pause, most) in pauses.iter().zip([0.2, 0.4, 0.8, 0.8]) {
            assert!((most / 2.0..most + 1.0).contains(pause), "{pauses:?}");
        }
    }
    let apart = (pauses[0][2] - pauses[1][2]).abs().max((pauses[0][2] - pauses[2][2]).abs());
    assert!(apart > 0.002, "{pauses:?}");
}

#[tokio::test]
async fn error_says_why_a_camera_cannot_be_reached() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut watched = watch!(source::http(&format!("http://127.0.0.1:{port}/")).unwrap());
    let error = watched.error(SOON).await;
    assert!(error.to_string().starts_with("Connection refused") && !error.is_permanent(), "{error}");
    let mut watched = watch!(source::http("http://no-such-camera.invalid/").unwrap());
    let error = watched.error(SOON).await.to_string();
    assert!(error.contains("lookup"), "{error}");
}

#[tokio::test]
async fn source_is_open_only_while_somebody_watches() {
    let camera = Fake::showing(20);
    let builder = || hub::builder().linger(Duration::from_secs(1));
    let mut watched = watch!(source::http(&camera.url()).unwrap(), builder());
    watched.leave();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((camera.times().len(), watched.monitor.status()), (0, Status::Asleep));
    for connections in 1..=2 {
        // The viewer sees the hub's last picture before the camera's next one.
        watched.come();
        watched.until(SOON, |status| *status == Status::Live).await;
        assert_eq!((camera.open(), camera.times().len()), (1, connections));
        // A reloaded page finds the camera running.
        watched.leave();
        tokio::time::sleep(Duration::from_millis(300)).await;
        watched.come();
        watched.sees(&pictures()[0], SOON).await;
        assert_eq!(camera.times().len(), connections);
        watched.leave();
        watched.until(SOON, |status| *status == Status::Asleep).await;
        let begin = Instant::now();
        while camera.open() > 0 {
            assert!(begin.elapsed() < SOON, "the connection is not closed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn source_that_is_always_open_ends_with_its_hub() {
    let camera = Fake::showing(20);
    let source = source::http(&camera.url()).unwrap().always(true);
    let (publisher, hub) = hub::channel();
    let mut monitor = source.monitor();
    let task = source.spawn_into(publisher);
    while hub.latest().is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(camera.open(), 1);
    hub.close();
    tokio::time::timeout(SOON, task).await.expect("it ends").unwrap();
    while monitor.changed().await.is_some() {}
    assert_eq!(monitor.status(), Status::Ended);
}

/// Returns an address whose backlog is full, so that it accepts no connection.
fn black_hole() -> (Vec<Socket>, String) {
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let listener = socket();
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
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
