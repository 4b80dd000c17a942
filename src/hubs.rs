//! Hubs by name, made when their first viewer comes and dropped when nobody uses them.
//!
//! ```text
//! GET /cameras/yard ──┐         ┌─ "yard" ── Hub ── source
//! GET /cameras/door ──┼─ Hubs ──┤
//! GET /cameras/door ──┘         └─ "door" ── Hub ── source
//! ```
//!
//! [`Live::by_name`](crate::serve::Live::by_name) serves them over HTTP. No runtime is needed.

mod builder;
pub(crate) mod changes;
mod error;
pub(crate) mod handle;
pub(crate) mod member;
#[cfg(all(loom, test))]
mod models;
pub(crate) mod name;
mod state;

pub(crate) use self::handle::Hubs;

pub use self::builder::Builder;
pub use self::error::{InsertError, InvalidName, OpenError, Unknown};
pub use self::handle::Listing;
pub use self::member::Removed;
