//! Any number of test cameras in one page, over one connection. Each draws its pictures only while somebody sees it.
//!
//! Run `cargo run --release -p cameras` and open the address that it prints. `--help` lists the options.

#![expect(clippy::print_stdout, reason = "the terminal is its user interface")]

mod args;
mod page;
mod scene;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use mixed_replace::{ClientScript, Hubs, Metrics, Part, Publisher, Wall, hubs};
use shared::server;

use crate::args::Args;
use crate::scene::Scene;

#[tokio::main]
async fn main() -> ExitCode {
    server::exit_code(run(Args::from_command_line()).await)
}

async fn run(args: Args) -> Result<(), String> {
    let (listener, address) = server::listen(&args.listen)?;
    println!(
        "{} cameras are at http://{address}/, and each at http://{address}/wall/NAME. Ctrl-C stops them.",
        args.cameras
    );

    let names = page::names(args.cameras);
    let page = page::page(&names);
    let cameras = Hubs::builder().max(args.cameras).source(move |name, publisher| {
        let number = names.iter().position(|known| known == name).ok_or(hubs::Unknown)?;
        let scene = Scene::new(name, number);
        thread::Builder::new().name(name.to_owned()).spawn(move || camera(&scene, args.fps, &publisher))?;
        Ok(())
    });
    let cameras = cameras.build();
    let app = Router::new()
        .route("/", get(async || Html(page)))
        .route_service("/client.js", ClientScript)
        .route_service("/metrics", Metrics::by_name(cameras.clone()))
        .nest_service("/wall", Wall::by_name(cameras.clone()));
    server::serve(listener, app, server::stop_signal(), || cameras.close()).await
}

/// Draws pictures while somebody watches, until the hub is closed.
fn camera(scene: &Scene, fps: f64, publisher: &Publisher) {
    let demand = publisher.demand();
    let interval = Duration::from_secs_f64(1.0 / fps);
    while demand.blocking_wanted() {
        let mut next = Instant::now();
        while demand.is_wanted() {
            // While nobody watches, nothing is encoded.
            if publisher.publish_with(|| Part::jpeg(scene.jpeg(SystemTime::now()))).is_err() {
                return;
            }
            next = (next + interval).max(Instant::now());
            thread::sleep(next - Instant::now());
        }
    }
}
