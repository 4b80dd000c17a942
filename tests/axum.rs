//! Streams and parts served by axum over TCP.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

mod served;

use std::net::SocketAddr;
use std::sync::LazyLock;

use axum::Router;
use axum::http::Uri;
use axum::routing::get;
use mixed_replace::{MixedReplace, Wire};

static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    let live = async |wire: Wire, uri: Uri| MixedReplace::new(served::source(uri.path()), wire);
    let router = Router::new().route("/part", get(async || served::part())).route("/{*path}", get(live));
    served::serve(async |listener| axum::serve(listener, router).await.unwrap())
});

#[test]
fn responds_with_a_part() {
    served::responds_with_a_part(*SERVER);
}

#[test]
fn boundaries_differ_between_responses() {
    served::boundaries_differ_between_responses(*SERVER);
}

#[test]
fn http_1_0_response_is_not_chunked() {
    served::http_1_0_response_is_not_chunked(*SERVER);
}

#[test]
fn failed_source_sends_no_close_delimiter() {
    served::failed_source_sends_no_close_delimiter(*SERVER);
}

#[test]
fn sends_all_parts_before_a_failure() {
    served::sends_all_parts_before_a_failure(*SERVER);
}

#[test]
fn head_request_does_not_poll_the_source() {
    served::head_request_does_not_poll_the_source(*SERVER);
}

#[test]
fn head_carries_type_and_cache_headers() {
    served::head_carries_type_and_cache_headers(*SERVER);
}

#[test]
#[ignore = "needs curl"]
fn serves_curl() {
    served::serves_curl(*SERVER);
}
