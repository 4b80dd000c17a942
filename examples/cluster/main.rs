//! Several axum servers with the same picture, connected by an MQTT broker or Redis.
//!
//! Run `mosquitto`, `cargo run --release -p cluster -- --publish 25` and
//! `cargo run --release -p cluster -- --listen 127.0.0.1:3001` in three terminals. Both addresses show the same test picture
//! and its transit time. `--help` lists the options. The library beside this file is for your own program too.

#![expect(clippy::print_stdout, reason = "a program prints its address")]

mod args;

use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use cluster::Node;
use mixed_replace::{Live, Metrics, Part};
use serde_json::json;
use shared::server;
use shared::test_picture::TestPicture;
use tokio::task;
use tokio::time::{MissedTickBehavior, interval};

use crate::args::Args;

#[tokio::main]
async fn main() -> ExitCode {
    server::exit_code(run(Args::from_command_line()).await)
}

async fn run(args: Args) -> Result<(), String> {
    let (listener, address) = server::listen(&args.listen)?;
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
    server::serve(listener, app, server::stop_signal(), || node.hub.close()).await
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
