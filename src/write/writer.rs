//! The writer, its head and its error.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use http::HeaderMap;

use crate::body::Queue;
use crate::derive::error_messages;
use crate::encode::{EncodeError, EncodedPart, Encoder};
use crate::part::Part;
use crate::response;
use crate::wire::Wire;

/// A writer of parts for one client, over a file, a socket or a pipe.
///
/// It writes the same bytes as [`MixedReplace`](crate::MixedReplace). Each part is written and flushed before the call
/// returns, so a slow client slows its caller down: one part is held and none is queued. Parts up to 64 KiB are passed on
/// in one write, larger ones uncopied in three.
///
/// [`WriteError::Disconnected`] means that the client has disconnected, which is how an endless stream usually ends. After
/// any other I/O error, such as a write timeout, [`flush`](Self::flush) continues where the write stopped. Until that
/// succeeds no other part is accepted, so no part is torn.
///
/// # Keep-alive
///
/// Only a write detects reliably that a client has disconnected, and servers and proxies cut connections that are silent
/// for a minute. So wait for the next part for at most [`until_keep_alive`](Self::until_keep_alive), then call
/// [`repeat`](Self::repeat).
///
/// # Dropping
///
/// Dropping a writer writes nothing. Without [`finish`](Self::finish) the stream has no close-delimiter: readers on the
/// machine and script wires detect that it is truncated, and WebKitGTK shows a broken image.
///
/// # Examples
///
/// ```
/// use mixed_replace::{Boundary, Encoder, Part, Wire, Writer};
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
/// A program that sends the parts of a channel until its client disconnects:
///
/// ```
/// use std::sync::mpsc::{Receiver, RecvTimeoutError};
/// use mixed_replace::{Part, Wire, Writer, write::{Head, WriteError}};
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
    /// The rest of the chunk that is being written.
    chunk: Bytes,
    keep_alive: Duration,
    written: Instant,
}

