//! A wall of network cameras, with axum. Each camera gets one connection, for any number of viewers.
//!
//! Run `cargo run --release -p relay -- --camera http://HOST/PATH` and open the address that it prints. `--help` lists the
//! options.

#![expect(clippy::print_stdout, reason = "the terminal is its user interface")]

mod args;
#[path = "../camera/canvas.rs"]
mod canvas;
#[path = "../camera/no_signal.rs"]
mod no_signal;
#[path = "../camera/server.rs"]
mod server;
mod wall;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Router, serve::ListenerExt as _};
use futures_util::FutureExt as _;
use mixed_replace::source::{Http, Monitor, Source};
use mixed_replace::{ClientScript, Hub, Hubs, Metrics, Part, Wall, hub, socket};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::args::Args;

/// A camera with its hub and its status.
struct Relay {
    hub: Hub,
    monitor: Monitor,
}

impl Relay {
    fn start(camera: Source<Http>, no_signal: Part) -> Self {
        let monitor = camera.monitor();
        let hub = camera.spawn_with(hub::builder().stale_after(Duration::from_secs(5), no_signal));
        Self { hub, monitor }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).without_time().with_target(false).init();
    match run(Args::from_command_line()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("relay: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), String> {
    let listener = server::listen(&args.listen)?;
    let no_signal = args.no_signal.as_deref().map_or_else(no_signal::draw, read)?;
    let start = |camera| Relay::start(camera, no_signal.clone());
    let relays: Arc<[Relay]> = args.cameras.into_iter().map(start).collect();
    let address = listener.local_addr().map_or(args.listen, |address| address.to_string());
    greet(&address, &relays);

    let hubs = Hubs::builder().max(relays.len()).build();
    let mut metrics = Metrics::by_name(hubs.clone());
    for (number, relay) in (1..).zip(relays.iter()) {
        let name = i32::to_string(&number);
        hubs.insert(&name, relay.hub.clone()).map_err(|error| error.to_string())?;
        metrics = metrics.source(name, relay.monitor.clone());
    }
    let app = Router::new()
        .route("/", get(page))
        .route("/state", get(state))
        .route_service("/metrics", metrics)
        .route_service("/client.js", ClientScript)
        .nest_service("/cameras", Wall::by_name(hubs.clone()).max(relays.len()))
        .with_state(relays);
    let listener = TcpListener::from_std(listener).map_err(|error| error.to_string())?;
    let listener = listener.tap_io(|connection| drop(socket::tune(connection)));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopped.map(drop));
    let serving = tokio::spawn(serving.into_future());

    server::stop_signal().await;
    // axum's graceful shutdown waits for every connection. Closing the hubs ends the streams; `timeout` leaves stalled viewers.
    hubs.close();
    let _ = stop.send(());
    let _ = timeout(server::GRACE, serving).await;
    Ok(())
}

/// Reads a JPEG or PNG file.
fn read(file: &Path) -> Result<Part, String> {
    let body = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let part = Part::jpeg(body.clone()).or_else(|_| Part::png(body));
    part.map_err(|_| format!("{}: not a valid JPEG or PNG picture", file.display()))
}

fn greet(address: &str, relays: &[Relay]) {
    println!("The wall is at http://{address}/\n");
    for (number, relay) in (1..).zip(relays) {
        println!("  http://{address}/cameras/{number}  {}", relay.monitor.name());
    }
    println!(
        "\nA camera is connected while somebody watches it. Ctrl-C stops the relay; viewers keep the last picture."
    );
}

async fn page(State(relays): State<Arc<[Relay]>>) -> Html<String> {
    Html(wall::page(&relays))
}

async fn state(State(relays): State<Arc<[Relay]>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], wall::state(&relays).to_string())
}
