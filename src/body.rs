//! The response body of one client: a queue of chunks, the keep-alive, and [`MixedReplace`](crate::MixedReplace), which
//! sends a stream of parts.

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
