//! Parts that come in by a request.

mod format;
mod receiving;
mod sender;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::header::{CONTENT_LENGTH, EXPECT};
use http::request::Parts as Head;
use http::{Response, Version};

use self::format::{Chunk, Format, Incoming};
use self::receiving::{Receiving, Tally};
use self::sender::{Desk, Sender};
use super::rejection::Rejection;
use crate::decode::{Decoder, Limits, Prefixed};
use crate::derive::{opaque_debug, setters};
use crate::hub::{Publisher, Refused};
use crate::part::Part;

/// An endpoint that receives pictures by `POST` or `PUT` and publishes them.
///
/// | request | `Content-Type` | sent for example by |
/// |---|---|---|
/// | one picture | `image/jpeg`, `image/png`, `image/gif`, `image/webp` | `curl -T`, `fetch` |
/// | parts, until the request ends | `multipart/x-mixed-replace` and other subtypes except `form-data` | `ffmpeg -f mpjpeg` |
/// | JPEG after JPEG, until the request ends | `image/jpeg` without `Content-Length`, `video/x-motion-jpeg`, `video/mjpeg` | `curl -T -`, an ESP32 |
/// | any of them | `application/octet-stream`, or none: the first bytes say which | `ffmpeg`, GStreamer |
///
/// The response comes at the end of the request. It is JSON: `{"published":120,"skipped":1}`. A part is skipped if it is
/// damaged, is not a picture, or is rejected by [`check`](Self::check). It does not end the request. The Huffman tables that
/// webcams omit are added. A part keeps its [time and number](crate::Part#time-and-number), and none of its headers; see
/// [`trusted`](Self::trusted).
///
/// | status | when |
/// |---|---|
/// | `400 Bad Request` | the parts cannot be read, or the request ended too early |
/// | `403 Forbidden` | a page of another site sends; see [`cross_site`](Self::cross_site) |
/// | `405 Method Not Allowed` | the method is neither `POST` nor `PUT`; with `Allow` |
/// | `408 Request Timeout` | no part was published for [`part_timeout`](Self::part_timeout) |
/// | `409 Conflict` | another request is sending, or a newer one has [taken over](Self::takeover) |
/// | `413 Content Too Large` | a picture exceeds the [limit](Self::limits) |
/// | `415 Unsupported Media Type` | neither the type nor the first bytes are among these; with `Accept` |
/// | `422 Unprocessable Content` | all parts were skipped; with the last reason |
/// | `503 Service Unavailable` | the hub is closed |
///
/// The endpoint does not decide who may send. Check that in front of it, by a header that pages of other sites cannot set,
/// such as `Authorization`.
///
/// # Examples
///
/// On axum:
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use mixed_replace::{Ingest, Live, hub};
///
/// let (publisher, hub) = hub::channel();
/// let app: axum::Router = axum::Router::new()
///     .route_service("/in/yard", Ingest::new(publisher).takeover(true))
///     .route_service("/yard", Live::new(hub));
/// ```
///
/// On actix-web:
///
#[cfg_attr(feature = "actix-web", doc = "```")]
#[cfg_attr(not(feature = "actix-web"), doc = "```ignore")]
/// use actix_web::{App, web};
/// use mixed_replace::{Ingest, Live, hub};
///
/// let (publisher, hub) = hub::channel();
/// let ingest = Ingest::new(publisher).takeover(true);
/// let app = App::new().route("/in/yard", web::to(ingest)).route("/yard", web::to(Live::new(hub)));
/// ```
#[must_use = "an endpoint does nothing until it is mounted"]
#[derive(Clone, Debug)]
pub struct Ingest {
    desk: Arc<Desk>,
    check: Option<Check>,
    cross_site: bool,
    limits: Limits,
    min_interval: Option<Duration>,
    part_timeout: Option<Duration>,
    takeover: bool,
    trusted: bool,
}

