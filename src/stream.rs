//! Any stream of parts as a stream of bytes: the body of one response.

mod pulses;

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::{Stream, TryStream};
use http::{HeaderMap, Response};
use pin_project_lite::pin_project;

use self::pulses::Pulses;
use crate::encode::{EncodeError, EncodedPart, Encoder};
use crate::keep_alive::KeepAlive;
use crate::outgoing::Outgoing;
use crate::part::Part;
use crate::response;
use crate::wire::Wire;

pin_project! {
    /// A response body in which every new part replaces the one before it, from any stream of parts.
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
    /// With a feature of the same name, axum and actix take it as a handler's result, as axum takes `Sse`. Anything
    /// else takes it as a `Stream` of [`Bytes`], as an `http_body::Body` (feature `http-body`), or as the
    /// [`http::Response`] of [`into_http_response`](Self::into_http_response).
    ///
    /// Each response has a random boundary of its own. Which [`Wire`] it is written for follows from the request: on
    /// actix by itself, on axum by [`wire`](Self::wire) with the handler's `Wire` argument.
    ///
    /// A part goes out in one chunk up to 64 KiB, larger ones uncopied in three. No part is dropped or reordered: a
    /// slow client slows its source down. When the source ends, the client gets the last part once more where the wire
    /// needs that, the close-delimiter, and the end of the body.
    ///
    /// When the source fails or panics, the last good part still goes out. Then the browser wire ends in the same clean
    /// way, since a browser would otherwise blank the picture or fail its next request, and nobody learns of the error:
    /// log it where it arises, as with `TryStreamExt::inspect_err`. The other wires end in the
    /// source's error or panic, so that a recorder can tell what is truncated. With a keep-alive that comes as soon as
    /// the server has let go of the last part, which it does when it has written it, and after two pulses at the latest;
    /// without one the body is pending once before it. On actix, which copies parts and does not tell when it has
    /// written them, a second passes.
    ///
    /// # Cancel safety
    ///
    /// Nothing is polled before the first poll of the body, and dropping it drops the source. When it is dropped between
    /// two polls, the rest of the part in flight is lost, nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::{StreamExt, executor::block_on_stream, stream};
    /// use mixed_replace::{MixedReplace, Part, Wire};
    ///
    /// let clock = stream::iter(["12:00", "12:01"]).map(Part::text);
    /// let body = MixedReplace::new(clock).wire(Wire::Script);
    /// let bytes: Vec<u8> = block_on_stream(body).map(Result::unwrap).flatten().collect();
    /// let text = String::from_utf8(bytes)?;
    /// let (opening, parts) = text.split_once("\r\n").unwrap();
    /// assert_eq!(parts, format!(
    ///     "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\n12:00\r\n{opening}\r\n\
    ///      Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\n12:01\r\n{opening}--\r\n"
    /// ));
    /// # Ok::<(), std::string::FromUtf8Error>(())
    /// ```
    #[must_use = "a body does nothing until it is returned from a handler or polled"]
    pub struct MixedReplace<S: TryStream> {
        #[pin]
        parts: S,
        source: Source<S::Error>,
        wire: Option<Wire>,
        outgoing: Option<Outgoing<EncodedPart>>,
        pulses: Pulses,
    }
}

enum Source<E> {
    Ended,
    /// What the body ends in as soon as the last part is out.
    Failed(Failure<E>),
    Live,
}

impl<S: TryStream> MixedReplace<S> {
    /// A body from a stream of parts that may fail.
    ///
    /// The constructors of [`Part`] return a `Result`, so that most streams are a `map` away: `pictures.map(Part::jpeg)`.
    pub fn new<E>(parts: S) -> Self
    where
        S: Stream<Item = Result<Part, E>>,
    {
        Self { parts, source: Source::Live, wire: None, outgoing: None, pulses: Pulses::new() }
    }

