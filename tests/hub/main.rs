//! The public API of the hub, with streams polled by hand and counting wakers.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

mod demand;
mod ending;
mod fan_out;
#[cfg(feature = "http-body")]
mod gated;
mod limits;
mod publish;
mod snapshot;
mod time;
mod wakes;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::Stream as _;
use mixed_replace::hub::Builder;
use mixed_replace::{Hub, Part, Publisher, Subscriber, Wire, body, hub};
use test_support::{Wakes, boundary};

/// A builder of hubs without keep-alive and linger, whose bytes do not depend on the time.
fn quiet_builder() -> Builder {
    hub::builder().keep_alive_interval(None).linger(Duration::ZERO).timestamps(false)
}

fn quiet() -> (Publisher, Hub) {
    quiet_builder().build()
}

fn text(text: &str) -> Part {
    Part::text(text.to_owned()).unwrap()
}

/// A viewer that is polled by hand and counts its wakes.
struct Viewer {
    body: Body,
    boundary: String,
    wakes: Arc<Wakes>,
    /// Whether the response head has been sent, when polled as hyper does.
    #[cfg(feature = "http-body")]
    headed: bool,
}

impl Viewer {
    /// Subscribes on the script wire, where the bytes of a part do not depend on the next one.
    fn new(hub: &Hub) -> Self {
        Self::of(hub.subscribe(Wire::Script).unwrap())
    }

    fn of(subscriber: Subscriber) -> Self {
        let boundary = boundary(subscriber.headers().get("content-type").unwrap());
        Self {
            body: Body::Offered(Some(subscriber)),
            boundary,
            wakes: Arc::default(),
            #[cfg(feature = "http-body")]
            headed: false,
        }
    }

    /// Polls as actix does: a chunk counts as written at the next poll.
    fn poll(&mut self) -> Poll<Option<String>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        let chunk = Pin::new(self.body.stream()).poll_next(&mut Context::from_waker(&waker));
        chunk.map(|chunk| chunk.map(|chunk| self.readable(&chunk.unwrap())))
    }

    /// Polls as hyper does: a chunk counts as written when it is dropped.
    #[cfg(feature = "http-body")]
    fn poll_frame(&mut self) -> Poll<Option<Bytes>> {
        use http_body::Body as _;
        if !std::mem::replace(&mut self.headed, true) {
            let first = Pin::new(self.body.body()).poll_frame(&mut Context::from_waker(Waker::noop()));
            assert!(first.is_pending(), "the first poll lets the head be sent");
        }
        let waker = Waker::from(Arc::clone(&self.wakes));
        let frame = Pin::new(self.body.body()).poll_frame(&mut Context::from_waker(&waker));
        frame.map(|frame| frame.map(|frame| frame.unwrap().into_data().unwrap()))
    }

    /// Returns a chunk with its boundary, which differs between hubs, replaced by `B`.
    fn readable(&self, chunk: &Bytes) -> String {
        String::from_utf8_lossy(chunk).replace(&self.boundary, "B")
    }

    fn wakes(&self) -> usize {
        self.wakes.count()
    }

    fn skipped(&self) -> u64 {
        match &self.body {
            Body::Offered(_) => 0,
            Body::Stream(stream) => stream.parts_skipped(),
            #[cfg(feature = "http-body")]
            Body::Body(body) => body.parts_skipped(),
        }
    }
}

/// A subscriber, which the first poll turns into a stream or a body.
enum Body {
    Offered(Option<Subscriber>),
    Stream(body::Chunks<Subscriber>),
    #[cfg(feature = "http-body")]
    Body(body::Body<Subscriber>),
}

impl Body {
    fn stream(&mut self) -> &mut body::Chunks<Subscriber> {
        if let Self::Offered(subscriber) = self {
            *self = Self::Stream(subscriber.take().unwrap().into_stream());
        }
        let Self::Stream(stream) = self else { panic!("polled as a body before") };
        stream
    }

    #[cfg(feature = "http-body")]
    fn body(&mut self) -> &mut body::Body<Subscriber> {
        if let Self::Offered(subscriber) = self {
            *self = Self::Body(subscriber.take().unwrap().into_body());
        }
        let Self::Body(body) = self else { panic!("polled as a stream before") };
        body
    }
}

/// The chunk of a viewer's first part on the script wire.
fn first(text: &str) -> Poll<Option<String>> {
    chunk(format!("--B{}", part(text)))
}

/// The chunk of a later part.
fn next(text: &str) -> Poll<Option<String>> {
    chunk(part(text))
}

fn part(text: &str) -> String {
    let length = text.len();
    format!("\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{text}\r\n--B")
}

/// The rest of the close-delimiter.
fn closing() -> Poll<Option<String>> {
    chunk("--\r\n")
}

fn chunk(bytes: impl Into<String>) -> Poll<Option<String>> {
    Poll::Ready(Some(bytes.into()))
}

const END: Poll<Option<String>> = Poll::Ready(None);
