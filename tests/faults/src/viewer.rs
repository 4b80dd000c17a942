//! A viewer that parses HTTP/1, the chunked coding and the machine wire.

use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::picture::Picture;
use crate::sockets::connect;

/// The request of the viewers.
pub const REQUEST: &[u8] = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Requests the stream, and reads nothing.
///
/// # Panics
///
/// If the server does not accept the request.
#[must_use]
pub fn ask(server: SocketAddr) -> TcpStream {
    ask_with(server, REQUEST)
}

/// Sends a request, and reads nothing.
///
/// # Panics
///
/// If the server does not accept the request.
#[must_use]
pub fn ask_with(server: SocketAddr, request: &[u8]) -> TcpStream {
    let mut connection = connect(server);
    connection.write_all(request).expect("a listening server");
    connection
}

/// A viewer of a stream of pictures.
#[derive(Debug)]
pub struct Viewer {
    /// The status line.
    pub status: String,
    /// The header fields as received.
    pub fields: Vec<(String, String)>,
    body: Body,
    boundary: String,
}

/// The next item of a stream.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else")]
pub enum Next {
    /// A complete part.
    Picture(Picture),
    /// The end of the stream.
    End(End),
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else")]
pub enum End {
    /// With the close-delimiter and a correct end of the HTTP body.
    Cleanly,
    /// Any other end.
    Torn,
}

impl Viewer {
    /// Connects, requests the stream and reads the head of the response.
    ///
    /// # Panics
    ///
    /// If there is no response.
    #[must_use]
    pub fn come(server: SocketAddr) -> Self {
        Self::of(ask(server), Pace::Free)
    }

    /// Creates a viewer from a connection on which the stream was requested.
    ///
    /// # Panics
    ///
    /// If there is no response.
    #[must_use]
    pub fn of(connection: TcpStream, pace: Pace) -> Self {
        let mut reader =
            BufReader::with_capacity(16 * 1024, Slow { connection, pace, since: Instant::now(), taken: 0 });
        let mut lines = std::iter::from_fn(|| line(&mut reader).ok().filter(|line| !line.is_empty()));
        let status = lines.next().expect("a status line");
        let fields: Vec<_> = lines.filter_map(|line| line.split_once(": ").map(owned)).collect();
        let field = |wanted: &str| fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let chunked = field("transfer-encoding").is_some();
        let boundary = field("content-type").and_then(|(_, value)| value.split_once("boundary="));
        let boundary = boundary.map_or_else(String::new, |(_, boundary)| boundary.to_owned());
        Self { status, fields, body: Body { reader, chunked, remaining: 0, begun: false, ended: false }, boundary }
    }

    /// Returns a field of the head.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find_map(|(n, value)| n.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }

    /// Waits for the next part and checks each byte of it.
    ///
    /// # Panics
    ///
    /// If it is no picture or is torn.
    pub fn take(&mut self) -> Next {
        match self.try_next() {
            Ok(Some(picture)) => Next::Picture(picture),
            Ok(None) => Next::End(End::Cleanly),
            Err(_) => Next::End(End::Torn),
        }
    }

    /// Waits for the next picture.
    ///
    /// # Panics
    ///
    /// If there is no response.
    pub fn picture(&mut self) -> Picture {
        match self.take() {
            Next::Picture(picture) => picture,
            Next::End(how) => panic!("the stream ended: {how:?}"),
        }
    }

    /// Reads until the end. Returns the pictures and how the stream ended.
    #[must_use]
    pub fn to_end(mut self) -> (Vec<Picture>, End) {
        let mut pictures = Vec::new();
        loop {
            match self.take() {
                Next::Picture(picture) => pictures.push(picture),
                Next::End(end) => return (pictures, end),
            }
        }
    }

    /// Reads for this duration.
    ///
    /// # Panics
    ///
    /// If the stream ends.
    pub fn read_for(&mut self, time: Duration) -> Vec<Picture> {
        let end = Instant::now() + time;
        self.read_while(|| Instant::now() < end)
    }

