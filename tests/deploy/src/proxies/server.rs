//! The server behind the proxy: a hub, with the crate's response head and with a reduced one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use mixed_replace::{Hub, Part, Publisher, Snapshot, Wire, hub, socket};

/// An axum server, which runs as long as the runtime.
///
/// `/with` is the stream of the hub, `/without` the same stream without the headers for proxies, `/still` its latest part for
/// caches.
#[derive(Debug)]
pub struct Server {
    port: u16,
    stills: Arc<AtomicUsize>,
    publisher: Publisher,
    hub: Hub,
}

impl Server {
    /// Starts it with a first part, number 0.
    pub async fn start(keep_alive: Option<Duration>) -> Self {
        let (publisher, hub) = hub::builder().keep_alive_interval(keep_alive).build();
        publisher.publish(part(0)).expect("a part");
        let with = hub.clone();
        let without = hub.clone();
        let still = Snapshot::new(hub.clone()).cache_for(Duration::from_secs(1)).age_param(false).refresh_param(false);
        let stills = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&stills);
        let still = async move |request: Request| {
            count.fetch_add(1, Ordering::Relaxed);
            still.respond(request).await
        };
        let app = Router::new()
            .route("/with", get(async move |headers: HeaderMap| stream(&with, &headers)))
            .route("/without", get(async move |headers: HeaderMap| bare(stream(&without, &headers))))
            .route("/still", get(still));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let listener = listener.tap_io(|connection| drop(socket::tune(connection)));
        tokio::spawn(async { axum::serve(listener, app).await });
        Self { port, stills, publisher, hub }
    }

    /// Returns its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the number of requests for a still.
    #[must_use]
    pub fn stills(&self) -> usize {
        self.stills.load(Ordering::Relaxed)
    }

    /// Publishes part number `number`.
    pub fn publish(&self, number: usize) {
        self.publisher.publish(part(number)).expect("a part");
    }

    /// Returns the number of viewers.
    #[must_use]
    pub fn viewers(&self) -> usize {
        self.hub.stats().viewers
    }
}

/// Creates a part of two kilobytes that compress well.
pub fn part(number: usize) -> Part {
    Part::text(format!("{number:2000}")).expect("a part")
}

fn stream(hub: &Hub, headers: &HeaderMap) -> Response {
    hub.subscribe(Wire::for_request(headers)).into_response()
}

fn bare(mut response: Response) -> Response {
    for name in ["cache-control", "content-encoding", "x-accel-buffering"] {
        response.headers_mut().remove(name);
    }
    response
}
