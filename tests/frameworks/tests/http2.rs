//! HTTP/2 without TLS on axum and actix, with a client that records each DATA frame.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpServer, web};
use axum::Router;
use axum::http::Uri;
use axum::routing::get;
use bytes::Bytes;
use futures::future::join_all;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use mixed_replace::{MixedReplace, Wire};
use test_support::served;
use tokio::time::{sleep, timeout};

static AXUM: LazyLock<SocketAddr> = LazyLock::new(|| {
    let live = async |wire: Wire, uri: Uri| MixedReplace::new(served::source(uri.path()), wire);
    let router = Router::new().route("/{*path}", get(live));
    served::serve(async |listener| axum::serve(listener, router).await.unwrap())
});

static ACTIX: LazyLock<SocketAddr> = LazyLock::new(|| {
    let live = async |wire: Wire, request: HttpRequest| MixedReplace::new(served::source(request.path()), wire);
    let app = move || App::new().default_service(web::route().to(live));
    served::serve(async move |listener| {
        let listener = listener.into_std().unwrap();
        let server = HttpServer::new(app).workers(1).disable_signals().listen_auto_h2c(listener);
        server.unwrap().run().await.unwrap();
    })
});

/// The connection preface of HTTP/2.
const WINDOW: u32 = 65_535;

async fn client(server: SocketAddr, window: u32) -> SendRequest<Bytes> {
    let socket = tokio::net::TcpStream::connect(server).await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(window).initial_connection_window_size(window);
    let (client, connection) = builder.handshake(socket).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

fn ask(client: &mut SendRequest<Bytes>, path: &str, accept: &str) -> ResponseFuture {
    let request = Request::get(format!("http://localhost{path}")).header("accept", accept);
    client.send_request(request.body(()).unwrap(), true).unwrap().0
}

/// Reads a body to its end, with a pause in front of each frame.
async fn read(response: ResponseFuture, pause: Duration) -> (served::Answer, Vec<usize>) {
    let (head, mut body) = response.await.unwrap().into_parts();
    let fields = head.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let mut answer = served::Answer {
        status: head.status.to_string(),
        fields: fields.collect(),
        body: Vec::new(),
        ended: served::Ended::Cleanly,
    };
    let mut frames = Vec::new();
    while let Some(data) = timeout(Duration::from_secs(30), body.data()).await.unwrap() {
        let Ok(data) = data else {
            answer.ended = served::Ended::Aborted;
            break;
        };
        frames.push(data.len());
        answer.body.extend_from_slice(&data);
        body.flow_control().release_capacity(data.len()).unwrap();
        sleep(pause).await;
    }
    (answer, frames)
}

/// A reset stream discards unwritten data: nearly all of a picture that is larger than the window.
#[tokio::test]
async fn sends_all_parts_before_a_failure() {
    for server in [*AXUM, *ACTIX] {
        let mut client = client(server, WINDOW).await;
        let mut all = Vec::new();
        for (stream, count) in [("small", 3), ("50k", 20), ("200k", 3)] {
            for accept in ["*/*", "multipart/mixed", "image/*"] {
                for pause in [Duration::ZERO, Duration::from_millis(1)] {
                    let path = format!("/fails/{stream}");
                    let response = ask(&mut client, &path, accept);
                    all.push(async move {
                        let (answer, _) = read(response, pause).await;
                        let context = format!("{path}, {accept}, {pause:?} behind each frame");
                        if accept == "image/*" {
                            assert_eq!(answer.ended, served::Ended::Cleanly, "{context}");
                            assert!(answer.body.ends_with(b"--\r\n"), "{context}");
                        } else {
                            assert_eq!(answer.ended, served::Ended::Aborted, "{context}");
                            assert_eq!(answer.parts().len(), count, "{context}");
                        }
                    });
                }
            }
        }
        join_all(all).await;
    }
}

/// h2 closes a connection with too many unread DATA frames below 256 bytes. (The frame that fills a window and the last
/// of a chunk's 16 KiB frames may be small.)
#[tokio::test]
async fn sends_no_tiny_frames() {
    for server in [*AXUM, *ACTIX] {
        let mut client = client(server, 1 << 24).await;
        for accept in ["*/*", "multipart/mixed", "image/*"] {
            for path in
                ["/sized/1024", "/sized/10000", "/sized/50000", "/sized/65537", "/sized/100000", "/sized/1100000"]
            {
                let (answer, frames) = read(ask(&mut client, path, accept), Duration::ZERO).await;
                assert_eq!(answer.ended, served::Ended::Cleanly);
                // The script wire ends with only `--CRLF`, and every stream with an empty frame.
                let tiny = frames.iter().filter(|len| (5..256).contains(*len)).count();
                assert_eq!(tiny, 0, "{path}, {accept}: {frames:?}");
            }
        }
    }
}

#[tokio::test]
async fn sends_twelve_streams_over_one_connection() {
    for server in [*AXUM, *ACTIX] {
        let mut client = client(server, WINDOW).await;
        let responses: Vec<_> = (0..12).map(|_| ask(&mut client, "/endless", "image/*")).collect();
        let bodies = join_all(responses.into_iter().map(async |response| {
            let mut body = response.await.unwrap().into_body();
            let mut len = 0;
            while len < 3_000 {
                len += timeout(Duration::from_secs(30), body.data()).await.unwrap().unwrap().unwrap().len();
            }
            body
        }));
        assert_eq!(bodies.await.len(), 12, "each stream has sent its first part and is still open");
    }
}

#[test]
#[ignore = "needs curl"]
fn failed_source_is_an_error_in_curl() {
    for (path, code) in [("/finite", 0), ("/fails/50k", 92)] {
        let url = format!("http://{}{path}", *AXUM);
        let curl = std::process::Command::new("curl")
            .args(["-s", "--http2-prior-knowledge", "-o", "/dev/null", &url])
            .status();
        assert_eq!(curl.unwrap().code(), Some(code), "{path}");
    }
}
