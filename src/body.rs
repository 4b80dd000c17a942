//! The response body of one client: a queue of chunks, the keep-alive, and [`MixedReplace`](crate::MixedReplace), which
//! sends a stream of parts.
//!
//! # Other frameworks
//!
//! With the features `http-body` and `tokio`, where `live` is
//! `MixedReplace::new(parts, Wire::for_request(request.headers())).keep_alive(KeepAlive::every(…))`:
//!
//! | framework | response | requirements for the stream of parts |
//! |---|---|---|
//! | hyper 1 | `Ok(live.into_http_response())` | `Send`, for spawning |
//! | poem 3 | `poem::Response::from(live.into_http_response())` | `Send`, `Sync`, errors that are `Into<io::Error>`; a failure ends the response cleanly, without the close-delimiter. For a hub: `Live::new(hub).compat()`, with poem's feature `tower-compat` and the feature `tower` here |
//! | rocket 0.5 | `(content_type, ByteStream(live.into_stream().filter_map(async \|chunk\| chunk.ok())))` | `Send`; a failure ends the response cleanly, without the close-delimiter |
//! | salvo 1 | `res.body(ResBody::stream(live.into_stream()))` | `Send` |
//! | warp 0.4 | `warp::reply::stream(live.into_stream()).into_response()` | `Send`, `Sync` |
//!
//! On salvo and warp, first extend the response's headers with
//! [`live.headers()`](crate::MixedReplace::headers). rocket has its own header types: there the wire is
//! `Wire::for_accept(accept.map(Accept::to_string))`, `content_type` is parsed from the headers by
//! `ContentType::parse_flexible`, and the other headers need a `Responder`.
//!
//! # Examples
//!
#![cfg_attr(feature = "http-body", doc = "```")]
#![cfg_attr(not(feature = "http-body"), doc = "```ignore")]
//! use mixed_replace::{Hub, Subscriber, Wire, body::Body, hub};
//!
//! // Called by the service of any server on hyper.
//! fn live<B>(request: &http::Request<B>, hub: &Hub) -> Result<http::Response<Body<Subscriber>>, hub::Refused> {
//!     Ok(hub.subscribe(Wire::for_request(request.headers()))?.into_http_response())
//! }
//!
//! let (publisher, hub) = hub::channel();
//! let response = live(&http::Request::new(()), &hub)?;
//! assert!(response.headers()["content-type"].as_bytes().starts_with(b"multipart/x-mixed-replace;"));
//! # Ok::<(), hub::Refused>(())
//! ```

mod feed;
pub(crate) mod keep_alive;
mod queue;
mod respond;
pub(crate) mod stream;
mod tracked;

#[cfg(test)]
pub(crate) use self::feed::Feed;
pub(crate) use self::feed::{Step, Supply};
pub(crate) use self::keep_alive::{PULSES, pulse};
pub(crate) use self::queue::Queue;
pub(crate) use self::respond::{Respond, respond_methods};

#[cfg(feature = "http-body")]
pub use self::respond::Body;
pub use self::respond::Chunks;
