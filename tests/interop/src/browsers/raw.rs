//! A server that responds to each request for `/stream` with the bytes of the test, which may be malformed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mixed_replace::ClientScript;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A server that runs as long as the runtime.
#[derive(Debug)]
pub struct Raw {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

/// A response including its status line, after which the connection stays open or is closed.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The bytes, written at once.
    pub bytes: Bytes,
    /// Whether the connection is closed afterwards.
    pub cut: bool,
}

impl Raw {
    /// Serves this page at `/`, the client at `/client.js`, and the responses in order at `/stream`. The last response
    /// is repeated.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start(page: &str, answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (requests, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let heads = Arc::default();
        let site = Arc::new(Served { page: complete_part("text/html", page), answers, requests, open, heads });
        let (requests, open, heads) = (Arc::clone(&site.requests), Arc::clone(&site.open), Arc::clone(&site.heads));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let site = Arc::clone(&site);
                // Clients may disconnect in the middle.
                tokio::spawn(async move { drop(site.answer(connection).await) });
            }
        });
        Self { address, requests, open, heads }
    }

    /// Returns the address of its page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Returns the number of requests for the stream.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns the head of every request in order.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the number of open streams.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

struct Served {
    page: Bytes,
    answers: Vec<Answer>,
    requests: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Served {
    async fn answer(&self, mut connection: TcpStream) -> std::io::Result<()> {
        connection.set_nodelay(true)?;
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            if connection.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&request).into_owned();
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).push(head);
        if !request.starts_with(b"GET /stream") {
            let is_page = request.starts_with(b"GET / ");
            return connection.write_all(&if is_page { self.page.clone() } else { client(&request).await }).await;
        }
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let Some(answer) = self.answers.get(number).or(self.answers.last()) else { return Ok(()) };
        self.open.fetch_add(1, Ordering::Relaxed);
        let _open = CountDown(&self.open);
        connection.write_all(&answer.bytes).await?;
        if !answer.cut {
            while connection.read(&mut [0; 64]).await? > 0 {}
        }
        Ok(())
    }
}

struct CountDown<'a>(&'a AtomicUsize);

impl Drop for CountDown<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the response to a request for the client, or for a module that it imports.
async fn client(request: &[u8]) -> Bytes {
    let head = String::from_utf8_lossy(request);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let request = axum::http::Request::get(path).body(()).expect("a path");
    let body = axum::body::Body::new(ClientScript.respond(request).await.into_body());
    let module = axum::body::to_bytes(body, usize::MAX).await.expect("a module");
    complete_part("text/javascript", &String::from_utf8_lossy(&module))
}

fn complete_part(content_type: &str, body: &str) -> Bytes {
    let len = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}; charset=utf-8\r\nContent-Length: {len}\r\n");
    Bytes::from(format!("{head}Connection: close\r\n\r\n{body}"))
}
