//! actix-web: `MixedReplace` and `Part` as responses, `Wire` as an argument of a handler.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{self, BodySize, BodyStream, BoxBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::http::{ConnectionType, Method, StatusCode, Version};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError, web};
use bytes::Bytes;
use futures_core::Stream;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::named::MountedPath;
use super::rejection::Rejection;
use super::reply::{self, Reply};
use super::{Ingest, endpoints};
use crate::body::Respond;
use crate::body::keep_alive::KeepAlive;
use crate::body::stream::MixedReplace;
use crate::hub::{Refused, Subscriber};
use crate::ladder;
use crate::part::Part;
use crate::part_response::PartResponse;
use crate::response;
use crate::wire::Wire;

/// With a keep-alive every 10 seconds unless another one was set.
impl<S, E> Responder for MixedReplace<S>
where
    S: Stream<Item = Result<Part, E>> + 'static,
    E: Into<Box<dyn Error>> + 'static,
{
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let response = self.or_standard_keep_alive();
        stream(request, &response.headers(), response.into_held_stream(KeepAlive::every(FAILURE_HELD)))
    }
}

impl Responder for Subscriber {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        streamed(self, request)
    }
}

impl Responder for ladder::Subscriber {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        streamed(self, request)
    }
}

/// The wire that the client understands best: [`Wire::for_accept`].
impl FromRequest for Wire {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let accept = request.headers().get_all(header::ACCEPT).map(|value| value.as_bytes());
        ready(Ok(Self::for_accept(accept)))
    }
}

/// `503 Service Unavailable` with `Retry-After`.
impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }

    fn error_response(&self) -> HttpResponse {
        full(Rejection::from(self.clone()).response())
    }
}

/// One part is an ordinary response, as from [`PartResponse`].
impl Responder for Part {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut builder = HttpResponse::Ok();
        copy(&response::part_head(&self), &mut builder);
        builder.body(self.into_body())
    }
}

/// The part, or `304 Not Modified` if the client has it.
impl Responder for PartResponse {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        full(self.for_request(&headers(request)))
    }
}

macro_rules! handler {
    ($($endpoint:ident),*) => {$(
        impl Handler<HttpRequest> for super::$endpoint {
            type Output = HttpResponse;
            type Future = Pin<Box<dyn Future<Output = HttpResponse>>>;

            fn call(&self, request: HttpRequest) -> Self::Future {
                Box::pin(respond(super::reply(self, &head(&request)), request))
            }
        }
    )*};
}
endpoints!(handler);

/// Also for a handler: `ingest.call((request, payload)).await`.
impl Handler<(HttpRequest, web::Payload)> for Ingest {
    type Output = HttpResponse;
    type Future = Pin<Box<dyn Future<Output = HttpResponse>>>;

    fn call(&self, (request, mut payload): (HttpRequest, web::Payload)) -> Self::Future {
        let ingest = self.clone();
        Box::pin(async move {
            let response = ingest.receive(head(&request), &mut payload).await;
            full(response).map_body(|_, body| BoxBody::new(Holding { body, _payload: payload }))
        })
    }
}

/// A body that holds the request's payload until it is sent.
///
/// If an unread chunked payload is dropped before, actix-http reads the rest of it, without an end if the sender has none,
/// and does not close the connection.
struct Holding {
    body: BoxBody,
    _payload: web::Payload,
}

impl MessageBody for Holding {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

async fn respond(reply: Reply, request: HttpRequest) -> HttpResponse {
    let streamed = |stream| match stream {
        reply::Stream::Hub(subscriber) => streamed(subscriber, &request),
        reply::Stream::Ladder(subscriber) => streamed(*subscriber, &request),
        reply::Stream::Wall(subscriber) => streamed(*subscriber, &request),
    };
    reply.finish(full, streamed).await
}

fn streamed<R>(response: R, request: &HttpRequest) -> HttpResponse
where
    R: Respond<Error: Into<Box<dyn Error>>> + 'static,
{
    stream(request, &response.headers(), response.into_stream())
}

/// Returns the head of a request in the types of `http` 1: those of actix are of version 0.2.
fn head(request: &HttpRequest) -> Parts {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = http::Method::from_bytes(request.method().as_str().as_bytes()).unwrap_or_default();
    head.uri = request.uri().to_string().parse().unwrap_or_default();
    head.headers = headers(request);
    head.version = if request.version() >= Version::HTTP_2 { http::Version::HTTP_2 } else { http::Version::HTTP_11 };
    head.extensions.insert(MountedPath(mounted_path(request)));
    if let Some(address) = request.peer_addr() {
        head.extensions.insert(address);
    }
    head
}

/// Returns the path below the scope. actix has decoded it in part and lossily, but not its slashes.
fn mounted_path(request: &HttpRequest) -> String {
    let segments = request.match_info().unprocessed().matches('/').count();
    let path = request.uri().path();
    let start = path.rmatch_indices('/').nth(segments.saturating_sub(1)).filter(|_| segments > 0);
    start.map(|(at, _)| path.split_at(at).1.to_owned()).unwrap_or_default()
}

fn headers(request: &HttpRequest) -> HeaderMap {
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_ref()).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    fields.flatten().collect()
}

fn full(response: http::Response<Bytes>) -> HttpResponse {
    let (head, bytes) = response.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponse::build(status);
    copy(&head.headers, &mut builder);
    if bytes.is_empty() {
        // A head only. For an empty body actix would write a length, which is not that of the body left out here.
        return builder.body(body::None::new());
    }
    builder.body(bytes)
}

fn stream<S, E>(request: &HttpRequest, headers: &HeaderMap, body: S) -> HttpResponse
where
    S: Stream<Item = Result<Bytes, E>> + 'static,
    E: Into<Box<dyn Error>> + 'static,
{
    let mut builder = HttpResponse::Ok();
    copy(headers, &mut builder);
    if request.method() == Method::HEAD {
        // Without a length, which is unknown, and without the body, which actix would poll.
        return builder.body(body::None::new());
    }
    let mut response = builder.body(BodyStream::new(body));
    if request.version() < Version::HTTP_11 {
        // actix would write chunks, which HTTP/1.0 does not know: there the end of the connection ends the body.
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}

/// actix has the header types of `http` 0.2.
fn copy(head: &HeaderMap, builder: &mut HttpResponseBuilder) {
    for (name, value) in head {
        builder.append_header((name.as_str(), value.as_bytes()));
    }
}

/// Delays a failure, which would discard what actix holds: it copies each chunk, and keeps up to 32 KiB until the client
/// reads them.
const FAILURE_HELD: Duration = Duration::from_secs(1);
