//! Viewers that disconnect from an idle source. Only a write detects that, so a keep-alive is needed.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use fault_tests::{Options, REQUEST, Server, Stack, ask, both, reset, row};

/// Short enough for twelve concurrent servers within seconds. The default is 10 s.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// Two keep-alives, and almost the time of a third.
const LIMIT: Duration = Duration::from_millis(3 * 2_000 - 200);

/// Bytes that the client sends after its request without waiting for a response.
const BEHIND: [(&str, &[u8]); 4] =
    [("nothing", b""), ("one byte", b"G"), ("junk", JUNK), ("a second request", REQUEST)];

const JUNK: &[u8] = b"\0\r\njunk";

#[test]
fn drops_closed_viewer_of_idle_source() {
    let times = both(|stack| {
        std::thread::scope(|threads| {
            let cases = BEHIND.map(|(_, behind)| {
                [leave_by_fin, reset].map(|leave| threads.spawn(move || time_until_dropped(stack, behind, leave)))
            });
            cases.map(|case| case.map(|thread| thread.join().unwrap()))
        })
    });
    let [axum, actix] = times;
    for (((name, _), axum), actix) in BEHIND.iter().zip(axum).zip(actix) {
        for ((how, axum), actix) in ["FIN", "RST"].iter().zip(axum).zip(actix) {
            let fault = format!("viewer leaves ({how}, {name} behind its request), idle source, keep-alive 2 s");
            row(&fault, [axum, actix].map(|time| format!("dropped in {:.2} s, bound 5.8 s", time.as_secs_f64())));
        }
    }
}

fn time_until_dropped(stack: Stack, behind: &[u8], leave: fn(TcpStream)) -> Duration {
    let options = Options { fps: 0.0, keep_alive: Some(KEEP_ALIVE), ..Options::default() };
    let server = Server::start(stack, &options);
    let mut connection = ask(server.address);
    connection.write_all(behind).unwrap();
    let mut reader = BufReader::new(connection);
    let shown = shows_a_part(&mut reader, options.size);
    // actix disconnects clients that send bytes other than HTTP, before their first part or after it.
    let left_open = (stack, behind) != (Stack::Actix, JUNK);
    if left_open {
        assert!(shown, "{stack}: the connection has ended");
        server.wait_until(Duration::from_secs(10), "one viewer", |watched| watched.viewers == 1 && watched.wanted);
    }
    leave(reader.into_inner());
    let time = server.wait_until(LIMIT, "no viewer, no demand", |watched| {
        watched.viewers == 0 && !watched.wanted && (watched.disconnected == 1 || !left_open)
    });
    assert!(server.watched().descriptors < 30);
    time
}

/// Reads everything first, because a close with unread data sends a RST.
fn shows_a_part(reader: &mut BufReader<TcpStream>, size: usize) -> bool {
    let mut line = String::new();
    while !line.starts_with("Content-Length: ") {
        line.clear();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return false;
        }
    }
    reader.read_exact(&mut vec![0; size]).is_ok()
}

fn leave_by_fin(connection: TcpStream) {
    // Bytes that arrived in the meantime.
    connection.set_nonblocking(true).unwrap();
    let mut connection = connection;
    while connection.read(&mut [0; 65536]).is_ok_and(|count| count > 0) {}
    drop(connection);
}
