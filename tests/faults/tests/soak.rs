//! Hundreds of viewers of a hub, a wall, a ladder and an ingest, which connect and disconnect in every way for a long time.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fault_tests::{
    Next, Options, Picture, REQUEST, Server, Stack, Viewer, Watched, ask_with, both, raise_limits, reset, row,
};

/// The number of viewers, half of them on each server.
const VIEWERS: usize = 300;
/// The number of tracks of the wall.
const TRACKS: u16 = 4;

/// Runs `SOAK_SECONDS`, 600 unless set, on both servers at the same time.
#[test]
#[ignore = "takes SOAK_SECONDS, 600 unless set"]
fn soak_leaks_nothing_and_tears_no_part() {
    raise_limits();
    let seconds = std::env::var("SOAK_SECONDS").map_or(600, |seconds| seconds.parse().unwrap());
    let figures = both(|stack| soak(stack, Duration::from_secs(seconds)));
    row(
        &format!(
            "soak: {seconds} s, {VIEWERS} viewers that come and go, of a hub and a ladder at 30/s, a wall of {TRACKS}, \
             and a hub with senders that come and go"
        ),
        figures,
    );
}

#[derive(Default)]
struct Seen {
    pictures: AtomicU64,
    viewers: AtomicU64,
    sent: AtomicU64,
}

fn soak(stack: Stack, time: Duration) -> String {
    let options = Options {
        fps: 30.0,
        size: 5_000,
        tracks: TRACKS,
        rungs: vec![1_000],
        keep_alive: Some(Duration::from_secs(5)),
        ..Options::default()
    };
    let server = Server::start(stack, &options);
    let seen = Seen::default();
    let warm = (time / 10).max(Duration::from_secs(20)).min(time / 2);
    let (start, end) = (Instant::now(), Instant::now() + time);
    // In the first half and in the second half.
    let (mut before, mut peaks) = (None, [0; 2]);
    std::thread::scope(|threads| {
        for nth in 0..VIEWERS / 2 {
            let (seen, server) = (&seen, &server);
            let seed = nth as u64 * 2 + 1;
            let viewer = move || come_and_go(server, seen, seed, end);
            std::thread::Builder::new().stack_size(256 * 1024).spawn_scoped(threads, viewer).unwrap();
        }
        threads.spawn(|| send(&server, &seen, end));
        while Instant::now() < end {
            std::thread::sleep(Duration::from_secs(1).min(end.saturating_duration_since(Instant::now())));
            let watched = server.watched();
            if start.elapsed() > warm {
                let peak = &mut peaks[usize::from(start.elapsed() > (warm + time) / 2)];
                *peak = watched.memory_kb.max(*peak);
                before.get_or_insert(watched);
            }
        }
    });
    // No viewer reads any more. The stalled viewers remain, and those that disconnected after the source became silent.
    server.wait_until(Duration::from_secs(40), "nobody", |watched| watched.viewers == 0 && !watched.wanted);
    let (before, after): (Watched, _) = (before.unwrap(), server.watched());
    assert!(after.descriptors < 30, "{stack}: {} descriptors", after.descriptors);
    assert!(peaks[1] < peaks[0] + 4 * 1024, "{stack}: {} kB of memory, then {peaks:?}", before.memory_kb);
    assert_eq!(after.closed + after.refused, 0);
    let mib = |kb: u64| kb as f64 / 1024.0;
    format!(
        "{} viewers, {} parts whole, 0 torn, {} parts sent in; left 0 viewers, {} descriptors; RSS {:.1} MiB after {} s, \
         at most {:.1} in the half before and {:.1} in the half after, {:.1} at the end; \
         {} left, {} expired",
        seen.viewers.load(Ordering::Relaxed),
        seen.pictures.load(Ordering::Relaxed),
        seen.sent.load(Ordering::Relaxed),
        after.descriptors,
        mib(before.memory_kb),
        warm.as_secs(),
        mib(peaks[0]),
        mib(peaks[1]),
        mib(after.memory_kb),
        after.disconnected,
        after.expired,
    )
}

