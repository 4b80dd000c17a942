//! HTTP server push with `multipart/x-mixed-replace`: a response that stays open, and whose parts
//! each replace the previous one.
//!
//! Such a stream shows live pictures in a page with a plain `<img>` (MJPEG over HTTP). IP cameras,
//! 3D printers and robots send it. This crate
//!
//! - writes such streams, so that browsers display each picture as soon as it is sent,
//! - fans one source out to any number of viewers, none of which delays another,
//! - reads the streams of cameras.
//!
//! It does not encode pictures, carry sound, or authorize viewers.
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
//! // On its own thread. Damaged frames are skipped. Only a closed hub ends the loop.
//! while publisher.publish_jpeg(capture()).is_ok() {}
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Choosing a type
//!
//! | you have | use |
//! |---|---|
//! | one camera or status, many viewers | [`hub`]: encode once, latest wins, nothing queued; [`Live`] serves it |
//! | the counters of hubs, for Prometheus | [`Metrics`] |
//! | many cameras, by name | [`Hubs`]: hubs that are made on demand; [`Live::by_name`](Live::by_name) serves them |
//! | many cameras in one page, over one connection | [`Wall`] over the hubs of a [`Hubs`], and the client of [`ClientScript`] |
//! | one picture in several sizes, for viewers on slow lines | [`Ladder`]; [`Live::ladder`](Live::ladder) serves it |
//! | parts of a hub in a task: a recorder, a motion detector | [`Hub::parts`] |
//! | a stream of parts for each client | [`MixedReplace`], like axum's `Sse` for events |
//! | events that must not be repeated, as in GraphQL | [`MixedReplace::with_encoder`] with [`Encoder::for_content_type`] |
//! | a thread, a CGI program, any `io::Write` | [`Writer`] |
//! | another kind of transport | [`Encoder`], which returns bytes |
//! | hyper, poem, rocket, salvo, warp | the lines of the module [`body`] |
//! | pages that replace themselves | [`Page`] over a hub; [`ClientScript`] in your own page (feature `page`) |
//! | clients that cannot hold a stream | [`Snapshot`] over a hub; [`PartResponse`]: one part with `ETag` and `Refresh` |
//! | pictures that a camera, a program or a page sends by `POST` | [`Ingest`]; [`SendScript`] in the page |
//! | a webcam, a camera over HTTP, a program that writes pictures | `source`, which starts it on demand and restarts it |
//! | a camera's stream of bytes | [`Decoder`], [`Parts`](decode::Parts) over a stream, [`decode::Reader`] over a blocking reader |
//! | a program that writes concatenated JPEGs | [`jpeg::Pictures`] |
//!
//! # The wire
//!
//! The grammar is RFC 2046 §5.1.1, and HTML §7.5.5 specifies the handling in browsers. The module [`encode`] shows the
//! bytes. Clients differ in when they consider a part complete. A browser displays a picture once it has the *next*
//! part's header block, so this crate sends that in advance. A recorder goes by `Content-Length`. Hence the three
//! [`Wire`]s, chosen by the request's `Accept`. On any other wire, browsers lag one part.
//!
//! Chromium, Firefox and WebKitGTK display image parts. HTML parts replace the page in Firefox and
//! WebKitGTK only, and in all three with a [`Page`].
//!
//! # Trust
//!
//! - The constructors of [`Part`] return an error for a part that would break a viewer.
//! - A boundary has 128 random bits. A hub's viewers know its boundary, so the hub rejects parts that hold it.
//! - Streams from cameras are hostile input. [Limits](decode::Limits) are on by default, and errors name the exceeded
//!   limit. [`max_subscribers`](hub::Builder::max_subscribers) limits the viewers of a hub.
//! - Every body, stream and future can be dropped between two polls. Only the rest of the part in flight is lost.
//!
//! # Guides
//!
//! | page | for |
//! |---|---|
//! | [`README.md`](https://docs.rs/crate/mixed-replace/latest/source/README.md) | the first programs, for axum and actix-web |
//! | [`docs/programs.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/programs.md) | complete programs of at most 40 lines: a login, cameras by name, drawn frames, a form, a relay, a wall, poem, rocket |
//! | [`docs/sources.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/sources.md) | webcams, network cameras, programs: opened on demand, and again |
//! | [`docs/cameras.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/cameras.md) | many cameras in one page, over one connection |
//! | [`docs/ladder.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/ladder.md) | one picture in several sizes |
//! | [`docs/status.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/status.md) | pages that replace themselves |
//! | [`docs/pages.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/pages.md) | `<mixed-replace>`, the browser client |
//! | [`docs/ingest.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/ingest.md) | pictures that are sent in |
//! | [`docs/recipes.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/recipes.md) | a login and signed addresses, OctoPrint, blocking servers, GraphQL, OpenAPI |
//! | [`docs/stacks.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/stacks.md) | older versions of frameworks |
//! | [`docs/deployment.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/deployment.md) | proxies, connections, HTTP/2, CDNs, shutdown |
//! | [`docs/numbers.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/numbers.md) | counters for Prometheus, and alerts |
//! | [`docs/cluster.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/cluster.md) | more than one machine |
//! | [`docs/frames.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/frames.md) | which damage in a picture ends a stream |
//! | [`docs/faults.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/faults.md) | faults of viewers, sources and servers, as measured |
//! | [`docs/migrating.md`](https://docs.rs/crate/mixed-replace/latest/source/docs/migrating.md) | hand-written code to replace |
//!
//! # Features
//!
//! None is on by default. A feature adds items and never changes existing behavior.
//!
//! | feature | adds |
//! |---|---|
//! | `actix-web` | for actix-web 4: streams and parts as responses; [endpoints](serve) as handlers; [`Wire`] as an extractor |
//! | `axum` | for axum 0.8: streams and parts as responses; [endpoints](serve) as services; [`Wire`] as an extractor |
//! | `client` | `source::http` and `source::snapshots`: cameras over HTTP, read with hyper 1 |
//! | `histogram` | `hub::Stats::latency`: the time from capture to release, p50 and p99, by hdrhistogram |
//! | `http-body` | for http-body 1, so hyper 1: `into_body` and `into_http_response` of [`MixedReplace`] and [`Subscriber`]; [endpoints](serve) that respond to any `http::Request` |
//! | `page` | [`Page`] and [`ClientScript`]: pages that replace themselves, and their browser client; [`SendScript`] |
//! | `process` | `source::command`: programs that write pictures |
//! | `scale` | [`Ladder::from_hub`](Ladder): smaller JPEGs of a hub's pictures, by zune-jpeg, fast_image_resize and jpeg-encoder |
//! | `serde` | `Serialize` for the counters and states of hubs, ladders, viewers and sources; durations are seconds |
//! | `socket` | `socket::tune` and `socket::on_connect`: the TCP options of a connection. Call one of them wherever viewers may stop reading, vanish or have slow lines, which is any server on the internet; without it the kernel queues seconds of old pictures, and keeps viewers that are gone |
//! | `source` | the module `source`: a supervisor for any stream of parts |
//! | `tls` | `https` for `source::http` and `source::snapshots`, with verified certificates, by rustls |
//! | `tokio` | `KeepAlive::every`, which needs a tokio 1 runtime |
//! | `tower` | [endpoints](serve) as services of tower-service 0.3 |
//! | `tracing` | a span for each viewer, events of hubs and sources, and of streams that end because a part holds the boundary |
//!
//! Requires Rust 1.85 or later. Raising that is a minor release. There is no `unsafe` code.
#![cfg_attr(docsrs, feature(doc_cfg))]
// What only endpoints use is compiled without them too. A build with them reports it if nothing uses it.
#![cfg_attr(not(any(feature = "actix-web", feature = "http-body")), allow(dead_code, unused_imports))]

