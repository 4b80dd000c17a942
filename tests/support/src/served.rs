//! Sources, and checks over TCP that every server must pass with them.
//! The servers are in the tests `axum` and `actix` of the crate, and in the package `frameworks`.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use http::{HeaderName, HeaderValue};
use mixed_replace::Part;
use socket2::{Domain, Socket, Type};

/// A stream of parts that may fail.
pub type Source = Pin<Box<dyn Stream<Item = Result<Part, io::Error>> + Send + Sync>>;

/// Returns the source that a server serves at a path.
pub fn source(path: &str) -> Source {
    match path {
        "/finite" => Box::pin(stream::iter(["one", "two", "three"]).map(text)),
        "/endless" => Box::pin(stream::iter([text(" ".repeat(3_000))]).chain(stream::pending())),
        "/fails/small" => fails(3, 10),
        "/fails/50k" => fails(20, 50_000),
        "/fails/200k" => fails(3, 200_000),
        "/fails/2m" => fails(2, 2_000_000),
        "/sized/1024" => Box::pin(parts(3, 1024)),
        "/sized/10000" => Box::pin(parts(3, 10_000)),
        "/sized/50000" => Box::pin(parts(3, 50_000)),
        "/sized/65537" => Box::pin(parts(3, 65_537)),
        "/sized/100000" => Box::pin(parts(3, 100_000)),
        "/sized/1100000" => Box::pin(parts(3, 1_100_000)),
        "/untouched" => Box::pin(stream::poll_fn(|_| {
            TOUCHED.fetch_add(1, Ordering::SeqCst);
            Poll::Ready(None)
        })),
        _ => panic!("nothing at {path}"),
    }
}

static TOUCHED: AtomicUsize = AtomicUsize::new(0);

/// A single part, served at `/part`.
pub fn part() -> Part {
    let mut part = Part::svg("<svg/>").unwrap();
    part.insert_header(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache")).unwrap();
    part.insert_header(HeaderName::from_static("x-timestamp"), HeaderValue::from_static("12.5")).unwrap();
    part
}

fn text(text: impl Into<String>) -> Result<Part, io::Error> {
    Part::new(mime::TEXT_CSS, text.into()).map_err(io::Error::other)
}

fn parts(count: usize, len: usize) -> impl Stream<Item = Result<Part, io::Error>> {
    stream::iter(0..count).map(move |nth| text(" ".repeat(len - 2) + &format!("{nth:2}")))
}

fn fails(count: usize, len: usize) -> Source {
    Box::pin(parts(count, len).chain(stream::iter([Err(io::Error::other("no camera"))])))
}

/// Runs a server on a free port for the rest of the test, with small buffers as for many viewers.
pub fn serve<F: Future>(server: impl FnOnce(tokio::net::TcpListener) -> F + Send + 'static) -> SocketAddr {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_send_buffer_size(1 << 14).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(64).unwrap();
    socket.set_nonblocking(true).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { server(tokio::net::TcpListener::from_std(listener).unwrap()).await });
    });
    address
}

/// The head of each wire has its type, and fields against caches and buffers.
pub fn head_carries_type_and_cache_headers(server: SocketAddr) {
    for (accept, media_type, prefix) in [
        ("", "multipart/x-mixed-replace", "--B\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\none\r\n--B\r\nC"),
        (
            "Accept: */*\r\n",
            "multipart/x-mixed-replace",
            "--B\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\none",
        ),
        (
            "Accept: image/webp,*/*;q=0.8\r\n",
            "multipart/x-mixed-replace",
            "--B\r\nContent-Type: text/css\r\nX-Padding: ",
        ),
        (
            "Accept: text/html,*/*;q=0.8\r\n",
            "multipart/x-mixed-replace",
            "--B\r\nContent-Type: text/css\r\nX-Padding: ",
        ),
        (
            "Accept: multipart/mixed\r\n",
            "multipart/mixed",
            "--B\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\none",
        ),
        (
            "Accept: */*\r\nAccept: image/webp\r\n",
            "multipart/x-mixed-replace",
            "--B\r\nContent-Type: text/css\r\nX-Padding: ",
        ),
    ] {
        let answer = get(server, &format!("GET /finite HTTP/1.1\r\nHost: x\r\n{accept}\r\n"));
        assert_eq!(answer.status, "HTTP/1.1 200 OK");
        assert_eq!(
            answer.field("content-type").unwrap().replace(&answer.boundary(), "B"),
            format!("{media_type}; boundary=B")
        );
        assert_eq!(answer.field("cache-control"), Some("no-store, no-transform"));
        assert_eq!(answer.field("content-encoding"), Some("identity"));
        assert_eq!(answer.field("vary"), Some("Accept"));
        assert_eq!(answer.field("x-accel-buffering"), Some("no"));
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.field("transfer-encoding"), Some("chunked"));
        assert_eq!(answer.field("content-length"), None);
        assert!(answer.text().starts_with(prefix), "{accept}: {}", answer.text());
        assert!(answer.text().ends_with("--B--\r\n"), "{accept}: {}", answer.text());
        assert_eq!(answer.ended, Ended::Cleanly, "{accept}");
    }
}

