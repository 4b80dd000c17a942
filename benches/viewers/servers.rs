//! The measured servers, with this crate and with code written by hand.

use std::convert::Infallible;
use std::net::TcpListener;

use actix_web::web;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{get, get_service};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use mixed_replace::{Hub, Hubs, Live, Part, Wall, Wire, hub, socket};
use socket2::SockRef;
use tokio::sync::{broadcast, watch};
use tokio_stream::wrappers::{BroadcastStream, WatchStream};

use super::{Load, floor, pictures};

/// The name and description of each server.
pub(crate) const NAMES: &[(&str, &str)] = &[
    ("floor", "floor: bare `writev`, no framework"),
    ("hyper", "**mixed-replace on hyper**"),
    ("axum", "**mixed-replace on axum**"),
    ("axum-live", "`Live` on axum"),
    ("axum-wall", "`Wall` of 60 tracks on axum"),
    ("axum-by-hand", "by hand on axum: `watch`, one buffer"),
    ("axum-naive", "by hand on axum: `broadcast`, one copy for each viewer"),
    ("multipart-stream", "multipart-stream 0.1.2 on axum"),
    ("actix", "**mixed-replace on actix-web**"),
    ("actix-by-hand", "by hand on actix-web: `watch`, one buffer"),
];

pub(crate) fn serve(name: &str, port: u16, load: Load) {
    let Load { size, fps, slow, .. } = load;
    let listener = listen(port);
    // The options of servers written by hand.
    let plain: Options = |connection| drop(connection.set_tcp_nodelay(true));
    let tuned: Options = if slow.is_some() { |connection| drop(socket::tune(&*connection)) } else { plain };
    match name {
        "floor" => floor::serve(listener, size, fps),
        "hyper" => runtime().block_on(hyper(listener, tuned, hub_of(size, fps))),
        "axum" => runtime().block_on(axum_with(
            listener,
            tuned,
            get(|wire: Wire, hub: axum::extract::State<Hub>| async move { hub.subscribe(wire) })
                .with_state(hub_of(size, fps)),
        )),
        "axum-live" => {
            runtime().block_on(axum_with(listener, tuned, get_service(Live::new(hub_of(size, fps)))));
        }
        "axum-wall" => {
            runtime().block_on(axum_with(listener, tuned, get_service(Wall::new(hubs_of(size, fps)))));
        }
        "axum-by-hand" => {
            let parts = watch_of(size, fps);
            runtime().block_on(axum_with(listener, plain, get(move || async move { response(by_hand(&parts)) })));
        }
        "axum-naive" => {
            let pictures = broadcast_of(size, fps);
            runtime().block_on(axum_with(listener, plain, get(move || async move { response(naive(&pictures)) })));
        }
        "multipart-stream" => {
            let pictures = broadcast_of(size, fps);
            let handler = get(move || async move { response(multipart_stream(&pictures)) });
            runtime().block_on(axum_with(listener, plain, handler));
        }
        "actix" => {
            let hub = hub_of(size, fps);
            actix(listener, tuned, move |app| {
                app.route("/", web::to(Live::new(hub.clone())));
            });
        }
        "actix-by-hand" => {
            let parts = watch_of(size, fps);
            actix(listener, plain, move |app| {
                let parts = parts.clone();
                app.route(
                    "/",
                    web::get().to(move || {
                        let body = by_hand(&parts);
                        async move { actix_web::HttpResponse::Ok().content_type(CONTENT_TYPE).streaming(body) }
                    }),
                );
            });
        }
        name => panic!("unknown server {name:?}"),
    }
}

fn hub_of(size: usize, fps: f64) -> Hub {
    let (publisher, hub) = hub::channel();
    std::thread::spawn(move || {
        pictures::pace(fps, size, |picture| {
            publisher.publish(Part::jpeg(picture).expect("a JPEG")).expect("the hub is open");
        });
    });
    hub
}

