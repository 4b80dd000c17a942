//! A wall of network cameras, with axum. Each camera gets one connection, for any number of viewers.
//!
//! Run `cargo run --release -p relay -- --camera http://HOST/PATH` and open the address that it prints. `--help` lists the
//! options.

#![expect(clippy::print_stdout, reason = "the terminal is its user interface")]

mod args;
mod wall;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use mixed_replace::source::{Http, Monitor, Source};
use mixed_replace::{ClientScript, Hub, Hubs, Metrics, Part, Wall, hub};
use shared::{no_signal, server};

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
    server::exit_code(run(Args::from_command_line()).await)
}

async fn run(args: Args) -> Result<(), String> {
    let (listener, address) = server::listen(&args.listen)?;
    let no_signal = args.no_signal.as_deref().map_or_else(no_signal::draw, read)?;
    let start = |camera| Relay::start(camera, no_signal.clone());
    let relays: Arc<[Relay]> = args.cameras.into_iter().map(start).collect();
    greet(address, &relays);

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
    server::serve(listener, app, server::stop_signal(), || hubs.close()).await
}

/// Reads a JPEG or PNG file.
fn read(file: &Path) -> Result<Part, String> {
    let body = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let part = Part::jpeg(body.clone()).or_else(|_| Part::png(body));
    part.map_err(|_| format!("{}: not a valid JPEG or PNG picture", file.display()))
}

fn greet(address: SocketAddr, relays: &[Relay]) {
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
