//! One publisher, any number of viewers: encode once, fan out, latest wins.
//!
//! ```text
//!                    ┌─ Subscriber ─ viewer
//! Publisher ── Hub ──┼─ Subscriber ─ viewer
//!                    └─ Subscriber ─ viewer
//! ```
//!
//! A viewer that is slow misses parts, never sees a torn one, and never delays the publisher or another viewer. Nothing is
//! queued for it, so what it sees is as new as its line allows, and a hub's memory does not grow with slow viewers. No
//! runtime is needed; one thread for all hubs of the process keeps the time.

mod clock;
mod demand;
mod in_flight;
#[cfg(all(loom, test))]
mod models;
mod published;
mod publisher;
mod shared;
mod slot;
mod snapshot;
mod state;
mod stats;
mod subscriber;
mod waiters;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::shared::{Defaults, Shared};
use self::slot::PULSES;
use self::state::Config;
use self::subscriber::interval;
use crate::part::Part;

pub use self::demand::Demand;
pub use self::publisher::{PublishError, Publisher};
pub use self::snapshot::Snapshot;
pub use self::stats::{Ended, Stats, Viewer};
pub use self::subscriber::{Refused, Subscriber};

/// A hub with the defaults of [`Builder`].
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

/// A hub with settings of your own.
pub fn builder() -> Builder {
    Builder {
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

/// Where viewers come to. Clone it into the state of your app.
///
/// A `Hub` does not keep the streams alive: they end when the [`Publisher`] is dropped, or with [`close`](Self::close).
///
/// It serves itself where it is mounted: on axum `.route_service("/live", hub.clone())`, on actix
/// `.route("/live", web::to(hub.clone()))`, with `?fps=5` for a slower stream and `?snapshot` for a still picture.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

impl Hub {
    /// A place for one viewer: a response body.
    ///
    /// The viewer counts for [`Demand`] from the first poll of its stream, and for
    /// [`max_subscribers`](Builder::max_subscribers) from now. A closed hub still shows its last part to whoever comes.
    ///
    /// # Errors
    ///
    /// If the hub has as many viewers as it takes. Return the error from your handler: it is a `503` with `Retry-After`.
    pub fn subscribe(&self) -> Result<Subscriber, Refused> {
        match self.shared.update(|state| state.join()) {
            Some((id, serial)) => Ok(Subscriber::new(Arc::clone(&self.shared), id, serial)),
            None => {
                #[cfg(feature = "tracing")]
                tracing::warn!("viewer refused: the hub is full");
                Err(Refused { retry_after: self.shared.defaults.retry_after })
            }
        }
    }

    /// The publisher's last part, however old. `None` before the first.
    #[must_use]
    pub fn latest(&self) -> Option<Part> {
        self.latest_with_age().map(|(part, _)| part)
    }

    /// The publisher's last part, and how long ago it was published.
    #[must_use]
    pub fn latest_with_age(&self) -> Option<(Part, Duration)> {
        let now = Instant::now();
        self.shared.update(|state| state.latest(now).map(|(part, age)| (part.clone(), age)))
    }

    /// Waits for a part that is at most that old: the latest one, or the next. Counts as demand meanwhile, so a camera
    /// that sleeps wakes up for it.
    ///
    /// Gives `None` if the hub is closed before its first part. Waits as long as the camera takes: put your own time
    /// limit around it.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// let part = futures::executor::block_on(hub.snapshot(Duration::from_secs(1)));
    /// assert_eq!(part, Some(Part::text("on")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot(&self, max_age: Duration) -> Snapshot {
        Snapshot::new(Arc::clone(&self.shared), max_age)
    }

    /// Ends every stream: each viewer still gets the last part, then the close-delimiter and the end.
    ///
    /// Call it before a server's graceful shutdown, which otherwise waits for streams that never end.
    pub fn close(&self) {
        let now = Instant::now();
        self.shared.update(|state| state.close(now));
    }

    /// Ends the stream of the viewer with this [`key`](Subscriber::key), as when its user has logged out. It keeps the part
    /// that it has, and gets no other.
    ///
    /// Tells whether there was one. Who may watch is checked when a stream is asked for, so end it there first; one that
    /// was let in but has not been polled yet is not found.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut viewer = hub.subscribe()?.key("ada");
    /// publisher.publish(Part::text("for Ada")?)?;
    /// assert!(viewer.next().now_or_never().flatten().is_some());
    ///
    /// assert!(hub.end("ada"));
    /// publisher.publish(Part::text("not for Ada")?)?;
    /// let rest: Vec<_> = viewer.map(Result::unwrap).collect().now_or_never().unwrap();
    /// assert!(!String::from_utf8(rest.concat())?.contains("not for Ada"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(
        clippy::must_use_candidate,
        reason = "it does something; whether there was a viewer is for who wants to know"
    )]
    pub fn end(&self, key: &str) -> bool {
        let now = Instant::now();
        self.shared.update(|state| state.revoke(key, now))
    }

    /// How often viewers that get nothing new are given the last part again.
    pub(crate) fn keep_alive(&self) -> Option<Duration> {
        self.shared.update(|state| state.keep_alive())
    }

    /// The head of a stream on this wire, without a viewer.
    #[cfg(any(feature = "actix-web", feature = "tower"))]
    pub(crate) fn head(&self, wire: crate::wire::Wire) -> http::Response<()> {
        let mut response = http::Response::new(());
        response.headers_mut().extend(crate::response::stream_head(self.shared.encoder(wire).content_type()));
        response
    }

    /// Counters since the hub was made.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let now = Instant::now();
        self.shared.update(|state| state.stats(now))
    }

    /// Every viewer, now.
    #[must_use]
    pub fn viewers(&self) -> Vec<Viewer> {
        let now = Instant::now();
        self.shared.update(|state| state.viewers(now))
    }
}

/// The settings of a hub.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mixed_replace::{Part, hub};
///
/// let (publisher, hub) = hub::builder()
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
    /// The publisher, and the handle that viewers come to.
    #[must_use]
    pub fn build(self) -> (Publisher, Hub) {
        let config = Config {
            deadline: self.deadline,
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

    /// How long a viewer may take for one part before its stream ends, at its next poll. 30 seconds unless set.
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

    /// How long [`Demand`] goes on after the last viewer has left, so that a page that is loaded again does not start
    /// the camera again. 10 seconds unless set.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Ends each viewer after that time: [`Subscriber::max_age`]. Never unless set.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Gives each viewer at most that many parts a second: [`Subscriber::max_rate`]. No limit unless set.
    pub fn max_rate(mut self, parts_per_second: f64) -> Self {
        self.max_rate = Some(parts_per_second);
        self
    }

    /// How many viewers there may be at a time; who comes then is [`Refused`]. No limit unless set.
    pub fn max_subscribers(mut self, max: usize) -> Self {
        self.max_subscribers = max;
        self
    }

    /// What `Retry-After` tells whom the hub refuses. 5 seconds unless set.
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
