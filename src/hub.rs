//! One publisher, any number of viewers: encode once, fan out, latest wins.
//!
//! ```text
//!                    ┌─ Subscriber ─ viewer
//! Publisher ── Hub ──┼─ Subscriber ─ viewer
//!                    └─ Subscriber ─ viewer
//! ```
//!
//! A viewer that is slow misses parts, never sees a torn one, and never delays the publisher or another viewer. Nothing is
//! queued for it, so what it sees is as new as its line allows: it holds on to the part that it is in the middle of, and to
//! no other. No runtime is needed; one thread for all hubs of the process keeps the time.

mod builder;
mod clock;
mod demand;
mod effects;
mod error;
mod in_flight;
mod lazy_now;
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

use self::shared::Shared;
use self::state::JoinError;
use crate::part::Part;
use crate::wire::Wire;

pub use self::builder::Builder;
pub use self::demand::Demand;
pub use self::error::{Closed, InvalidFrame, PublishError, Refused};
pub use self::publisher::Publisher;
pub use self::snapshot::{DatedPart, Snapshot};
pub use self::stats::{Ended, Stats, Viewer};
#[cfg(feature = "http-body")]
pub use self::subscriber::Body;
pub use self::subscriber::{Chunks, Subscriber};

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
    Builder::new()
}

/// Where viewers come to. Clone it into the state of your app.
///
/// A `Hub` does not keep the streams alive: they end when the [`Publisher`] is dropped, or with [`close`](Self::close).
///
/// [`Live`](crate::serve::Live), [`Snapshot`](crate::serve::Snapshot) and [`Page`](crate::serve::Page) serve it over HTTP.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

impl Hub {
    /// Creates a response for one viewer, for the wire that its client understands.
    ///
    /// Take the [`Wire`] from the request: it is an extractor on axum and actix-web, and
    /// [`Wire::for_request`] elsewhere. The viewer counts for [`Demand`] from the first poll of its body, and for
    /// [`max_subscribers`](Builder::max_subscribers) from this call. A closed hub still sends its last part to new
    /// viewers.
    ///
    /// # Errors
    ///
    /// [`Refused::TooManyViewers`] if the hub has as many viewers as it allows, [`Refused::Closed`] if it was closed before
    /// its first part. Return the error from your handler: it is a `503`.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "axum", doc = "```")]
    #[cfg_attr(not(feature = "axum"), doc = "```ignore")]
    /// use std::time::Duration;
    /// use axum::{Router, extract::State, routing::get};
    /// use mixed_replace::{Hub, Subscriber, Wire, hub};
    ///
    /// async fn live(State(hub): State<Hub>, wire: Wire) -> Result<Subscriber, hub::Refused> {
    ///     Ok(hub.subscribe(wire)?.min_interval(Duration::from_millis(100)))
    /// }
    ///
    /// let (publisher, hub) = hub::channel();
    /// let app: Router = Router::new().route("/live", get(live)).with_state(hub);
    /// ```
    ///
    /// The wire cannot be left out:
    ///
    /// ```compile_fail,E0061
    /// # fn viewer(hub: mixed_replace::Hub) {
    /// let viewer = hub.subscribe();
    /// # }
    /// ```
    pub fn subscribe(&self, wire: Wire) -> Result<Subscriber, Refused> {
        match self.shared.update(|state| state.join()) {
            Ok((id, serial)) => Ok(Subscriber::new(Arc::clone(&self.shared), id, serial, wire)),
            Err(JoinError::Closed) => {
                #[cfg(feature = "tracing")]
                tracing::warn!("viewer refused: the hub was closed before its first part");
                Err(Refused::Closed)
            }
            Err(JoinError::Full) => {
                #[cfg(feature = "tracing")]
                tracing::warn!("viewer refused: the hub is full");
                Err(Refused::TooManyViewers { retry_after: self.shared.defaults.retry_after })
            }
        }
    }

