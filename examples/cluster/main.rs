//! Several axum servers with the same picture, connected by an MQTT broker or Redis.
//!
//! Run `mosquitto`, `cargo run --release -p cluster -- --publish 25` and
//! `cargo run --release -p cluster -- --listen 127.0.0.1:3001` in three terminals. Both addresses show the same test picture
//! and its transit time. `--help` lists the options. Copy `node.rs` to your own program.

#![expect(clippy::print_stdout, reason = "a program prints its address")]

mod args;
mod backplane;
mod broker;
#[path = "../camera/canvas.rs"]
mod canvas;
mod envelope;
mod mqtt;
mod node;
mod pauses;
mod redis;
#[path = "../camera/server.rs"]
mod server;
mod sources;
#[path = "../camera/test_picture.rs"]
mod test_picture;

use std::process::ExitCode;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Router, serve::ListenerExt as _};
use futures_util::FutureExt as _;
use mixed_replace::{Live, Metrics, Part, socket};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::args::Args;
use crate::node::Node;
use crate::test_picture::TestPicture;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::from_command_line()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cluster: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), String> {
    let listener = server::listen(&args.listen)?;
    let address = listener.local_addr().map_or(args.listen, |address| address.to_string());
    println!("The node is at http://{address}/  (topic {})", args.topic);
    let node = Node::start(&args.broker, &args.topic);
    if let Some(fps) = args.publish {
        tokio::spawn(publish(node.clone(), fps));
    }

    let app = Router::new()
        .route("/", get(Html(include_str!("index.html"))))
        .route_service("/live", Live::new(node.hub.clone()))
        .route_service("/metrics", Metrics::new(node.hub.clone()))
        .route("/state", get(state))
        .with_state(node.clone());
    let listener = TcpListener::from_std(listener).map_err(|error| error.to_string())?;
    let listener = listener.tap_io(|connection| drop(socket::tune(connection)));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopped.map(drop));
    let serving = tokio::spawn(serving.into_future());

    server::stop_signal().await;
    // axum waits for its connections. Streams are ended first; stalled connections are dropped after the grace period.
    node.hub.close();
    let _ = stop.send(());
    let _ = timeout(server::GRACE, serving).await;
    Ok(())
}

/// Publishes the test picture, with or without local viewers: a node does not know the viewers of the others.
async fn publish(node: Node, fps: f64) {
    let mut picture = TestPicture::new((640, 480), fps);
    let mut clock = interval(Duration::from_secs_f64(1.0 / fps));
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for number in 1.. {
        clock.tick().await;
        let drawing = task::spawn_blocking(move || {
            let jpeg = picture.jpeg(number);
            (picture, jpeg)
        });
        let Ok((drawn, jpeg)) = drawing.await else { return };
        picture = drawn;
        if let Some(part) = jpeg.ok().and_then(|jpeg| Part::jpeg(jpeg).ok()) {
            node.publish(part);
        }
    }
}

async fn state(State(node): State<Node>) -> impl IntoResponse {
    let status = node.status();
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let state = json!({
        "broker": status.connected,
        "problem": status.problem,
        "published": status.published,
        "sent": status.sent,
        "received": status.received,
        "ignored": status.ignored,
        "transit": seconds(status.transit),
        "hub": node.hub.stats(),
    });
    ([(CONTENT_TYPE, "application/json")], state.to_string())
}
