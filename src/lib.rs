//! HTTP server push with `multipart/x-mixed-replace`: one response that stays open, in which every new part replaces the
//! one before it.
//!
//! It puts a live picture into a page with nothing but an `<img>` (MJPEG over HTTP), and is what IP cameras, 3D printers
//! and robots speak. This crate writes such streams so that every picture is on the screen when it is sent, fans one
//! source out to any number of viewers of which none is late and none delays another, and reads what cameras send.
//!
//! In scope: the framing, both ways; the fan-out; what HTTP stacks need around it. Out of scope: encoding pictures, sound,
//! who may watch.
//!
//! # Which one do I want?
//!
//! | you have | take |
//! |---|---|
//! | one camera or status, many viewers | [`hub`]: encode once, latest wins, nothing queued; [`Live`] serves it |
//! | a stream of parts for each client | [`MixedReplace`], as axum's `Sse` is for events |
//! | events that must not come twice, as GraphQL's | [`MixedReplace::with_encoder`] with [`Encoder::for_content_type`] |
//! | a thread, a CGI program, any `io::Write` | [`Writer`] |
//! | something else altogether | [`Encoder`], the bytes alone |
//! | pages that replace themselves | [`Page`] over a hub; [`ClientScript`] in a page of your own |
//! | clients that cannot hold a stream | [`Snapshot`] over a hub; [`Still`]: one part with an `ETag`, and `Refresh` |
//! | a camera that sends such a stream | [`Decoder`], or [`Parts`] over a stream of bytes |
//! | a program that writes JPEG after JPEG | [`jpeg::Pictures`] |
//!
//! # Quick start
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use mixed_replace::{Live, hub};
//!
//! let (publisher, hub) = hub::channel();
//! # let closing = hub.clone();
//! # let capture = || { if closing.stats().parts_invalid == 2 { closing.close() } vec![0xff, 0xd8] };
//! // GET /live is the stream, /live?fps=5 a slower one, /live?snapshot a still picture.
//! let app: axum::Router = axum::Router::new().route_service("/live", Live::new(hub));
//! // On a thread of its own. A damaged frame is skipped; only the closed hub ends the loop.
//! while publisher.publish_jpeg(capture()).is_ok() {}
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A page that replaces itself, in Chromium, Firefox and WebKitGTK, for everybody who has it open:
//!
#![cfg_attr(feature = "axum", doc = "```no_run")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use mixed_replace::{Page, Part, hub};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let (publisher, hub) = hub::channel();
//!     publisher.publish(Part::html("<!doctype html><title>Line 1</title><h1>All is well</h1>")?)?;
//!     let app = axum::Router::new().route_service("/status", Page::new(hub));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     // Whenever something changes, on any thread: publisher.publish(...) again.
//!     Ok(axum::serve(listener, app).await?)
//! }
//! ```
//!
//! # The wire
//!
//! ```text
//! HTTP/1.1 200 OK
//! Content-Type: multipart/x-mixed-replace; boundary=7kKzXq0M3vTqRz5c1LwYpA
//!
//! --7kKzXq0M3vTqRz5c1LwYpA
//! Content-Type: image/jpeg
//! Content-Length: 31415
//!
//! ... first picture ...
//! --7kKzXq0M3vTqRz5c1LwYpA
//! Content-Type: image/jpeg
//! Content-Length: 31407
//!
//! ... second picture, in place of the first ...
//! --7kKzXq0M3vTqRz5c1LwYpA--
//! ```
//!
//! RFC 2046 §5.1.1 for the grammar, HTML §7.5.5 for what a browser makes of it. Clients differ in what they wait for before
//! they take a part as whole: a browser shows a picture when it has the *next* part's header block, so this crate sends
//! that along, while a recorder goes by `Content-Length`. These are the three [`Wire`]s, and a request's `Accept` tells
//! which one its client wants; with the wrong one a browser is one picture behind. Chromium, Firefox and WebKitGTK show
//! image parts; HTML parts replace the page in Firefox and WebKitGTK only, and in all three with a [`Page`].
//!
//! # Between you and the viewer
//!
//! Responses carry `Cache-Control: no-store, no-transform`, `X-Accel-Buffering: no` and `Content-Encoding: identity`, so that
//! caches, nginx and compression layers pass parts on as they come. Proxies cut connections that are silent for a minute:
//! [`KeepAlive`] repeats the last part, which also finds out who has left. Set `socket::tune`
//! on each connection, or seconds of old pictures pile up in the system for a slow viewer. Over HTTP/1.1 a browser opens six
//! connections to a site; over HTTP/2 streams share one.
//!
//! # Other frameworks
//!
//! With the features `http-body` and `tokio`, `live` for a
//! `MixedReplace::new(parts, Wire::for_request(request.headers())).keep_alive(KeepAlive::every(…))`:
//!
//! | framework | the line | what it asks of the stream of parts |
//! |---|---|---|
//! | hyper 1 | `Ok(live.into_http_response())` | `Send`, to be spawned |
//! | poem 3 | `poem::Response::from(live.into_http_response())` | `Send`, `Sync`, errors that are `Into<io::Error>`; ends cleanly when it fails |
//! | rocket 0.5 | `(content_type, ByteStream(live.into_stream().filter_map(async \|chunk\| chunk.ok())))` | `Send`; ends cleanly when it fails |
//! | salvo 1 | `res.body(ResBody::stream(live.into_stream()))` | `Send` |
//! | warp 0.4 | `warp::reply::stream(live.into_stream()).into_response()` | `Send`, `Sync` |
//!
//! On salvo and warp, extend the response's headers with [`live.headers()`](MixedReplace::headers) first. rocket has header
//! types of its own: there `Wire::for_accept(accept.map(Accept::to_string))` is the wire, `content_type` is what
//! `ContentType::parse_flexible` reads from the headers, and the rest of them takes a `Responder`.
//!
//! # Limits and trust
//!
//! What would break a viewer is refused with an error when a [`Part`] is made. Boundaries are 128 random bits; a hub, whose
//! viewers know its boundary, refuses parts that hold it. What cameras send is hostile input: reading it has
//! [limits](decode::Limits), on by default, which name themselves in the error. A hub takes as many viewers as you
//! [allow](hub::Builder::max_subscribers).
//!
//! # Cancel safety
//!
//! Every body, stream and future of the crate may be dropped between two polls: the rest of the part in flight is lost,
//! nothing else; a hub and its other viewers do not notice.
//!
//! # Features
//!
//! None is on by default, and none changes what is there without it.
//!
//! | feature | gives |
//! |---|---|
//! | `actix-web` | streams and parts as responses; [endpoints](serve) as handlers; [`Wire`] as an extractor |
//! | `axum` | the same, [endpoints](serve) as services; [`Wire`] as an extractor |
//! | `http-body` | `into_body` and `into_http_response` of [`MixedReplace`] and [`Subscriber`]; [endpoints](serve) that respond to any `http::Request` |
//! | `socket` | the TCP options of a connection |
//! | `tokio` | `KeepAlive::every` |
//! | `tower` | [endpoints](serve) as tower services |
//! | `tracing` | events of hubs, and of streams that end because a part holds their boundary |
//!
//! Rust 1.85 or later; raising that is a minor release. No `unsafe`.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod boundary;
pub mod decode;
pub mod encode;
pub mod hub;
pub mod jpeg;
pub mod keep_alive;
#[cfg(any(feature = "actix-web", feature = "http-body"))]
mod page;
pub mod part;
pub mod picture;
mod queue;
mod response;
#[cfg(any(feature = "actix-web", feature = "http-body"))]
pub mod serve;
pub mod still;
pub mod stream;
mod sync;
pub mod wire;
pub mod write;

#[cfg(feature = "socket")]
pub mod socket;

#[doc(inline)]
pub use crate::{
    boundary::Boundary, decode::Decoder, decode::Parts, encode::EncodedPart, encode::Encoder, hub::Hub, hub::Publisher,
    hub::Subscriber, keep_alive::KeepAlive, part::Part, still::Still, stream::MixedReplace, wire::Wire, write::Writer,
};

#[cfg(any(feature = "actix-web", feature = "http-body"))]
#[doc(inline)]
pub use crate::serve::{ClientScript, Live, Page, Snapshot};

#[cfg(all(doctest, feature = "actix-web", feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "actix-web", feature = "axum"))]
#[doc = include_str!("../docs/status.md")]
struct StatusPages;
