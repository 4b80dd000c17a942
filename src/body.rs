//! The response body of one client: a queue of chunks, the keep-alive, and [`MixedReplace`], which
//! sends a stream of parts.

mod keep_alive;
mod queue;
mod stream;

pub(crate) use self::queue::Queue;

#[cfg(feature = "http-body")]
pub use self::stream::Body;
pub use self::{keep_alive::KeepAlive, stream::Chunks, stream::MixedReplace};
