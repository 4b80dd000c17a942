//! A camera in a page, with axum. One source of pictures serves any number of viewers.
//!
//! Run `cargo run --release --example camera` and open the address that it prints. `--help` lists the options.

use std::pin::pin;
use std::process::ExitCode;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use camera::{Args, Camera, PAGE, greet};
use mixed_replace::{Live, Snapshot};
use shared::server;

#[tokio::main]
async fn main() -> ExitCode {
    server::exit_code(run(Args::from_command_line()).await)
}

async fn run(args: Args) -> Result<(), String> {
    let (listener, address) = server::listen(&args.listen)?;
    // One wait for both phases: between two of them, a signal would be lost.
    let mut stop = pin!(server::stop_signal());
    let Some(camera) = Camera::start(&args, stop.as_mut()).await? else { return Ok(()) };
    greet(&args, address);

    let app = Router::new()
        .route("/", get(Html(PAGE)))
        .route_service("/live", Live::ladder(camera.ladder.clone()))
        .route_service("/snapshot.jpg", Snapshot::new(camera.hub.clone()))
        .route_service("/metrics", camera.metrics())
        .route("/state", get(state))
        .with_state(camera.clone());
    server::serve(listener, app, stop, || camera.ladder.close()).await
}

async fn state(State(camera): State<Camera>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], camera.state())
}
