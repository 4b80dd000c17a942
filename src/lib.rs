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
//! # let capture = move || { if closing.stats().parts_invalid == 2 { closing.close() } vec![0xff, 0xd8] };
//! // Damaged frames are skipped. Only a closed hub ends the loop.
//! let camera = std::thread::spawn(move || while publisher.publish_jpeg(capture()).is_ok() {});
//! // For `axum::serve`. GET /live is the stream, /live?fps=5 a slower one, /live?snapshot a still picture.
//! let app: axum::Router = axum::Router::new().route_service("/live", Live::new(hub));
//! # camera.join().unwrap();
//! ```
//!
//! # Choosing a type
//!
//! | you have | use | guide |
//! |---|---|---|
//! | one camera or status, many viewers | [`hub`]: encode once, latest wins, nothing queued; [`Live`] serves it | [programs](guide::programs) |
//! | a webcam, a network camera, a program that writes pictures | [`source`]: started on demand, and restarted | [sources](guide::sources) |
//! | pictures that are sent in by `POST` | [`Ingest`]; [`SendScript`] in a page | [ingest](guide::ingest) |
//! | many cameras, by name | [`Hubs`]; [`Live::by_name`] serves them | [programs](guide::programs) |
//! | many cameras in one page | [`Wall`]: all over one connection | [cameras](guide::cameras) |
//! | one picture in several sizes | [`Ladder`]; [`Live::ladder`] serves it | [ladder](guide::ladder) |
//! | pages that replace themselves | [`Page`]; [`ClientScript`] in your own page | [status](guide::status), [pages](guide::pages) |
//! | clients that cannot hold a stream | [`Snapshot`]; [`PartResponse`] for a single part | [recipes](guide::recipes) |
//! | a recorder, a motion detector | [`Hub::parts`] | [cameras](guide::cameras) |
//! | an operator who wants numbers | [`Metrics`], for Prometheus | [numbers](guide::numbers) |
//! | a stream of parts for each client | [`MixedReplace`], like axum's `Sse` | [migrating](guide::migrating) |
//! | hyper, poem, rocket, salvo, warp | the lines of the module [`body`] | [stacks](guide::stacks) |
//! | a thread, a CGI program, any `io::Write` | [`Writer`] | [recipes](guide::recipes) |
//! | another transport, or GraphQL | [`Encoder`], which returns bytes | [recipes](guide::recipes) |
//! | a stream to read | [`Decoder`], [`decode::Parts`], [`decode::Reader`]; [`jpeg::Pictures`] for concatenated JPEGs | [frames](guide::frames) |
//!
//! The module [`guide`] lists all guides, also on [deployment](guide::deployment), [faults](guide::faults) and
//! [several machines](guide::cluster).
//!
//! # The wire
//!
//! The grammar is RFC 2046 §5.1.1, and HTML §7.5.5 specifies the handling in browsers. The module [`encode`] shows the
//! bytes. A browser displays a picture once it has the *next* part's header block, so this crate sends that in advance;
//! a recorder goes by `Content-Length`. Hence the three [`Wire`]s, chosen by the request's `Accept`.
//!
//! # Trust
//!
//! The constructors of [`Part`] return an error for a part that would break a viewer. A boundary has 128 random bits, and
//! a hub rejects parts that hold it. Streams from cameras are hostile input: [limits](decode::Limits) are on by default.
//! Every body, stream and future can be dropped between two polls; only the rest of the part in flight is lost.
//!
//! # Features
//!
//! None is on by default. A feature adds items and never changes existing behavior.
//!
//! | feature | adds |
//! |---|---|
//! | `actix-web` | actix-web 4: streams and parts as responses, [endpoints](serve) as handlers, [`Wire`] as an extractor |
//! | `axum` | axum 0.8: streams and parts as responses, [endpoints](serve) as services, [`Wire`] as an extractor |
//! | `client` | [`source::http`] and [`source::snapshots`]: cameras over HTTP, read with hyper 1 |
//! | `histogram` | [`hub::Stats::latency`]: the time from capture to release, p50 and p99 |
//! | `http-body` | http-body 1, so hyper 1: `into_body`, `into_http_response`; [endpoints](serve) that respond to any `http::Request` |
//! | `page` | [`Page`], [`ClientScript`], [`SendScript`] |
//! | `process` | [`source::command`]: programs that write pictures |
//! | `scale` | [`Ladder::from_hub`]: smaller JPEGs of a hub's pictures |
//! | `serde` | `Serialize` for counters and states; durations are seconds |
//! | `socket` | [`socket`]: the TCP options of a connection, for any server on the internet: slow viewers see no old pictures, and vanished ones are detected |
//! | `source` | [`source`]: a supervisor for any stream of parts |
//! | `tls` | `https` for the sources of `client`, with verified certificates, by rustls |
//! | `tokio` | [`KeepAlive::every`], which needs a tokio 1 runtime |
//! | `tower` | [endpoints](serve) as services of tower-service 0.3 |
//! | `tracing` | a span for each viewer, events of hubs and sources |
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
#[cfg(doc)]
pub mod guide;
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
