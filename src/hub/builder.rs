//! The settings of a hub, and their defaults.

use std::sync::Arc;
use std::time::Duration;

use super::shared::{Defaults, Shared};
use super::slot::PULSES;
use super::state::Config;
use super::subscriber::interval;
use super::{Hub, Publisher};
use crate::part::Part;

/// The settings of a hub.
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
/// # Ok::<(), mixed_replace::part::InvalidPart>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Builder {
    drop_identical: bool,
    keep_alive: Option<Duration>,
    linger: Duration,
    max_lifetime: Option<Duration>,
    max_subscribers: usize,
    min_interval: Option<Duration>,
    part_timeout: Option<Duration>,
    retry_after: Duration,
    stale_after: Option<(Duration, Part)>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            drop_identical: false,
            keep_alive: Some(Duration::from_secs(10)),
            linger: Duration::from_secs(10),
            max_lifetime: None,
            max_subscribers: usize::MAX,
            min_interval: None,
            part_timeout: Some(Duration::from_secs(30)),
            retry_after: Duration::from_secs(5),
            stale_after: None,
        }
    }

    /// The publisher, and the handle that viewers come to.
    #[must_use]
    pub fn build(self) -> (Publisher, Hub) {
        let config = Config {
            deadline: self.part_timeout.unwrap_or(Duration::MAX),
            drop_identical: self.drop_identical,
            linger: self.linger,
            max_subscribers: self.max_subscribers,
            pulse: self.keep_alive.map(pulse),
            stale_after: self.stale_after,
        };
        let interval = self.min_interval.and_then(interval);
        let defaults = Defaults { max_lifetime: self.max_lifetime, interval, retry_after: self.retry_after };
        let shared = Shared::new(config, defaults);
        (Publisher::new(Arc::clone(&shared)), Hub { shared })
    }

    /// Does not send a part that is the same as the one before, headers included. Off unless set.
    ///
    /// The age of the latest part and keep-alives are as if it had been sent.
    pub fn drop_identical(mut self, drop: bool) -> Self {
        self.drop_identical = drop;
        self
    }

    /// Repeats the last part to viewers that were sent nothing for this long, or an eighth less. `None` turns that off.
    /// 10 seconds by default.
    ///
    /// A write is the only sure way to learn that a viewer has left, and proxies cut connections that are silent for a
    /// minute: see [`KeepAlive`](crate::KeepAlive). Who leaves an idle stream is noticed within two periods.
    pub fn keep_alive(mut self, period: impl Into<Option<Duration>>) -> Self {
        self.keep_alive = period.into();
        self
    }

    /// How long [`Demand`](super::Demand) goes on after the last viewer has left, so that a page that is loaded again does not start
    /// the camera again. 10 seconds unless set.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Ends each viewer's stream after this time: [`Subscriber::max_lifetime`](super::Subscriber::max_lifetime). `None`, the
    /// default, lets streams run on.
    pub fn max_lifetime(mut self, max_lifetime: impl Into<Option<Duration>>) -> Self {
        self.max_lifetime = max_lifetime.into();
        self
    }

    /// How many viewers there may be at a time; who comes then is [`Refused`](super::Refused). No limit unless set.
    pub fn max_subscribers(mut self, max: usize) -> Self {
        self.max_subscribers = max;
        self
    }

    /// Limits the rate of each viewer, by the shortest time from part to part:
    /// [`Subscriber::min_interval`](super::Subscriber::min_interval). `None`, the default, is no limit.
    pub fn min_interval(mut self, min_interval: impl Into<Option<Duration>>) -> Self {
        self.min_interval = min_interval.into();
        self
    }

    /// Ends a viewer's stream when one part takes longer than this to be written. `None` turns that off. 30 seconds by
    /// default.
    pub fn part_timeout(mut self, part_timeout: impl Into<Option<Duration>>) -> Self {
        self.part_timeout = part_timeout.into();
        self
    }

    /// What `Retry-After` tells whom the hub refuses, in whole seconds, rounded up. 5 seconds unless set.
    pub fn retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Shows this part, say a picture that says "no signal", when the publisher has been silent for so long while
    /// somebody watched. Never unless set.
    ///
    /// [`Hub::latest`] is not changed by it.
    pub fn stale_after(mut self, silence: Duration, part: Part) -> Self {
        self.stale_after = Some((silence, part));
        self
    }
}

/// Not so short that the clock does nothing else.
fn pulse(keep_alive: Duration) -> Duration {
    (keep_alive / u32::from(PULSES)).max(Duration::from_millis(1))
}
