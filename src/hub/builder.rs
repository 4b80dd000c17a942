//! The configuration of a hub and its defaults.

use std::sync::Arc;
use std::time::Duration;

use crate::derive::setters;
use crate::part::Part;

/// The configuration of a hub.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mixed_replace::{Part, hub};
///
/// let (publisher, hub) = hub::builder()
///     .drop_identical(true)
///     .linger(Duration::from_secs(30))
///     .max_lifetime(Duration::from_secs(3600))
///     .max_subscribers(500)
///     .min_interval(Duration::from_millis(50))
///     .part_timeout(Duration::from_secs(20))
///     .stale_after(Duration::from_secs(5), Part::svg("<svg xmlns='http://www.w3.org/2000/svg'/>")?)
///     .build();
/// # Ok::<(), mixed_replace::InvalidPart>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) drop_identical: bool,
    pub(super) keep_alive: Option<Duration>,
    pub(super) linger: Duration,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) max_snapshots: usize,
    pub(super) max_subscribers: usize,
    pub(super) min_interval: Option<Duration>,
    pub(super) name: Option<Arc<str>>,
    pub(super) part_timeout: Option<Duration>,
    pub(super) retry_after: Duration,
    pub(super) stale_after: Option<(Duration, Part)>,
    pub(super) timestamps: bool,
}

/// Creates a configuration with the defaults of each method.
impl Default for Builder {
    fn default() -> Self {
        Self {
            drop_identical: false,
            keep_alive: Some(Duration::from_secs(10)),
            linger: Duration::from_secs(10),
            max_lifetime: None,
            max_snapshots: 10_000,
            max_subscribers: usize::MAX,
            min_interval: None,
            name: None,
            part_timeout: Some(Duration::from_secs(30)),
            retry_after: Duration::from_secs(5),
            stale_after: None,
            timestamps: true,
        }
    }
}

impl Builder {
    setters! {
        /// Drops a part that equals the previous one, headers included. Off by default.
        ///
        /// A dropped part still renews the age of the latest part. It does not postpone keep-alives. Of two equal parts
        /// that are published by two threads at once, neither is dropped: bodies are compared without a lock.
        drop_identical(bool) => drop_identical;

        /// Repeats the last part to a viewer that was sent nothing for this long, or up to an eighth
        /// less. `None` turns that off. 10 seconds by default.
        ///
        /// Only a write reliably detects that a viewer has disconnected, and proxies close connections
        /// that are silent for a minute: see [`KeepAlive`](crate::KeepAlive). A viewer that disconnects
        /// from an idle stream is detected within two intervals.
        keep_alive_interval(impl Into<Option<Duration>>) => keep_alive;

        /// Sets for how long [`Demand`](super::Demand) lasts after the last viewer has disconnected, so
        /// that a reloaded page does not restart the camera. 10 seconds by default.
        linger(Duration) => linger;

        /// Ends each viewer's stream after this time, as
        /// [`Subscriber::max_lifetime`](crate::Subscriber::max_lifetime) does. `None`, the default,
        /// sets no limit.
        max_lifetime(impl Into<Option<Duration>>) => max_lifetime;

        /// Limits the number of [snapshots](crate::Hub::snapshot) with a
        /// [time limit](super::SnapshotFuture::or_latest_after), such as responses to requests, that
        /// wait for a part at a time. A further one does not wait. 10,000 by default.
        max_snapshots(usize) => max_snapshots;

        /// Limits the number of concurrent viewers. Further calls to
        /// [`subscribe`](crate::Hub::subscribe) fail. Unlimited by default.
        max_subscribers(usize) => max_subscribers;

        /// Limits the rate of each viewer by the shortest time between parts, as
        /// [`Subscriber::min_interval`](crate::Subscriber::min_interval) does. `None`, the default,
        /// sets no limit.
        min_interval(impl Into<Option<Duration>>) => min_interval;

        /// Ends a viewer's stream when one part takes longer than this to be written. `None` turns that
        /// off. 30 seconds by default.
        part_timeout(impl Into<Option<Duration>>) => part_timeout;

        /// Sets the `Retry-After` of a refused viewer, which is rounded up to seconds. 5 seconds by
        /// default.
        retry_after(Duration) => retry_after;

        /// Sets whether the time and the number of each part are sent, as `X-Timestamp` and `X-Sequence`. On by
        /// default.
        ///
        /// They are in each part on the machine and the script wire, and in a snapshot. The browser wire never has them. See
        /// [`Part::captured_at`].
        timestamps(bool) => timestamps;
    }

    /// Sets the hub's name, which its events carry (feature `tracing`). By default it has none.
    ///
    /// A hub of a [`Hubs`](crate::Hubs) that has no name gets the one by which it is found.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, hub};
    ///
    /// let (publisher, hub) = hub::builder().name("yard").build();
    /// assert_eq!(hub.name(), Some("yard"));
    ///
    /// let (publisher, hub) = hub::channel();
    /// assert_eq!(hub.name(), None);
    /// Hubs::new().insert("door", hub.clone())?;
    /// assert_eq!(hub.name(), Some("door"));
    /// # Ok::<(), mixed_replace::hubs::InsertError>(())
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(Arc::from(name.into()));
        self
    }

    /// Sends this part, such as a "no signal" picture, when nothing has been published for
    /// `silence` while the hub was watched. Off by default.
    ///
    /// What a healthy server repeats of a frozen camera counts as nothing; see [`publish`](crate::Publisher::publish).
    ///
    /// [`Hub::latest`](crate::Hub::latest) still returns the publisher's last part.
    pub fn stale_after(mut self, silence: Duration, part: Part) -> Self {
        self.stale_after = Some((silence, part));
        self
    }
}
