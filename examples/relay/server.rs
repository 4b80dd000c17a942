//! What a server needs whatever it serves: a socket, and an end.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

/// How long viewers have to take the end; one that has stopped reading never will.
pub(crate) const GRACE: Duration = Duration::from_secs(4);

/// The socket to serve on. Fails with a line that says what is wrong with the address.
pub(crate) fn listen(address: &str) -> Result<TcpListener, String> {
    let socket = TcpListener::bind(address).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    socket.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!("{address} is in use by another program; --listen takes another address"),
        _ => format!("cannot listen on {address}: {error}"),
    })
}

/// Returns when somebody wants the server to end: Ctrl-C, or SIGTERM as service managers send it.
pub(crate) async fn asked_to_stop() {
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
