//! The listening socket and the signals that stop a server, for any framework.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

/// The time that viewers get to read the end of their streams. A stalled viewer never reads it.
pub(crate) const GRACE: Duration = Duration::from_secs(4);

/// Opens the socket to serve on.
///
/// # Errors
///
/// Fails with one line that names the address.
pub(crate) fn listen(address: &str) -> Result<TcpListener, String> {
    let socket = TcpListener::bind(address).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    socket.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!("{address} is in use by another program; --listen takes another address"),
        _ => format!("cannot listen on {address}: {error}"),
    })
}

/// Waits for Ctrl-C, or for SIGTERM, which service managers send.
pub(crate) async fn stop_signal() {
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