impl<W: Write> Writer<W> {
    /// Creates a writer with a random boundary.
    ///
    /// On a socket, set `TCP_NODELAY`: otherwise the end of a part may wait for the acknowledgement of its first bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, Wire, Writer};
    ///
    /// let mut body = Vec::new();
    /// Writer::new(&mut body, Wire::Machine).write(&Part::text("on")?)?;
    /// assert!(body.starts_with(b"--"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(inner: W, wire: Wire) -> Self {
        Self::with_encoder(inner, Encoder::random(wire))
    }

    /// Creates a writer with an encoder of your choice, and so with its boundary, content type and heartbeat.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Encoder, Part, Wire, Writer};
    ///
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine);
    /// let mut body = Vec::new();
    /// Writer::with_encoder(&mut body, encoder).write(&Part::text("on")?)?;
    /// assert!(body.starts_with(b"--ThisRandomString\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_encoder(inner: W, encoder: Encoder) -> Self {
        Self { inner, queue: Queue::new(encoder), chunk: Bytes::new(), keep_alive: KEEP_ALIVE, written: Instant::now() }
    }

    /// Sets how long nothing is written until the last part is due again. Default: 10 seconds, since proxies cut silent
    /// connections after a minute.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use mixed_replace::{Wire, Writer};
    ///
    /// let writer = Writer::new(Vec::new(), Wire::Machine).keep_alive_interval(Duration::from_secs(5));
    /// assert!(writer.until_keep_alive() <= Duration::from_secs(5));
    /// ```
    pub fn keep_alive_interval(mut self, interval: Duration) -> Self {
        self.keep_alive = interval;
        self
    }

    fn encoder(&self) -> &Encoder {
        self.queue.encoder()
    }

    /// Writes the head of the response, for programs that write to the client's connection. Call it first and once.
    ///
    /// The fields are those of [`MixedReplace::headers`](crate::MixedReplace::headers), then `more`, whose fields replace
    /// those of the same name. Fields in `more` that frame the response are ignored (`Connection`, `Content-Length`,
    /// `Content-Type`, `Transfer-Encoding`): the stream ends with the connection.
    ///
    /// # Errors
    ///
    /// [`WriteError::Disconnected`] or [`WriteError::Io`].
    ///
    /// # Examples
    ///
    /// ```
    /// use http::HeaderMap;
    /// use mixed_replace::{Boundary, Encoder, Part, Wire, Writer, write::Head};
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

    /// Writes a part, and the bytes that may follow it before the next part is known.
    ///
    /// # Errors
    ///
    /// - [`WriteError::Encode`]: nothing has been written.
    /// - [`WriteError::Disconnected`].
    /// - [`WriteError::Io`]: the rest of this part must be [flushed](Self::flush). If the rest of an earlier part had not
    ///   been flushed, this one was not accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Boundary, Encoder, Part, Wire, Writer};
    ///
    /// let mut body = Vec::new();
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Browser);
    /// Writer::with_encoder(&mut body, encoder).write(&Part::text("12:00")?)?;
    /// assert!(body.ends_with(
    ///     b"12:00\r\n--ThisRandomString\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    /// ));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write(&mut self, part: &Part) -> Result<(), WriteError> {
        let encoded = self.encoder().encode(part)?;
        self.drain()?;
        self.queue.push(encoded);
        self.drain()
    }

    /// Writes the rest of a part after an error. Does nothing if there was none.
    ///
    /// # Errors
    ///
    /// [`WriteError::Disconnected`] or [`WriteError::Io`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{self, Write};
    /// use mixed_replace::{Part, Wire, Writer, write::WriteError};
    ///
    /// /// A socket whose first write times out.
    /// struct Socket(bool, Vec<u8>);
    ///
    /// impl Write for Socket {
    ///     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
    ///         if std::mem::replace(&mut self.0, true) { self.1.write(bytes) } else { Err(io::ErrorKind::TimedOut.into()) }
    ///     }
    ///
    ///     fn flush(&mut self) -> io::Result<()> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut writer = Writer::new(Socket(false, Vec::new()), Wire::Machine);
    /// assert!(matches!(writer.write(&Part::text("on")?), Err(WriteError::Io(_))));
    /// writer.flush()?;
    /// assert!(writer.finish()?.1.starts_with(b"--"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.drain()
    }

    /// Returns how long the caller may wait for the next part before it should [`repeat`](Self::repeat) the last one. Zero
    /// if that is due.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use mixed_replace::{Wire, Writer};
    ///
    /// let writer = Writer::new(Vec::new(), Wire::Machine).keep_alive_interval(Duration::ZERO);
    /// assert!(writer.until_keep_alive().is_zero());
    /// ```
    #[must_use]
    pub fn until_keep_alive(&self) -> Duration {
        self.keep_alive.saturating_sub(self.written.elapsed())
    }

    /// Writes the encoder's [heartbeat](Encoder::heartbeat), or else repeats the last part, if there has been one.
    ///
    /// # Errors
    ///
    /// [`WriteError::Disconnected`] or [`WriteError::Io`].
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, Wire, Writer};
    ///
    /// let mut writer = Writer::new(Vec::new(), Wire::Machine);
    /// writer.write(&Part::text("12:00")?)?;
    /// writer.repeat()?;
    /// assert_eq!(String::from_utf8(writer.fail()?)?.matches("12:00").count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn repeat(&mut self) -> Result<(), WriteError> {
        self.drain()?;
        self.queue.repeat();
        self.drain()
    }

    /// Ends the stream: repeats the last part where the wire needs that, and writes the close-delimiter.
    ///
    /// # Errors
    ///
    /// [`WriteError::Disconnected`] or [`WriteError::Io`]. The rest of the end cannot be written then.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, Wire, Writer};
    ///
    /// let mut writer = Writer::new(Vec::new(), Wire::Script);
    /// writer.write(&Part::text("on")?)?;
    /// let body = writer.finish()?;
    /// assert!(body.ends_with(b"--\r\n"), "the close-delimiter");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.drain()?;
        self.queue.close();
        self.drain()?;
        Ok(self.inner)
    }

    /// Ends a stream whose source has failed.
    ///
    /// On the browser wire it equals [`finish`](Self::finish), since a browser would otherwise lose its picture. The other
    /// wires get no close-delimiter, so that a recorder can detect that the stream is truncated.
    ///
    /// # Errors
    ///
    /// [`WriteError::Disconnected`] or [`WriteError::Io`].
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, Wire, Writer};
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

    /// Writes all pending bytes and flushes. After an error the next call continues where it stopped.
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

