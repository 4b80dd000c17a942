//! A stream of parts as a response.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;
use pin_project_lite::pin_project;

use super::keep_alive::KeepAlive;
use super::queue::Queue;
#[cfg(feature = "actix-web")]
use super::respond::Chunks;
use super::respond::{Respond, respond_methods};
use crate::encode::{EncodeError, EncodedPart, Encoder};
use crate::part::Part;
use crate::wire::Wire;

/// A response that sends a stream of parts, each of which replaces the previous one.
///
/// ```text
/// HTTP/1.1 200 OK
/// Content-Type: multipart/x-mixed-replace; boundary=7kKzXq0M3vTqRz5c1LwYpA
///
/// --7kKzXq0M3vTqRz5c1LwYpA
/// Content-Type: image/jpeg
/// Content-Length: 31415
///
/// ...
/// --7kKzXq0M3vTqRz5c1LwYpA
/// ```
///
/// Return it from a handler on axum or actix-web, like axum's `Sse`. Take the [`Wire`] from the request: it is an extractor
/// on both. It implements `IntoResponse` only with the feature `axum`, and `Responder` only with the feature `actix-web`.
/// Other stacks send [`headers`](Self::headers) with [`into_body`](Self::into_body) or [`into_stream`](Self::into_stream).
///
/// Each response has its own random boundary. Parts up to 64 KiB are copied once, larger ones not at all. No
/// part is dropped or reordered: a slow client slows its source down. When the source ends, the client gets the last part
/// again where the wire needs that, then the close-delimiter.
///
/// # Errors of the source
///
/// When the source fails, the last good part is still sent. The browser wire then ends as if the source had ended, since
/// a browser would otherwise blank the picture or fail its next request. It drops the error: log it in the source, for
/// example with `TryStreamExt::inspect_err`. The feature `tracing` logs only that there was one. The other wires end with
/// the source's error, so that a recorder can detect that the stream is truncated.
///
/// A panic of the source passes through the body and ends the connection.
///
/// Servers discard unwritten bytes when a body fails. So with a keep-alive the error is returned once the server has
/// dropped the last part's bytes, or after two periods at the latest. Without one the body is pending once before it. On
/// actix-web, which copies parts, it is delayed by a second.
///
/// # Cancel safety
///
/// The first poll of the body polls the source for the first time. Dropping the body drops the source. Dropping it between
/// two polls loses only the rest of the part in flight.
///
/// # Examples
///
/// ```
/// use futures::{StreamExt, executor::block_on_stream, stream};
/// use mixed_replace::{MixedReplace, Part, Wire};
///
/// let clock = stream::iter(["12:00", "12:01"]).map(Part::text);
/// let stream = MixedReplace::new(clock, Wire::Script).into_stream();
/// let bytes: Vec<u8> = block_on_stream(stream).map(Result::unwrap).flatten().collect();
/// let text = String::from_utf8(bytes)?;
/// let (opening, parts) = text.split_once("\r\n").unwrap();
/// assert_eq!(parts, format!(
///     "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\n12:00\r\n{opening}\r\n\
///      Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\n12:01\r\n{opening}--\r\n"
/// ));
/// # Ok::<(), std::string::FromUtf8Error>(())
/// ```
///
/// The wire cannot be left out:
///
/// ```compile_fail,E0061
/// # use mixed_replace::{MixedReplace, Part};
/// let response = MixedReplace::new(futures::stream::iter(["on"].map(Part::text)));
/// ```
#[doc(alias("IntoResponse", "Responder", "axum", "actix-web", "mjpeg"))]
#[must_use = "a response does nothing until it is returned from a handler"]
pub struct MixedReplace<S> {
    parts: S,
    encoder: Encoder,
    keep_alive: Option<KeepAlive>,
}

impl<S> MixedReplace<S> {
    /// Creates a response from a stream of parts, for the wire that its client understands.
    ///
    /// The stream's items are `Result`s, as the constructors of [`Part`] return them: `pictures.map(Part::jpeg)`. For a
    /// stream that cannot fail, `parts.map(Ok::<_, Infallible>)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{StreamExt, stream};
    /// use mixed_replace::{MixedReplace, Part, Wire};
    ///
    /// let response = MixedReplace::new(stream::iter(["on"]).map(Part::text), Wire::Script);
    /// assert!(response.headers()["content-type"].as_bytes().starts_with(b"multipart/mixed; boundary="));
    /// ```
    pub fn new<E>(parts: S, wire: Wire) -> Self
    where
        S: Stream<Item = Result<Part, E>>,
    {
        Self::with_encoder(parts, Encoder::random(wire))
    }

