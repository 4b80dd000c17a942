//! A hub as a tower service: one line mounts it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{ALLOW, HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tower_service::Service;

use crate::hub::{Hub, Snapshot, Subscriber};
use crate::mount::{self, Asked, NotServed};
use crate::response;
use crate::wire::Wire;

/// Serves the hub at the path where it is mounted, on axum with `.route_service("/live", hub)`.
///
/// | request | answer |
/// |---|---|
/// | `GET` | the stream, on the wire that the client understands best; `503` with `Retry-After` if the hub is full |
/// | `GET ?fps=5` | at most that many parts a second; `400` if it is no positive number |
/// | `GET ?snapshot` | one part, at most a second old; the latest one if none comes within 5 s, `503` if there is none |
/// | `HEAD` | the head of the stream; starts nothing |
/// | other | `405` |
impl<B> Service<Request<B>> for Hub {
    type Response = Response<HubBody>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        let wire = Wire::for_request(request.headers());
        Answer(match mount::asked(self, request.method().as_str(), request.uri().query(), wire) {
            Ok(Asked::Head(wire)) => Kind::ready(self.head(wire).map(|()| HubBody::full(Bytes::new()))),
            Ok(Asked::Live(viewer)) => Kind::ready(viewer.into_http_response().map(HubBody::live)),
            Ok(Asked::Snapshot(snapshot)) => Kind::Snapshot(snapshot),
            Err(reason) => Kind::ready(not_served(&reason)),
        })
    }
}

/// The answer of a mounted hub, once a still picture is there.
#[derive(Debug)]
pub struct Answer(Kind);

#[derive(Debug)]
enum Kind {
    Ready(Option<Box<Response<HubBody>>>),
    Snapshot(Snapshot),
}

impl Kind {
    fn ready(response: Response<HubBody>) -> Self {
        Self::Ready(Some(Box::new(response)))
    }
}

impl Future for Answer {
    type Output = Result<Response<HubBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match &mut self.0 {
            Kind::Ready(response) => response.take().map(|response| *response),
            Kind::Snapshot(snapshot) => ready!(Pin::new(snapshot).poll(cx)).map(|part| {
                let mut response = Response::new(HubBody::full(part.body().clone()));
                response.headers_mut().extend(response::part_head(&part));
                response.headers_mut().extend(part.headers().clone());
                response
            }),
        };
        Poll::Ready(Ok(response.unwrap_or_else(|| {
            let mut response = Response::new(HubBody::full(Bytes::from_static(b"no picture yet")));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            response
        })))
    }
}

fn not_served(reason: &NotServed) -> Response<HubBody> {
    let mut response = Response::new(HubBody::full(Bytes::from(reason.text())));
    *response.status_mut() = reason.status();
    match reason {
        NotServed::Fps(_) => {}
        NotServed::Method => drop(response.headers_mut().insert(ALLOW, HeaderValue::from_static(mount::ALLOW))),
        NotServed::Refused(refused) => {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(refused.retry_after_secs()));
        }
    }
    response
}

/// The body of a mounted hub's answer.
#[derive(Debug)]
pub struct HubBody(Content);

#[derive(Debug)]
enum Content {
    Full(Bytes),
    Live(Subscriber),
}

impl HubBody {
    fn full(bytes: Bytes) -> Self {
        Self(Content::Full(bytes))
    }

    fn live(viewer: Subscriber) -> Self {
        Self(Content::Live(viewer))
    }
}

impl Body for HubBody {
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
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Live(_) => SizeHint::default(),
        }
    }
}
