//! The line for warp in the table of the module `body`.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use mixed_replace::{KeepAlive, MixedReplace, Wire};
use test_support::served;
use warp::http::HeaderMap;
use warp::path::FullPath;
use warp::{Filter, Reply};

fn live(path: FullPath, headers: HeaderMap) -> impl Reply {
    let parts = served::source(path.as_str());
    let live =
        MixedReplace::new(parts, Wire::for_request(&headers)).keep_alive(KeepAlive::every(Duration::from_secs(10)));
    let headers = live.headers();
    let mut response = warp::reply::stream(live.into_stream()).into_response();
    response.headers_mut().extend(headers);
    response
}

static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    served::serve(async |listener| {
        let live = warp::path::full().and(warp::header::headers_cloned()).map(live);
        warp::serve(live).incoming(listener).run().await;
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
