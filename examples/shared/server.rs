//! The command line, the listening socket and the signals of a server, for any framework; on axum also the loop.

use std::fmt::Display;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{ExitCode, exit};
use std::time::Duration;

/// The time that viewers get to read the end of their streams. A stalled viewer never reads it.
pub const GRACE: Duration = Duration::from_secs(4);

/// The connections that may wait to be accepted. The kernel takes less where its own limit (`net.core.somaxconn`) is less.
const BACKLOG: i32 = 4096;

/// Returns the parsed command line. Exits after printing `help` if it is `None`, or after an error in one line.
#[expect(clippy::print_stdout, reason = "a program prints its help")]
pub fn parsed<A, E: Display>(args: Result<Option<A>, E>, help: &str) -> A {
    match args {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{}", help.replace("PROGRAM", &name()).trim_end());
            exit(0)
        }
        Err(error) => {
            eprintln!("{}: {error} (--help lists the options)", name());
            exit(2)
        }
    }
}

/// Returns the exit code of a result, after printing an error in one line.
#[must_use]
pub fn exit_code(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", name());
            ExitCode::FAILURE
        }
    }
}

/// Opens the socket to serve on, and returns it with its address.
///
/// # Errors
///
/// Fails with one line that names the address.
pub fn listen(address: &str) -> Result<(TcpListener, SocketAddr), String> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        // The standard library lets 128 connections wait. Of more viewers who come at once, the kernel drops some, and each tries
        // again after 1, 3 and 7 s. Where a listener listens already, this changes the number.
        socket2::SockRef::from(&listener).listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    listener.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!("{address} is in use by another program; --listen takes another address"),
        _ => format!("cannot listen on {address}: {error}"),
    })
}

/// Waits for Ctrl-C, or for SIGTERM, which service managers send.
pub async fn stop_signal() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = ctrl_c => {}
        () = terminate => {}
    }
}

/// Serves an axum app until `stop`. Then `close` ends the streams, which do not end by themselves.
///
/// # Errors
///
/// Fails if the socket cannot be used.
#[cfg(feature = "axum")]
pub async fn serve(
    listener: TcpListener,
    app: axum::Router,
    stop: impl Future<Output = ()>,
    close: impl FnOnce(),
) -> Result<(), String> {
    use axum::serve::ListenerExt as _;

    let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
    let listener = listener.tap_io(|connection| drop(mixed_replace::socket::tune(connection)));
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
    let serving = tokio::spawn(serving.into_future());

    stop.await;
    // axum's graceful shutdown waits for every connection: the streams are ended first, and `timeout` leaves stalled viewers.
    close();
    let _ = stopping.send(());
    let _ = tokio::time::timeout(GRACE, serving).await;
    Ok(())
}

/// Returns the name of this program.
fn name() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    Path::new(&path).file_stem().map_or_else(|| "server".into(), |name| name.to_string_lossy().into_owned())
}
