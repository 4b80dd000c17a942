//! Counts the wakes and polls of a server: at most one wake for each viewer and part, and a fixed number of polls.

#![cfg(all(feature = "actix-web", feature = "axum"))]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use actix_web::body::BodyStream;
use actix_web::{App, HttpResponse, HttpServer, web};
use bytes::Bytes;
use futures::Stream;
use http_body::{Body, Frame};
use mixed_replace::{Hub, Part, Subscriber, Wire, body, hub};

/// The number of polls and wakes of a viewer.
#[derive(Debug, Default)]
struct Counts {
    polls: AtomicUsize,
    wakes: AtomicUsize,
}

struct CountedWaker(Waker, Arc<Counts>);

impl Wake for CountedWaker {
    fn wake(self: Arc<Self>) {
        self.1.wakes.fetch_add(1, Ordering::SeqCst);
        self.0.wake_by_ref();
    }
}

struct Counted<B>(B, Arc<Counts>);

impl<B: Unpin> Counted<B> {
    fn count<R>(&mut self, cx: &mut Context<'_>, poll: impl FnOnce(Pin<&mut B>, &mut Context<'_>) -> R) -> R {
        self.1.polls.fetch_add(1, Ordering::SeqCst);
        let waker = Waker::from(Arc::new(CountedWaker(cx.waker().clone(), Arc::clone(&self.1))));
        poll(Pin::new(&mut self.0), &mut Context::from_waker(&waker))
    }
}

/// Polls as axum does.
impl Body for Counted<body::Body<Subscriber>> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.count(cx, Body::poll_frame)
    }
}

/// Polls as actix does.
impl Stream for Counted<body::Chunks<Subscriber>> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.count(cx, Stream::poll_next)
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn on_axum(hub: Hub, counts: Arc<Counts>) -> SocketAddr {
    let (listener, address) = listen();
    std::thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let live = async move || {
                let body = hub.subscribe(Wire::Script).unwrap().into_body();
                axum::body::Body::new(Counted(body, Arc::clone(&counts)))
            };
            axum::serve(listener, axum::Router::new().route("/", axum::routing::get(live))).await.unwrap();
        });
    });
    address
}

fn on_actix(hub: Hub, counts: Arc<Counts>) -> SocketAddr {
    let (listener, address) = listen();
    std::thread::spawn(move || {
        let server = HttpServer::new(move || {
            let (hub, counts) = (hub.clone(), Arc::clone(&counts));
            let live = move || {
                let stream = hub.subscribe(Wire::Script).unwrap().into_stream();
                std::future::ready(HttpResponse::Ok().body(BodyStream::new(Counted(stream, Arc::clone(&counts)))))
            };
            App::new().route("/", web::get().to(live))
        });
        actix_web::rt::System::new().block_on(server.workers(1).listen(listener).unwrap().run()).unwrap();
    });
    address
}

/// Publishes parts one by one, each after the viewer has received the previous one.
fn is_woken_once_and_asks(asks: usize, server: fn(Hub, Arc<Counts>) -> SocketAddr, size: usize) {
    const PARTS: usize = 50;
    let (publisher, hub) = hub::builder().keep_alive_interval(None).build();
    let counts = Arc::new(Counts::default());
    let mut viewer = TcpStream::connect(server(hub, Arc::clone(&counts))).unwrap();
    viewer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    viewer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    for nth in 0..PARTS {
        let mut body = vec![b' '; size];
        let mark = format!("part {nth:3}");
        body.splice(size - mark.len().., mark.bytes());
        publisher.publish(Part::text(String::from_utf8(body).unwrap()).unwrap()).unwrap();
        let mut read: Vec<u8> = Vec::new();
        while !read.windows(mark.len()).any(|window| window == mark.as_bytes()) {
            let mut buffer = [0; 16 * 1024];
            let count = viewer.read(&mut buffer).unwrap();
            assert!(count > 0, "the stream ended");
            read.drain(..read.len().saturating_sub(mark.len()));
            read.extend(buffer.iter().take(count));
        }
    }
    let (polls, wakes) = (counts.polls.load(Ordering::SeqCst), counts.wakes.load(Ordering::SeqCst));
    // A blocked write, as of a large part, causes one more poll.
    let blocked = if size > 10_000 { PARTS } else { 5 };
    assert!((PARTS..=asks * PARTS + blocked).contains(&polls), "{size} bytes: {polls} polls");
    // One more lets the head go first. Then the first part may come in time, or wakes the viewer too.
    assert!(wakes <= PARTS + 1, "{size} bytes: {wakes} wakes");
}

/// One poll for the part, one for the next part, and one after the part is written.
#[test]
fn axum_polls_three_times_per_part() {
    for size in [100, 50_000] {
        is_woken_once_and_asks(3, on_axum, size);
    }
}

/// One poll for the part, and one for the next part.
#[test]
fn actix_polls_twice_per_part() {
    for size in [100, 50_000] {
        is_woken_once_and_asks(2, on_actix, size);
    }
}
