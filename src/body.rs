//! The response body of one client: a queue of chunks, the keep-alive, and [`MixedReplace`](crate::MixedReplace), which
//! sends a stream of parts.

mod feed;
pub(crate) mod keep_alive;
mod queue;
mod respond;
pub(crate) mod stream;
mod tracked;

pub(crate) use self::{feed::Feed, feed::Step, feed::Supply, keep_alive::PULSES, keep_alive::pulse, queue::Queue};

#[cfg(feature = "http-body")]
pub use self::respond::Body;
pub use self::respond::Chunks;
