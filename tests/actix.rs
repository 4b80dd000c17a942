//! Streams and parts served by actix-web over TCP.

#![cfg(feature = "actix-web")]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::net::SocketAddr;
use std::sync::LazyLock;

use actix_web::{App, HttpRequest, HttpServer, web};
use mixed_replace::{MixedReplace, Wire};
use test_support::{served, served_cases};

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

served_cases!(*SERVER);
