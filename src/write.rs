//! The encoder over a blocking [`io::Write`]: CGI programs, plain threads, files, tests.
//!
//! No runtime, and no thread but the caller's. [`Writer`] is for one client whose parts the caller has in its hands; a
//! thread that serves a viewer of a [`Hub`](crate::Hub) writes the chunks of its [`Subscriber`](crate::Subscriber), with
//! any executor's `block_on`, and needs nothing of this.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use http::HeaderMap;

use crate::encode::{BoundaryInPart, EncodeError, EncodedPart, Encoder};
use crate::part::Part;
use crate::picture::InvalidPicture;
use crate::queue::Queue;
use crate::response;
use crate::wire::Wire;

/// Writes parts for one client to a file, a socket or a pipe.
///
/// The bytes are those of [`MixedReplace`](crate::MixedReplace), whatever the [`Wire`]. Each part is written and flushed
/// before the call returns, so that a client which is slow slows its caller down: one part is held, none is queued.
/// Parts up to 64 KiB go out in one write, larger ones uncopied in three.
///
/// A write that fails because the client has left is [`WriteError::Left`], the normal end of a stream without end. Any
/// other I/O error may pass, such as a write timeout: [`flush`](Self::flush) goes on where it was. Until that is through
/// no other part is taken, so nothing is torn and nothing piles up.
///
/// # Keep-alive
///
/// A write is the only sure way to learn that a client has left, and servers and proxies cut connections that are silent
/// for a minute. So whoever waits for the next part waits for [`until_keep_alive`](Self::until_keep_alive) at most, and
/// then calls [`repeat`](Self::repeat). That is one more arm where parts come from a channel, and nothing runs beside the
/// caller that could write into the middle of a part.
///
/// # Dropping
///
/// A writer that is dropped writes nothing. Without [`finish`](Self::finish) the stream has no close-delimiter: readers
/// on the machine and script wires see that it is truncated, and WebKitGTK shows a broken image.
///
/// # Examples
///
/// ```
/// use mixed_replace::{Boundary, Encoder, Part, Wire, write::Writer};
///
/// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Script);
/// let mut writer = Writer::with_encoder(Vec::new(), encoder);
/// writer.write(&Part::text("on")?)?;
/// assert_eq!(
///     writer.finish()?,
///     b"--ThisRandomString\r\n\
///       Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\non\r\n\
///       --ThisRandomString--\r\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A program that shows what comes out of a channel until its client leaves:
///
/// ```
/// use std::sync::mpsc::{Receiver, RecvTimeoutError};
/// use mixed_replace::{Part, Wire, write::{Head, WriteError, Writer}};
///
/// fn show(client: impl std::io::Write, parts: &Receiver<Part>) -> Result<(), WriteError> {
///     let mut writer = Writer::new(client, Wire::Browser);
///     writer.write_head(Head::Http11, &http::HeaderMap::new())?;
///     loop {
///         match parts.recv_timeout(writer.until_keep_alive()) {
///             Ok(part) => writer.write(&part)?,
///             Err(RecvTimeoutError::Timeout) => writer.repeat()?,
///             Err(RecvTimeoutError::Disconnected) => return writer.finish().map(drop),
///         }
///     }
/// }
/// # let (sender, parts) = std::sync::mpsc::channel();
/// # sender.send(Part::text("on")?)?;
/// # drop(sender);
/// # let mut body = Vec::new();
/// # show(&mut body, &parts)?;
/// # assert!(body.starts_with(b"HTTP/1.1 200 OK\r\n") && body.ends_with(b"--\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a writer writes nothing by itself"]
pub struct Writer<W> {
    inner: W,
    queue: Queue<EncodedPart>,
    /// What is left of the chunk that is being written.
    chunk: Bytes,
    keep_alive: Duration,
    written: Instant,
}

impl<W: Write> Writer<W> {
    /// With a random boundary, as every response has one of its own.
    ///
    /// On a socket set `TCP_NODELAY`, or the end of a part may wait for the client's acknowledgement of its begin.
    pub fn new(inner: W, wire: Wire) -> Self {
        Self::with_encoder(inner, Encoder::random(wire))
    }

    /// With an encoder of your choice, and so with a boundary, a content type and a heartbeat of your choice.
    pub fn with_encoder(inner: W, encoder: Encoder) -> Self {
        Self { inner, queue: Queue::new(encoder), chunk: Bytes::new(), keep_alive: KEEP_ALIVE, written: Instant::now() }
    }

    /// How long nothing may be written until the last part is due once more. 10 seconds unless set.
    pub fn keep_alive(mut self, period: Duration) -> Self {
        self.keep_alive = period;
        self
    }

