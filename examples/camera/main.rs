//! A camera in a page, with axum. One source of pictures serves any number of viewers.
//!
//! Run `cargo run --release --example camera` and open the address that it prints. `--help` lists the options.

#![expect(clippy::print_stdout, reason = "the terminal is its user interface")]

mod args;
mod camera;
mod canvas;
mod greeting;
mod no_signal;
mod server;
mod test_picture;

use std::pin::pin;
use std::process::ExitCode;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Router, serve::ListenerExt as _};
use futures_util::FutureExt as _;
use mixed_replace::{Live, Snapshot, socket};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::args::Args;
use crate::camera::Camera;

#[tokio::main]
async fn main() -> ExitCode {
    greeting::exit_code(run(Args::from_command_line()).await)
}

async fn run(args: Args) -> Result<(), String> {
    let listener = server::listen(&args.listen)?;
    // One wait for both phases: between two of them, a signal would be lost.
    let mut stop = pin!(server::stop_signal());
    let Some(camera) = Camera::start(&args, stop.as_mut()).await? else { return Ok(()) };
    greeting::greet(&args, &listener);

    let app = Router::new()
        .route("/", get(Html(greeting::PAGE)))
        .route_service("/live", Live::ladder(camera.ladder.clone()))
        .route_service("/snapshot.jpg", Snapshot::new(camera.hub.clone()))
        .route_service("/metrics", camera.metrics())
        .route("/state", get(state))
        .with_state(camera.clone());
    let listener = TcpListener::from_std(listener).map_err(|error| error.to_string())?;
    let listener = listener.tap_io(|connection| drop(socket::tune(connection)));
    let (close, closed) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(closed.map(drop));
    let serving = tokio::spawn(serving.into_future());

    stop.await;
    // axum's graceful shutdown waits for every connection. Closing the ladder ends the streams; `timeout` leaves stalled viewers.
    camera.ladder.close();
    let _ = close.send(());
    let _ = timeout(server::GRACE, serving).await;
    Ok(())
}

async fn state(State(camera): State<Camera>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], camera.state())
}
