//! A camera that a test scripts and that records its connections, and a viewer of a source.

use std::future::poll_fn;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::Stream;
use mixed_replace::decode::Parts;
use mixed_replace::source::{Error, Monitor, Status};
use mixed_replace::{Decoder, Hub, Part, Wire};
use tokio::time::timeout;

/// Two small pictures.
pub(crate) fn pictures() -> [Bytes; 2] {
    [20, 200].map(|grey| {
        let mut jpeg = Vec::new();
        let pixels = [grey; 64 * 48];
        jpeg_encoder::Encoder::new(&mut jpeg, 80).encode(&pixels, 64, 48, jpeg_encoder::ColorType::Luma).unwrap();
        jpeg.into()
    })
}

/// A viewer of a source.
pub(crate) struct Watched {
    pub(crate) hub: Hub,
    pub(crate) monitor: Monitor,
    parts: Option<Pin<Box<dyn Stream<Item = Part>>>>,
}

/// Spawns a source and watches its hub.
macro_rules! watch {
    ($source:expr) => {
        watch!($source, mixed_replace::hub::builder())
    };
    ($source:expr, $builder:expr) => {{
        let source = $source;
        let monitor = source.monitor();
        crate::support::Watched::new(source.spawn_with($builder), monitor)
    }};
}
pub(crate) use watch;

impl Watched {
    pub(crate) fn new(hub: Hub, monitor: Monitor) -> Self {
        let mut watched = Self { hub, monitor, parts: None };
        watched.come();
        watched
    }

    /// Connects the viewer, in place of the one before.
    pub(crate) fn come(&mut self) {
        let bytes = self.hub.subscribe(Wire::Machine).unwrap().into_stream();
        let parts = futures::StreamExt::filter_map(Parts::new(bytes, Decoder::detect()), async |part| part.ok());
        self.parts = Some(Box::pin(parts));
    }

    /// Disconnects the viewer.
    pub(crate) fn leave(&mut self) {
        self.parts = None;
    }

    /// Returns the next part, or `None` if it does not come in time.
    pub(crate) async fn next(&mut self, within: Duration) -> Option<Part> {
        let parts = self.parts.as_mut().unwrap();
        timeout(within, poll_fn(|cx| parts.as_mut().poll_next(cx))).await.ok().flatten()
    }

    /// Waits for a part with this body.
    pub(crate) async fn sees(&mut self, body: &[u8], within: Duration) {
        let begin = Instant::now();
        while self.next(within.saturating_sub(begin.elapsed())).await.is_none_or(|part| part.body() != body) {
            assert!(begin.elapsed() < within, "not seen: {:?} {:?}", self.monitor.status(), self.monitor.stats());
        }
    }

    /// Watches until the source is lost and returns the reason.
    pub(crate) async fn error(&mut self, within: Duration) -> Error {
        let begin = Instant::now();
        loop {
            if let Some(error) = self.monitor.stats().last_error {
                return error;
            }
            assert!(begin.elapsed() < within, "no error: {:?} {:?}", self.monitor.status(), self.monitor.stats());
            let _ = self.next(Duration::from_millis(20)).await;
        }
    }

    /// Watches until the status is this one.
    pub(crate) async fn until(&mut self, within: Duration, fits: impl Fn(&Status) -> bool) -> Duration {
        let begin = Instant::now();
        while !fits(&self.monitor.status()) {
            assert!(begin.elapsed() < within, "{:?} {:?}", self.monitor.status(), self.monitor.stats());
            match &self.parts {
                Some(_) => drop(self.next(Duration::from_millis(10)).await),
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        begin.elapsed()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.hub.close();
    }
}

/// A camera on a free port, which runs until the test ends.
#[derive(Debug)]
pub(crate) struct Fake {
    address: SocketAddr,
    visits: Arc<Mutex<Vec<Visit>>>,
}

/// A connection to the camera.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The request line and headers.
    pub(crate) request: String,
    /// The number of earlier connections.
    pub(crate) number: usize,
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
    pub(crate) fn start(serve: impl Fn(&mut Connection) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let serve = Arc::new(serve);
        Self::accepting(move |socket, log| {
            let (log, serve) = (Arc::clone(log), Arc::clone(&serve));
            spawn(move || visit(socket, &log, &*serve));
        })
    }

    /// Starts a camera that serves one connection at a time.
    pub(crate) fn one_at_a_time(serve: impl Fn(&mut Connection) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::accepting(move |socket, log| visit(socket, log, &serve))
    }

    fn accepting(serve: impl Fn(TcpStream, &Arc<Mutex<Vec<Visit>>>) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let visits = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&visits);
        spawn(move || listener.incoming().map_while(Result::ok).for_each(|socket| serve(socket, &log)));
        Self { address, visits }
    }

