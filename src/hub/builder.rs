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
///     .deadline(Duration::from_secs(20))
///     .drop_identical(true)
///     .linger(Duration::from_secs(30))
///     .max_age(Duration::from_secs(3600))
///     .max_subscribers(500)
///     .max_rate(15.0)
///     .stale_after(Duration::from_secs(5), Part::svg("<svg xmlns='http://www.w3.org/2000/svg'/>")?)
///     .build();
/// # Ok::<(), mixed_replace::part::InvalidPart>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Builder {
    deadline: Duration,
    drop_identical: bool,
    keep_alive: Option<Duration>,
    linger: Duration,
    max_age: Option<Duration>,
    max_rate: Option<f64>,
    max_subscribers: usize,
    retry_after: Duration,
    stale_after: Option<(Duration, Part)>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            drop_identical: false,
            keep_alive: Some(Duration::from_secs(10)),
            linger: Duration::from_secs(10),
            max_age: None,
            max_rate: None,
            max_subscribers: usize::MAX,
            retry_after: Duration::from_secs(5),
            stale_after: None,
        }
    }

    /// The publisher, and the handle that viewers come to.
    #[must_use]
    pub fn build(self) -> (Publisher, Hub) {
        let config = Config {
            deadline: if self.deadline.is_zero() { Duration::MAX } else { self.deadline },
            drop_identical: self.drop_identical,
            linger: self.linger,
            max_subscribers: self.max_subscribers,
            pulse: self.keep_alive.filter(|period| !period.is_zero()).map(pulse),
            stale_after: self.stale_after,
        };
        let interval = self.max_rate.and_then(interval);
        let defaults = Defaults { max_age: self.max_age, interval, retry_after: self.retry_after };
        let shared = Shared::new(config, defaults);
        (Publisher::new(Arc::clone(&shared)), Hub { shared })
    }

    /// How long a viewer may take for one part before its stream ends, at its next poll; with zero, as long as it likes.
    /// 30 seconds unless set.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Does not send a part that is the same as the one before, headers included. Off unless set.
    ///
    /// The age of the latest part and keep-alives are as if it had been sent.
    pub fn drop_identical(mut self, drop: bool) -> Self {
        self.drop_identical = drop;
        self
    }

    /// Repeats the last part to viewers that have been given nothing for that long, or an eighth less; with `None` or
    /// zero, never. 10 seconds unless set.
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

    /// Ends each viewer after that time: [`Subscriber::max_age`](super::Subscriber::max_age). Never unless set.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Gives each viewer at most that many parts a second: [`Subscriber::max_rate`](super::Subscriber::max_rate). No limit unless set.
    pub fn max_rate(mut self, parts_per_second: f64) -> Self {
        self.max_rate = Some(parts_per_second);
        self
    }

    /// How many viewers there may be at a time; who comes then is [`Refused`](super::Refused). No limit unless set.
    pub fn max_subscribers(mut self, max: usize) -> Self {
        self.max_subscribers = max;
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
