//! What a hub has done, in plain numbers for a dashboard.

use std::time::Duration;

use crate::wire::Wire;

/// A hub's counters since it was made: [`Hub::stats`](super::Hub::stats).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Parts that the publisher has given, those included that were dropped as identical.
    pub parts_published: u64,
    /// The bytes of their bodies.
    pub bytes_published: u64,
    /// Parts that were dropped because they were the same as the one before.
    pub parts_identical: u64,
    /// Frames that were not published because they were damaged or held the hub's boundary.
    pub parts_invalid: u64,
    /// Parts that viewers' transports have taken, repeats included. One part that went to ten viewers counts ten.
    pub parts_delivered: u64,
    /// The bytes of those, framing included.
    pub bytes_delivered: u64,
    /// Parts that viewers did not get, because they were slow or capped.
    pub parts_skipped: u64,
    /// How often a part was encoded: at most once for each wire that somebody listens on.
    pub encodings: u64,
    /// Viewers that watch now: from the first poll of their stream until its end.
    /// [`max_subscribers`](super::Builder::max_subscribers) counts them from `subscribe` until they are dropped.
    pub viewers: usize,
    /// The most viewers that there have been at one time.
    pub viewers_peak: usize,
    /// How long ago the publisher gave its last part. `None` before the first.
    pub age: Option<Duration>,
    /// Why viewers have ended.
    pub ended: Ended,
}

/// How many viewers have ended for which reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Ended {
    /// The hub was closed or its publisher dropped.
    pub closed: u64,
    /// The viewer's time was up, or a part took longer than its deadline.
    pub expired: u64,
    /// The viewer disconnected.
    pub disconnected: u64,
    /// The hub was full.
    pub refused: u64,
    /// A newer connection came with the same key.
    pub replaced: u64,
    /// [`Hub::revoke`](super::Hub::revoke) was called with its key.
    pub revoked: u64,
}

/// One viewer, now: [`Hub::viewers`](super::Hub::viewers).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Viewer {
    /// Its key, if it has one.
    pub key: Option<String>,
    /// What it is sent.
    pub wire: Wire,
    /// How long it has been watching.
    pub watching: Duration,
    /// Parts that its transport has taken, repeats included.
    pub parts_delivered: u64,
    /// The bytes of those, framing included.
    pub bytes_delivered: u64,
    /// Parts that it did not get because it was slow or capped.
    pub parts_skipped: u64,
    /// For how long its transport has been busy with one part. `None` when it waits for the next.
    pub in_flight: Option<Duration>,
    /// How long ago the part was published that it got last.
    pub age: Option<Duration>,
}
