//! Hubs by name, made when their first viewer comes and dropped when nobody uses them.
//!
//! ```text
//! GET /cameras/yard ──┐         ┌─ "yard" ── Hub ── source
//! GET /cameras/door ──┼─ Hubs ──┤
//! GET /cameras/door ──┘         └─ "door" ── Hub ── source
//! ```
//!
//! [`Live::by_name`](crate::serve::Live::by_name) serves them over HTTP. No runtime is needed.
//!
//! # Examples
//!
//! ```
//! use mixed_replace::{Hubs, hubs::Unknown};
//!
//! // A task of the app takes each publisher, and reads its camera.
//! let (sender, publishers) = std::sync::mpsc::channel();
//! let cameras = Hubs::builder()
//!     .source(move |name, publisher| match name {
//!         "yard" | "door" => Ok(sender.send(publisher)?),
//!         _ => Err(Unknown.into()),
//!     })
//!     .build();
//! assert!(cameras.open("yard").is_ok());
//! assert!(cameras.open("roof").is_err());
//! assert_eq!(cameras.names(), ["yard"]);
//! ```

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
