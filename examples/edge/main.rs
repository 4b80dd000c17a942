//! A node in a tree of relays: it takes each camera from another node while it is watched, over one connection.
//!
//! Run `cargo run --release -p edge` and
//! `cargo run --release -p edge -- --listen 127.0.0.1:3001 --upstream http://127.0.0.1:3000/cameras` in two terminals, and
//! open <http://127.0.0.1:3001/cameras/test>. `--help` lists the options.

#![expect(clippy::print_stdout, reason = "a program prints its address")]

mod args;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use mixed_replace::{Hubs, Live, Metrics, Publisher, hub, hubs, source};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use shared::server;
use shared::test_picture::TestPicture;
use tokio::time::{MissedTickBehavior, interval};

use crate::args::Args;

#[tokio::main]
async fn main() -> ExitCode {
    server::exit_code(run(Args::from_command_line()).await)
}

async fn run(args: Args) -> Result<(), String> {
    let (listener, address) = server::listen(&args.listen)?;
    println!("The node is at http://{address}/cameras");

    let cameras = Hubs::builder()
        .hub(hub::builder().linger(LINGER))
        .source(move |name, publisher| match &args.upstream {
            Some(upstream) => relay(upstream, name, publisher),
            None => draw(name, publisher),
        })
        .build();
    let app = Router::new()
        .nest_service("/cameras", Live::by_name(cameras.clone()))
        .route_service("/metrics", Metrics::by_name(cameras.clone()));

    server::serve(listener, app, server::stop_signal(), || cameras.close()).await
}

type BoxError = Box<dyn Error + Send + Sync>;

/// Takes a camera from the node upstream, under the same name.
fn relay(upstream: &str, name: &str, publisher: Publisher) -> Result<(), BoxError> {
    let url = format!("{upstream}/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
    source::http(&url)?.pauses(FIRST_PAUSE, LONGEST_PAUSE).spawn_into(publisher);
    Ok(())
}

/// Draws the camera `test`, so that a tree of nodes has something to show.
fn draw(name: &str, publisher: Publisher) -> Result<(), BoxError> {
    if name != "test" {
        return Err(hubs::Unknown.into());
    }
    tokio::spawn(async move {
        let (picture, demand) = (TestPicture::new((640, 480), FPS), publisher.demand());
        let mut clock = interval(Duration::from_secs_f64(1.0 / FPS));
        clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for number in 1.. {
            if !demand.wanted().await {
                break;
            }
            clock.tick().await;
            if let Ok(jpeg) = picture.jpeg(number) {
                drop(publisher.publish_jpeg(jpeg));
            }
        }
    });
    Ok(())
}

const FPS: f64 = 25.0;
/// Each node adds this to the time that a camera runs on without viewers.
const LINGER: Duration = Duration::from_secs(2);
/// The pauses between attempts to reach the node upstream.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
