//! A camera that a test scripts, and that records its connections.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use interop_tests::browsers::Colour;

/// A camera on a free port, which runs until the test ends.
#[derive(Debug)]
pub struct Fake {
    address: SocketAddr,
    visits: Arc<Mutex<Vec<Visit>>>,
}

/// A connection to the camera.
#[derive(Debug)]
pub struct Connection {
    /// The request line and headers.
    pub request: String,
    /// The number of earlier connections.
    pub number: usize,
    socket: TcpStream,
}

#[derive(Clone, Debug)]
struct Visit {
    begin: Instant,
    request: String,
    ended: bool,
}

impl Fake {
    /// Starts a camera that calls `serve` for each connection and closes it afterwards.
    #[must_use]
    pub fn start(serve: impl Fn(&mut Connection) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let serve = Arc::new(serve);
        Self::accepting(move |socket, log| {
            let (log, serve) = (Arc::clone(log), Arc::clone(&serve));
            spawn(move || visit(socket, &log, &*serve));
        })
    }

    fn accepting(serve: impl Fn(TcpStream, &Arc<Mutex<Vec<Visit>>>) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let visits = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&visits);
        spawn(move || listener.incoming().map_while(Result::ok).for_each(|socket| serve(socket, &log)));
        Self { address, visits }
    }

    /// Starts a camera that shows a colour at this rate.
    #[must_use]
    pub fn showing(colour: Colour, fps: u32) -> Self {
        Self::start(move |connection| connection.stream(colour, fps))
    }

    /// Returns its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/stream", self.address)
    }

    /// Returns its address with this login.
    #[must_use]
    pub fn url_for(&self, login: &str) -> String {
        format!("http://{login}@{}/stream", self.address)
    }

    /// Returns the time at which each connection began.
    #[must_use]
    pub fn times(&self) -> Vec<Instant> {
        self.visits().iter().map(|visit| visit.begin).collect()
    }

    /// Returns the requests.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.visits().into_iter().map(|visit| visit.request).collect()
    }

    /// Returns the number of open connections.
    #[must_use]
    pub fn open(&self) -> usize {
        self.visits().iter().filter(|visit| !visit.ended).count()
    }

    fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[expect(clippy::missing_errors_doc, reason = "the only one is that the relay has closed the connection")]
impl Connection {
    /// Sends bytes.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.write_all(bytes.as_ref())
    }

    /// Sends the head of a stream's response with further header lines.
    pub fn begin(&mut self, headers: &str) -> io::Result<()> {
        let content_type = "multipart/x-mixed-replace; boundary=fake";
        self.write(format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{headers}\r\n--fake\r\n"))
    }

    /// Sends a part with these header lines.
    pub fn part(&mut self, headers: &str, body: &[u8]) -> io::Result<()> {
        let head = format!("{headers}Content-Length: {}\r\n\r\n", body.len());
        self.write([head.as_bytes(), body, b"\r\n--fake\r\n"].concat())
    }

    /// Sends a picture of a colour.
    pub fn picture(&mut self, colour: Colour) -> io::Result<()> {
        self.part("Content-Type: image/jpeg\r\n", colour.jpeg().body())
    }

    /// Sends an endless stream of a colour.
    pub fn stream(&mut self, colour: Colour, fps: u32) -> io::Result<()> {
        self.begin("")?;
        let picture = colour.jpeg();
        loop {
            self.part("Content-Type: image/jpeg\r\n", picture.body())?;
            sleep(Duration::from_secs(1) / fps);
        }
    }

    /// Sends a response that is not a stream.
    pub fn answer(&mut self, status: &str, headers: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        self.write(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"))
    }

    /// Sends nothing until the relay closes the connection.
    pub fn hang(&mut self) -> io::Result<()> {
        self.socket.set_read_timeout(None)?;
        while self.socket.read(&mut [0])? > 0 {}
        Ok(())
    }
}

fn visit(socket: TcpStream, log: &Mutex<Vec<Visit>>, serve: impl Fn(&mut Connection) -> io::Result<()>) {
    let begin = Instant::now();
    let Ok(request) = head(&socket) else { return };
    let number = {
        let mut visits = log.lock().unwrap_or_else(PoisonError::into_inner);
        visits.push(Visit { begin, request: request.clone(), ended: false });
        visits.len() - 1
    };
    // The relay may close the connection at any time.
    let _ = serve(&mut Connection { request, number, socket });
    if let Some(visit) = log.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number) {
        visit.ended = true;
    }
}

fn head(mut socket: &TcpStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte)?;
        bytes.extend(byte);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
