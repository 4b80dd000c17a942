//! Responses for stacks on the `http` and `http-body` crates.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};

use super::reply::{Pending, Reply};
use super::{Endpoint, endpoints};
use crate::hub;

macro_rules! respond {
    ($($endpoint:ident),*) => {$(
        impl super::$endpoint {
            /// Responds to a request: for handlers, and for stacks without `tower`.
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost when the future is dropped.
            pub async fn respond<B>(&self, request: Request<B>) -> Response<ResponseBody> {
                let Ok(response) = ResponseFuture::new(self, &request.into_parts().0).await;
                response
            }
        }
    )*};
}
endpoints!(respond);

/// A future of an endpoint's response.
///
/// # Panics
///
/// Panics if it is polled again after it was ready.
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
#[must_use = "a future does nothing until it is polled"]
#[derive(Debug)]
pub struct ResponseFuture(State);

#[derive(Debug)]
enum State {
    Done,
    Pending(Pending),
    Ready(Box<Response<ResponseBody>>),
}

impl ResponseFuture {
    pub(super) fn new(endpoint: &impl Endpoint, request: &Parts) -> Self {
        let full = |bytes| ResponseBody(Content::Full(bytes));
        let stream = |body| ResponseBody(Content::Stream(body));
        Self(match super::reply(endpoint, request) {
            Reply::Full(response) => State::Ready(Box::new(response.map(full))),
            Reply::Pending(pending) => State::Pending(pending),
            Reply::Stream(subscriber) => State::Ready(Box::new(subscriber.into_http_response().map(stream))),
        })
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Pending(pending) = &mut self.0 {
            let response = ready!(Pin::new(pending).poll(cx));
            self.0 = State::Ready(Box::new(response.map(|bytes| ResponseBody(Content::Full(bytes)))));
        }
        match std::mem::replace(&mut self.0, State::Done) {
            State::Ready(response) => Poll::Ready(Ok(*response)),
            State::Done | State::Pending(_) => panic!("polled again after it was ready"),
        }
    }
}

/// The body of an endpoint's response.
#[derive(Debug)]
pub struct ResponseBody(Content);

#[derive(Debug)]
enum Content {
    Full(Bytes),
    Stream(hub::Body),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Content::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Stream(body) => Pin::new(body).poll_frame(cx),
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
            Content::Stream(_) => SizeHint::default(),
        }
    }
}
