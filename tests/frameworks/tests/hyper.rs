//! The line for hyper in the table of the module `body`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use mixed_replace::body::Body;
use mixed_replace::{KeepAlive, MixedReplace, Wire};
use test_support::served;

async fn live(request: Request<Incoming>) -> Result<Response<Body<MixedReplace<served::Source>>>, Infallible> {
    let parts = served::source(request.uri().path());
    let live = MixedReplace::new(parts, Wire::for_request(request.headers()))
        .keep_alive(KeepAlive::every(Duration::from_secs(10)));
    Ok(live.into_http_response())
}

static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    served::serve(async |listener| {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(live)));
        }
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
