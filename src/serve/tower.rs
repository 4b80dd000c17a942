//! A hub as a tower service: one line mounts it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tower_service::Service;

use crate::hub::{self, Hub};
use crate::serve::{self, Asked, Awaited, ClientJs, Page};

/// Serves the hub at the path where it is mounted, on axum with `.route_service("/live", hub)`.
///
/// | request | answer |
/// |---|---|
/// | `GET` | the stream, on the wire that the client understands best; `503` with `Retry-After` if the hub is full |
/// | `GET ?fps=5` | at most that many parts a second; `400` if it is no positive number |
/// | `GET ?snapshot` | one part, at most a second old; the latest one if none comes within 5 s, `503` if there is none; `304` if the client has it: [`Still`](crate::Still) |
/// | `GET ?snapshot&refresh=5` | the same, with `Refresh`, so that a browser asks again each 5 seconds |
/// | `HEAD` | the head of either; starts nothing |
/// | other | `405` |
impl<B> Service<Request<B>> for Hub {
    type Response = Response<MountedBody>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        answer(&request, |request| self.asked(request))
    }
}

/// Serves a page and its stream where it is mounted, on axum with `.route_service("/status", page)`: see [`Page`].
impl<B> Service<Request<B>> for Page {
    type Response = Response<MountedBody>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        answer(&request, |request| self.asked(request))
    }
}

/// Serves the module where it is mounted, on axum with `.route_service("/client.js", ClientJs)`.
impl<B> Service<Request<B>> for ClientJs {
    type Response = Response<MountedBody>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        answer(&request, |request| self.asked(request))
    }
}

fn answer<B>(request: &Request<B>, asked: impl FnOnce(&serve::Request<'_>) -> Asked) -> Answer {
    let (method, query, headers) = (request.method().as_str(), request.uri().query(), request.headers());
    Answer(match asked(&serve::Request { method, query, headers }) {
        Asked::Live(viewer) => Kind::ready(viewer.into_http_response().map(MountedBody::live)),
        Asked::Still(awaited) => Kind::Still(awaited),
        Asked::Whole(response) => Kind::ready(response.map(MountedBody::full)),
    })
}

/// The answer of something mounted (a hub, a page, the browser client), once a still picture is there.
///
/// # Panics
///
/// If it is polled again after it was ready.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped: a viewer that was let in leaves.
#[derive(Debug)]
pub struct Answer(Kind);

#[derive(Debug)]
enum Kind {
    Ready(Option<Box<Response<MountedBody>>>),
    Still(Awaited),
}

impl Kind {
    fn ready(response: Response<MountedBody>) -> Self {
        Self::Ready(Some(Box::new(response)))
    }
}

impl Future for Answer {
    type Output = Result<Response<MountedBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(match &mut self.0 {
            Kind::Ready(response) => match response.take() {
                Some(response) => *response,
                None => panic!("polled again after it was ready"),
            },
            Kind::Still(awaited) => ready!(Pin::new(awaited).poll(cx)).map(MountedBody::full),
        }))
    }
}

/// The body of such an answer.
#[derive(Debug)]
pub struct MountedBody(Content);

#[derive(Debug)]
enum Content {
    Full(Bytes),
    Live(hub::Body),
}

impl MountedBody {
    fn full(bytes: Bytes) -> Self {
        Self(Content::Full(bytes))
    }

    fn live(viewer: hub::Body) -> Self {
        Self(Content::Live(viewer))
    }
}

impl Body for MountedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Content::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Live(viewer) => Pin::new(viewer).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Content::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            // A head alone: axum would tell the length of what is not sent here.
            Content::Full(bytes) if bytes.is_empty() => SizeHint::default(),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Live(_) => SizeHint::default(),
        }
    }
}