impl Ingest {
    /// Creates an endpoint that publishes to this publisher's hub.
    ///
    /// The hub stays open between requests. Keep an `Arc` of the publisher to publish from the app too, or to close the hub
    /// by [`Demand`](crate::hub::Demand).
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "http-body", doc = "```")]
    #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
    /// use futures::executor::block_on;
    /// use http::Request;
    /// use mixed_replace::{Ingest, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let picture = "GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;".to_owned();
    /// let request = Request::post("/in").header("content-type", "image/gif").body(picture)?;
    /// assert_eq!(block_on(Ingest::new(publisher).respond(request)).status(), 200);
    /// assert_eq!(hub.latest().map(|part| part.content_type().clone()), Some(mime::IMAGE_GIF));
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn new(publisher: impl Into<Arc<Publisher>>) -> Self {
        Self {
            desk: Arc::new(Desk::new(publisher.into())),
            check: None,
            cross_site: false,
            limits: Limits::new(),
            min_interval: None,
            part_timeout: Some(Duration::from_secs(30)),
            takeover: false,
            trusted: false,
        }
    }

    /// Sets a function that sees each part before it is published. It returns the part, changed or not, or the reason why it
    /// is skipped.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Ingest, Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let ingest = Ingest::new(publisher).check(|part: Part| {
    ///     if part.content_type() == &mime::IMAGE_JPEG { Ok(part) } else { Err("send JPEG pictures") }
    /// });
    /// ```
    pub fn check<F, E>(mut self, check: F) -> Self
    where
        F: Fn(Part) -> Result<Part, E> + Send + Sync + 'static,
        E: fmt::Display,
    {
        self.check = Some(Check(Arc::new(move |part| check(part).map_err(|error| error.to_string()))));
        self
    }

    setters! {
        /// Sets whether pages of other sites may send. Default: `false`: browsers mark such requests by
        /// `Sec-Fetch-Site: cross-site`, which are rejected. Programs send no such header.
        ///
        /// Otherwise any page that a user opens could send to a server that only the user's machine can reach. With
        /// `true`, put a CORS layer in front that names the origins: the endpoint does not answer preflight requests.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use futures::executor::block_on;
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Ingest, hub};
        ///
        /// let request = || Request::post("/in").header("sec-fetch-site", "cross-site").body("12:00".to_owned());
        /// let (publisher, hub) = hub::channel();
        /// let ingest = Ingest::new(publisher);
        /// assert_eq!(block_on(ingest.respond(request()?)).status(), StatusCode::FORBIDDEN);
        /// let ingest = ingest.cross_site(true);
        /// assert_eq!(block_on(ingest.respond(request()?)).status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        /// # Ok::<(), http::Error>(())
        /// ```
        cross_site(bool) => cross_site;

        /// Sets the limits of a part, of its headers and of what is between parts. Default: those of [`Limits`], with
        /// parts of up to 16 MiB.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use futures::executor::block_on;
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Ingest, decode::Limits, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// let ingest = Ingest::new(publisher).limits(Limits::new().max_part_bytes(1_000));
        /// let request = Request::post("/in").header("content-type", "image/gif").body(format!("GIF89a{:1000}", ""))?;
        /// assert_eq!(block_on(ingest.respond(request)).status(), StatusCode::PAYLOAD_TOO_LARGE);
        /// # Ok::<(), http::Error>(())
        /// ```
        limits(Limits) => limits;

        /// Publishes pictures at least this far apart, in one request and across requests. Default: `None`, which is
        /// off.
        ///
        /// A picture that comes earlier waits, and none is skipped: a stream is read no faster, and the response to a
        /// single picture comes no earlier. This slows the sender down, because `send.js` and a stream's TCP connection
        /// take the next picture only when the previous one has arrived. A status such as `429` would need a sender
        /// that reads it and waits.
        ///
        /// The wait does not count against [`part_timeout`](Self::part_timeout). Keep it well below the time that
        /// senders and proxies wait for a response.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use mixed_replace::{Ingest, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// // At most 15 pictures a second.
        /// let ingest = Ingest::new(publisher).min_interval(Duration::from_secs(1) / 15);
        /// ```
        min_interval(impl Into<Option<Duration>>) => min_interval;

        /// Ends a request when no part was published for this long. `None` turns that off. Default: 30 seconds.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::time::Duration;
        /// use futures::{executor::block_on, stream};
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Ingest, MixedReplace, Part, Wire, hub};
        ///
        /// // A sender whose camera is silent.
        /// let camera = MixedReplace::new(stream::pending::<std::io::Result<Part>>(), Wire::Machine);
        /// let content_type = camera.headers().remove("content-type").unwrap();
        /// let request = Request::post("/in").header("content-type", content_type).body(camera.into_body())?;
        /// let (publisher, hub) = hub::channel();
        /// let ingest = Ingest::new(publisher).part_timeout(Duration::from_millis(20));
        /// assert_eq!(block_on(ingest.respond(request)).status(), StatusCode::REQUEST_TIMEOUT);
        /// # Ok::<(), http::Error>(())
        /// ```
        part_timeout(impl Into<Option<Duration>>) => part_timeout;

        /// Sets whether a request ends an earlier one that is still sending. Default: `false`: the newer one is
        /// rejected.
        ///
        /// Useful for a camera that reconnects before its old connection is known to be dead.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::pin::pin;
        /// use futures::{FutureExt, executor::block_on, stream};
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Ingest, MixedReplace, Part, Wire, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// let ingest = Ingest::new(publisher).takeover(true);
        /// // A sender whose connection is dead.
        /// let camera = MixedReplace::new(stream::pending::<std::io::Result<Part>>(), Wire::Machine);
        /// let request = Request::post("/in").header("content-type", "multipart/mixed; boundary=x").body(camera.into_body())?;
        /// let mut older = pin!(ingest.respond(request));
        /// assert!(older.as_mut().now_or_never().is_none());
        /// let request = Request::post("/in").header("content-type", "multipart/mixed; boundary=x").body("--x--".to_owned())?;
        /// block_on(ingest.respond(request));
        /// assert_eq!(block_on(older).status(), StatusCode::CONFLICT);
        /// # Ok::<(), http::Error>(())
        /// ```
        takeover(bool) => takeover;

        /// Passes on parts of any type, and all headers that a part may carry. Off by default.
        ///
        /// For a sender of your own: parts of active types, such as HTML, run with your origin in the viewers'
        /// browsers.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use mixed_replace::{Ingest, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// let parts = "--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n12:00\r\n--x--".to_owned();
        /// let request = Request::post("/in").header("content-type", "multipart/mixed; boundary=x").body(parts)?;
        /// block_on(Ingest::new(publisher).trusted(true).respond(request));
        /// assert_eq!(hub.latest(), Some(Part::text("12:00")?));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        trusted(bool) => trusted;
    }

    /// Returns the response to a request, once its body has been read.
    pub(super) fn receive<S, B, E>(&self, head: Head, body: S) -> impl Future<Output = Response<Bytes>> + use<S, B, E>
    where
        S: Stream<Item = Result<B, E>>,
        B: Into<Bytes>,
    {
        let ingest = self.clone();
        async move {
            let mut body = pin!(Incoming::new(body));
            match ingest.take(&head, body.as_mut()).await {
                Ok(tally) => tally.response(),
                Err(rejection) => {
                    // A silent sender has no unread bytes on the way.
                    if !matches!(rejection, Rejection::Silent { .. }) {
                        drain(&head, body).await;
                    }
                    rejection.response()
                }
            }
        }
    }

    async fn take<S>(&self, head: &Head, mut body: Pin<&mut Incoming<S>>) -> Result<Tally, Rejection>
    where
        Incoming<S>: Stream<Item = Chunk>,
    {
        if !METHODS.split(", ").any(|method| method == head.method.as_str()) {
            return Err(Rejection::Method { allow: METHODS });
        }
        if !self.cross_site && head.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
            return Err(Rejection::CrossSite);
        }
        let (max_bytes, announced) = (self.limits.max_part_bytes, content_length(head));
        let format = Format::of_headers(&head.headers)?;
        if matches!(format, Format::Image(_)) && announced.is_some_and(|bytes| bytes > max_bytes as u64) {
            return Err(Rejection::TooLarge { max_bytes });
        }
        if self.desk.publisher.is_closed() {
            return Err(Refused::Closed.into());
        }
        let sender = self.desk.start(self.takeover, self.part_timeout)?;
        let mut receiving = Receiving::new(self, &sender, head);
        // The first bytes say what a body without a type is.
        let mut first = BytesMut::new();
        let format = match format {
            Format::Detected => {
                while first.len() < format::SNIFFED {
                    let Some(chunk) = receiving.next(body.as_mut()).await? else { break };
                    first.extend_from_slice(&chunk?);
                }
                Format::of_body(&first)
            }
            format => format,
        };
        let body = pin!(Prefixed::new(first, body));
        match format {
            Format::Detected | Format::Jpegs => receiving.pictures(body).await?,
            Format::Image(content_type) => receiving.image(content_type, body).await?,
            Format::Multipart(content_type) => {
                let decoder = content_type.map_or_else(Decoder::detect, Decoder::for_content_type);
                receiving.parts(decoder.limits(self.limits), body).await?;
            }
        }
        receiving.tally.checked()
    }
}

