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
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::{Part, hub};
        ///
        /// let (publisher, hub) = hub::builder().drop_identical(true).build();
        /// publisher.publish(Part::text("on")?)?;
        /// publisher.publish(Part::text("on")?)?;
        /// assert_eq!(hub.stats().parts_identical, 1);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        drop_identical(bool) => drop_identical;

        /// Repeats the last part to a viewer that was sent nothing for this long, or up to an eighth
        /// less. `None` turns that off. 10 seconds by default.
        ///
        /// Only a write reliably detects that a viewer has disconnected, and proxies close connections
        /// that are silent for a minute: see [`KeepAlive`](crate::KeepAlive). A viewer that disconnects
        /// from an idle stream is detected within two intervals.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use futures::{StreamExt, TryStreamExt, executor::block_on};
        /// use mixed_replace::{Part, Wire, hub};
        ///
        /// let (publisher, hub) = hub::builder().keep_alive_interval(Duration::from_millis(20)).build();
        /// publisher.publish(Part::text("on")?)?;
        /// let viewer = hub.subscribe(Wire::Machine)?.into_stream();
        /// let chunks: Vec<_> = block_on(viewer.take(2).try_collect())?;
        /// assert!(chunks[0].ends_with(&chunks[1]), "the part, and its repeat");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        keep_alive_interval(impl Into<Option<Duration>>) => keep_alive;

        /// Sets for how long [`Demand`](super::Demand) lasts after the last viewer has disconnected, so
        /// that a reloaded page does not restart the camera. 10 seconds by default.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use futures::{FutureExt, StreamExt};
        /// use mixed_replace::hub;
        ///
        /// let (publisher, hub) = hub::builder().linger(Duration::ZERO).build();
        /// let mut viewer = hub.parts()?;
        /// assert!(viewer.next().now_or_never().is_none());
        /// assert!(publisher.demand().is_wanted());
        /// drop(viewer);
        /// assert!(!publisher.demand().is_wanted());
        /// # Ok::<(), hub::Refused>(())
        /// ```
        linger(Duration) => linger;

        /// Ends each viewer's stream after this time, as
        /// [`Subscriber::max_lifetime`](crate::Subscriber::max_lifetime) does. `None`, the default,
        /// sets no limit.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use futures::executor::block_on_stream;
        /// use mixed_replace::{Part, Wire, hub};
        ///
        /// let (publisher, hub) = hub::builder().max_lifetime(Duration::from_millis(20)).build();
        /// publisher.publish(Part::text("on")?)?;
        /// let end = block_on_stream(hub.subscribe(Wire::Script)?.into_stream()).last().transpose()?;
        /// assert!(end.is_some_and(|end| end.ends_with(b"--\r\n")));
        /// assert_eq!(hub.stats().ended.expired, 1);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        max_lifetime(impl Into<Option<Duration>>) => max_lifetime;

        /// Limits the number of [snapshots](crate::Hub::snapshot) with a
        /// [time limit](super::SnapshotFuture::or_latest_after), such as responses to requests, that
        /// wait for a part at a time. A further one does not wait. 10,000 by default.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use futures::executor::block_on;
        /// use mixed_replace::{Part, hub};
        ///
        /// let (publisher, hub) = hub::builder().max_snapshots(0).build();
        /// publisher.publish(Part::text("on")?)?;
        /// let at_once = block_on(hub.snapshot(Duration::ZERO).or_latest_after(Duration::from_secs(60)));
        /// assert_eq!(at_once.map(|snapshot| snapshot.part), Some(Part::text("on")?));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        max_snapshots(usize) => max_snapshots;

        /// Limits the number of concurrent viewers. Further calls to
        /// [`subscribe`](crate::Hub::subscribe) fail. Unlimited by default.
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::{Wire, hub};
        ///
        /// let (publisher, hub) = hub::builder().max_subscribers(1).build();
        /// let viewer = hub.subscribe(Wire::Browser)?;
        /// assert!(matches!(hub.subscribe(Wire::Browser), Err(hub::Refused::TooManyViewers { .. })));
        /// # Ok::<(), hub::Refused>(())
        /// ```
        max_subscribers(usize) => max_subscribers;

        /// Limits the rate of each viewer by the shortest time between parts, as
        /// [`Subscriber::min_interval`](crate::Subscriber::min_interval) does. `None`, the default,
        /// sets no limit. [`Parts`](super::Parts) have only
        /// [their own](super::Parts::min_interval).
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use futures::{FutureExt, StreamExt};
        /// use mixed_replace::{Part, Wire, hub};
        ///
        /// let (publisher, hub) = hub::builder().min_interval(Duration::from_secs(60)).build();
        /// let mut viewer = hub.subscribe(Wire::Machine)?.into_stream();
        /// publisher.publish(Part::text("12:00")?)?;
        /// assert!(viewer.next().now_or_never().is_some());
        /// publisher.publish(Part::text("12:01")?)?;
        /// assert!(viewer.next().now_or_never().is_none(), "due in a minute");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        min_interval(impl Into<Option<Duration>>) => min_interval;

        /// Ends a viewer's stream when one part takes longer than this to be written. `None` turns that
        /// off. 30 seconds by default.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::{future::poll_fn, pin::pin, time::Duration};
        /// use futures::executor::block_on;
        /// use http_body::Body as _;
        /// use mixed_replace::{Part, Wire, hub};
        ///
        /// let (publisher, hub) = hub::builder().part_timeout(Duration::from_millis(20)).build();
        /// publisher.publish(Part::text("on")?)?;
        /// let mut body = pin!(hub.subscribe(Wire::Machine)?.into_body());
        /// let never_written = block_on(poll_fn(|cx| body.as_mut().poll_frame(cx)));
        /// let end = block_on(poll_fn(|cx| body.as_mut().poll_frame(cx)));
        /// assert_eq!(hub.stats().ended.expired, 1);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        part_timeout(impl Into<Option<Duration>>) => part_timeout;

        /// Sets the `Retry-After` of a refused viewer, which is rounded up to seconds. 5 seconds by
        /// default.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use mixed_replace::{Wire, hub};
        ///
        /// let (publisher, hub) = hub::builder().max_subscribers(0).retry_after(Duration::from_secs(30)).build();
        /// let refused = hub.subscribe(Wire::Browser).unwrap_err();
        /// assert_eq!(refused.to_string(), "too many viewers, try again in 30 s");
        /// ```
        retry_after(Duration) => retry_after;

        /// Sets whether the time and the number of each part are sent, as `X-Timestamp` and `X-Sequence`. On by
        /// default.
        ///
        /// They are in each part on the machine and the script wire, and in a snapshot. The browser wire never has them. See
        /// [`Part::captured_at`].
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::{FutureExt, StreamExt};
        /// use mixed_replace::{Part, Wire, hub};
        ///
        /// let (publisher, hub) = hub::builder().timestamps(false).build();
        /// publisher.publish(Part::text("on")?)?;
        /// let mut viewer = hub.subscribe(Wire::Machine)?.into_stream();
        /// let part = viewer.next().now_or_never().flatten().transpose()?.unwrap_or_default();
        /// assert!(!String::from_utf8_lossy(&part).contains("X-Sequence"));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use mixed_replace::{Part, hub};
    ///
    /// let no_signal = Part::text("no signal")?;
    /// let (publisher, hub) = hub::builder().stale_after(Duration::from_millis(20), no_signal.clone()).build();
    /// publisher.publish(Part::text("on")?)?;
    /// let snapshot = block_on(hub.snapshot(Duration::ZERO).or_latest_after(Duration::from_secs(60)));
    /// assert_eq!(snapshot.map(|snapshot| snapshot.part), Some(no_signal));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stale_after(mut self, silence: Duration, part: Part) -> Self {
        self.stale_after = Some((silence, part));
        self
    }
}
