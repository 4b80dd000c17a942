//! A server of status pages over one hub. It can be stopped and restarted at the same address.
//!
//! | path | content |
//! |---|---|
//! | `/page`, `/trusted`, `/native`, `/age` | `Page` with its defaults, and with each of its options |
//! | `/client.js` | `ClientScript` |
//! | `/own/`*n* | a custom page: [`Board::own`] |
//! | `/worker.js` | a service worker that answers with `fetch`. On axum only |
//! | any other | not found, recorded in [`Board::strays`] |

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Html;
use axum::routing::get;
use bytes::Bytes;
use mixed_replace::{ClientScript, Hub, Page, Part, Publisher, hub};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::browsers::site::Stack;

/// The server and its hub.
#[derive(Debug)]
pub struct Board {
    stack: Stack,
    address: SocketAddr,
    builder: hub::Builder,
    publisher: Publisher,
    hub: Hub,
    seen: Seen,
    server: Option<Server>,
}

impl Board {
    /// Starts a server without a keep-alive, because a repeated part would hide that the first one was not enough.
    #[must_use]
    pub fn start(stack: Stack) -> Self {
        Self::start_with(stack, hub::builder().keep_alive_interval(None))
    }

    /// Starts a server with a hub of these settings.
    ///
    /// # Panics
    ///
    /// If no port is free.
    #[must_use]
    pub fn start_with(stack: Stack, builder: hub::Builder) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (publisher, hub) = builder.clone().build();
        let seen = Seen::default();
        let server = Some(Server::start(stack, listener, hub.clone(), seen.clone()));
        Self { stack, address, builder, publisher, hub, seen, server }
    }

    /// Returns the address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Adds a page with the client and this body, and returns its address.
    #[must_use]
    pub fn own(&self, body: &str) -> String {
        let mut own = self.seen.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.push(format!(
            "<!doctype html><html lang=en><title>Mine</title><script type=module src=/client.js></script>{body}"
        ));
        self.url(&format!("/own/{}", own.len() - 1))
    }

    /// Publishes a part.
    ///
    /// # Panics
    ///
    /// If the hub is closed.
    pub fn show(&self, part: Part) {
        self.publisher.publish(part).expect("an open hub");
    }

    /// Publishes a camera's frame. Returns `false` if it was skipped.
    ///
    /// # Panics
    ///
    /// If the hub is closed.
    #[must_use]
    pub fn show_jpeg(&self, frame: impl Into<Bytes>) -> bool {
        self.publisher.publish_jpeg(frame).expect("an open hub").is_ok()
    }

    /// Returns the number of skipped frames.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.hub.stats().parts_invalid
    }

    /// Ends all streams, as before a shutdown.
    pub fn close(&self) {
        self.hub.close();
    }

    /// Ends the server and all connections, as a crash does.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Starts another server at the same address, with a hub that has no part yet.
    ///
    /// # Panics
    ///
    /// If the port is in use.
    pub fn start_again(&mut self) {
        self.stop();
        let listener = TcpListener::bind(self.address).expect("the same port");
        (self.publisher, self.hub) = self.builder.clone().build();
        self.server = Some(Server::start(self.stack, listener, self.hub.clone(), self.seen.clone()));
    }

    /// Returns the number of open streams.
    #[must_use]
    pub fn viewers(&self) -> usize {
        self.hub.stats().viewers
    }

    /// Returns the number of delivered parts.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.hub.stats().parts_delivered
    }

    /// Waits until this many streams are open.
    ///
    /// # Panics
    ///
    /// If the number differs after the time limit.
    pub async fn has_viewers(&self, count: usize, within: Duration) {
        let deadline = Instant::now() + within;
        while self.viewers() != count {
            assert!(Instant::now() < deadline, "{} viewers in place of {count} after {within:?}", self.viewers());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns the status of each response to a reload, in order. On axum only.
    #[must_use]
    pub fn pulls(&self) -> Vec<u16> {
        self.seen.pulls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the requested paths that do not exist.
    #[must_use]
    pub fn strays(&self) -> Vec<String> {
        self.seen.strays.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// State shared by handlers and tests.
#[derive(Clone, Debug, Default)]
struct Seen {
    own: Arc<Mutex<Vec<String>>>,
    strays: Arc<Mutex<Vec<String>>>,
    pulls: Arc<Mutex<Vec<u16>>>,
}

impl Seen {
    fn page(&self, number: usize) -> Option<String> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).get(number).cloned()
    }

    fn pull(&self, status: StatusCode) {
        self.pulls.lock().unwrap_or_else(PoisonError::into_inner).push(status.as_u16());
    }

    fn stray(&self, path: &str) {
        if path != "/favicon.ico" {
            self.strays.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        }
    }
}

/// A thread with a runtime. Its end closes all connections.
#[derive(Debug)]
struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(stack: Stack, listener: TcpListener, hub: Hub, seen: Seen) -> Self {
        let (stop, stopped) = oneshot::channel();
        let thread = match stack {
            Stack::Actix => thread::spawn(move || actix(listener, &hub, &seen, stopped)),
            Stack::Axum => thread::spawn(move || axum(listener, &hub, seen, stopped)),
        };
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn pages(hub: &Hub) -> [(&'static str, Page); 4] {
    let page = Page::new(hub.clone()).refresh(Duration::from_secs(1));
    [
        ("/page", page.clone()),
        ("/trusted", page.clone().trusted(true)),
        ("/native", page.clone().native(true)),
        ("/age", page.show_age(true)),
    ]
}

fn axum(listener: TcpListener, hub: &Hub, seen: Seen, stopped: oneshot::Receiver<()>) {
    let own = async |Path(number): Path<usize>, State(seen): State<Seen>| {
        seen.page(number).map(Html).ok_or(StatusCode::NOT_FOUND)
    };
    let stray = async |uri: Uri, State(seen): State<Seen>| {
        seen.stray(uri.path());
        StatusCode::NOT_FOUND
    };
    let worker = async || ([("content-type", "text/javascript")], WORKER);
    let app = Router::new().route_service("/client.js", ClientScript).route("/worker.js", get(worker));
    let app = app.route("/own/{number}", get(own)).fallback(stray);
    let watched = async |State(seen): State<Seen>, request: Request, next: Next| {
        let pulls = request.uri().query() == Some("pull");
        let response = next.run(request).await;
        if pulls {
            seen.pull(response.status());
        }
        response
    };
    let app = pages(hub).into_iter().fold(app, |app, (path, page)| app.route_service(path, page));
    let app = app.layer(from_fn_with_state(seen.clone(), watched)).with_state(seen);
    listener.set_nonblocking(true).expect("a socket");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
        tokio::select! {
            served = axum::serve(listener, app) => served.expect("a listener"),
            _ = stopped => {}
        }
    });
}

fn actix(listener: TcpListener, hub: &Hub, seen: &Seen, stopped: oneshot::Receiver<()>) {
    let own = async |number: web::Path<usize>, seen: web::Data<Seen>| match seen.page(*number) {
        Some(page) => HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page),
        None => HttpResponse::NotFound().finish(),
    };
    let stray = async |request: actix_web::HttpRequest, seen: web::Data<Seen>| {
        seen.stray(request.path());
        HttpResponse::NotFound().finish()
    };
    let (pages, seen) = (pages(hub), web::Data::new(seen.clone()));
    let app = move || {
        let app = App::new().app_data(seen.clone()).route("/client.js", web::to(ClientScript));
        let app = app.route("/own/{number}", web::get().to(own)).default_service(web::to(stray));
        pages.clone().into_iter().fold(app, |app, (path, page)| app.route(path, web::to(page)))
    };
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).expect("a listener").run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let _ = stopped.await;
        handle.stop(false).await;
    });
}

const WORKER: &str = "addEventListener('install', () => skipWaiting());
    addEventListener('activate', event => event.waitUntil(clients.claim()));
    addEventListener('fetch', event => event.respondWith(fetch(event.request)));";