/// Two responses with the same parts have different boundaries.
pub fn boundaries_differ_between_responses(server: SocketAddr) {
    let [one, two] = [(); 2].map(|()| get(server, "GET /finite HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_ne!(one.boundary(), two.boundary());
    assert_eq!(one.text(), two.text());
}

/// A `HEAD` request gets the head, and the connection can be used again.
pub fn head_request_does_not_poll_the_source(server: SocketAddr) {
    let answer = get(server, "HEAD /untouched HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: image/*\r\n\r\n");
    assert_eq!(answer.status, "HTTP/1.1 200 OK");
    assert!(answer.boundary().len() > 15);
    assert_eq!(answer.field("content-length"), None, "the length is unknown");
    assert!(answer.body.is_empty(), "{:?}", answer.body);
    assert_eq!(TOUCHED.load(Ordering::SeqCst), 0, "the source has been polled");
    // The connection can be used again.
    let mut socket = connect(server);
    socket.write_all(b"HEAD /untouched HTTP/1.1\r\nHost: x\r\n\r\nGET /finite HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(read(&mut socket, true).body.is_empty());
    assert_eq!(read(&mut socket, false).ended, Ended::Cleanly);
    assert_eq!(TOUCHED.load(Ordering::SeqCst), 0, "the source has been polled");
}

/// An HTTP/1.0 client gets a response that ends with the connection.
pub fn http_1_0_response_is_not_chunked(server: SocketAddr) {
    for connection in ["", "Connection: keep-alive\r\n", "Connection: close\r\n"] {
        let answer = get(server, &format!("GET /finite HTTP/1.0\r\n{connection}\r\n"));
        assert!(answer.status.ends_with(" 200 OK"), "{}", answer.status);
        assert_eq!(answer.field("transfer-encoding"), None, "{connection}");
        assert_eq!(answer.field("content-length"), None, "{connection}");
        assert_eq!(answer.ended, Ended::Closed, "{connection}");
        assert_eq!(
            answer.text(),
            "--B\r\nContent-Type: text/css\r\nContent-Length: 3\r\n\r\none\r\n--B\r\n\
             Content-Type: text/css\r\nContent-Length: 3\r\n\r\ntwo\r\n--B\r\n\
             Content-Type: text/css\r\nContent-Length: 5\r\n\r\nthree\r\n--B\r\n\
             Content-Type: text/css\r\nContent-Length: 5\r\n\r\nthree\r\n--B--\r\n",
            "{connection}"
        );
    }
}

/// The missing close-delimiter is the only sign of truncation for an HTTP/1.0 client.
pub fn failed_source_sends_no_close_delimiter(server: SocketAddr) {
    let answer = get(server, "GET /fails/small HTTP/1.0\r\n\r\n");
    assert_eq!(answer.parts().len(), 3);
    assert!(answer.text().ends_with(" 2\r\n--B\r\n"), "{}", answer.text());
}

/// Viewers get every part in front of a failure, then an aborted body, or a clean end on the browser wire.
pub fn sends_all_parts_before_a_failure(server: SocketAddr) {
    std::thread::scope(|all| {
        for (stream, count) in [("small", 3), ("50k", 20), ("2m", 2)] {
            for accept in ["*/*", "multipart/mixed"] {
                for pause in [Duration::ZERO, Duration::from_millis(5)] {
                    all.spawn(move || fails_behind(server, &format!("/fails/{stream}"), count, accept, pause));
                }
            }
            all.spawn(move || {
                let request = format!("GET /fails/{stream} HTTP/1.1\r\nHost: x\r\nAccept: image/*\r\n\r\n");
                let answer = get(server, &request);
                assert_eq!(answer.ended, Ended::Cleanly, "an aborted body blanks a browser's picture");
                assert!(answer.text().ends_with(&format!(" {}\r\n--B--\r\n", count - 1)));
            });
        }
    });
}

fn fails_behind(server: SocketAddr, path: &str, count: usize, accept: &str, pause: Duration) {
    let mut socket = connect(server);
    write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n").unwrap();
    let answer = read(&mut Slow(socket, pause), false);
    let context = format!("{path}, {accept}, {pause:?} before each 16 KiB");
    assert_eq!(answer.parts().len(), count, "{context}");
    assert_eq!(answer.ended, Ended::Aborted, "{context}");
    assert!(!answer.body.ends_with(b"--\r\n"), "{context}: no close-delimiter");
}

/// A single part is an ordinary response with the headers of the part.
pub fn responds_with_a_part(server: SocketAddr) {
    for version in ["1.0", "1.1"] {
        let answer = get(server, &format!("GET /part HTTP/{version}\r\nHost: x\r\n\r\n"));
        assert!(answer.status.ends_with(" 200 OK"), "{}", answer.status);
        assert_eq!(answer.field("content-type"), Some("image/svg+xml"));
        assert_eq!(answer.field("content-length"), Some("6"));
        assert_eq!(answer.field("cache-control"), Some("no-cache"), "the part's header replaces no-store");
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.field("x-timestamp"), Some("12.5"));
        assert_eq!(answer.field("content-encoding"), None, "a single picture may be compressed");
        assert_eq!(answer.body, b"<svg/>");
    }
}

/// curl reads every part, and reports a failed source.
pub fn serves_curl(server: SocketAddr) {
    let curl = |options: &[&str], path| {
        let output = Command::new("curl")
            .args(["-s", "--max-time", "30"])
            .args(options)
            .arg(format!("http://{server}{path}"))
            .output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).matches("Content-Length: ").count())
    };
    for options in [&[][..], &["--compressed"], &["--http1.0"], &["--http1.0", "--compressed"]] {
        // The last part is repeated with the close-delimiter.
        assert_eq!(curl(options, "/finite"), (Some(0), 4), "{options:?}");
    }
    assert_eq!(curl(&[], "/fails/small"), (Some(18), 3), "partial file");
    assert_eq!(curl(&["--http1.0"], "/fails/small"), (Some(0), 3), "the missing close-delimiter is the only sign");
}