/// Runs one viewer after another until the end.
fn come_and_go(server: &Server, seen: &Seen, seed: u64, end: Instant) {
    let mut random = random(seed);
    while Instant::now() < end {
        seen.viewers.fetch_add(1, Ordering::Relaxed);
        let path = ["/live", "/live", "/wall", "/ladder", "/fed"][usize::try_from(random(5)).unwrap()];
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut connection = ask_with(server.address, request.as_bytes());
        let behind: &[u8] = [&b""[..], b"G", b"\0\r\njunk", REQUEST][usize::try_from(random(4)).unwrap()];
        connection.write_all(behind).unwrap();
        let how = random(6);
        if behind.ends_with(b"junk") {
            // actix closes such a connection, axum ignores the bytes.
            std::thread::sleep(Duration::from_millis(random(2_000)));
            continue;
        }
        if how == 5 {
            // Stalls long enough that the server sometimes ends the stream first.
            let patience = Duration::from_secs(1 + random(19)).min(end.saturating_duration_since(Instant::now()));
            std::thread::sleep(patience);
            continue;
        }
        let mut viewer = Viewer::of(connection, fault_tests::Pace::Free);
        // The last picture of each track. Each size of a ladder, and each sender, counts its own.
        let mut last = BTreeMap::new();
        for _ in 0..random(150) {
            match viewer.take() {
                Next::Picture(picture) => {
                    let last = last.entry(picture.number >> 32).or_default();
                    let counts = path == "/live" || path == "/wall";
                    assert!(!counts || picture.number >= *last, "{path}: picture {} came after {last}", picture.number);
                    *last = picture.number;
                    seen.pictures.fetch_add(1, Ordering::Relaxed);
                }
                Next::End(how) => panic!("{}: the server ended a stream: {how:?}", server.stack),
            }
            if Instant::now() > end {
                break;
            }
        }
        let mut connection = viewer.into_connection();
        match how {
            0 | 1 => reset(connection),
            2 => {
                // Shuts down its side and reads on for a while. The server still serves a client that sent bytes after
                // its request.
                let _ = connection.shutdown(Shutdown::Write);
                let patience = Duration::from_millis(50 + random(1_000));
                connection.set_read_timeout(Some(patience)).unwrap();
                let start = Instant::now();
                while connection.read(&mut [0; 16 * 1024]).is_ok_and(|count| count > 0) && start.elapsed() < patience {}
            }
            _ => drop(connection),
        }
    }
}

/// Runs one sender after another until the end. Some end their request, some vanish in the middle of a picture, some are taken
/// over by the next. The last one ends well, and is told how many pictures were published.
fn send(server: &Server, seen: &Seen, end: Instant) {
    let mut random = random(7);
    let mut silent = Vec::new();
    let mut number = 0;
    while Instant::now() < end {
        let head = b"POST /in HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\
            Content-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n";
        let mut connection = ask_with(server.address, head);
        let (count, how) = (1 + random(60), random(3));
        for _ in 0..count {
            number += 1;
            let part = Picture::part(number, 5_000);
            let block = "--b\r\nContent-Type: application/octet-stream\r\nContent-Length: 5000\r\n\r\n";
            let chunk = [format!("{:x}\r\n{block}", block.len() + 5_002).as_bytes(), part.body(), b"\r\n\r\n"].concat();
            connection.write_all(&chunk).unwrap();
            std::thread::sleep(Duration::from_millis(33));
        }
        seen.sent.fetch_add(count, Ordering::Relaxed);
        match how {
            0 => {
                connection.write_all(b"5\r\n--b--\r\n0\r\n\r\n").unwrap();
                connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let mut response = Vec::new();
                while !response.ends_with(b"}") {
                    let mut buffer = [0; 1024];
                    let len = connection.read(&mut buffer).expect("a response");
                    assert!(len > 0, "{}", String::from_utf8_lossy(&response));
                    response.extend_from_slice(&buffer[..len]);
                }
                let response = String::from_utf8(response).unwrap();
                assert!(response.starts_with("HTTP/1.1 200"), "{response}");
                assert!(response.ends_with(&format!("{{\"published\":{count},\"skipped\":0}}")), "{response}");
            }
            1 => {
                connection.write_all(b"1388\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\nhalf").unwrap();
                reset(connection);
            }
            _ => {
                // The next sender takes over.
                silent.clear();
                silent.push(connection);
            }
        }
    }
}

/// Returns a generator of numbers below a bound.
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) % below
    }
}
