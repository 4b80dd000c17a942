//! Servers with the crate, as a camera for motion and nginx.

use std::convert::Infallible;
use std::net::TcpListener;
use std::thread;

use axum::{Router, routing};
use futures::stream;
use mixed_replace::{Live, MixedReplace, Part, Publisher, Wire, hub};

/// A hub at `/live`, in a thread that runs as long as the process.
#[derive(Debug)]
pub struct Camera {
    /// Host and port.
    pub address: String,
    publisher: Publisher,
}

impl Camera {
    /// Starts a server without a picture.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    #[must_use]
    pub fn start() -> Self {
        let (publisher, hub) = hub::channel();
        Self { address: serve(Router::new().route_service("/live", Live::new(hub))), publisher }
    }

    /// Publishes one picture.
    ///
    /// # Panics
    ///
    /// If it is no picture.
    pub fn show(&self, picture: &[u8]) {
        self.publisher.publish(part(picture)).expect("an open hub");
    }
}

/// Starts a server that sends these pictures once to every client of `/live`, as fast as they are read, and ends.
///
/// # Panics
///
/// If one of them is no picture.
#[must_use]
pub fn replay(pictures: &[Vec<u8>]) -> String {
    let parts: Vec<_> = pictures.iter().map(|picture| Ok::<_, Infallible>(part(picture))).collect();
    let live = async move |wire: Wire| MixedReplace::new(stream::iter(parts.clone()), wire);
    serve(Router::new().route("/live", routing::get(live)))
}

fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("a bound socket").to_string();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
            axum::serve(listener, app).await
        })
    });
    address
}

fn part(picture: &[u8]) -> Part {
    Part::jpeg(picture.to_vec()).expect("a picture")
}
