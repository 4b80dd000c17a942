//! A channel from one publisher to any number of viewers: encode once, latest wins.
//!
//! ```text
//!                    ┌─ Subscriber ─ viewer
//! Publisher ── Hub ──┼─ Subscriber ─ viewer
//!                    └─ Subscriber ─ viewer
//! ```
//!
//! A slow viewer skips parts. It never receives a torn one, and never delays the publisher or
//! another viewer. Each viewer holds one part at most, the last that it was sent, and nothing is
//! queued, so each part is as recent as the connection allows.
//!
//! No runtime is needed. One thread serves the timers of all hubs in the process.
//!
//! # Examples
//!
//! ```
//! use futures::{FutureExt, StreamExt};
//! use mixed_replace::{Part, hub};
//!
//! let (publisher, hub) = hub::channel();
//! let mut parts = hub.parts()?;
//! publisher.publish(Part::text("12:00")?)?;
//! publisher.publish(Part::text("12:01")?)?;
//! assert_eq!(parts.next().now_or_never().flatten(), Some(Part::text("12:01")?), "latest wins");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod demand;
mod error;
pub(crate) mod handle;
#[cfg(all(loom, test))]
mod models;
mod published;
pub(crate) mod publisher;
mod seat;
mod shared;
mod slot;
mod snapshot;
mod state;
pub(crate) mod subscriber;

pub(crate) use self::{handle::Hub, publisher::Publisher};
pub(crate) use self::{published::Published, seat::Seat, subscriber::Subscriber};

pub use self::builder::Builder;
pub use self::demand::Demand;
pub use self::error::{Closed, PublishError, Refused};
pub use self::snapshot::{DatedPart, SnapshotFuture};
pub use self::subscriber::Parts;
#[cfg(feature = "histogram")]
pub use crate::stats::Latency;
pub use crate::stats::{Activity, Ended, Rate, Stats, Viewer};

/// Creates a hub with the defaults of [`Builder`].
///
/// # Examples
///
/// ```
/// use mixed_replace::{Part, hub};
///
/// let (publisher, hub) = hub::channel();
/// publisher.publish(Part::text("on")?)?;
/// assert_eq!(hub.latest(), Some(Part::text("on")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn channel() -> (Publisher, Hub) {
    builder().build()
}

/// Returns a [`Builder`], which configures and creates a hub.
///
/// # Examples
///
/// ```
/// use mixed_replace::hub;
///
/// let (publisher, hub) = hub::builder().name("yard").max_subscribers(500).build();
/// assert_eq!(hub.name(), Some("yard"));
/// ```
pub fn builder() -> Builder {
    Builder::default()
}
