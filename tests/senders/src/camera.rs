//! A server of our own, for whom it is a camera: motion, and nginx.

use std::net::TcpListener;
use std::thread;

use mixed_replace::hub::{self, Publisher};
use mixed_replace::{Hub, Part};

/// A hub at `/live`, in a thread that lives as long as the process.
#[derive(Debug)]
pub struct Camera {
    /// Host and port.
    pub address: String,
    /// Whose pictures are sent.
    pub publisher: Publisher,
    /// To whom.
    pub hub: Hub,
}

impl Camera {
    /// Without a picture yet.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    #[must_use]
    pub fn start() -> Self {
        let (publisher, hub) = hub::channel();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("it is bound").to_string();
        let app = axum::Router::new().route_service("/live", hub.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
                axum::serve(listener, app).await
            })
        });
        Self { address, publisher, hub }
    }

    /// Publishes one picture.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn show(&self, picture: &[u8]) {
        let part = Part::jpeg(picture.to_vec()).expect("a picture");
        self.publisher.publish(part).expect("the hub is open");
    }
}