/// The kind of head that [`Writer::write_head`] writes.
///
/// # Examples
///
/// ```
/// use mixed_replace::write::Head;
/// use mixed_replace::{Wire, Writer};
///
/// let mut writer = Writer::new(Vec::new(), Wire::Browser);
/// writer.write_head(Head::Http11, &http::HeaderMap::new())?;
/// assert!(writer.finish()?.starts_with(b"HTTP/1.1 200 OK\r\n"));
/// # Ok::<(), mixed_replace::write::WriteError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Head {
    /// `Status: 200 OK`, for a CGI program whose server completes the head (RFC 3875 §6.3.3).
    Cgi,
    /// `HTTP/1.0 200 OK`, for a client of that version, on a connection that ends with the stream.
    Http10,
    /// `HTTP/1.1 200 OK`, on a connection that ends with the stream.
    Http11,
}

impl Head {
    /// Returns the kind for a protocol: the last word of a request line, or CGI's `SERVER_PROTOCOL`.
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

/// The error of writing a part, a head or the end.
///
/// # Examples
///
/// ```
/// use mixed_replace::write::WriteError;
/// use mixed_replace::{Part, Wire, Writer};
///
/// fn send(to: impl std::io::Write) -> Result<(), WriteError> {
///     let mut writer = Writer::new(to, Wire::Machine);
///     for text in ["one", "two"] {
///         match writer.write(&Part::text(text).expect("a text")) {
///             Err(WriteError::Encode(error)) => eprintln!("left out: {error}"),
///             other => other?,
///         }
///     }
///     writer.finish().map(drop)
/// }
/// assert!(send(Vec::new()).is_ok());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The client, or the server in front of it, has closed the connection. This is a normal end.
    Disconnected(io::Error),
    /// The part holds the boundary or is a damaged image. Nothing of it was written, and the stream may continue.
    Encode(EncodeError),
    /// Another error, such as a full disk or a write timeout. [`Writer::flush`] continues where the write stopped.
    Io(io::Error),
}

impl WriteError {
    /// Returns `true` if the client has disconnected, which is how an endless stream usually ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Error, ErrorKind};
    /// use mixed_replace::write::WriteError;
    ///
    /// assert!(WriteError::from(Error::from(ErrorKind::BrokenPipe)).is_disconnected());
    /// assert!(!WriteError::from(Error::from(ErrorKind::StorageFull)).is_disconnected());
    /// ```
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }
}

error_messages! { WriteError {
    Self::Encode(_) => "the part cannot be sent to this client";
    Self::Io(_) => "the stream cannot be written";
    Self::Disconnected(_) => "the client has disconnected";
} sources { Encode, Io, Disconnected } }

impl From<EncodeError> for WriteError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

/// [`WriteError::Disconnected`] or [`WriteError::Io`], by the kind of the error.
impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {
                Self::Disconnected(error)
            }
            _ => Self::Io(error),
        }
    }
}

/// `InvalidData` for a part that cannot be sent, otherwise the I/O error itself.
impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Encode(error) => error.into(),
            WriteError::Io(error) | WriteError::Disconnected(error) => error,
        }
    }
}

/// Well below the minute after which proxies cut silent connections.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