/// One response.
#[derive(Debug)]
pub struct Answer {
    /// The status line.
    pub status: String,
    /// Names in lower case.
    pub fields: Vec<(String, String)>,
    /// Without the chunked coding.
    pub body: Vec<u8>,
    /// How the body ended.
    pub ended: Ended,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "tests compare every variant")]
pub enum Ended {
    /// The connection was reset, or ended within the chunked coding or a known length.
    Aborted,
    /// By the last chunk or by a length.
    Cleanly,
    /// By the end of the connection, as in HTTP/1.0.
    Closed,
}

impl Answer {
    /// Returns the value of a header field, of which there is one at most.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "duplicate header {name}");
        value
    }

    /// Returns the boundary of its type.
    #[must_use]
    pub fn boundary(&self) -> String {
        crate::boundary(self.field("content-type").unwrap())
    }

    /// Returns the body with its boundary replaced by `B`.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap().replace(&self.boundary(), "B")
    }

    /// Returns the complete parts by their `Content-Length`, each of which must be followed by a delimiter.
    #[must_use]
    pub fn parts(&self) -> Vec<&[u8]> {
        let delimiter = format!("\r\n--{}", self.boundary());
        let mut parts = Vec::new();
        let mut rest = self.body.as_slice();
        while let Some(at) = find(rest, b"Content-Length: ") {
            let (length, after) = rest[at + 16..].split_at(find(&rest[at + 16..], b"\r\n\r\n").unwrap());
            let length: usize = std::str::from_utf8(length).unwrap().parse().unwrap();
            let Some((part, behind)) = after[4..].split_at_checked(length) else { break };
            if !behind.starts_with(delimiter.as_bytes()) {
                break;
            }
            parts.push(part);
            rest = behind;
        }
        parts
    }
}