    /// The publisher's last part, however old. `None` before the first.
    #[must_use]
    pub fn latest(&self) -> Option<Part> {
        self.latest_with_age().map(|(part, _)| part)
    }

    /// The publisher's last part, and how long ago it was published.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// assert_eq!(hub.latest_with_age(), None);
    /// publisher.publish(Part::text("on")?)?;
    /// let (part, age) = hub.latest_with_age().unwrap();
    /// assert_eq!(part.into_body(), "on");
    /// assert!(age < Duration::from_secs(60));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn latest_with_age(&self) -> Option<(Part, Duration)> {
        let now = Instant::now();
        self.shared.update(|state| state.latest(now).map(|(part, age)| (part.clone(), age)))
    }

    /// Waits for a part that is at most that old: the latest one, or the next. Counts as demand meanwhile, so a camera
    /// that sleeps wakes up for it.
    ///
    /// While viewers are shown the "no signal" part of [`stale_after`](Builder::stale_after), so is a snapshot that would
    /// take an older part.
    ///
    /// Resolves to `None` if the hub is closed and its last part is older, so that a loop ends with the hub;
    /// [`latest`](Self::latest) still returns that part. Waits as long as the camera takes, unless there is a limit:
    /// [`Snapshot::or_latest_after`].
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
    /// let snapshot = futures::executor::block_on(hub.snapshot(Duration::from_secs(1))).unwrap();
    /// assert_eq!(snapshot.part, Part::text("on")?);
    /// assert!(snapshot.age <= Duration::from_secs(1));
    ///
    /// // A loop gets each part once, and ends with the hub.
    /// hub.close();
    /// assert_eq!(futures::executor::block_on(hub.snapshot(Duration::ZERO)), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot(&self, max_age: Duration) -> Snapshot {
        Snapshot::new(Arc::clone(&self.shared), max_age)
    }

    /// Returns what a [`snapshot`](Self::snapshot) shows that does not wait, for the answer to a `HEAD` request.
    #[cfg(any(feature = "actix-web", feature = "http-body"))]
    pub(crate) fn snapshot_now(&self) -> Option<DatedPart> {
        let now = Instant::now();
        self.shared.update(|state| state.dated(false, now))
    }

    /// Ends every stream: each viewer still gets the last part, then the close-delimiter and the end.
    ///
    /// Call it before a server's graceful shutdown, which otherwise waits for streams that never end.
    pub fn close(&self) {
        let now = Instant::now();
        self.shared.update(|state| state.close(now));
    }

    /// Returns `true` once the hub is closed: by [`close`](Self::close), or because its [`Publisher`] was dropped.
    ///
    /// Its last part, if it had one, is still shown to whoever subscribes.
    ///
    /// # Examples
    ///
    /// ```
    /// let (publisher, hub) = mixed_replace::hub::channel();
    /// assert!(!hub.is_closed());
    /// drop(publisher);
    /// assert!(hub.is_closed());
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.update(|state| state.is_closed())
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
    /// use mixed_replace::{Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut viewer = hub.subscribe(Wire::Machine)?.key("ada").into_stream();
    /// publisher.publish(Part::text("for Ada")?)?;
    /// assert!(viewer.next().now_or_never().flatten().is_some());
    ///
    /// assert!(hub.revoke("ada"));
    /// publisher.publish(Part::text("not for Ada")?)?;
    /// let rest: Vec<_> = viewer.map(Result::unwrap).collect().now_or_never().unwrap();
    /// assert!(!String::from_utf8(rest.concat())?.contains("not for Ada"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(
        clippy::must_use_candidate,
        reason = "it does something; whether there was a viewer is for who wants to know"
    )]
    pub fn revoke(&self, key: &str) -> bool {
        let now = Instant::now();
        self.shared.update(|state| state.revoke(key, now))
    }

    /// How often viewers that get nothing new are given the last part again.
    #[cfg(any(feature = "actix-web", feature = "http-body"))]
    pub(crate) fn keep_alive(&self) -> Option<Duration> {
        self.shared.update(|state| state.keep_alive())
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
