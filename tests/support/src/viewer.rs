//! A viewer of a stream for the thread of a test.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mixed_replace::{Decoder, Part};

/// A minimal blocking client. Dropping it closes its connection.
#[derive(Debug)]
pub struct Viewer {
    socket: TcpStream,
    decoder: Decoder,
    bytes: BytesMut,
}

impl Viewer {
    /// Requests a stream.
    ///
    /// # Panics
    ///
    /// If the response is no stream.
    #[must_use]
    pub fn open(url: &str) -> Self {
        let mut socket = ask(url);
        let mut bytes = BytesMut::new();
        let head = loop {
            let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                break bytes.split_to(end + 4);
            }
            assert!(read(&mut socket, &mut bytes), "no response from {url}");
        };
        let head = String::from_utf8_lossy(&head).into_owned();
        assert!(head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200"), "{url}: {head}");
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        let mut types = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let (_, content_type) = types.next().expect("a content type");
        Self { socket, decoder: Decoder::for_content_type(content_type), bytes }
    }

    /// Returns the boundary of its stream.
    #[must_use]
    pub fn boundary(&self) -> String {
        self.decoder.boundary().map(ToString::to_string).expect("a content type with a boundary")
    }

    /// Returns the next part. `None` if none arrives in time or the stream has ended.
    pub fn next(&mut self, within: Duration) -> Option<Part> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(part) = self.decoder.decode(&mut self.bytes).expect("a valid stream") {
                return Some(part);
            }
            let remaining = deadline.checked_duration_since(Instant::now()).filter(|remaining| !remaining.is_zero())?;
            self.socket.set_read_timeout(Some(remaining)).expect("a duration above zero");
            if !read(&mut self.socket, &mut self.bytes) {
                return None;
            }
        }
    }

    /// Returns the next part that fits.
    pub fn next_that(&mut self, within: Duration, fits: impl Fn(&Part) -> bool) -> Option<Part> {
        let deadline = Instant::now() + within;
        loop {
            let part = self.next(deadline.checked_duration_since(Instant::now())?)?;
            if fits(&part) {
                return Some(part);
            }
        }
    }
}

/// Requests an address and returns head and body, as far as they arrive within a few seconds.
#[must_use]
pub fn get(url: &str) -> (String, Vec<u8>) {
    let mut socket = ask(url);
    let mut response = BytesMut::new();
    while read(&mut socket, &mut response) {}
    let end = response.windows(4).position(|window| window == b"\r\n\r\n");
    let head = response.split_to(end.unwrap_or_else(|| panic!("no response from {url}")) + 4);
    (String::from_utf8_lossy(&head).into_owned(), response.to_vec())
}

/// Requests with HTTP/1.0, so that the response is not chunked.
fn ask(url: &str) -> TcpStream {
    let (address, path) = url.trim_start_matches("http://").split_once('/').expect("an address with a path");
    let mut socket = TcpStream::connect(address).expect("a listening server");
    socket.set_read_timeout(Some(ANSWER)).expect("a duration above zero");
    write!(socket, "GET /{path} HTTP/1.0\r\nHost: {address}\r\n\r\n").expect("the server accepts a request");
    socket
}

/// Reads more bytes. Returns `false` at the end or after the time limit.
fn read(socket: &mut TcpStream, bytes: &mut BytesMut) -> bool {
    let mut buffer = [0; 64 * 1024];
    match socket.read(&mut buffer) {
        Ok(len) => {
            bytes.extend_from_slice(buffer.get(..len).unwrap_or_default());
            len > 0
        }
        Err(_) => false,
    }
}

const ANSWER: Duration = Duration::from_secs(10);
