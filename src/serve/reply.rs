//! The reply of an endpoint, before a framework's adapter turns it into a response.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{HeaderMap, Response};

use super::rejection::Rejection;
use crate::body::Respond as _;
use crate::hub::{self, DatedPart, Hub, Subscriber};
use crate::{ladder, response, wall};

/// The reply of an endpoint.
pub(super) enum Reply {
    /// A response with its complete body.
    Full(Response<Bytes>),
    /// A response that waits for a part.
    Pending(Pending),
    /// A stream of parts, whose head may wait for the first one.
    Stream(Stream, Option<FirstPart>),
}

/// A stream of parts.
pub(super) enum Stream {
    Hub(Subscriber),
    Ladder(Box<ladder::Subscriber>),
    /// The parts of many hubs.
    Wall(Box<wall::Subscriber>),
}

impl Stream {
    fn headers(&self) -> HeaderMap {
        match self {
            Self::Hub(subscriber) => subscriber.headers(),
            Self::Ladder(subscriber) => subscriber.headers(),
            Self::Wall(subscriber) => subscriber.headers(),
        }
    }
}

impl Reply {
    /// Returns the reply to a `HEAD`, which starts no stream and waits for no part, unless the status depends on it.
    pub(super) fn into_head(self) -> Result<Self, Rejection> {
        Ok(Self::Full(match self {
            Self::Full(response) => response,
            // The stack leaves the body out.
            Self::Pending(pending) if pending.strict => return Ok(Self::Pending(pending)),
            Self::Pending(pending) => pending.without_waiting()?,
            Self::Stream(stream, _) => head(stream.headers()),
        }))
    }

    /// Waits for what the response depends on, and makes it by one of two functions.
    pub(super) async fn finish<R>(
        self,
        full: impl FnOnce(Response<Bytes>) -> R,
        streamed: impl FnOnce(Stream) -> R,
    ) -> R {
        match self {
            Self::Full(response) => full(response),
            Self::Pending(pending) => full(pending.wait().await),
            Self::Stream(stream, None) => streamed(stream),
            Self::Stream(mut stream, Some(first)) => match first.wait().await {
                Ok(has_part) => {
                    if let (false, Stream::Ladder(subscriber)) = (has_part, &mut stream) {
                        subscriber.try_another_first();
                    }
                    streamed(stream)
                }
                Err(rejection) => full(rejection.response()),
            },
        }
    }
}

/// Returns a response of the current state, which no cache may keep.
pub(super) fn uncached(content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = response::text(content_type, body);
    let length = HeaderValue::from(response.body().len());
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response
}

fn head(headers: HeaderMap) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.headers_mut() = headers;
    response
}

/// The first part of a hub, and how long a stream waits for it.
pub(super) struct FirstPart {
    pub(super) hub: Hub,
    /// The hubs of other rungs, whose pictures are better than none.
    pub(super) others: Vec<Hub>,
    pub(super) limit: Duration,
}

impl FirstPart {
    /// Waits for a part of the hub, after half of the time also for one of the others, whose sources it starts. Returns whether
    /// the hub has one.
    async fn wait(self) -> Result<bool, Rejection> {
        let wait = |hub: &Hub, limit| hub.snapshot(Duration::MAX).or_latest_after(limit);
        let alone = if self.others.is_empty() { self.limit } else { self.limit / 2 };
        if wait(&self.hub, alone).await.is_some() {
            return Ok(true);
        }
        if self.others.is_empty() {
            return Err(Rejection::no_part(&self.hub));
        }
        let hubs = std::iter::once(&self.hub).chain(&self.others);
        let mut waits: Vec<_> = hubs.map(|hub| wait(hub, self.limit - alone)).collect();
        let answered = poll_fn(|cx| {
            let mut answered = false;
            waits.retain_mut(|wait| match Pin::new(wait).poll(cx) {
                Poll::Ready(part) => {
                    answered |= part.is_some();
                    false
                }
                Poll::Pending => true,
            });
            if answered || waits.is_empty() { Poll::Ready(answered) } else { Poll::Pending }
        });
        if answered.await { Ok(self.hub.latest().is_some()) } else { Err(Rejection::no_part(&self.hub)) }
    }
}

/// A response that is made of a hub's latest part, once that is fresh enough.
pub(super) struct Pending {
    hub: Hub,
    /// Whether a part that is too old is rejected, so that a `HEAD` waits too.
    pub(super) strict: bool,
    snapshot: hub::SnapshotFuture,
    finish: Finish,
}

type Finish = Box<dyn Fn(Option<DatedPart>) -> Result<Response<Bytes>, Rejection> + Send + Sync>;

impl Pending {
    /// Waits for `snapshot`, then calls `finish` with the latest part of `hub`.
    pub(super) fn new(
        hub: Hub,
        snapshot: hub::SnapshotFuture,
        finish: impl Fn(Option<DatedPart>) -> Result<Response<Bytes>, Rejection> + Send + Sync + 'static,
    ) -> Self {
        Self { hub, strict: false, snapshot, finish: Box::new(finish) }
    }

    /// Changes the response.
    #[cfg(feature = "page")]
    pub(super) fn map(self, change: impl Fn(Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        let finish = self.finish;
        Self { finish: Box::new(move |latest| finish(latest).map(&change)), ..self }
    }

    /// Returns the response of a hub's latest part.
    fn without_waiting(&self) -> Result<Response<Bytes>, Rejection> {
        (self.finish)(self.hub.latest_dated())
    }

    /// Returns the response once the part is fresh enough.
    async fn wait(self) -> Response<Bytes> {
        (self.finish)(self.snapshot.await).unwrap_or_else(|rejection| rejection.response())
    }
}