/// Reads and discards the rest of a body for a short time. A connection that is closed with unread bytes is reset, and the
/// client never reads the response (RFC 9112 §9.6).
async fn drain<S>(head: &Head, mut body: Pin<&mut Incoming<S>>)
where
    Incoming<S>: Stream<Item = Chunk>,
{
    // A client that expects 100 (Continue) sends no body before that (RFC 9110 §10.1.1). HTTP/2 resets the stream alone,
    // and browsers read the response of an endless request only then.
    let unrequested = head.headers.contains_key(EXPECT) && !body.is_started();
    let only_stream = head.version >= Version::HTTP_2 && content_length(head).is_none();
    if unrequested || only_stream || body.is_ended() {
        return;
    }

    let timer = Sender::new(Some(DRAINED_FOR));
    poll_fn(|cx| {
        while timer.check(cx.waker()).is_ok() && !body.is_ended() {
            if body.as_mut().poll_next(cx).is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    })
    .await;
}

fn content_length(head: &Head) -> Option<u64> {
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A function from a part to the part to publish.
#[derive(Clone)]
struct Check(Arc<CheckFn>);

type CheckFn = dyn Fn(Part) -> Result<Part, String> + Send + Sync;

opaque_debug!(Check);

/// The methods that the endpoint answers, as `Allow` lists them.
const METHODS: &str = "POST, PUT";
const DRAINED_FOR: Duration = Duration::from_secs(1);
