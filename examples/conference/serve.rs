//! Connections: HTTP/1.1, or TLS with HTTP/2, with an end for those that do nothing.

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

/// Serves until `stop`, and then for as long as it takes to end what is running.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Router,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let accepting = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((connection, _)) = listener.accept().await else {
                // Out of file descriptors, say: that passes when somebody leaves.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (tls, app, watcher) = (tls.clone(), app.clone(), graceful.watcher());
            tokio::spawn(async move {
                begin(connection, tls, app, watcher).await;
                drop(place);
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

async fn begin(mut connection: TcpStream, tls: Option<TlsAcceptor>, app: Router, watcher: Watcher) {
    // A connection that cannot be tuned is about to fail, or does well enough as it is.
    drop(socket::tune(&connection));
    let Some(tls) = tls else { return answer(connection, false, app, watcher).await };
    let secured = async {
        let mut first = [0];
        let begun = connection.peek(&mut first).await;
        if begun.is_ok() && first != [HANDSHAKE] {
            let _ = connection.write_all(WRONG_SCHEME.as_bytes()).await;
            return None;
        }
        tls.accept(connection).await.ok()
    };
    if let Ok(Some(connection)) = timeout(PATIENCE, secured).await {
        let is_http2 = connection.get_ref().1.alpn_protocol() == Some(b"h2");
        answer(connection, is_http2, app, watcher).await;
    }
}

async fn answer<C>(connection: C, is_http2: bool, app: Router, watcher: Watcher)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PATIENCE).keep_alive_timeout(PATIENCE);
    // Left to find out by itself, it waits for the first bytes as long as they take.
    let builder = if is_http2 { builder.http2_only() } else { builder.http1_only() };
    let service = TowerToHyperService::new(app);
    let serving = builder.serve_connection(TokioIo::new(connection), service).into_owned();
    // What fails here is a client that has left.
    let _ = watcher.watch(serving).await;
}

/// What a TLS record begins with that begins a connection (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;
const WRONG_SCHEME: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
                            This server speaks HTTPS: put https:// before the address.\n";
/// How long a request's head may take, or nothing may come.
const PATIENCE: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 1000;
