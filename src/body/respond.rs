//! The body of every response, for hyper-like stacks and as a plain stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, HeaderValue};
use pin_project_lite::pin_project;

use crate::derive::opaque_debug;
use crate::response::stream_head;

/// A response that is sent chunk by chunk.
#[expect(unnameable_types, reason = "sealed: the responses are those of this crate")]
pub trait Respond: Sized {
    /// The error that ends the body.
    type Error;
    /// The state of the body.
    type Sending;

    /// Returns the content type, with the boundary.
    fn content_type(&self) -> HeaderValue;

    /// Starts the body.
    fn into_sending(self) -> Self::Sending;

    /// Returns the next chunk. `gated` means that the transport keeps a chunk until it is written.
    fn poll_chunk(
        sending: Pin<&mut Self::Sending>,
        gated: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>>;

    fn headers(&self) -> HeaderMap {
        stream_head(self.content_type()).into_iter().collect()
    }

    fn into_stream(self) -> Chunks<Self> {
        Chunks { sending: self.into_sending() }
    }

    #[cfg(feature = "http-body")]
    fn into_body(self) -> Body<Self> {
        Body { sending: self.into_sending() }
    }

    #[cfg(feature = "http-body")]
    fn into_http_response(self) -> http::Response<Body<Self>> {
        let headers = self.headers();
        let mut response = http::Response::new(self.into_body());
        *response.headers_mut() = headers;
        response
    }
}

/// Defines the methods of [`Respond`] as methods of a response, so that users need not import the trait. In place of those
/// that need a missing feature there are methods whose call names it. The examples begin with the lines of `$example`, which
/// make a `response`.
macro_rules! respond_methods {
    ($(#[$headers:meta])* headers $(#[$stream:meta])* into_stream $example:literal) => {
        $(#[$headers])*
        #[must_use]
        pub fn headers(&self) -> http::HeaderMap {
            $crate::body::Respond::headers(self)
        }

        $(#[$stream])*
        pub fn into_stream(self) -> $crate::body::Chunks<Self> {
            $crate::body::Respond::into_stream(self)
        }

        /// Returns the body, for hyper and the stacks built on it.
        ///
        /// # Examples
        ///
        /// ```
        #[doc = $example]
        /// let body = response.into_body();
        /// assert_eq!(http_body::Body::size_hint(&body).exact(), None, "a stream has no length");
        /// # Ok::<(), mixed_replace::hub::Refused>(())
        /// ```
        #[cfg(feature = "http-body")]
        #[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
        pub fn into_body(self) -> $crate::body::Body<Self> {
            $crate::body::Respond::into_body(self)
        }

        /// Returns the response, for hyper and the stacks built on it: `200 OK`, with [`headers`](Self::headers) and
        /// [`into_body`](Self::into_body).
        ///
        /// # Examples
        ///
        /// ```
        #[doc = $example]
        /// let response = response.into_http_response();
        /// assert_eq!(response.status(), 200);
        /// assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
        /// # Ok::<(), mixed_replace::hub::Refused>(())
        /// ```
        #[cfg(feature = "http-body")]
        #[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
        #[must_use]
        pub fn into_http_response(self) -> http::Response<$crate::body::Body<Self>> {
            $crate::body::Respond::into_http_response(self)
        }

        #[cfg(not(feature = "http-body"))]
        #[doc(hidden)]
        pub fn into_body(self)
        where
            for<'a> &'a (): $crate::missing::HttpBody,
        {
        }

        #[cfg(not(feature = "http-body"))]
        #[doc(hidden)]
        pub fn into_http_response(self)
        where
            for<'a> &'a (): $crate::missing::HttpBody,
        {
        }
    };
}
pub(crate) use respond_methods;

#[cfg(feature = "http-body")]
pin_project! {
    /// The body of a response for hyper-like stacks: [`Subscriber::into_body`](crate::Subscriber::into_body) and
    /// [`MixedReplace::into_body`](crate::MixedReplace::into_body).
    ///
    /// The body of a [`Subscriber`](crate::Subscriber) returns the next part once the transport has released the previous one,
    /// that is, has written it. So a slow viewer gets the newest part, and none grows old in a server's queue. Its first
    /// poll returns `Pending` and wakes its task at once, so that the server writes the response's head first.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::body::Body;
    /// use mixed_replace::{Hub, Subscriber, Wire, hub};
    ///
    /// fn live(hub: &Hub) -> Result<http::Response<Body<Subscriber>>, hub::Refused> {
    ///     let viewer = hub.subscribe(Wire::Browser)?;
    ///     let headers = viewer.headers();
    ///     let mut response = http::Response::new(viewer.into_body());
    ///     *response.headers_mut() = headers;
    ///     Ok(response)
    /// }
    ///
    /// let (_publisher, hub) = hub::channel();
    /// assert_eq!(live(&hub)?.headers()["x-accel-buffering"], "no");
    /// # Ok::<(), hub::Refused>(())
    /// ```
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
opaque_debug!(Body<R: Respond>);

pin_project! {
    /// The body of a response as a stream of bytes: [`Subscriber::into_stream`](crate::Subscriber::into_stream) and
    /// [`MixedReplace::into_stream`](crate::MixedReplace::into_stream).
    ///
    /// The stream of a [`Subscriber`](crate::Subscriber) cannot detect when its bytes are written: it considers a part written
    /// when it is polled again.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::executor::block_on_stream;
    /// use mixed_replace::{Part, Wire, body::Chunks, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// let chunks: Chunks<_> = hub.subscribe(Wire::Script)?.into_stream();
    /// let first = block_on_stream(chunks).next().unwrap().unwrap();
    /// assert!(first.starts_with(b"--"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

opaque_debug!(Chunks<R: Respond>);
