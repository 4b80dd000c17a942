//! Receives a stream over TCP with `Parts`.

use std::net::TcpListener;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyDataStream, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mixed_replace::decode::{DecodeError, Parts, PartsError};
use mixed_replace::{Decoder, Part};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// A received stream.
#[derive(Debug)]
pub struct Received {
    /// The header fields of the response, if it was HTTP.
    pub head: HeaderMap,
    /// The boundary, as found by the decoder.
    pub boundary: Option<String>,
    /// The parts in order.
    pub parts: Vec<Part>,
    /// The number of skipped parts.
    pub skipped: u64,
    /// How it ended.
    pub end: End,
}

/// How a stream ended.
#[derive(Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a test covers all there are")]
pub enum End {
    /// By the close-delimiter.
    Closed,
    /// It did not end. The requested number of parts was reached.
    Enough,
    /// By the end of the bytes.
    Truncated,
}

impl Received {
    /// Returns the bodies of all parts.
    #[must_use]
    pub fn bodies(&self) -> Vec<&[u8]> {
        self.parts.iter().map(|part| &part.body()[..]).collect()
    }

    /// Checks that exactly these pictures were received, unchanged, once and in order.
    ///
    /// # Panics
    ///
    /// If the check fails.
    #[track_caller]
    pub fn are(&self, pictures: &[Vec<u8>]) {
        self.are_pictures();
        assert_eq!(self.parts.len(), pictures.len(), "{:?} of {:?}", self.end, self.head);
        for (number, (part, picture)) in self.parts.iter().zip(pictures).enumerate() {
            assert!(part.body() == picture, "picture {number} has changed: {:?}", part.body().len());
        }
    }

    /// Checks that every part is a decodable JPEG picture, and that none was skipped.
    ///
    /// # Panics
    ///
    /// If the check fails.
    #[track_caller]
    pub fn are_pictures(&self) {
        for (number, part) in self.parts.iter().enumerate() {
            assert_eq!(part.content_type().essence_str(), "image/jpeg", "part {number}");
            if let Err(error) = jpeg_decoder::Decoder::new(&part.body()[..]).decode() {
                panic!("part {number} of {} bytes: {error}", part.body().len());
            }
        }
        assert_eq!(self.skipped, 0);
    }
}

/// Receives the stream of a server to its end, or a number of parts. Waits until the server listens.
///
/// # Panics
///
/// If it takes longer than 90 seconds, or the connection fails.
#[must_use]
pub fn get(address: &str, path: &str, take: Option<usize>) -> Received {
    get_while(address, path, fewer_than(take))
}

/// Receives the stream of a server to its end, or until a condition on the parts is met.
///
/// # Panics
///
/// Like [`get`].
#[must_use]
pub fn get_while(address: &str, path: &str, more: impl FnMut(&[Part]) -> bool) -> Received {
    run(async {
        let (head, body) = response(address, path).await.into_parts();
        assert_eq!(head.status, StatusCode::OK);
        assert!(head.headers.get(CONTENT_ENCODING).is_none_or(|coding| coding == "identity"), "{:?}", head.headers);
        let decoder = match head.headers.get(CONTENT_TYPE) {
            Some(content_type) => Decoder::for_content_type(content_type),
            None => Decoder::detect(),
        };
        receive(head.headers, BodyDataStream::new(body), decoder, more).await
    })
}

/// Receives the stream of a server without HTTP.
///
/// # Panics
///
/// Like [`get`].
#[must_use]
pub fn get_raw(address: &str, decoder: Decoder, take: Option<usize>) -> Received {
    run(async {
        let socket = connect(address).await;
        receive(HeaderMap::new(), reads(socket), decoder, fewer_than(take)).await
    })
}

/// Receives the stream of a client that connects.
///
/// # Panics
///
/// Like [`get`].
#[must_use]
pub fn accept(listener: TcpListener, decoder: Decoder) -> Received {
    run(async {
        listener.set_nonblocking(true).expect("a socket");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
        let (socket, _) = listener.accept().await.expect("a connection");
        receive(HeaderMap::new(), reads(socket), decoder, |_| true).await
    })
}

fn fewer_than(take: Option<usize>) -> impl FnMut(&[Part]) -> bool {
    move |parts| take.is_none_or(|take| parts.len() < take)
}

async fn receive<S, E>(head: HeaderMap, bytes: S, decoder: Decoder, mut more: impl FnMut(&[Part]) -> bool) -> Received
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::fmt::Debug,
{
    let mut stream = Parts::new(bytes, decoder);
    let mut parts = Vec::new();
    let end = loop {
        match stream.next().await {
            Some(Ok(part)) => {
                parts.push(part);
                if !more(&parts) {
                    break End::Enough;
                }
            }
            Some(Err(PartsError::Decode(DecodeError::Truncated { .. }))) => break End::Truncated,
            Some(Err(error)) => panic!("after {} parts: {error:?}", parts.len()),
            None => break End::Closed,
        }
    };
    let decoder = stream.decoder();
    Received { head, boundary: decoder.boundary().map(str::to_owned), parts, skipped: decoder.skipped(), end }
}

/// The bytes, in the chunks of the network.
fn reads(socket: TcpStream) -> impl Stream<Item = std::io::Result<Bytes>> + Unpin {
    let reads = stream::try_unfold(socket, |mut socket| async {
        let mut bytes = BytesMut::with_capacity(16 * 1024);
        Ok(match socket.read_buf(&mut bytes).await? {
            0 => None,
            _ => Some((bytes.freeze(), socket)),
        })
    });
    reads.into_stream().boxed_local()
}

/// Requests until there is a response.
async fn response(address: &str, path: &str) -> Response<Incoming> {
    let start = Instant::now();
    loop {
        let socket = TokioIo::new(connect(address).await);
        let (mut sender, connection) = http1::handshake(socket).await.expect("a connection");
        tokio::spawn(connection);
        // Accepts every coding, so that a server that compresses this type fails here.
        let request = Request::get(path).header(HOST, address).header(ACCEPT_ENCODING, "gzip");
        let request = request.body(Empty::<Bytes>::new()).expect("a request");
        match sender.send_request(request).await {
            Ok(response) => return response,
            // motion closes connections until it has a picture.
            Err(error) => assert!(start.elapsed() < START, "{address} after {START:?}: {error}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn connect(address: &str) -> TcpStream {
    let start = Instant::now();
    loop {
        match TcpStream::connect(address).await {
            Ok(socket) => return socket,
            Err(error) => assert!(start.elapsed() < START, "{address} after {START:?}: {error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { timeout(PATIENCE, future).await.expect("the stream ends in time") })
}

const START: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(90);