    /// Creates a response with an encoder of your choice, and so with its wire, boundary, content type and heartbeat.
    ///
    /// Use it for event streams such as GraphQL subscriptions, in which no part may be repeated.
    ///
    /// # A part that contains the boundary
    ///
    /// An encoder with a boundary of your choice rejects such a part. The stream then ends as when the source fails, but
    /// without an error. So the browser wire gets its close-delimiter, and the others do not, by which a reader can detect
    /// that the stream is truncated. The feature `tracing` logs it. JSON cannot contain a boundary where the script wire
    /// searches for it. For other types, call [`encode`](Encoder::encode) in the source, which returns the error.
    ///
    /// # Examples
    ///
    /// A GraphQL subscription on axum, as Apollo's clients read it:
    ///
    #[cfg_attr(feature = "axum", doc = "```")]
    #[cfg_attr(not(feature = "axum"), doc = "```ignore")]
    /// use std::time::Duration;
    /// use axum::{Router, extract::State, routing::post};
    /// use futures::{Stream, StreamExt, stream};
    /// use mixed_replace::{Encoder, InvalidPart, KeepAlive, MixedReplace, Part};
    ///
    /// async fn subscribe(
    ///     State(encoder): State<Encoder>,
    ///     query: String,
    /// ) -> MixedReplace<impl Stream<Item = Result<Part, InvalidPart>>> {
    ///     let events = execute(query).map(|data| Part::json(format!(r#"{{"payload":{{"data":{data}}}}}"#)));
    ///     MixedReplace::with_encoder(events, encoder).keep_alive(KeepAlive::every(Duration::from_secs(5)))
    /// }
    ///
    /// // From your GraphQL library.
    /// fn execute(query: String) -> impl Stream<Item = String> {
    ///     stream::iter([r#"{"online":3}"#.to_owned()])
    /// }
    ///
    /// let encoder = Encoder::for_content_type("multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0")?
    ///     .heartbeat(&Part::json("{}")?)?;
    /// let app: Router = Router::new().route("/graphql", post(subscribe)).with_state(encoder.clone());
    /// # use axum::response::IntoResponse;
    /// # let response = futures::executor::block_on(subscribe(State(encoder.clone()), String::new())).into_response();
    /// # assert_eq!(response.headers()["content-type"], encoder.content_type());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_encoder<E>(parts: S, encoder: Encoder) -> Self
    where
        S: Stream<Item = Result<Part, E>>,
    {
        Self { parts, encoder, keep_alive: None }
    }

    /// Sets the keep-alive, which repeats the last part while the stream is idle. `None` turns it off.
    ///
    /// Default: 10 seconds for a response that is returned from a handler on axum or actix-web, and `None` for
    /// [`into_body`](Self::into_body) and [`into_stream`](Self::into_stream).
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{StreamExt, TryStreamExt, executor::block_on, stream};
    /// use mixed_replace::{KeepAlive, MixedReplace, Part, Wire};
    ///
    /// let parts = stream::iter(["on"]).map(Part::text).chain(stream::pending());
    /// // In place of the ticks of a timer.
    /// let response = MixedReplace::new(parts, Wire::Machine).keep_alive(KeepAlive::new(stream::repeat(())));
    /// let chunks: Vec<_> = block_on(response.into_stream().take(2).try_collect())?;
    /// assert!(chunks[0].ends_with(&chunks[1]), "the part, and its repeat");
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    pub fn keep_alive(mut self, keep_alive: impl Into<Option<KeepAlive>>) -> Self {
        self.keep_alive = Some(keep_alive.into().unwrap_or_else(KeepAlive::off));
        self
    }

    /// Sets the default keep-alive of adapters if none was set.
    #[cfg(any(feature = "axum", feature = "actix-web"))]
    pub(crate) fn or_standard_keep_alive(mut self) -> Self {
        self.keep_alive.get_or_insert_with(KeepAlive::standard);
        self
    }
}

