//! A server of a ladder. The test sets the rate of its viewers' lines.
//!
//! | path | content |
//! |---|---|
//! | `/live/`*name* | `Live::ladder`, each response on a separate line |
//! | `/` | the page of the test |
//! | `/client.js` | `ClientScript` |

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{Html, Response};
use axum::routing::get;
use bytes::Bytes;
use futures::StreamExt as _;
use mixed_replace::{ClientScript, Live, Part, Publisher, hub, ladder::Viewer};
use tokio::time::sleep;

/// A server that runs as long as the runtime.
#[derive(Debug)]
pub struct Ladder {
    address: SocketAddr,
    ladder: mixed_replace::Ladder,
    publishers: Vec<Publisher>,
    line: Line,
}

impl Ladder {
    /// Starts a server with this page and so many rungs, without a keep-alive, because a repeated part would hide that the
    /// first one was not enough.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn start(page: String, rungs: usize) -> Self {
        let builder = hub::builder().keep_alive_interval(None);
        let (publishers, hubs): (Vec<_>, Vec<_>) = (0..rungs).map(|_| builder.clone().build()).unzip();
        let (ladder, line) = (mixed_replace::Ladder::new(hubs), Line::default());
        let (live, between) = (Live::ladder(ladder.clone()), line.clone());
        let answer = async move |request: Request| answer(&live, &between, request).await;
        let app = Router::new()
            .route("/", get(async || Html(page)))
            .route("/live/{name}", get(answer))
            .route_service("/client.js", ClientScript);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async { axum::serve(listener, app).await });
        Self { address, ladder, publishers, line }
    }

    /// Returns the address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Publishes a picture in the size of each rung, except on closed ones.
    ///
    /// # Panics
    ///
    /// If a part cannot be sent.
    pub fn show(&self, sizes: impl IntoIterator<Item = Part>) {
        let captured = SystemTime::now();
        for (publisher, part) in self.publishers.iter().zip(sizes) {
            if !publisher.is_closed() {
                publisher.publish(part.captured_at(captured)).expect("a part that can be sent");
            }
        }
    }

    /// Sets the bytes a second of each viewer's line. `None` is as fast as the machine.
    pub fn set_line(&self, rate: Option<u32>) {
        *self.line.0.lock().unwrap_or_else(PoisonError::into_inner) = rate;
    }

    /// Closes the hub of a rung.
    ///
    /// # Panics
    ///
    /// If there is no such rung.
    pub fn close(&self, rung: usize) {
        self.ladder.hubs().nth(rung).expect("a rung").close();
    }

    /// Returns a description of each current viewer.
    #[must_use]
    pub fn viewers(&self) -> Vec<Viewer> {
        self.ladder.viewers()
    }
}

/// The rate of all lines.
#[derive(Clone, Debug, Default)]
struct Line(Arc<Mutex<Option<u32>>>);

impl Line {
    /// Holds a chunk for the time that the line takes. A socket that is read slowly would do so only once the system's buffers
    /// are full, which take megabytes on a loopback device.
    async fn carry(self, chunk: Result<Bytes, axum::Error>) -> Result<Bytes, axum::Error> {
        let rate = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Ok(chunk), Some(rate)) = (&chunk, rate) {
            sleep(Duration::from_secs(u64::try_from(chunk.len()).unwrap_or_default()) / rate).await;
        }
        chunk
    }
}

async fn answer(live: &Live, line: &Line, request: Request) -> Response {
    let (response, line) = (live.respond(request).await, line.clone());
    response
        .map(|body| Body::from_stream(Body::new(body).into_data_stream().then(move |chunk| line.clone().carry(chunk))))
}