    /// Reads as long as a condition is met.
    ///
    /// # Panics
    ///
    /// If the stream ends.
    pub fn read_while(&mut self, so: impl Fn() -> bool) -> Vec<Picture> {
        let mut pictures = Vec::new();
        while so() {
            pictures.push(self.picture());
        }
        pictures
    }

    /// Returns the connection.
    #[must_use]
    pub fn into_connection(self) -> TcpStream {
        self.body.reader.into_inner().connection
    }

    fn try_next(&mut self) -> io::Result<Option<Picture>> {
        let delimiter = line(&mut self.body)?;
        let behind = delimiter.strip_prefix("--").and_then(|line| line.strip_prefix(&self.boundary));
        match behind {
            Some("") => {}
            // Nothing may follow, and the chunked coding must end.
            Some("--") => {
                let rest = self.body.read_to_end(&mut Vec::new())?;
                return if rest == 0 { Ok(None) } else { Err(io::ErrorKind::InvalidData.into()) };
            }
            _ => panic!("{delimiter:?} instead of a delimiter"),
        }
        let (mut length, mut track, mut is_states) = (None, None, false);
        loop {
            let field = line(&mut self.body)?;
            if field.is_empty() {
                break;
            }
            length = field.strip_prefix("Content-Length: ").map(str::to_owned).or(length);
            track = field.strip_prefix("Content-Location: ").and_then(|track| track.parse::<u64>().ok()).or(track);
            is_states |= field == "Content-Type: application/json";
        }
        let length = length.and_then(|length| length.parse().ok()).expect("a length");
        let mut body = vec![0; length];
        self.body.read_exact(&mut body)?;
        assert_eq!(line(&mut self.body)?, "", "a delimiter after the body");
        if is_states {
            // Of a wall.
            return self.try_next();
        }
        let picture = Picture::read(&body);
        assert!(track.is_none_or(|track| track == picture.number >> 32), "{picture:?} in track {track:?}");
        Ok(Some(picture))
    }
}

/// The reading speed of a viewer.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else")]
pub enum Pace {
    /// A number of bytes at once, then a pause.
    Drip(usize, Duration),
    /// Without a limit.
    Free,
    /// A number of bytes per second.
    Rate(f64),
}

#[derive(Debug)]
struct Slow {
    connection: TcpStream,
    pace: Pace,
    since: Instant,
    taken: usize,
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len();
        let len = match self.pace {
            Pace::Free => room,
            Pace::Rate(rate) => {
                // After a delay the viewer may not catch up, except for a moment.
                let due = self.since + Duration::from_secs_f64(taken_as_f64(self.taken) / rate);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if due.elapsed() > Duration::from_millis(100) {
                    (self.since, self.taken) = (Instant::now(), 0);
                }
                room.min(4096)
            }
            Pace::Drip(bytes, pause) => {
                if self.taken >= bytes {
                    std::thread::sleep(pause);
                    self.taken = 0;
                }
                room.min(bytes - self.taken)
            }
        };
        let count = self.connection.read(buffer.get_mut(..len).unwrap_or_default())?;
        self.taken += count;
        Ok(count)
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53 bytes")]
fn taken_as_f64(taken: usize) -> f64 {
    taken as f64
}

/// A body with the chunked coding removed.
#[derive(Debug)]
struct Body {
    reader: BufReader<Slow>,
    chunked: bool,
    remaining: usize,
    begun: bool,
    ended: bool,
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.chunked {
            return self.reader.fill_buf();
        }
        if self.remaining == 0 && !self.ended {
            if self.begun {
                line(&mut self.reader)?;
            }
            self.begun = true;
            let size = line(&mut self.reader)?;
            self.remaining = usize::from_str_radix(&size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            self.ended = self.remaining == 0;
        }
        if self.ended {
            return Ok(&[]);
        }
        let buffer = self.reader.fill_buf()?;
        if buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(buffer.get(..self.remaining).unwrap_or(buffer))
    }

    fn consume(&mut self, count: usize) {
        self.remaining = self.remaining.saturating_sub(count);
        self.reader.consume(count);
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// Reads a line without its line end.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
