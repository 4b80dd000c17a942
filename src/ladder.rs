//! One picture in several sizes, each of them a hub, between which a viewer is moved by the rate of its line.
//!
//! ```text
//! Hub 1920 wide ── Seat ─┐
//! Hub 1280 wide          ├─ Subscriber ── viewer
//! Hub  640 wide ── Seat ─┘      └─ Rule
//! ```
//!
//! A viewer has a place in the hub of one rung. For a move it takes a place in another hub too, and goes on with the first one
//! until the other has a picture that is at least as recent. So the picture never blanks, and only rungs with viewers are demand.
//!
//! # Examples
//!
//! ```
//! use mixed_replace::ladder::Size;
//! use mixed_replace::{Ladder, Wire, hub};
//!
//! let (main_publisher, main) = hub::channel();
//! let (sub_publisher, sub) = hub::channel();
//! let ladder = Ladder::new([main, sub]);
//! let viewer = ladder.subscribe(Wire::Browser, Size::Line)?;
//! assert_eq!(ladder.stats().rungs.len(), 2);
//! # Ok::<(), hub::Refused>(())
//! ```

pub(crate) mod encodings;
mod handle;
mod moves;
mod order;
mod place;
#[cfg(feature = "scale")]
mod renditions;
pub(crate) mod rule;
mod sent;
mod shared;
mod stats;
mod subscriber;
#[cfg(all(test, not(loom)))]
mod tests;

pub use self::handle::{Ladder, Size};
pub(crate) use self::place::Options;
#[cfg(feature = "scale")]
pub use crate::scale::Rendition;

pub use self::rule::Reason;
pub use self::stats::{RungStats, Stats, Viewer};
pub use self::subscriber::Subscriber;
