//! HTTP server push with `multipart/x-mixed-replace`.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod boundary;
pub mod decode;
pub mod encode;
pub mod hub;
pub mod jpeg;
pub mod keep_alive;
mod outgoing;
pub mod part;
mod response;
pub mod still;
pub mod stream;
mod sync;
pub mod wire;
pub mod write;

#[cfg(feature = "actix-web")]
mod actix;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "http-body")]
mod http_body;
#[cfg(any(feature = "actix-web", feature = "tower"))]
mod mount;
#[cfg(feature = "tower")]
pub mod service;
#[cfg(feature = "socket")]
pub mod socket;

#[doc(inline)]
pub use crate::{
    boundary::Boundary, decode::Decoder, decode::Parts, encode::EncodedPart, encode::Encoder, hub::Hub, hub::Publisher,
    hub::Subscriber, keep_alive::KeepAlive, part::Part, still::Still, stream::MixedReplace, wire::Wire, write::Writer,
};

#[cfg(all(doctest, feature = "actix-web", feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