impl<S, E> MixedReplace<S>
where
    S: Stream<Item = Result<Part, E>>,
{
    respond_methods! {
        /// Returns the header fields of the response: its content type, and those that keep caches, compression layers and
        /// proxies from delaying parts.
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::{StreamExt, stream};
        /// use mixed_replace::{MixedReplace, Part, Wire};
        ///
        /// let response = MixedReplace::new(stream::iter(["on"]).map(Part::text), Wire::Machine);
        /// assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
        /// assert_eq!(response.headers()["x-accel-buffering"], "no");
        /// ```
        headers

        /// Returns the body as a plain stream of bytes.
        ///
        /// Prefer [`into_body`](Self::into_body) (feature `http-body`) where the stack accepts an `http_body::Body`.
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::{StreamExt, TryStreamExt, executor::block_on, stream};
        /// use mixed_replace::{MixedReplace, Part, Wire};
        ///
        /// let stream = MixedReplace::new(stream::iter(["on"]).map(Part::text), Wire::Script).into_stream();
        /// let chunks: Vec<_> = block_on(stream.try_collect())?;
        /// assert!(chunks.concat().ends_with(b"--\r\n"), "the close-delimiter");
        /// # Ok::<(), mixed_replace::InvalidPart>(())
        /// ```
        into_stream

        "use futures::{StreamExt, stream};\nuse mixed_replace::{MixedReplace, Part, Wire};\n\nlet response = MixedReplace::new(stream::iter([\"on\"]).map(Part::text), Wire::Browser);"
    }

    /// Returns the stream for a server that copies chunks and discards its copies when the body fails. It delays a failure
    /// by one period.
    #[cfg(feature = "actix-web")]
    pub(crate) fn into_held_stream(self, pulse: KeepAlive) -> Chunks<Self> {
        let mut stream = self.into_stream();
        stream.sending.hold_failure = pulse;
        stream
    }
}

impl<S> fmt::Debug for MixedReplace<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MixedReplace").field("encoder", &self.encoder).finish_non_exhaustive()
    }
}

pin_project! {
    /// The state of a body.
    pub struct Sending<S, E> {
        #[pin]
        parts: S,
        source: Source<E>,
        queue: Queue<EncodedPart>,
        keep_alive: KeepAlive,
        // Delays a failure by one period.
        hold_failure: KeepAlive,
    }
}

enum Source<E> {
    Ended,
    /// The body ends with this error once the last part is written.
    Failed(E),
    Live,
}

impl<S, E> Respond for MixedReplace<S>
where
    S: Stream<Item = Result<Part, E>>,
{
    type Error = E;
    type Sending = Sending<S, E>;

    fn content_type(&self) -> HeaderValue {
        self.encoder.content_type()
    }

    fn into_sending(self) -> Sending<S, E> {
        Sending {
            parts: self.parts,
            source: Source::Live,
            queue: Queue::new(self.encoder),
            keep_alive: self.keep_alive.unwrap_or_else(KeepAlive::off),
            hold_failure: KeepAlive::off(),
        }
    }

    fn poll_chunk(sending: Pin<&mut Sending<S, E>>, _: bool, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, E>>> {
        let mut this = sending.project();
        let queue = this.queue;
        loop {
            if let Some(chunk) = queue.next_chunk() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            match std::mem::replace(this.source, Source::Ended) {
                Source::Ended => return Poll::Ready(None),
                Source::Failed(error) => {
                    // A chunk may never be released. The keep-alive, if it runs, ends the wait for that.
                    let unwritten = this.keep_alive.runs(cx) && queue.poll_released(cx).is_pending();
                    if unwritten || this.hold_failure.runs(cx) {
                        *this.source = Source::Failed(error);
                        return Poll::Pending;
                    }
                    return Poll::Ready(Some(Err(error)));
                }
                Source::Live => {}
            }
            match this.parts.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(part))) => match queue.send(&part) {
                    Ok(()) => {
                        this.keep_alive.sent();
                        *this.source = Source::Live;
                    }
                    Err(EncodeError::InvalidPart(_error)) => {
                        #[cfg(feature = "tracing")]
                        tracing::warn!(error = %_error, "part skipped");
                        *this.source = Source::Live;
                        // A source that is always ready, and always damaged, must not keep the task.
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Err(_error) => {
                        #[cfg(feature = "tracing")]
                        tracing::error!(error = %_error, "stream ends");
                        if queue.encoder().wire() == Wire::Browser {
                            queue.close();
                        }
                    }
                },
                Poll::Ready(Some(Err(_))) if queue.encoder().wire() == Wire::Browser => {
                    #[cfg(feature = "tracing")]
                    tracing::warn!("the stream of parts failed: the response ends, and a browser keeps the last part");
                    queue.close();
                }
                Poll::Ready(Some(Err(error))) => {
                    // Servers discard unwritten bytes when a body fails. Once the body has been pending, each has at least
                    // copied them or keeps a handle to them.
                    this.keep_alive.sent();
                    *this.source = Source::Failed(error);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(None) => queue.close(),
                Poll::Pending => {
                    *this.source = Source::Live;
                    // Before the first part there is nothing to repeat, unless there is a heartbeat.
                    if !queue.can_repeat() || this.keep_alive.poll_due(cx).is_pending() {
                        return Poll::Pending;
                    }
                    queue.repeat();
                }
            }
        }
    }
}
