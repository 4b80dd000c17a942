//! The lines for poem in the table of the module `body`.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use futures::StreamExt as _;
use mixed_replace::{KeepAlive, Live, MixedReplace, Part, Wire, hub};
use poem::endpoint::TowerCompatExt as _;
use poem::http::Uri;
use poem::listener::TcpAcceptor;
use poem::{Endpoint as _, Request, Response, Route, Server, handler};
use test_support::served;

#[handler]
fn live(request: &Request) -> Response {
    let parts = served::source(request.uri().path());
    let live = MixedReplace::new(parts, Wire::for_request(request.headers()))
        .keep_alive(KeepAlive::every(Duration::from_secs(10)));
    Response::from(live.into_http_response())
}

static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    served::serve(async |listener| {
        let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
        Server::new_with_acceptor(acceptor).run(live).await.unwrap();
    })
});

/// The line for a hub.
#[tokio::test]
async fn serves_a_hub() {
    let (publisher, hub) = hub::channel();
    publisher.publish(Part::text("on").unwrap()).unwrap();
    let app = Route::new().at("/live", Live::new(hub).compat());
    let response = app.get_response(Request::builder().uri(Uri::from_static("/live?snapshot")).finish()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.into_body().into_string().await.unwrap(), "on");
}

/// The stream fails with errors of `Part::jpeg`, which poem requires as `io::Error`.
#[tokio::test]
async fn invalid_jpeg_ends_the_stream() {
    let parts = futures::stream::iter([&b"no picture"[..]]).map(Part::jpeg);
    let response = Response::from(MixedReplace::new(parts, Wire::Machine).into_http_response());
    let error = response.into_body().into_vec().await.unwrap_err();
    assert_eq!(error.to_string(), "io: invalid image/jpeg body: starts with 6e 6f 20 70");
}

#[test]
fn serves_a_stream() {
    served::head_carries_type_and_cache_headers(*SERVER);
    served::head_request_does_not_poll_the_source(*SERVER);
    served::http_1_0_response_is_not_chunked(*SERVER);
    served::failed_source_sends_no_close_delimiter(*SERVER);
}

/// poem ends a chunked response without an error, so only the missing close-delimiter tells.
#[test]
fn failed_source_ends_the_response_cleanly() {
    let answer = served::get(*SERVER, "GET /fails/small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.ended, served::Ended::Cleanly);
    assert!(!answer.text().ends_with("--\r\n"), "{}", answer.text());
}