    /// The boundary, the wire and the content type of this stream.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        self.queue.encoder()
    }

    /// Writes the head of the response, for programs that have the client's connection in their hands. Call it first, and
    /// once.
    ///
    /// The fields are those of [`MixedReplace::into_http_response`](crate::MixedReplace::into_http_response), then `more`,
    /// a field of which takes the place of ours. The fields that frame the response are not taken from there
    /// (`Connection`, `Content-Length`, `Content-Type`, `Transfer-Encoding`): the stream ends when the connection does.
    ///
    /// # Errors
    ///
    /// [`WriteError::Left`] or [`WriteError::Io`].
    ///
    /// # Examples
    ///
    /// ```
    /// use http::HeaderMap;
    /// use mixed_replace::{Boundary, Encoder, Part, Wire, write::{Head, Writer}};
    ///
    /// let mut response = Vec::new();
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine);
    /// Writer::with_encoder(&mut response, encoder).write_head(Head::Http11, &HeaderMap::new())?;
    /// assert_eq!(
    ///     String::from_utf8_lossy(&response),
    ///     "HTTP/1.1 200 OK\r\n\
    ///      Content-Type: multipart/x-mixed-replace; boundary=ThisRandomString\r\n\
    ///      Cache-Control: no-store, no-transform\r\n\
    ///      Content-Encoding: identity\r\n\
    ///      Vary: Accept\r\n\
    ///      X-Accel-Buffering: no\r\n\
    ///      X-Content-Type-Options: nosniff\r\n\
    ///      Connection: close\r\n\r\n"
    /// );
    /// # Ok::<(), mixed_replace::write::WriteError>(())
    /// ```
    pub fn write_head(&mut self, head: Head, more: &HeaderMap) -> Result<(), WriteError> {
        self.drain()?;
        let fields = response::stream_head(self.encoder().content_type());
        self.chunk = response::head_bytes(head.first_line(), fields, more, head.last_line());
        self.drain()
    }

    /// Writes a part, and what may go out before the next one is known.
    ///
    /// # Errors
    ///
    /// [`WriteError::BoundaryInPart`] and [`WriteError::InvalidPicture`], and then nothing has been written; [`WriteError::Left`]; [`WriteError::Io`], behind
    /// which the rest of this part is still to be [flushed](Self::flush) - or all of an earlier one, and this one was not
    /// taken, if that has not been done.
    pub fn write(&mut self, part: &Part) -> Result<(), WriteError> {
        let encoded = self.encoder().encode(part)?;
        self.drain()?;
        self.queue.push(encoded);
        self.drain()
    }

    /// Writes what an error has left over; without one there is nothing to write.
    ///
    /// # Errors
    ///
    /// [`WriteError::Left`] or [`WriteError::Io`].
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.drain()
    }

    /// How long the caller may wait for the next part until it should [`repeat`](Self::repeat) the last one; zero if that
    /// is due.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use mixed_replace::{Wire, write::Writer};
    ///
    /// let writer = Writer::new(Vec::new(), Wire::Machine).keep_alive(Duration::ZERO);
    /// assert!(writer.until_keep_alive().is_zero());
    /// ```
    #[must_use]
    pub fn until_keep_alive(&self) -> Duration {
        self.keep_alive.saturating_sub(self.written.elapsed())
    }

    /// Writes the encoder's [heartbeat](Encoder::heartbeat), or else the last part once more, if there has been one.
    ///
    /// # Errors
    ///
    /// [`WriteError::Left`] or [`WriteError::Io`].
    pub fn repeat(&mut self) -> Result<(), WriteError> {
        self.drain()?;
        self.queue.repeat();
        self.drain()
    }

    /// Writes the end: the last part once more where the wire needs that, and the close-delimiter.
    ///
    /// # Errors
    ///
    /// [`WriteError::Left`] or [`WriteError::Io`], with which what is left of the end is gone.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.drain()?;
        self.queue.close();
        self.drain()?;
        Ok(self.inner)
    }

    /// Ends a stream whose source has failed: on the browser wire like [`finish`](Self::finish), since a browser would
    /// otherwise lose its picture; on the others without the close-delimiter, so that a recorder can tell that it is
    /// truncated.
    ///
    /// # Errors
    ///
    /// [`WriteError::Left`] or [`WriteError::Io`].
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, Wire, write::Writer};
    ///
    /// let mut writer = Writer::new(Vec::new(), Wire::Browser);
    /// writer.write(&Part::text("on")?)?;
    /// assert!(writer.fail()?.ends_with(b"--\r\n"));
    ///
    /// let mut writer = Writer::new(Vec::new(), Wire::Machine);
    /// writer.write(&Part::text("on")?)?;
    /// assert!(!writer.fail()?.ends_with(b"--\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fail(mut self) -> Result<W, WriteError> {
        if self.encoder().wire() == Wire::Browser {
            return self.finish();
        }
        self.drain()?;
        Ok(self.inner)
    }

    /// Writes all that is there, and flushes it. After an error it goes on where it was.
    fn drain(&mut self) -> Result<(), WriteError> {
        loop {
            if self.chunk.is_empty() {
                match self.queue.next_chunk() {
                    Some(chunk) => self.chunk = chunk,
                    None => break,
                }
            }
            match self.inner.write(&self.chunk) {
                Ok(0) => return Err(WriteError::Io(ErrorKind::WriteZero.into())),
                Ok(taken) => self.chunk.advance(taken),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.inner.flush()?;
        self.written = Instant::now();
        Ok(())
    }
}

impl<W> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("encoder", self.queue.encoder()).finish_non_exhaustive()
    }
}

