//! Very many viewers that connect and disconnect at once.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use fault_tests::{End, Next, Options, Pace, REQUEST, Server, Stack, Viewer, ask, both, raise_limits, reset, row};
use socket2::{Domain, Socket, Type};

/// 100,000 cycles unless `FAULT_CYCLES` is set.
#[test]
fn killed_viewers_leave_nothing() {
    raise_limits();
    let cycles = std::env::var("FAULT_CYCLES").map_or(100_000, |cycles| cycles.parse().unwrap());
    let figures = both(|stack| {
        let server = Server::start(stack, &Options { fps: 30.0, size: 2_000, ..Options::default() });
        // Warms up, so that buffers and threads that are created once exist.
        come_and_go(server.address, 2_000);
        let all_gone = |before: Duration| server.wait_until(before, "nobody", |watched| watched.viewers == 0);
        all_gone(Duration::from_secs(5));
        let before = server.watched();
        let start = Instant::now();
        come_and_go(server.address, cycles);
        let took = start.elapsed();
        all_gone(Duration::from_secs(5));
        let after = server.watched();
        (before, after, cycles, took)
    });
    row("connect and kill", figures.map(|(before, after, cycles, took)| {
        assert!(after.descriptors <= before.descriptors + 2, "{} then {}", before.descriptors, after.descriptors);
        assert!(after.memory_kb < before.memory_kb + 8 * 1024, "{} kB then {}", before.memory_kb, after.memory_kb);
        format!(
            "{cycles} cycles in {:.0} s, {} of them watched: viewers 0, descriptors {} then {}, RSS {:.1} then {:.1} MiB",
            took.as_secs_f64(),
            after.disconnected - before.disconnected,
            before.descriptors,
            after.descriptors,
            before.memory_kb as f64 / 1024.0,
            after.memory_kb as f64 / 1024.0,
        )
    }));
}

/// Half of the connections are reset and half are closed, some before the response and some in the middle of it.
fn come_and_go(server: SocketAddr, cycles: usize) {
    std::thread::scope(|threads| {
        for thread in 0..THREADS {
            threads.spawn(move || {
                for cycle in 0..cycles / THREADS {
                    let mut viewer = connect_from(thread, server);
                    viewer.write_all(REQUEST).unwrap();
                    if cycle % 4 > 0 {
                        // Until the response has started.
                        viewer.peek(&mut [0]).unwrap();
                    }
                    if cycle % 2 == 0 {
                        reset(viewer);
                    }
                }
            });
        }
    });
}

const THREADS: usize = 10;

/// Connects from a separate address, so that there are enough ports for all connections.
fn connect_from(thread: usize, server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let address = Ipv4Addr::new(127, 0, 1, u8::try_from(thread + 1).unwrap());
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    socket.into()
}

#[test]
fn survives_simultaneous_reconnects() {
    raise_limits();
    const PLACES: usize = 1_000;
    const ALL: usize = 5_000;
    let figures = [Stack::Axum, Stack::Actix].map(|stack| {
        let options = Options { fps: 2.0, size: 2_000, max_subscribers: Some(PLACES), ..Options::default() };
        let server = Server::start(stack, &options);
        let start = Instant::now();
        let connections: Vec<_> = (0..ALL).map(|_| ask(server.address)).collect();
        let viewers: Vec<_> = connections.into_iter().map(|connection| Viewer::of(connection, Pace::Free)).collect();
        let took = start.elapsed();
        let (in_, out): (Vec<_>, Vec<_>) = viewers.into_iter().partition(|viewer| viewer.status.ends_with("200 OK"));
        for viewer in &out {
            assert_eq!(viewer.status, "HTTP/1.1 503 Service Unavailable");
            assert_eq!(viewer.field("retry-after"), Some("5"));
        }
        assert_eq!((in_.len(), out.len()), (PLACES, ALL - PLACES), "{stack}");
        let watched = server.watched();
        assert_eq!((watched.viewers, watched.refused), (PLACES, (ALL - PLACES) as u64));
        // Accepted viewers get pictures, and their disconnect frees slots.
        let in_ = in_.into_iter().map(|mut viewer| {
            viewer.picture();
            viewer
        });
        drop(in_.collect::<Vec<_>>());
        server.wait_until(Duration::from_secs(5), "nobody", |watched| watched.viewers == 0);
        assert_eq!(Viewer::come(server.address).status, "HTTP/1.1 200 OK");
        (in_count(&watched), watched.refused, took)
    });
    row(
        "every viewer reconnects at once (5,000, room for 1,000)",
        figures.map(|(in_, out, took)| {
            format!("{in_} in, {out} refused with 503 and Retry-After: 5, in {:.1} s", took.as_secs_f64())
        }),
    );
}

fn in_count(watched: &fault_tests::Watched) -> usize {
    watched.viewers
}

/// Without jitter all viewers would reconnect at the same time.
#[test]
fn lifetimes_of_simultaneous_viewers_differ() {
    const AGE: Duration = Duration::from_secs(5);
    let figures = both(|stack| {
        let server =
            Server::start(stack, &Options { fps: 20.0, size: 2_000, max_lifetime: Some(AGE), ..Options::default() });
        let mut ages: Vec<_> = std::thread::scope(|threads| {
            let watch = || {
                // Before the request, since the lifetime starts while the first picture is still on its way.
                let start = Instant::now();
                let mut viewer = Viewer::come(server.address);
                loop {
                    match viewer.take() {
                        Next::Picture(_) => {}
                        Next::End(end) => break (start.elapsed(), end),
                    }
                }
            };
            let threads: Vec<_> = (0..200).map(|_| threads.spawn(watch)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(ages.iter().all(|(_, end)| *end == End::Cleanly));
        assert_eq!(server.watched().expired, 200);
        ages.sort_by_key(|(age, _)| *age);
        let at = |hundredths: usize| ages[(ages.len() - 1) * hundredths / 100].0;
        (at(0), at(100), at(95) - at(5))
    });
    row(
        "max_lifetime 5 s with jitter, 200 viewers who came at once",
        figures.map(|(first, last, spread)| {
            assert!(first > AGE.mul_f64(0.89), "{first:?}");
            assert!(last < AGE + Duration::from_secs(4), "{last:?}");
            assert!(spread > Duration::from_millis(300), "{spread:?}");
            let secs = |time: Duration| time.as_secs_f64();
            format!("ended from {:.2} to {:.2} s, 90 % within {:.2} s", secs(first), secs(last), secs(spread))
        }),
    );
}