pub mod body;
mod boundary;
mod clock;
pub mod decode;
mod derive;
pub mod encode;
pub mod hub;
pub mod hubs;
pub mod jpeg;
pub mod ladder;
mod list;
mod metrics;
#[cfg(not(all(feature = "http-body", feature = "tokio")))]
mod missing;
mod part;
mod part_response;
pub mod picture;
mod response;
#[cfg(feature = "scale")]
mod scale;
#[cfg(any(feature = "actix-web", feature = "http-body"))]
pub mod serve;
#[cfg(feature = "source")]
pub mod source;
mod stats;
mod sync;
#[cfg(any(feature = "actix-web", feature = "http-body"))]
mod wall;
mod wire;
pub mod write;

#[cfg(feature = "socket")]
pub mod socket;

/// The crate of the content types in this API.
pub use mime;

pub use crate::body::{keep_alive::KeepAlive, stream::MixedReplace};
pub use crate::boundary::{Boundary, InvalidBoundary};
pub use crate::decode::decoder::Decoder;
pub use crate::encode::encoder::Encoder;
pub use crate::hub::{handle::Hub, publisher::Publisher, subscriber::Subscriber};
pub use crate::hubs::handle::Hubs;
pub use crate::ladder::Ladder;
pub use crate::metrics::Metrics;
pub use crate::part::{InvalidHeader, InvalidPart, Part};
pub use crate::part_response::PartResponse;
pub use crate::wire::Wire;
pub use crate::write::writer::Writer;

// The compiler quotes this line to those who miss the items.
#[cfg(any(feature = "actix-web", feature = "axum", feature = "http-body", feature = "tower"))]
pub use crate::serve::{ingest::Ingest, live::Live, snapshot::Snapshot, wall::Wall};

#[cfg(feature = "page")]
pub use crate::serve::page::{Page, client_script::ClientScript, send_script::SendScript};

#[cfg(all(doctest, feature = "actix-web", feature = "axum", feature = "page", feature = "process"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "actix-web", feature = "axum", feature = "page"))]
#[doc = include_str!("../docs/ingest.md")]
struct IngestPages;

#[cfg(all(doctest, feature = "axum", feature = "process", feature = "tls"))]
#[doc = include_str!("../docs/sources.md")]
struct Sources;

#[cfg(all(doctest, feature = "actix-web", feature = "axum", feature = "page"))]
#[doc = include_str!("../docs/status.md")]
struct StatusPages;