/// How a response begins, where no server writes its head.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Head {
    /// `Status: 200 OK`: for a CGI program whose server completes the head (RFC 3875 §6.3.3).
    Cgi,
    /// `HTTP/1.0 200 OK`: for a client of that version, on a connection that ends with the stream.
    Http10,
    /// `HTTP/1.1 200 OK`, on a connection that ends with the stream.
    Http11,
}

impl Head {
    /// For a client that speaks this protocol: the word behind the path in a request line, CGI's `SERVER_PROTOCOL`.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::write::Head;
    ///
    /// assert_eq!(Head::for_protocol("HTTP/1.0"), Head::Http10);
    /// assert_eq!(Head::for_protocol("HTTP/1.1"), Head::Http11);
    /// ```
    #[must_use]
    pub fn for_protocol(protocol: &str) -> Self {
        if protocol.eq_ignore_ascii_case("HTTP/1.0") { Self::Http10 } else { Self::Http11 }
    }

    fn first_line(self) -> &'static str {
        match self {
            Self::Cgi => "Status: 200 OK\r\n",
            Self::Http10 => "HTTP/1.0 200 OK\r\n",
            Self::Http11 => "HTTP/1.1 200 OK\r\n",
        }
    }

    fn last_line(self) -> &'static str {
        match self {
            Self::Cgi => "\r\n",
            Self::Http10 | Self::Http11 => "Connection: close\r\n\r\n",
        }
    }
}

/// Why a part, a head or the end was not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The part holds the boundary; nothing of it was written, and the stream may go on.
    BoundaryInPart(BoundaryInPart),
    /// The part is a damaged image; nothing of it was written, and the stream may go on.
    InvalidPicture(InvalidPicture),
    /// Another error, such as a full disk or a write timeout. [`Writer::flush`] goes on where it was.
    Io(io::Error),
    /// The client, or the server in front of it, has closed the connection: a normal end.
    Left(io::Error),
}

impl WriteError {
    /// Whether it is the normal end of a stream without end: the client has left.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Error, ErrorKind};
    /// use mixed_replace::write::WriteError;
    ///
    /// assert!(WriteError::from(Error::from(ErrorKind::BrokenPipe)).is_left());
    /// assert!(!WriteError::from(Error::from(ErrorKind::StorageFull)).is_left());
    /// ```
    #[must_use]
    pub fn is_left(&self) -> bool {
        matches!(self, Self::Left(_))
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BoundaryInPart(_) | Self::InvalidPicture(_) => "the part cannot be sent to this client",
            Self::Io(_) => "the stream cannot be written",
            Self::Left(_) => "the client has left",
        })
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::BoundaryInPart(source) => Some(source),
            Self::InvalidPicture(source) => Some(source),
            Self::Io(source) | Self::Left(source) => Some(source),
        }
    }
}

impl From<EncodeError> for WriteError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::BoundaryInPart(error) => Self::BoundaryInPart(error),
            EncodeError::InvalidPicture(error) => Self::InvalidPicture(error),
        }
    }
}

/// An error of a writer or a socket, told apart by its kind.
impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => Self::Left(error),
            _ => Self::Io(error),
        }
    }
}

/// For functions that return [`io::Result`].
impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::BoundaryInPart(error) => Self::new(ErrorKind::InvalidData, error),
            WriteError::InvalidPicture(error) => Self::new(ErrorKind::InvalidData, error),
            WriteError::Io(error) | WriteError::Left(error) => error,
        }
    }
}

/// Proxies cut at a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
