//! actix-web over TCP.

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
fn answers_with_a_part() {
    served::answers_with_a_part(*SERVER);
}

#[test]
fn gives_every_client_a_boundary_of_its_own() {
    served::gives_every_client_a_boundary_of_its_own(*SERVER);
}

#[test]
fn knows_no_chunks_on_http_1_0() {
    served::knows_no_chunks_on_http_1_0(*SERVER);
}

#[test]
fn leaves_out_the_close_delimiter_when_the_source_fails() {
    served::leaves_out_the_close_delimiter_when_the_source_fails(*SERVER);
}

#[test]
fn sends_every_good_part_before_a_failure() {
    served::sends_every_good_part_before_a_failure(*SERVER);
}

#[test]
fn starts_nothing_for_head() {
    served::starts_nothing_for_head(*SERVER);
}

#[test]
fn tells_all_in_the_head() {
    served::tells_all_in_the_head(*SERVER);
}

#[test]
#[ignore = "needs curl"]
fn serves_curl() {
    served::serves_curl(*SERVER);
}
