//! A conference in a page, with axum: each sends pictures, everyone sees everyone.
//!
//! `cargo run --release -p conference`, then open the address that it prints. `--help` lists the rest, README.md tells how
//! it works.

#![expect(clippy::print_stdout, reason = "it speaks to the person who started it")]

mod args;
#[path = "../camera/canvas.rs"]
mod canvas;
mod demo;
mod grid;
mod pace;
mod picture;
mod post;
mod problem;
mod room;
mod routes;
mod serve;
#[path = "../relay/server.rs"]
mod server;
#[path = "../camera/test_picture.rs"]
mod test_picture;
mod tls;
mod token;

use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::args::Args;
use crate::room::Room;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::from_command_line()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("conference: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), String> {
    let listener = server::listen(&args.listen)?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let tls = args.tls.then(|| tls::acceptor(tls::names(address))).transpose()?;
    let room = Room::new(args.people).map_err(|error| error.to_string())?;
    demo::join(&room, args.demo);
    tokio::spawn(room.clone().keep());
    greet(&args, address);

    let listener = TcpListener::from_std(listener).map_err(|error| error.to_string())?;
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let serving = tokio::spawn(serve::serve(listener, tls, routes::app(room.clone()), stopped));
    server::asked_to_stop().await;
    // Streams that never end by themselves are ended first; connections that hang then are left.
    room.close();
    let _ = stop.send(());
    let _ = timeout(server::GRACE, serving).await;
    Ok(())
}

fn greet(args: &Args, address: SocketAddr) {
    let scheme = if args.tls { "https" } else { "http" };
    println!("The room is at {scheme}://{address}/\n");
    if let Some(own) = tls::own_address(address) {
        println!("  others come by   {scheme}://{}/", SocketAddr::new(own, address.port()));
    }
    if args.demo > 0 {
        let insecure = if args.tls { " -tls_verify 0" } else { "" };
        println!("  one alone        ffplay{insecure} {scheme}://{address}/people/1");
    }
    if args.tls {
        println!("\nThe certificate was made just now, so a browser asks whether you mean it: Advanced, then go on.");
    } else {
        println!("\nPeople on other machines need --tls to send their cameras; --help lists the rest.");
    }
    println!("Ctrl-C ends it; viewers keep the last pictures.");
}
