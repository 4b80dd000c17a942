//! A server with a hub on axum.

#![expect(clippy::print_stdout, reason = "the test waits for where it listens")]

use std::io::{self, Write as _};

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use fault_tests::{Camera, GRACE, Options, stop_signal};
use mixed_replace::{Live, Wall, socket};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::time::timeout;

#[tokio::main]
async fn main() -> io::Result<()> {
    let options = Options::from_command_line();
    let camera = Camera::start(&options);
    let app = Router::new()
        .route_service("/live", Live::new(camera.hub.clone()))
        .route_service("/fed", Live::new(camera.fed.clone()))
        .route_service("/in", camera.ingest.clone())
        .route_service("/ladder", Live::ladder(camera.ladder.clone()))
        .route_service("/wall", Wall::new(camera.tracks.clone()))
        .route("/state", get(state))
        .with_state(camera.clone());
    let socket = TcpSocket::new_v4()?;
    socket.bind(options.listen)?;
    let listener = socket.listen(BACKLOG)?;
    println!("{} {}", listener.local_addr()?, std::process::id());
    let listener = listener.tap_io(|connection| drop(socket::tune(connection)));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
    let serving = tokio::spawn(serving.into_future());

    stop_signal().await;
    camera.ladder.close();
    camera.fed.close();
    let _ = stop.send(());
    drop(timeout(GRACE, serving).await);
    // The test may have closed the pipe.
    drop(writeln!(io::stdout(), "ended after {}", camera.last()));
    Ok(())
}

async fn state(State(camera): State<Camera>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], camera.state())
}

/// The longest backlog that the system allows, because thousands of viewers may reconnect at once.
const BACKLOG: u32 = 4096;