    /// Starts a camera that sends its first picture at this rate.
    pub(crate) fn showing(fps: u32) -> Self {
        Self::start(move |connection| connection.stream(fps))
    }

    /// Returns its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/stream", self.address)
    }

    /// Returns its `HOST:PORT`.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Returns its address with this login.
    pub(crate) fn url_for(&self, login: &str) -> String {
        format!("http://{login}@{}/stream", self.address)
    }

    /// Returns the time at which each connection began.
    pub(crate) fn times(&self) -> Vec<Instant> {
        self.visits().iter().map(|visit| visit.begin).collect()
    }

    /// Returns the requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.visits().into_iter().map(|visit| visit.request).collect()
    }

    /// Returns the number of open connections.
    pub(crate) fn open(&self) -> usize {
        self.visits().iter().filter(|visit| !visit.ended).count()
    }

    /// Returns whether the connection after so many others is closed.
    pub(crate) fn ended(&self, number: usize) -> bool {
        self.visits().get(number).is_some_and(|visit| visit.ended)
    }

    fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap().clone()
    }
}

impl Connection {
    /// Sends bytes.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.write_all(bytes.as_ref())
    }

    /// Sends the head of a stream's response with further header lines.
    pub(crate) fn begin(&mut self, headers: &str) -> io::Result<()> {
        let content_type = "multipart/x-mixed-replace; boundary=fake";
        self.write(format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{headers}\r\n--fake\r\n"))
    }

    /// Sends a part with these header lines.
    pub(crate) fn part(&mut self, headers: &str, body: &[u8]) -> io::Result<()> {
        let head = format!("{headers}Content-Length: {}\r\n\r\n", body.len());
        self.write([head.as_bytes(), body, b"\r\n--fake\r\n"].concat())
    }

    /// Sends the first picture.
    pub(crate) fn picture(&mut self) -> io::Result<()> {
        self.part("Content-Type: image/jpeg\r\n", &pictures()[0])
    }

    /// Sends the first picture at this rate, without a head.
    pub(crate) fn parts(&mut self, fps: u32) -> io::Result<()> {
        loop {
            self.picture()?;
            sleep(Duration::from_secs(1) / fps);
        }
    }

    /// Sends an endless stream of the first picture.
    pub(crate) fn stream(&mut self, fps: u32) -> io::Result<()> {
        self.begin("")?;
        self.parts(fps)
    }

    /// Sends endless JPEG pictures without anything between them.
    pub(crate) fn jpegs(&mut self, fps: u32) -> io::Result<()> {
        loop {
            self.write(&pictures()[0])?;
            sleep(Duration::from_secs(1) / fps);
        }
    }

    /// Sends a response that is not a stream.
    pub(crate) fn answer(&mut self, status: &str, headers: &str, body: impl AsRef<[u8]>) -> io::Result<()> {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        self.write([head.as_bytes(), body].concat())
    }

    /// Sends nothing until the client closes the connection.
    pub(crate) fn hang(&mut self) -> io::Result<()> {
        while self.socket.read(&mut [0])? > 0 {}
        Ok(())
    }

    /// Reads this many bytes of the request's body.
    pub(crate) fn body(&mut self, len: usize) -> io::Result<String> {
        let mut body = vec![0; len];
        self.socket.read_exact(&mut body)?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Returns a field of the request.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.request, name)
    }
}

/// Returns a field of a request.
pub(crate) fn field<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = request.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn visit(socket: TcpStream, log: &Mutex<Vec<Visit>>, serve: impl Fn(&mut Connection) -> io::Result<()>) {
    let begin = Instant::now();
    let Ok(request) = head(&socket) else { return };
    let number = {
        let mut visits = log.lock().unwrap();
        visits.push(Visit { begin, request: request.clone(), ended: false });
        visits.len() - 1
    };
    // The client may close the connection at any time.
    let _ = serve(&mut Connection { request, number, socket });
    if let Some(visit) = log.lock().unwrap().get_mut(number) {
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

pub(crate) const SOON: Duration = Duration::from_secs(10);
