//! A server on axum and one on actix-web, and requests to them.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]
#![allow(dead_code, reason = "not every test uses everything")]

use std::time::Duration;

use actix_web::web::ServiceConfig;
use axum::Router;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Starts a server of each kind and returns their addresses, axum first.
pub(crate) async fn servers<F>(app: Router, configure: F) -> [String; 2]
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let axum = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let actix = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let app = move || actix_web::App::new().configure(configure.clone());
        let server = actix_web::HttpServer::new(app).workers(1).listen(listener).unwrap().run();
        actix_web::rt::System::new().block_on(server)
    });
    [axum, actix]
}

/// Sends a request and returns the response up to the end of the body, or until it contains `until`.
pub(crate) async fn ask(address: &str, request: impl AsRef<[u8]>, until: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_ref()).await.unwrap();
    answer(&mut connection, until).await
}

/// Returns the response on a connection up to the end of the body, or until it contains `until`.
pub(crate) async fn answer(connection: &mut TcpStream, until: &str) -> String {
    let mut answer = Vec::new();
    let read = async {
        while connection.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {
            if String::from_utf8_lossy(&answer).contains(until) {
                break;
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), read).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(in_time.is_ok(), "no {until:?} in {answer:?}");
    answer
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..4000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not within 20 seconds: {what}");
}
