//! A server that does what servers should not do: it answers each request for `/stream` with the bytes that the test wants.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mixed_replace::ClientScript;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// It lives as long as the runtime.
#[derive(Debug)]
pub struct Raw {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

/// An answer, from its status line on. Then the connection stays open, or is cut.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Written in one go.
    pub bytes: Bytes,
    /// Whether that was all.
    pub cut: bool,
}

impl Raw {
    /// Serves this page at `/`, the client at `/client.js`, and the answers, one after the other and the last again and
    /// again, at `/stream`.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn start(page: &str, answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (requests, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let heads = Arc::default();
        let site = Arc::new(Served { page: whole("text/html", page), answers, requests, open, heads });
        let (requests, open, heads) = (Arc::clone(&site.requests), Arc::clone(&site.open), Arc::clone(&site.heads));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let site = Arc::clone(&site);
                // Whoever goes away in the middle does so.
                tokio::spawn(async move { drop(site.answer(connection).await) });
            }
        });
        Self { address, requests, open, heads }
    }

    /// Its page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// How often the stream was asked for.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// The head of each request, whatever it asked for, the first one first.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many streams are open.
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
            let client = || whole("text/javascript", ClientScript::source());
            return connection.write_all(&if is_page { self.page.clone() } else { client() }).await;
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

fn whole(content_type: &str, body: &str) -> Bytes {
    let len = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}; charset=utf-8\r\nContent-Length: {len}\r\n");
    Bytes::from(format!("{head}Connection: close\r\n\r\n{body}"))
}
