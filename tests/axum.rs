//! Streams and parts served by axum over TCP.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::net::SocketAddr;
use std::sync::LazyLock;

use axum::Router;
use axum::http::Uri;
use axum::routing::get;
use mixed_replace::{MixedReplace, Wire};
use test_support::{served, served_cases};

static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    let live = async |wire: Wire, uri: Uri| MixedReplace::new(served::source(uri.path()), wire);
    let router = Router::new().route("/part", get(async || served::part())).route("/{*path}", get(live));
    served::serve(async |listener| axum::serve(listener, router).await.unwrap())
});

served_cases!(*SERVER);
