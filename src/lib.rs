//! HTTP server push with `multipart/x-mixed-replace`.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod boundary;
pub mod part;
pub mod wire;

#[doc(inline)]
pub use crate::{boundary::Boundary, part::Part, wire::Wire};
