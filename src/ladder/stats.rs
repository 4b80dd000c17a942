//! Counters of a ladder and its viewers. Durations are serialized as seconds (feature `serde`).

use std::time::Duration;

use super::handle::Size;
use super::rule::Reason;
use crate::wire::Wire;

/// The counters of a ladder since its creation, returned by [`Ladder::stats`](super::Ladder::stats).
///
/// # Examples
///
/// ```
/// use mixed_replace::{Ladder, hub};
///
/// let ladder = Ladder::new([hub::channel(), hub::channel()].map(|(_, hub)| hub));
/// let stats = ladder.stats();
/// assert_eq!((stats.rungs.len(), stats.moves_down), (2, 0));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// The rungs, the largest picture first.
    pub rungs: Vec<RungStats>,
    /// Moves of viewers to a smaller picture.
    pub moves_down: u64,
    /// Moves of viewers to a larger picture.
    pub moves_up: u64,
}

/// The counters of one rung.
///
/// # Examples
///
/// ```
/// use mixed_replace::{Ladder, hub};
///
/// let ladder = Ladder::new([hub::channel(), hub::channel()].map(|(_, hub)| hub));
/// for rung in ladder.stats().rungs {
///     println!("{:?} pixels wide: {} viewers", rung.width, rung.viewers);
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RungStats {
    /// The width of its pictures in pixels. `None` until the first one.
    pub width: Option<u32>,
    /// Current viewers.
    pub viewers: usize,
    /// The average bytes a second that a viewer of this rung needs. `None` until it is known.
    pub bytes_per_second: Option<u64>,
    /// Pictures that were scaled and encoded for this rung, however many viewers it has. 0 for a rung that is a hub of yours.
    pub encodings: u64,
    /// Pictures of the hub that were not scaled for this rung, since nobody watched it.
    pub encodings_saved: u64,
}

/// The state of one viewer of a ladder, returned by [`Ladder::viewers`](super::Ladder::viewers).
///
/// # Examples
///
/// ```
/// use mixed_replace::{Ladder, hub};
///
/// let ladder = Ladder::new([hub::channel(), hub::channel()].map(|(_, hub)| hub));
/// for viewer in ladder.viewers() {
///     println!("rung {} for {:?}, because of {:?}", viewer.rung, viewer.on_rung, viewer.reason);
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Viewer {
    /// The viewer's key, if it has one. It is not serialized, since it may be a session's secret.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub key: Option<String>,
    /// The wire that the viewer gets.
    pub wire: Wire,
    /// The index of its rung. 0 is the largest picture.
    pub rung: usize,
    /// The size that it was asked for.
    pub size: Size,
    /// The number of its moves.
    pub moves: u64,
    /// The reason of its last move. `None` before the first.
    pub reason: Option<Reason>,
    /// The time since its last move, or else since its first poll.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::stats::seconds::of"))]
    pub on_rung: Duration,
}