/// Returns hubs that publish in turn, so that a viewer of all gets as many pictures a second as one of [`hub_of`].
fn hubs_of(size: usize, fps: f64) -> Hubs {
    let hubs = Hubs::new();
    let publishers = (0..TRACKS).map(|nth| {
        let (publisher, hub) = hub::channel();
        hubs.insert(&format!("camera-{nth}"), hub).expect("a valid name");
        publisher
    });
    let publishers: Vec<_> = publishers.collect();
    std::thread::spawn(move || {
        let mut turns = publishers.iter().cycle();
        pictures::pace(fps, size, |picture| {
            let publisher = turns.next().expect("there are some");
            publisher.publish(Part::jpeg(picture).expect("a JPEG")).expect("the hub is open");
        });
    });
    hubs
}

fn watch_of(size: usize, fps: f64) -> watch::Receiver<Bytes> {
    let (sender, receiver) = watch::channel(Bytes::new());
    std::thread::spawn(move || {
        pictures::pace(fps, size, |picture| drop(sender.send_replace(Bytes::from(part(&picture)))))
    });
    receiver
}

fn broadcast_of(size: usize, fps: f64) -> broadcast::Sender<Bytes> {
    let sender = broadcast::Sender::new(16);
    let publisher = sender.clone();
    std::thread::spawn(move || pictures::pace(fps, size, |picture| drop(publisher.send(Bytes::from(picture)))));
    sender
}

fn part(picture: &[u8]) -> Vec<u8> {
    let mut part = format!("Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len()).into_bytes();
    part.extend_from_slice(picture);
    part.extend_from_slice(b"\r\n--0123456789abcdef\r\n");
    part
}

fn opening() -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin {
    stream::iter([Ok(Bytes::from_static(b"--0123456789abcdef\r\n"))])
}

fn by_hand(parts: &watch::Receiver<Bytes>) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    opening().chain(WatchStream::from_changes(parts.clone()).map(Ok))
}

fn naive(pictures: &broadcast::Sender<Bytes>) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let pictures = BroadcastStream::new(pictures.subscribe()).filter_map(async |picture| picture.ok());
    opening().chain(pictures.map(|picture| Ok(Bytes::from(part(&picture)))))
}

fn multipart_stream(pictures: &broadcast::Sender<Bytes>) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let pictures = BroadcastStream::new(pictures.subscribe()).filter_map(async |picture| picture.ok());
    let parts = pictures.map(|body| {
        let mut headers = http02::HeaderMap::new();
        headers.insert(http02::header::CONTENT_TYPE, http02::HeaderValue::from_static("image/jpeg"));
        Ok(multipart_stream::Part { headers, body })
    });
    multipart_stream::serialize(parts, "0123456789abcdef")
}

fn response(body: impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response {
    let response = Response::builder().header("content-type", CONTENT_TYPE).header("cache-control", "no-store");
    response.body(Body::from_stream(body)).unwrap()
}

/// Sets the options of a connection.
type Options = fn(SockRef<'_>);

async fn axum_with(listener: TcpListener, options: Options, handler: axum::routing::MethodRouter) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let listener = listener.tap_io(move |connection| options(SockRef::from(&*connection)));
    axum::serve(listener, Router::new().route("/", handler)).await.unwrap();
}

async fn hyper(listener: TcpListener, options: Options, hub: Hub) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((connection, _)) = listener.accept().await else { continue };
        options(SockRef::from(&connection));
        let hub = hub.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
            std::future::ready(
                hub.subscribe(Wire::for_request(request.headers())).map(|viewer| viewer.into_http_response()),
            )
        });
        let connection = hyper_util::rt::TokioIo::new(connection);
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(connection, service));
    }
}

fn actix(
    listener: TcpListener,
    options: Options,
    configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) {
    let server = actix_web::HttpServer::new(move || actix_web::App::new().configure(configure.clone()));
    let server = server.on_connect(move |connection, _| {
        if let Some(connection) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() {
            options(SockRef::from(connection));
        }
    });
    let server = server.max_connections(20_000).max_connection_rate(20_000).workers(1);
    actix_web::rt::System::new().block_on(server.listen(listener).unwrap().run()).unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// Opens a listening socket with a large backlog.
fn listen(port: u16) -> TcpListener {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
    socket.listen(4096).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.into()
}

pub(crate) const TRACKS: usize = 60;
const CONTENT_TYPE: &str = "multipart/x-mixed-replace; boundary=0123456789abcdef";
