//! HTTP server push with `multipart/x-mixed-replace`.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod boundary;
pub mod encode;
pub mod jpeg;
pub mod keep_alive;
mod outgoing;
pub mod part;
mod response;
pub mod stream;
pub mod wire;

#[cfg(feature = "actix-web")]
mod actix;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "http-body")]
mod http_body;

#[doc(inline)]
pub use crate::{
    boundary::Boundary, encode::EncodedPart, encode::Encoder, keep_alive::KeepAlive, part::Part, stream::MixedReplace,
    wire::Wire,
};
