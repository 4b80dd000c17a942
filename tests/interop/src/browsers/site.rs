//! A server with a stream that the test controls part by part, and pages that show it. On actix only `/stream` and the
//! page with it as an image.
//!
//! | path | content |
//! |---|---|
//! | `/stream` | `MixedReplace` on the wire that follows from the request, without keep-alive |
//! | `/machine` | the same stream, always on the machine wire |
//! | `/classic` | the [classic wire](wires::classic), which the crate does not write |
//! | `/` | an empty page |
//! | `/image`*path* | a page with an `<img>` of that path |
//! | `/frame`*path* | a page with an `<iframe>` of that path |
//! | `/client`*path* | a page with the browser client for that path; the client is at `/client.js` |

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use futures::{Stream, StreamExt as _, stream};
use mixed_replace::{ClientScript, MixedReplace, Part, Wire};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::browsers::{picture, wires};

/// A web server on a free port.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    viewers: mpsc::UnboundedReceiver<Viewer>,
}

/// The frameworks with an adapter in the crate.
#[derive(Clone, Copy, Debug)]
pub enum Stack {
    /// actix-web 4.
    Actix,
    /// axum 0.8.
    Axum,
}

/// A browser's request for a stream, and the sender of that stream's parts. Dropping it ends the stream.
#[derive(Debug)]
pub struct Viewer {
    parts: mpsc::Sender<io::Result<Part>>,
}

impl Site {
    /// Starts a server, which runs as long as the runtime (axum) or the process (actix).
    ///
    /// # Panics
    ///
    /// If no port is free.
    #[must_use]
    pub fn start(stack: Stack) -> Self {
        let (register, viewers) = mpsc::unbounded_channel();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let register = Register(register);
        match stack {
            Stack::Actix => actix(listener, register),
            Stack::Axum => axum(listener, register),
        }
        Self { address, viewers }
    }

    /// Returns the address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits for the next request for a stream.
    ///
    /// # Panics
    ///
    /// If none arrives in time.
    pub async fn viewer(&mut self) -> Viewer {
        match timeout(REQUEST, self.viewers.recv()).await {
            Ok(viewer) => viewer.expect("the server runs"),
            Err(_) => panic!("the browser has not requested the stream after {REQUEST:?}"),
        }
    }

    /// Returns the number of further requests for a stream.
    #[must_use]
    pub fn viewers_waiting(&self) -> usize {
        self.viewers.len()
    }
}

impl Viewer {
    /// Sends a part.
    ///
    /// # Panics
    ///
    /// If the browser has closed the connection.
    pub async fn show(&self, part: Part) {
        self.send(Ok(part)).await;
    }

    /// Ends the stream with an error.
    ///
    /// # Panics
    ///
    /// If the browser has closed the connection.
    pub async fn fail(self) {
        self.send(Err(io::Error::other("the camera is unplugged"))).await;
    }

    async fn send(&self, part: io::Result<Part>) {
        self.parts.send(part).await.expect("the browser keeps the stream open");
    }
}

/// The channel by which a handler passes a viewer to the test.
#[derive(Clone)]
struct Register(mpsc::UnboundedSender<Viewer>);

impl Register {
    /// Without a keep-alive, because a repeated picture would hide that the first one was not enough.
    fn stream(&self, wire: Wire) -> MixedReplace<impl Stream<Item = io::Result<Part>> + Send + use<>> {
        MixedReplace::new(self.parts(), wire).keep_alive(None)
    }

    fn parts(&self) -> impl Stream<Item = io::Result<Part>> + Send + use<> {
        let (parts, mut receiver) = mpsc::channel(1);
        // The test may have ended.
        let _ = self.0.send(Viewer { parts });
        stream::poll_fn(move |cx| receiver.poll_recv(cx))
    }
}

fn axum(listener: TcpListener, register: Register) {
    let stream = async move |wire: Wire, State(register): State<Register>| MixedReplace::new(register.parts(), wire);
    let machine = async move |State(register): State<Register>| register.stream(Wire::Machine);
    let classic = async move |State(register): State<Register>| -> Response {
        let parts = register.parts().map(|part| part.map(|part| wires::classic(&part)));
        ([(header::CONTENT_TYPE, wires::CLASSIC_TYPE)], Body::from_stream(parts)).into_response()
    };
    let app = Router::new()
        .route("/stream", get(stream))
        .route("/machine", get(machine))
        .route("/classic", get(classic))
        .route("/", get(async || Html(page(""))))
        .route("/image/{path}", get(async |Path(path): Path<String>| Html(page_with_image(&path))))
        .route("/frame/{path}", get(async |Path(path): Path<String>| Html(page_with_frame(&path))))
        .route("/client/{path}", get(async |Path(path): Path<String>| Html(page_with_client(&path))))
        .route_service("/client.js", ClientScript)
        .with_state(register);
    listener.set_nonblocking(true).expect("a socket");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
    tokio::spawn(async { axum::serve(listener, app).await });
}

fn actix(listener: TcpListener, register: Register) {
    let stream = async |wire: Wire, register: web::Data<Register>| register.stream(wire);
    let image = async |path: web::Path<String>| HttpResponse::Ok().content_type(HTML).body(page_with_image(&path));
    let register = web::Data::new(register);
    let app = move || {
        App::new()
            .app_data(register.clone())
            .route("/stream", web::get().to(stream))
            .route("/image/{path}", web::get().to(image))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).expect("a listener").run();
    std::thread::spawn(|| actix_web::rt::System::new().block_on(server));
}

/// A page with a grey background that no picture has.
fn page(body: &str) -> String {
    let [r, g, b] = picture::PAGE;
    let style = format!("margin: 0; background: rgb({r}, {g}, {b})");
    format!("<!doctype html><title>A stream</title><body style='{style}'>{body}<p>{}", picture::letters())
}

fn page_with_image(path: &str) -> String {
    page(&format!("<img src='/{path}' style='display: block; width: 160px; height: 160px'>"))
}

fn page_with_frame(path: &str) -> String {
    page(&format!("<iframe src='/{path}' style='display: block; width: 400px; height: 300px; border: 0'></iframe>"))
}

fn page_with_client(path: &str) -> String {
    page(&format!(
        "<style>mixed-replace > * {{ width: 400px; height: 300px; overflow: hidden }}</style>
         <script type=module src=/client.js></script><mixed-replace src='/{path}'></mixed-replace>"
    ))
}

const HTML: &str = "text/html; charset=utf-8";
const REQUEST: Duration = Duration::from_secs(15);
