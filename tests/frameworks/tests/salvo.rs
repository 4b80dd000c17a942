//! The line for salvo in the table of the module `body`.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use mixed_replace::{KeepAlive, MixedReplace, Wire};
use salvo::conn::tcp::TcpAcceptor;
use salvo::http::ResBody;
use salvo::{Request, Response, Router, Server, handler};
use test_support::served;

#[handler]
async fn serve(request: &Request, response: &mut Response) {
    let parts = served::source(request.uri().path());
    let stream = MixedReplace::new(parts, Wire::for_request(request.headers()))
        .keep_alive(KeepAlive::every(Duration::from_secs(10)));
    response.headers_mut().extend(stream.headers());
    response.body(ResBody::stream(stream.into_stream()));
}

static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    served::serve(async |listener| {
        let acceptor = TcpAcceptor::try_from(listener).unwrap();
        Server::new(acceptor).serve(Router::with_path("{**path}").goal(serve)).await;
    })
});

#[test]
fn serves_a_stream() {
    served::head_carries_type_and_cache_headers(*SERVER);
    served::head_request_does_not_poll_the_source(*SERVER);
    served::http_1_0_response_is_not_chunked(*SERVER);
    served::failed_source_sends_no_close_delimiter(*SERVER);
    served::sends_all_parts_before_a_failure(*SERVER);
}
