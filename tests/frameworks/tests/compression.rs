//! Compression layers must skip streams, because they delay each part until one of their blocks is full.

use std::io::Write as _;
use std::net::SocketAddr;

use actix_web::http::header::CONTENT_ENCODING;
use actix_web::middleware::Compress;
use actix_web::{App, HttpRequest, HttpServer, Responder as _, web};
use axum::Router;
use axum::http::Uri;
use axum::response::IntoResponse as _;
use axum::routing::get;
use mixed_replace::{MixedReplace, Wire};
use test_support::served;
use tower_http::compression::CompressionLayer;

/// `/plain/…` is the control: the same stream without `Content-Encoding`.
fn path(path: &str) -> (&str, bool) {
    path.strip_prefix("/plain").map_or((path, false), |path| (path, true))
}

fn tower_http() -> SocketAddr {
    let live = async |wire: Wire, uri: Uri| {
        let (path, plain) = path(uri.path());
        let mut response = MixedReplace::new(served::source(path), wire).into_response();
        if plain {
            response.headers_mut().remove("content-encoding");
        }
        response
    };
    let router = Router::new().route("/{*path}", get(live)).layer(CompressionLayer::new());
    served::serve(async |listener| axum::serve(listener, router).await.unwrap())
}

fn actix() -> SocketAddr {
    let live = async |wire: Wire, request: HttpRequest| {
        let (path, plain) = path(request.path());
        let mut response = MixedReplace::new(served::source(path), wire).respond_to(&request);
        if plain {
            response.headers_mut().remove(CONTENT_ENCODING);
        }
        response
    };
    let app = move || App::new().wrap(Compress::default()).default_service(web::route().to(live));
    served::serve(async move |listener| {
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener.into_std().unwrap());
        server.unwrap().run().await.unwrap();
    })
}

#[test]
fn compression_layers_skip_streams() {
    for server in [tower_http(), actix()] {
        for accept in ["*/*", "image/*", "multipart/mixed"] {
            let request = |path| {
                let mut socket = served::connect(server);
                let fields = format!("Host: x\r\nAccept: {accept}\r\nAccept-Encoding: gzip\r\n");
                write!(socket, "GET {path} HTTP/1.1\r\n{fields}\r\n").unwrap();
                let answer = served::read(&mut socket, true);
                (socket, answer)
            };
            let (mut socket, mut answer) = request("/endless");
            assert_eq!(answer.field("content-encoding"), Some("identity"), "{accept}");
            assert_eq!(answer.field("vary"), Some("Accept"), "{accept}");
            // The part arrives although the stream does not end.
            while answer.body.len() < 3_000 {
                served::chunk(&mut socket, &mut answer.body).unwrap();
            }
            assert!(answer.text().contains(&format!("{}\r\n--B", " ".repeat(3_000))), "{accept}");

            let (_, control) = request("/plain/endless");
            assert_eq!(control.field("content-encoding"), Some("gzip"), "{accept}: nothing else keeps it away");
        }
    }
}
