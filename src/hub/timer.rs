//! The timers of a hub.

/// A timer of a hub: what is due at its time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Timer {
    /// The next pulse of the keep-alive.
    KeepAlive,
    /// The end of a subscriber's lifetime.
    Lifetime(usize),
    /// The end of demand.
    Linger,
    /// A look for parts in flight that have missed their deadline.
    PartTimeout,
    /// The next part of a subscriber whose rate is limited.
    Rate(usize),
    /// The time limit of a waiting snapshot.
    Snapshot(usize),
    /// The "no signal" part.
    Stale,
}