    /// Repeats the last part when the stream is idle, at this pulse instead of the adapter's 10 seconds.
    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.pulses.keep_alive = Some(keep_alive);
        self
    }

    /// Sends each part once more on the machine wire when nothing has followed it for one to two ticks of this pulse.
    ///
    /// Off by default. Cures the delay of one part in a browser whose request does not tell that it is one; a recorder
    /// gets such parts twice. 150 ms are short enough to look immediate and long enough not to double a live picture.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "tokio", doc = "```")]
    #[cfg_attr(not(feature = "tokio"), doc = "```ignore")]
    /// use std::time::Duration;
    /// use futures::{StreamExt, stream};
    /// use mixed_replace::{KeepAlive, MixedReplace, Part};
    ///
    /// let parts = stream::iter(["on"]).map(Part::text);
    /// let body = MixedReplace::new(parts).settle_repeat(KeepAlive::every(Duration::from_millis(150)));
    /// ```
    pub fn settle_repeat(mut self, pulse: KeepAlive) -> Self {
        self.pulses.settle_repeat = pulse;
        self
    }

    /// Writes for this wire.
    ///
    /// Has no effect once the head has been written or the body has been polled, nor beside an
    /// [encoder](Self::encoder).
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = Some(wire);
        self
    }

    /// Writes for the wire that the client behind these request headers understands best: [`Wire::for_request`].
    pub fn for_request(self, headers: &HeaderMap) -> Self {
        self.wire(Wire::for_request(headers))
    }

    /// With an encoder of your choice, and so with its wire, its boundary, its content type and its heartbeat: for event
    /// streams such as GraphQL subscriptions, in which no part may come twice.
    ///
    /// Has no effect once the head has been written or the body has been polled.
    ///
    /// # A part that holds the boundary
    ///
    /// An encoder with a boundary of your choice refuses such a part, and the stream ends there, since what the source
    /// has for errors is not ours to make up: as when the source fails, but without the error. So the browser wire has
    /// its close-delimiter and the others do not, by which a reader can tell what is truncated. (The feature `tracing`
    /// tells it here.) JSON cannot hold a boundary where the script wire looks for it; for anything else,
    /// [`encode`](Encoder::encode) in the source says so before, as an error of its own.
    ///
    /// # Examples
    ///
    /// A GraphQL subscription on axum, as Apollo's clients take it:
    ///
    #[cfg_attr(feature = "axum", doc = "```")]
    #[cfg_attr(not(feature = "axum"), doc = "```ignore")]
    /// use std::time::Duration;
    /// use axum::{Router, extract::State, routing::post};
    /// use futures::{Stream, StreamExt, stream};
    /// use mixed_replace::part::InvalidPart;
    /// use mixed_replace::{Encoder, KeepAlive, MixedReplace, Part};
    ///
    /// async fn subscribe(
    ///     State(encoder): State<Encoder>,
    ///     query: String,
    /// ) -> MixedReplace<impl Stream<Item = Result<Part, InvalidPart>>> {
    ///     let events = execute(query).map(|data| Part::json(format!(r#"{{"payload":{{"data":{data}}}}}"#)));
    ///     MixedReplace::new(events).encoder(encoder).keep_alive(KeepAlive::every(Duration::from_secs(5)))
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
    pub fn encoder(self, encoder: Encoder) -> Self {
        let wire = Some(encoder.wire());
        Self { outgoing: Some(Outgoing::new(encoder)), wire, ..self }
    }

    /// The whole response, for stacks that speak in types of the `http` crate.
    ///
    /// `200 OK`, with the content type and what keeps caches, compression layers and proxies from holding parts back.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{StreamExt, stream};
    /// use mixed_replace::{MixedReplace, Part};
    ///
    /// let response = MixedReplace::new(stream::iter(["on"]).map(Part::text)).into_http_response();
    /// assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
    /// assert_eq!(response.headers()["x-accel-buffering"], "no");
    /// ```
    #[must_use]
    pub fn into_http_response(mut self) -> Response<Self> {
        let content_type = begun(&mut self.outgoing, self.wire).encoder().content_type();
        let mut response = Response::new(self);
        response.headers_mut().extend(response::stream_head(content_type));
        response
    }

    /// The wire, if one was chosen.
    #[cfg(feature = "actix-web")]
    pub(crate) fn chosen_wire(&self) -> Option<Wire> {
        self.wire
    }

    /// Waits for this pulse before the body fails, where a server copies what it is given and throws it away then.
    #[cfg(feature = "actix-web")]
    pub(crate) fn hold_failure(mut self, pulse: KeepAlive) -> Self {
        self.pulses.hold_failure = pulse;
        self
    }

    /// A keep-alive, if none was chosen.
    #[cfg(any(feature = "axum", feature = "actix-web"))]
    pub(crate) fn or_standard_keep_alive(mut self) -> Self {
        self.pulses.keep_alive.get_or_insert_with(KeepAlive::standard);
        self
    }
}

