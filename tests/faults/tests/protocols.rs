//! A hub over HTTP/1.0, which has no chunked coding, and over HTTP/2, where streams share a connection.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use fault_tests::{End, Options, Pace, Server, Viewer, both, connect, row};
use h2::RecvStream;
use h2::client::{self, SendRequest};
use http::Request;
use tokio::time::{Instant, timeout_at};

#[test]
fn http_1_0_stream_is_unchunked_and_ends_with_the_connection() {
    let counts = both(|stack| {
        let server = Server::start(stack, &Options { fps: 3.0, fails_after: Some(3), ..Options::default() });
        let mut connection = connect(server.address);
        connection.write_all(b"GET /live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
        let viewer = Viewer::of(connection, Pace::Free);
        assert!(viewer.status.ends_with(" 200 OK"), "{stack}: {}", viewer.status);
        assert_eq!(viewer.field("transfer-encoding"), None, "{stack}");
        assert_eq!(viewer.field("content-length"), None, "{stack}");
        let (pictures, end) = viewer.to_end();
        assert_eq!(end, End::Cleanly, "{stack}: a close-delimiter, and nothing behind it");
        pictures.len()
    });
    row(
        "HTTP/1.0 peer of a hub",
        counts.map(|count| {
            assert_eq!(count, 3 + 1, "the last part is repeated");
            format!("no chunks; {count} parts, --B--, connection closed")
        }),
    );
}

/// Checks the headers that compression layers respect. The package `frameworks` tests the layers.
#[test]
fn head_prevents_compression() {
    both(|stack| {
        let server = Server::start(stack, &Options::default());
        let mut connection = connect(server.address);
        connection.write_all(b"GET /live HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n").unwrap();
        let mut viewer = Viewer::of(connection, Pace::Free);
        assert_eq!(viewer.field("content-encoding"), Some("identity"));
        viewer.picture();
    });
}

/// Twelve streams on one connection, one of which is never read. The others miss no part, and no frame is tiny.
#[test]
fn stuck_http_2_stream_does_not_block_eleven_others() {
    let figures = both(|stack| {
        let server = Server::start(stack, &Options { fps: 4.0, size: 10_000, ..Options::default() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // A stream that blocks others does so in each run. A server that gets no processor for a quarter of a second skips a
        // part in one run only.
        let mut seen = Vec::new();
        let frames = (0..3).find_map(|_| {
            let (frames, numbers) = runtime.block_on(twelve(&server));
            let tiny = frames.iter().filter(|len| (1..256).contains(*len)).count();
            assert_eq!(tiny, 0, "{stack}: {frames:?}");
            let complete = numbers.iter().all(|numbers| numbers.len() >= 9 && missed_nothing(numbers));
            seen.push(numbers);
            complete.then_some(frames)
        });
        let frames = frames.unwrap_or_else(|| panic!("{stack}: parts in 3 s: {seen:?}"));
        (frames.len(), frames.into_iter().min().unwrap())
    });
    row(
        "HTTP/2: 12 streams on one connection, one of them stuck (10 kB at 4/s, 3 s)",
        figures.map(|(count, least)| format!("11 got every part; {count} DATA frames, the smallest of {least} bytes")),
    );
}

/// A limit in `docs/faults.md`: no server polls a body that has no window.
#[test]
fn stuck_http_2_stream_ends_with_its_connection() {
    let figures = both(|stack| {
        let options = Options { size: 100_000, part_timeout: Some(Duration::from_secs(1)), ..Options::default() };
        let server = Server::start(stack, &options);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let watched = runtime.block_on(async {
            let mut client = client(&server).await;
            let stuck = ask(&mut client).await;
            tokio::time::sleep(Duration::from_secs(4)).await;
            drop(stuck);
            server.watched()
        });
        drop(runtime);
        server.wait_until(Duration::from_secs(10), "nobody", |watched| watched.viewers == 0 && !watched.wanted);
        (watched.expired, watched.parts_delivered)
    });
    row(
        "HTTP/2: a stuck stream (100 kB at 10/s, part_timeout 1 s), after 4 s",
        figures.map(|(expired, parts)| {
            assert!(parts <= 4, "{parts}");
            let ended = if expired == 1 { "ended by part_timeout" } else { "still there" };
            format!("{ended}, has taken {parts} parts; gone with its connection")
        }),
    );
}

async fn client(server: &Server) -> SendRequest<Bytes> {
    let socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
    // As in browsers: a small window for a stream, a large one for the connection.
    let mut builder = client::Builder::new();
    builder.initial_window_size(65_535).initial_connection_window_size(1 << 24);
    let (client, connection) = builder.handshake::<_, Bytes>(socket).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

/// Returns the lengths of all frames, and the numbers of the parts of each stream that is read.
async fn twelve(server: &Server) -> (Vec<usize>, Vec<Vec<u64>>) {
    let mut client = client(server).await;
    let stuck = ask(&mut client).await;
    let mut tasks = Vec::new();
    for _ in 0..11 {
        let body = ask(&mut client).await;
        tasks.push(tokio::spawn(read(body)));
    }
    let (mut frames, mut numbers) = (Vec::new(), Vec::new());
    for task in tasks {
        let (lengths, body) = task.await.unwrap();
        frames.extend(lengths);
        numbers.push(parts(&body));
    }
    drop(stuck);
    (frames, numbers)
}

async fn ask(client: &mut SendRequest<Bytes>) -> RecvStream {
    let request = Request::get("http://localhost/live").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    response.await.unwrap().into_body()
}

/// Returns the lengths and the bytes of the frames received in three seconds.
async fn read(mut body: RecvStream) -> (Vec<usize>, Vec<u8>) {
    let end = Instant::now() + Duration::from_secs(3);
    let (mut lengths, mut bytes) = (Vec::new(), Vec::new());
    while let Ok(frame) = timeout_at(end, body.data()).await {
        let frame = frame.expect("an open stream").unwrap();
        body.flow_control().release_capacity(frame.len()).unwrap();
        lengths.push(frame.len());
        bytes.extend_from_slice(&frame);
    }
    (lengths, bytes)
}

/// Returns the numbers of the complete parts.
fn parts(bytes: &[u8]) -> Vec<u64> {
    let head = b"Content-Length: 10000\r\n\r\n";
    let at = bytes.windows(head.len()).enumerate().filter(|(_, window)| window == head).map(|(at, _)| at + head.len());
    let bodies = at.filter_map(|at| bytes.get(at..at + 10_000));
    bodies.map(|body| fault_tests::Picture::read(body).number).collect()
}

fn missed_nothing(numbers: &[u64]) -> bool {
    numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}
