//! Serves an axum app until a signal stops it.

use std::net::TcpListener;

use axum::{Router, serve::ListenerExt as _};
use futures_util::FutureExt as _;
use mixed_replace::socket;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::server;

/// Serves `app` until a signal. Then `close` ends the streams, which never end by themselves.
pub(crate) async fn serve(listener: TcpListener, app: Router, close: impl FnOnce()) -> Result<(), String> {
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
    let listener = listener.tap_io(|connection| drop(socket::tune(connection)));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopped.map(drop));
    let serving = tokio::spawn(serving.into_future());

    server::stop_signal().await;
    // axum waits for its connections. Streams are ended first; stalled connections are dropped after the grace period.
    close();
    let _ = stop.send(());
    let _ = timeout(server::GRACE, serving).await;
    Ok(())
}
