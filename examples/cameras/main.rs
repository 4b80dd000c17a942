//! Any number of test cameras in one page, over one connection. Each draws its pictures only while somebody sees it.
//!
//! Run `cargo run --release -p cameras` and open the address that it prints. `--help` lists the options.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the terminal is its user interface")]

mod args;
#[path = "../camera/canvas.rs"]
mod canvas;
mod page;
mod scene;
#[path = "../camera/server.rs"]
mod server;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use futures_util::FutureExt as _;
use mixed_replace::{ClientScript, Hubs, Metrics, Part, Publisher, Wall, hubs, socket};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::args::Args;
use crate::scene::Scene;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::from_command_line()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cameras: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), String> {
    let listener = server::listen(&args.listen)?;
    let address = listener.local_addr().map_or(args.listen, |address| address.to_string());
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
    let listener = TcpListener::from_std(listener).map_err(|error| error.to_string())?;
    let listener = listener.tap_io(|connection| drop(socket::tune(connection)));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopped.map(drop));
    let serving = tokio::spawn(serving.into_future());

    server::stop_signal().await;
    // axum's graceful shutdown waits for every connection. Closing the hubs ends the streams.
    cameras.close();
    let _ = stop.send(());
    let _ = timeout(server::GRACE, serving).await;
    Ok(())
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
