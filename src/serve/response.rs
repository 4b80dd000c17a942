//! Responses for stacks on the `http` and `http-body` crates.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures_core::Stream;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::reply;
use super::{Endpoint, Ingest, endpoints};
use crate::body::{Body as ChunkedBody, Respond as _};
use crate::derive::opaque_debug;
use crate::hub::Subscriber;
use crate::{ladder, wall};

macro_rules! respond {
    ($($endpoint:ident),*) => {$(
        impl super::$endpoint {
            /// Responds to a request: for handlers, and for stacks without `tower`.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost when the future is dropped.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = example!($endpoint)]
            /// let request = http::Request::get("/").body(())?;
            /// # let response = futures::executor::block_on(async {
            /// let response = endpoint.respond(request).await;
            /// # response
            /// # });
            /// assert_eq!(response.status(), 200);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub async fn respond<B>(&self, request: Request<B>) -> Response<ResponseBody> {
                let Ok(response) = ResponseFuture::new(self, request).await;
                response
            }
        }
    )*};
}
/// The beginning of the example of `respond`.
macro_rules! example {
    (ClientScript) => {
        "use mixed_replace::ClientScript;\n\nlet endpoint = ClientScript;"
    };
    (SendScript) => {
        "use mixed_replace::SendScript;\n\nlet endpoint = SendScript;"
    };
    (Wall) => {
        "use mixed_replace::{Hubs, Wall};\n\nlet endpoint = Wall::new(Hubs::new());"
    };
    ($endpoint:ident) => {
        concat!(
            "use mixed_replace::{",
            stringify!($endpoint),
            ", Part, hub};\n\nlet (publisher, hub) = hub::channel();\n",
            "publisher.publish(Part::text(\"All is well\")?)?;\nlet endpoint = ",
            stringify!($endpoint),
            "::new(hub);"
        )
    };
}

endpoints!(respond);

impl Ingest {
    /// Responds to a request once its body has been read: for handlers, and for stacks without `tower`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request. Parts that were complete have been published.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Ingest, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let picture = "GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;".to_owned();
    /// let request = http::Request::post("/in").header("content-type", "image/gif").body(picture)?;
    /// # let response = futures::executor::block_on(async {
    /// let response = Ingest::new(publisher).respond(request).await;
    /// # response
    /// # });
    /// assert_eq!((response.status().as_u16(), hub.stats().parts_published), (200, 1));
    /// # Ok::<(), http::Error>(())
    /// ```
    pub async fn respond<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body,
    {
        let (head, body) = request.into_parts();
        full(self.receive(head, Data { body }).await)
    }
}

pin_project! {
    /// The data of a request's body.
    struct Data<B> {
        #[pin]
        body: B,
    }
}

impl<B: Body> Stream for Data<B> {
    type Item = Result<Bytes, B::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut body = self.project().body;
        loop {
            match ready!(body.as_mut().poll_frame(cx)?).map(Frame::into_data) {
                Some(Ok(mut data)) => return Poll::Ready(Some(Ok(data.copy_to_bytes(data.remaining())))),
                Some(Err(_trailers)) => {}
                None => return Poll::Ready(None),
            }
        }
    }
}

/// A future of an endpoint's response.
///
/// # Panics
///
/// Panics if it is polled again after it was ready.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
///
/// # Examples
///
/// ```
/// use mixed_replace::{Live, Part, hub};
///
/// # futures::executor::block_on(async {
/// let (publisher, hub) = hub::channel();
/// publisher.publish(Part::text("on")?)?;
/// let response = Live::new(hub).respond(http::Request::get("/live?snapshot").body(())?).await;
/// assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[must_use = "a future does nothing until it is polled"]
pub struct ResponseFuture(Mutex<Pin<Box<dyn Future<Output = Response<ResponseBody>> + Send>>>);

opaque_debug!(ResponseFuture);

impl ResponseFuture {
    pub(super) fn new<B>(endpoint: &impl Endpoint, request: Request<B>) -> Self {
        let (request, _body) = request.into_parts();
        Self::of(super::reply(endpoint, &request).finish(full, streamed))
    }

    #[cfg(feature = "tower")]
    pub(super) fn receive<B>(ingest: &Ingest, request: Request<B>) -> Self
    where
        B: Body + Send + 'static,
        B::Data: Send,
    {
        let (head, body) = request.into_parts();
        let response = ingest.receive(head, Data { body });
        Self::of(async { full(response.await) })
    }

    /// The lock is never contended. It makes the future `Sync`.
    fn of(response: impl Future<Output = Response<ResponseBody>> + Send + 'static) -> Self {
        Self(Mutex::new(Box::pin(response)))
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        response.as_mut().poll(cx).map(Ok)
    }
}

fn full(response: Response<Bytes>) -> Response<ResponseBody> {
    response.map(|bytes| ResponseBody(Content::Full(bytes)))
}

fn streamed(stream: reply::Stream) -> Response<ResponseBody> {
    match stream {
        reply::Stream::Hub(subscriber) => subscriber.into_http_response().map(Content::Stream),
        reply::Stream::Ladder(subscriber) => {
            subscriber.into_http_response().map(|body| Content::Ladder(Box::new(body)))
        }
        reply::Stream::Wall(subscriber) => subscriber.into_http_response().map(|body| Content::Wall(Box::new(body))),
    }
    .map(ResponseBody)
}

/// The body of an endpoint's response.
///
/// # Examples
///
/// ```
/// use http_body::Body;
/// use mixed_replace::serve::ResponseBody;
/// use mixed_replace::{Part, Snapshot, hub};
///
/// # futures::executor::block_on(async {
/// let (publisher, hub) = hub::channel();
/// publisher.publish(Part::text("on")?)?;
/// let response: http::Response<ResponseBody> = Snapshot::new(hub).respond(http::Request::get("/").body(())?).await;
/// assert_eq!(response.body().size_hint().exact(), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct ResponseBody(Content);

#[derive(Debug)]
enum Content {
    Full(Bytes),
    Ladder(Box<ChunkedBody<ladder::Subscriber>>),
    Stream(ChunkedBody<Subscriber>),
    Wall(Box<ChunkedBody<wall::Subscriber>>),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Content::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Ladder(body) => Pin::new(body).poll_frame(cx),
            Content::Stream(body) => Pin::new(body).poll_frame(cx),
            Content::Wall(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Content::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            // A head only: axum would write the length of a body that is not sent.
            Content::Full(bytes) if bytes.is_empty() => SizeHint::default(),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Ladder(_) | Content::Stream(_) | Content::Wall(_) => SizeHint::default(),
        }
    }
}
