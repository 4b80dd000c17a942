//! Connections: HTTP/1.1, or TLS with HTTP/2, with time limits for idle clients.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use mixed_replace::socket;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Serves until `stop`, then waits for the running responses.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Router,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let accepting = async {
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let Ok((connection, _)) = listener.accept().await else {
                // For example out of file descriptors, until a connection is closed.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (tls, app, watcher) = (tls.clone(), app.clone(), graceful.watcher());
            tokio::spawn(async move {
                accept(connection, tls, app, watcher).await;
                drop(permit);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn accept(mut connection: TcpStream, tls: Option<TlsAcceptor>, app: Router, watcher: Watcher) {
    // A connection works without these options too.
    drop(socket::tune(&connection));
    let Some(tls) = tls else { return serve_connection(connection, false, app, watcher).await };
    let secured = async {
        let mut first = [0];
        let peeked = connection.peek(&mut first).await;
        if peeked.is_ok() && first != [HANDSHAKE] {
            let _ = connection.write_all(WRONG_SCHEME.as_bytes()).await;
            return None;
        }
        tls.accept(connection).await.ok()
    };
    if let Ok(Some(connection)) = timeout(TIMEOUT, secured).await {
        let is_http2 = connection.get_ref().1.alpn_protocol() == Some(b"h2");
        serve_connection(connection, is_http2, app, watcher).await;
    }
}

async fn serve_connection<C>(connection: C, is_http2: bool, app: Router, watcher: Watcher)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(TIMEOUT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(TIMEOUT).keep_alive_timeout(TIMEOUT);
    // Automatic detection waits for the first bytes without a time limit.
    let builder = if is_http2 { builder.http2_only() } else { builder.http1_only() };
    let service = TowerToHyperService::new(app);
    let serving = builder.serve_connection(TokioIo::new(connection), service).into_owned();
    // Errors are closed connections.
    let _ = watcher.watch(serving).await;
}

/// The first byte of a TLS connection: the record type `handshake` (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;
const WRONG_SCHEME: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
                            this server speaks HTTPS; use https:// in the address\n";
/// The time limit for a request head, and for a silent connection.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 1000;