/// Pauses in front of each read.
struct Slow(TcpStream, Duration);

impl io::Read for Slow {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        if block.len() > 1 {
            std::thread::sleep(self.1);
        }
        let len = block.len().min(1 << 14);
        self.0.read(&mut block[..len])
    }
}

/// Connects with a small receive buffer.
#[must_use]
pub fn connect(server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(1 << 14).unwrap();
    socket.connect(&server.into()).unwrap();
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket
}

/// Sends a request and reads its response.
#[must_use]
pub fn get(server: SocketAddr, request: &str) -> Answer {
    let mut socket = connect(server);
    socket.write_all(request.as_bytes()).unwrap();
    read(&mut socket, request.starts_with("HEAD"))
}

/// Reads one response and no byte after it. A body without chunks or a length ends with the connection.
pub fn read(socket: &mut impl io::Read, head_only: bool) -> Answer {
    let status = line(socket).expect("a head");
    let mut answer = Answer { status, fields: Vec::new(), body: Vec::new(), ended: Ended::Cleanly };
    while let Some(field) = line(socket).filter(|line| !line.is_empty()) {
        let (name, value) = field.split_once(": ").unwrap();
        answer.fields.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    if head_only {
        return answer;
    }
    if answer.field("transfer-encoding") == Some("chunked") {
        loop {
            match chunk(socket, &mut answer.body) {
                None => answer.ended = Ended::Aborted,
                Some(0) => {}
                Some(_) => continue,
            }
            return answer;
        }
    }
    if let Some(length) = answer.field("content-length").map(|length| length.parse().unwrap()) {
        if !exactly(socket, length, &mut answer.body) {
            answer.ended = Ended::Aborted;
        }
        return answer;
    }
    exactly(socket, usize::MAX, &mut answer.body);
    answer.ended = Ended::Closed;
    answer
}

/// Reads a chunk of the chunked coding and returns its size. `None` if it is truncated.
pub fn chunk(socket: &mut impl io::Read, into: &mut Vec<u8>) -> Option<usize> {
    let size = line(socket).and_then(|size| usize::from_str_radix(&size, 16).ok())?;
    (exactly(socket, size, into) && line(socket).is_some()).then_some(size)
}

/// Reads a line without its line end. `None` at the end of the connection.
fn line(socket: &mut impl io::Read) -> Option<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        if !exactly(socket, 1, &mut line) {
            return None;
        }
    }
    line.truncate(line.len() - 2);
    Some(String::from_utf8(line).unwrap())
}

/// Reads `len` bytes. Returns `false` if the connection ends earlier.
fn exactly(socket: &mut impl io::Read, mut len: usize, into: &mut Vec<u8>) -> bool {
    let mut block = vec![0; len.min(1 << 16)];
    while len > 0 {
        let room = block.len().min(len);
        match socket.read(&mut block[..room]) {
            Ok(0) => return false,
            Ok(n) => {
                into.extend_from_slice(&block[..n]);
                len -= n;
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return false,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(into)),
        }
    }
    true
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Makes a test of each check of this module for the server at an address.
#[macro_export]
macro_rules! served_cases {
    ($server:expr) => {
        $crate::served_cases! { $server;
            responds_with_a_part,
            boundaries_differ_between_responses,
            http_1_0_response_is_not_chunked,
            failed_source_sends_no_close_delimiter,
            sends_all_parts_before_a_failure,
            head_request_does_not_poll_the_source,
            head_carries_type_and_cache_headers,
            #[ignore = "needs curl"]
            serves_curl,
        }
    };
    ($server:expr; $($(#[$attribute:meta])* $case:ident,)*) => {
        $(#[test]
        $(#[$attribute])*
        fn $case() {
            $crate::served::$case($server);
        })*
    };
}
