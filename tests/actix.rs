//! Streams and parts served by actix-web over TCP.

#![cfg(feature = "actix-web")]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

mod served;

use std::net::SocketAddr;
use std::sync::LazyLock;

use actix_web::{App, HttpRequest, HttpServer, web};
use mixed_replace::{MixedReplace, Wire};

static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    let live = async |wire: Wire, request: HttpRequest| MixedReplace::new(served::source(request.path()), wire);
    let app = move || {
        let part = web::get().to(async || served::part());
        App::new().route("/part", part).default_service(web::route().to(live))
    };
    served::serve(async move |listener| {
        let server = HttpServer::new(app).workers(2).disable_signals().listen(listener.into_std().unwrap());
        server.unwrap().run().await.unwrap();
    })
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
