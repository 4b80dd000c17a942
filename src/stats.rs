//! The numbers of a hub and its viewers, for people. Durations are serialized as seconds (feature `serde`).

#[cfg(feature = "histogram")]
mod latency;
mod rate;
#[cfg(feature = "serde")]
pub(crate) mod seconds;

use std::fmt;
use std::time::Duration;

#[cfg(feature = "histogram")]
pub use self::latency::Latency;
#[cfg(feature = "histogram")]
pub(crate) use self::latency::Window;
pub(crate) use self::rate::Meter;
pub use self::rate::Rate;
use crate::wire::Wire;

/// The counters of a hub since its creation, returned by [`Hub::stats`](crate::Hub::stats).
///
/// # Examples
///
/// ```
/// use mixed_replace::{Part, hub};
///
/// let (publisher, hub) = hub::channel();
/// publisher.publish(Part::text("on")?)?;
/// let stats = hub.stats();
/// assert_eq!((stats.parts_published, stats.bytes_published), (1, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Parts published, including those dropped as identical.
    pub parts_published: u64,
    /// The bytes of the bodies of published parts.
    pub bytes_published: u64,
    /// The rate of published parts, and of the bits of their bodies.
    pub publish_rate: Rate,
    /// Parts dropped because they equal the previous one.
    pub parts_identical: u64,
    /// Parts dropped because they were published before: the keep-alives of a server from which a relay gets its parts.
    pub parts_repeated: u64,
    /// Frames not published because they were damaged or held the hub's boundary.
    pub parts_invalid: u64,
    /// Those of `parts_invalid` that held the hub's boundary.
    pub parts_with_boundary: u64,
    /// Parts taken by viewers' transports, repeats included. A part sent to ten viewers counts ten.
    pub parts_delivered: u64,
    /// The bytes of delivered parts, framing included.
    pub bytes_delivered: u64,
    /// The rate of delivered parts to all viewers together, framing included.
    pub delivery_rate: Rate,
    /// Parts not sent to a viewer because it was slow or its rate limited.
    pub parts_skipped: u64,
    /// Those of `parts_skipped` that came while the viewer had taken its last part and waited, because its rate is limited.
    pub parts_limited: u64,
    /// Encodings of parts: at most one for each part and wire in use, and one for each [ladder](crate::Ladder) and
    /// [wall](crate::Wall) with viewers on that wire.
    pub encodings: u64,
    /// Parts that [snapshots](crate::Hub::snapshot) returned. The wait of a stream for its first part is one.
    pub snapshots: u64,
    /// Current viewers, each from the first poll of its stream to its end.
    /// [`max_subscribers`](crate::hub::Builder::max_subscribers) instead counts from `subscribe` to the
    /// drop.
    pub viewers: usize,
    /// The highest number of concurrent viewers so far.
    pub viewers_peak: usize,
    /// The time since the last part was [captured](crate::Part::captured). `None` before the first.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::stats::seconds::of_option"))]
    pub age: Option<Duration>,
    /// The time from the capture of parts to their release, if any was released lately.
    #[cfg(feature = "histogram")]
    #[cfg_attr(docsrs, doc(cfg(feature = "histogram")))]
    pub latency: Option<Latency>,
    /// Ended streams by reason.
    pub ended: Ended,
}

/// The number of ended streams for each reason.
///
/// # Examples
///
/// ```
/// use mixed_replace::{Wire, hub};
///
/// let (_publisher, hub) = hub::channel();
/// drop(hub.subscribe(Wire::Machine)?);
/// assert_eq!(hub.stats().ended.expired, 0);
/// # Ok::<(), hub::Refused>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Ended {
    /// The hub was closed or its publisher dropped.
    pub closed: u64,
    /// The viewer's lifetime expired, or a part took longer than its deadline.
    pub expired: u64,
    /// The viewer disconnected.
    pub disconnected: u64,
    /// The hub had as many subscribers as it allows.
    pub refused: u64,
    /// The viewer moved to another rung of a `Ladder`.
    pub moved: u64,
    /// A newer [exclusive](crate::Subscriber::exclusive) stream with the same key started.
    pub replaced: u64,
    /// [`Hub::revoke`](crate::Hub::revoke) was called with its key.
    pub revoked: u64,
}

impl Ended {
    pub(crate) fn count(&mut self, reason: Reason) {
        match reason {
            Reason::Closed => self.closed += 1,
            Reason::Expired => self.expired += 1,
            Reason::Disconnected => self.disconnected += 1,
            Reason::Moved => self.moved += 1,
            Reason::Replaced => self.replaced += 1,
            Reason::Revoked => self.revoked += 1,
        }
    }
}

/// The reason why a stream ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    Closed,
    Expired,
    Disconnected,
    Moved,
    Replaced,
    Revoked,
}

impl Reason {
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only events have it"))]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Expired => "expired",
            Self::Disconnected => "disconnected",
            Self::Moved => "moved",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
        }
    }
}

/// The state of one viewer, returned by [`Hub::viewers`](crate::Hub::viewers).
///
/// # Examples
///
/// ```
/// use mixed_replace::{Part, hub};
///
/// let (publisher, hub) = hub::channel();
/// publisher.publish(Part::text("on")?)?;
/// for viewer in hub.viewers() {
///     println!("{:?}: {} parts, {} skipped", viewer.label, viewer.parts_delivered, viewer.parts_skipped);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Viewer {
    /// The viewer's key, if it has one. It is not serialized, since it may be a session's secret.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub key: Option<String>,
    /// The viewer's [label](crate::Subscriber::label), if it has one.
    pub label: Option<String>,
    /// The wire that the viewer gets. `None` for a stream of [`Parts`](crate::hub::Parts).
    pub wire: Option<Wire>,
    /// The time since the first poll of the stream.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::stats::seconds::of"))]
    pub watching: Duration,
    /// Parts taken by the viewer's transport, repeats included.
    pub parts_delivered: u64,
    /// The bytes of delivered parts, framing included.
    pub bytes_delivered: u64,
    /// The rate of delivered parts, framing included.
    pub delivery_rate: Rate,
    /// Parts not sent because the viewer was slow or its rate limited.
    pub parts_skipped: u64,
    /// Those of `parts_skipped` that came while the viewer had taken its last part and waited, because its rate is limited.
    pub parts_limited: u64,
    /// How long the transport has held the current part. `None` while it waits for the next.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::stats::seconds::of_option"))]
    pub in_flight: Option<Duration>,
    /// The time since the capture of the last part sent to the viewer.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::stats::seconds::of_option"))]
    pub age: Option<Duration>,
}

/// The state of a hub, returned by [`Hub::activity`](crate::Hub::activity).
///
/// # Examples
///
/// ```
/// use mixed_replace::hub::{self, Activity};
///
/// let (publisher, hub) = hub::channel();
/// assert_eq!(hub.activity(), Activity::Asleep);
/// drop(publisher);
/// assert_eq!(hub.activity(), Activity::Ended);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Activity {
    /// Nobody watches, so a source on demand sleeps.
    Asleep,
    /// The hub is closed.
    Ended,
    /// Viewers get the publisher's parts.
    Live,
    /// Viewers get the "no signal" part of [`stale_after`](crate::hub::Builder::stale_after).
    Silent,
    /// The hub is watched and has no part yet.
    Starting,
}

/// The variant's name in lower case.
impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asleep => "asleep",
            Self::Ended => "ended",
            Self::Live => "live",
            Self::Silent => "silent",
            Self::Starting => "starting",
        })
    }
}
