//! A video conference in a page, with axum: every participant sends pictures and sees all others.
//!
//! Run `cargo run --release -p conference` and open the address that it prints. `--help` lists the options, and README.md
//! explains the design.

#![expect(clippy::print_stdout, reason = "a program prints its address")]

mod args;
mod demo;
mod picture;
mod post;
mod problem;
mod room;
mod routes;
mod serve;
mod tls;
mod token;

use std::net::SocketAddr;
use std::process::ExitCode;

use shared::server;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::args::Args;
use crate::room::Room;

#[tokio::main]
async fn main() -> ExitCode {
    server::exit_code(run(Args::from_command_line()).await)
}

async fn run(args: Args) -> Result<(), String> {
    let (listener, address) = server::listen(&args.listen)?;
    let tls = args.tls.then(|| tls::acceptor(tls::names(address))).transpose()?;
    let room = Room::new(args.people).map_err(|error| error.to_string())?;
    demo::join(&room, args.demo);
    tokio::spawn(room.clone().update_list());
    greet(&args, address);

    let listener = TcpListener::from_std(listener).map_err(|error| error.to_string())?;
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let serving = tokio::spawn(serve::serve(listener, tls, routes::app(room.clone()), stopped));
    server::stop_signal().await;
    // Streams never end by themselves, so they are ended first; stalled connections are dropped after the grace period.
    room.close();
    let _ = stop.send(());
    let _ = timeout(server::GRACE, serving).await;
    Ok(())
}

fn greet(args: &Args, address: SocketAddr) {
    let scheme = if args.tls { "https" } else { "http" };
    println!("The room is at {scheme}://{address}/\n");
    if let Some(own) = tls::own_address(address) {
        println!("  other machines   {scheme}://{}/", SocketAddr::new(own, address.port()));
    }
    if args.demo > 0 {
        let insecure = if args.tls { " -tls_verify 0" } else { "" };
        println!("  one participant  ffplay{insecure} {scheme}://{address}/people/1");
    }
    if args.tls {
        println!(
            "\nThe certificate is new and self-signed, so browsers show a warning: choose Advanced, then continue."
        );
    } else {
        println!("\nCameras on other machines need --tls; --help lists the options.");
    }
    println!("Ctrl-C stops the server; viewers keep the last pictures.");
}
