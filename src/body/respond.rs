//! The body of every response, for hyper-like stacks and as a plain stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use pin_project_lite::pin_project;

/// A response that is sent chunk by chunk.
#[expect(unnameable_types, reason = "sealed: the responses are those of this crate")]
pub trait Respond {
    /// The error that ends the body.
    type Error;
    /// The state of the body.
    type Sending;

    /// Returns the next chunk. `gated` means that the transport keeps a chunk until it is written.
    fn poll_chunk(
        sending: Pin<&mut Self::Sending>,
        gated: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>>;
}

#[cfg(feature = "http-body")]
pin_project! {
    /// The body of a response for hyper-like stacks: [`Subscriber::into_body`](crate::Subscriber::into_body) and
    /// [`MixedReplace::into_body`](crate::MixedReplace::into_body).
    ///
    /// The body of a [`Subscriber`](crate::Subscriber) returns the next part once the transport has released the previous one,
    /// that is, has written it. So a slow viewer gets the newest part, and none grows old in a server's queue. Its first
    /// poll returns `Pending` and wakes its task at once, so that the server writes the response's head first.
    #[must_use = "a body does nothing unless polled"]
    #[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
    pub struct Body<R>
    where
        R: Respond,
    {
        #[pin]
        pub(crate) sending: R::Sending,
    }
}

#[cfg(feature = "http-body")]
impl<R: Respond> Body<R> {
    pub(crate) fn into_response(self, headers: http::HeaderMap) -> http::Response<Self> {
        let mut response = http::Response::new(self);
        *response.headers_mut() = headers;
        response
    }
}

#[cfg(feature = "http-body")]
impl<R: Respond> http_body::Body for Body<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, R::Error>>> {
        R::poll_chunk(self.project().sending, true, cx).map_ok(http_body::Frame::data)
    }
}

#[cfg(feature = "http-body")]
impl<R: Respond> fmt::Debug for Body<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

pin_project! {
    /// The body of a response as a stream of bytes: [`Subscriber::into_stream`](crate::Subscriber::into_stream) and
    /// [`MixedReplace::into_stream`](crate::MixedReplace::into_stream).
    ///
    /// The stream of a [`Subscriber`](crate::Subscriber) cannot detect when its bytes are written: it considers a part written
    /// when it is polled again.
    #[must_use = "a stream does nothing unless polled"]
    pub struct Chunks<R>
    where
        R: Respond,
    {
        #[pin]
        pub(crate) sending: R::Sending,
    }
}

impl<R: Respond> Stream for Chunks<R> {
    type Item = Result<Bytes, R::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        R::poll_chunk(self.project().sending, false, cx)
    }
}

impl<R: Respond> fmt::Debug for Chunks<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").finish_non_exhaustive()
    }
}