impl<S: Stream<Item = Part>> MixedReplace<Infallibly<S>> {
    /// A body from a stream of parts that cannot fail.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::stream;
    /// use mixed_replace::{MixedReplace, Part};
    ///
    /// let body = MixedReplace::infallible(stream::iter([Part::text("on")?]));
    /// # Ok::<(), mixed_replace::part::InvalidPart>(())
    /// ```
    pub fn infallible(parts: S) -> Self {
        Self::new(Infallibly { parts })
    }
}

impl<S, E> Stream for MixedReplace<S>
where
    S: Stream<Item = Result<Part, E>>,
{
    type Item = Result<Bytes, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let outgoing = begun(this.outgoing, *this.wire);
        loop {
            if let Some(chunk) = outgoing.next_chunk() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            match std::mem::replace(this.source, Source::Ended) {
                Source::Ended => return Poll::Ready(None),
                Source::Failed(failure) => {
                    let unwritten = this.pulses.may_wait(cx) && outgoing.poll_written(cx).is_pending();
                    if unwritten || this.pulses.holds_failure(cx) {
                        *this.source = Source::Failed(failure);
                        return Poll::Pending;
                    }
                    return Poll::Ready(Some(Err(failure.raise())));
                }
                Source::Live => {}
            }
            match poll_caught(this.parts.as_mut(), cx) {
                Poll::Ready(Some(Ok(part))) => match outgoing.send(&part) {
                    Ok(()) => {
                        this.pulses.sent(outgoing.encoder().wire(), cx);
                        *this.source = Source::Live;
                    }
                    Err(EncodeError::InvalidPicture(_error)) => {
                        #[cfg(feature = "tracing")]
                        tracing::warn!(error = %_error, "part skipped");
                        *this.source = Source::Live;
                    }
                    Err(_error) => {
                        #[cfg(feature = "tracing")]
                        tracing::error!(error = %_error, "stream ends");
                        if outgoing.encoder().wire() == Wire::Browser {
                            outgoing.close();
                        }
                    }
                },
                Poll::Ready(Some(Err(_))) if outgoing.encoder().wire() == Wire::Browser => outgoing.close(),
                Poll::Ready(Some(Err(failure))) => {
                    // Servers throw away what they have not written yet when a body fails. Each has copied it, at least,
                    // or keeps hold of it, when the body has been pending once.
                    this.pulses.sent(outgoing.encoder().wire(), cx);
                    *this.source = Source::Failed(failure);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(None) => outgoing.close(),
                Poll::Pending => {
                    *this.source = Source::Live;
                    // Before the first part there is nothing to repeat, unless there is a heartbeat.
                    if !outgoing.can_repeat() || this.pulses.poll_due(cx).is_pending() {
                        return Poll::Pending;
                    }
                    outgoing.repeat();
                }
            }
        }
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for MixedReplace<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MixedReplace").field("parts", &self.parts).field("wire", &self.wire).finish_non_exhaustive()
    }
}

pin_project! {
    /// A stream of parts that cannot fail, as one of results: see [`MixedReplace::infallible`].
    #[derive(Debug)]
    pub struct Infallibly<S> {
        #[pin]
        parts: S,
    }
}

impl<S: Stream<Item = Part>> Stream for Infallibly<S> {
    type Item = Result<Part, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().parts.poll_next(cx).map(|part| part.map(Ok))
    }
}

/// Why there are no more parts.
enum Failure<E> {
    Error(E),
    /// Behind a lock that is never taken, only so that it is `Sync`.
    Panic(Mutex<Box<dyn Any + Send>>),
}

impl<E> Failure<E> {
    fn raise(self) -> E {
        match self {
            Self::Error(error) => error,
            Self::Panic(payload) => resume_unwind(payload.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

/// A panic of the source becomes a value, so that what went before it still goes out. The source is not polled again.
fn poll_caught<S, E>(parts: Pin<&mut S>, cx: &mut Context<'_>) -> Poll<Option<Result<Part, Failure<E>>>>
where
    S: Stream<Item = Result<Part, E>>,
{
    match catch_unwind(AssertUnwindSafe(|| parts.poll_next(cx))) {
        Ok(polled) => polled.map_err(Failure::Error),
        Err(payload) => Poll::Ready(Some(Err(Failure::Panic(Mutex::new(payload))))),
    }
}

/// The place of this response's client, which has a boundary from when the head or the body is first asked for.
fn begun(outgoing: &mut Option<Outgoing<EncodedPart>>, wire: Option<Wire>) -> &mut Outgoing<EncodedPart> {
    outgoing.get_or_insert_with(|| Outgoing::new(Encoder::random(wire.unwrap_or_default())))
}
