//! A client that records each received byte.

use std::io::{self, ErrorKind, Read, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// One response as received.
#[derive(Debug)]
pub struct Client<R> {
    stream: R,
    /// All bytes received so far.
    pub received: Vec<u8>,
    seen: usize,
}

impl Client<TcpStream> {
    /// Sends a request: `GET /path HTTP/1.1` and header lines without line ends.
    ///
    /// # Panics
    ///
    /// If no server listens.
    #[must_use]
    pub fn request(port: u16, lines: &[&str]) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a listening server");
        stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket");
        let request = [&lines.join("\r\n"), "\r\nHost: localhost\r\n\r\n"].concat();
        stream.write_all(request.as_bytes()).expect("an open connection");
        Self::new(stream)
    }

    /// Returns the connection.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }
}

impl<R: Read> Client<R> {
    /// Creates a client from a reader that must not block for long.
    #[must_use]
    pub fn new(stream: R) -> Self {
        Self { stream, received: Vec::new(), seen: 0 }
    }

    /// Reads until these bytes arrive after the last match. Returns how long that took, or `None`.
    pub fn gets(&mut self, bytes: &[u8], within: Duration) -> Option<Duration> {
        let start = Instant::now();
        loop {
            let new = self.received.get(self.seen..).unwrap_or_default();
            if let Some(at) = new.windows(bytes.len()).position(|window| window == bytes) {
                self.seen += at + bytes.len();
                return Some(start.elapsed());
            }
            if start.elapsed() > within || !self.read() {
                return None;
            }
        }
    }

    /// Reads until this many bytes have arrived. Returns `false` after the time limit.
    pub fn has(&mut self, count: usize, within: Duration) -> bool {
        let start = Instant::now();
        while self.received.len() < count && start.elapsed() < within && self.read() {}
        self.received.len() >= count
    }

    /// Reads until the server closes the connection. Returns `false` after the time limit.
    pub fn ends(&mut self, within: Duration) -> bool {
        let start = Instant::now();
        while start.elapsed() < within {
            if !self.read() {
                return true;
            }
        }
        false
    }

    /// Returns the head of the response, if it has arrived.
    #[must_use]
    pub fn head(&self) -> String {
        let end = self.received.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
        String::from_utf8_lossy(self.received.get(..end).unwrap_or_default()).into_owned()
    }

    /// Reads once. Returns `false` at the end.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.received.extend(buffer.get(..read).unwrap_or_default());
                true
            }
            Err(error) => is_late(&error),
        }
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::TimedOut | ErrorKind::WouldBlock)
}
