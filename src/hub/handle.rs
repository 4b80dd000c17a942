//! The handle for subscribing.

#[cfg(any(feature = "scale", feature = "source"))]
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::builder::Builder;
use super::error::Refused;
use super::publisher::Publisher;
use super::seat::{Guard, Seat};
use super::shared::Shared;
use super::snapshot::SnapshotFuture;
use super::subscriber::{Parts, Subscriber};
use crate::boundary::Boundary;
use crate::part::Part;
use crate::stats::{Activity, Reason, Stats, Viewer};
use crate::wire::Wire;

/// A cloneable handle for subscribing to a hub.
///
/// Clone it into the state of your app: it is cheap, and needs no `Arc`. It does not keep streams open: they end when the
/// [`Publisher`] is dropped or [`close`](Self::close) is called.
///
/// The endpoints [`Live`](crate::Live), [`Snapshot`](crate::Snapshot) and
/// [`Page`](crate::Page) serve a hub over HTTP.
///
/// # Examples
///
/// ```
/// use mixed_replace::{Part, Wire, hub};
///
/// let (publisher, hub) = hub::channel();
/// let viewer = hub.subscribe(Wire::Browser)?;
/// publisher.publish(Part::text("on")?)?;
/// assert_eq!(hub.latest(), Some(Part::text("on")?));
/// # drop(viewer);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias("Arc", "Receiver"))]
#[derive(Clone, Debug)]
pub struct Hub {
    pub(super) shared: Arc<Shared>,
    guard: Guard,
}

impl Builder {
    /// Creates the hub. Returns its publisher and its subscribing handle.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::Builder::default().build();
    /// publisher.publish(Part::text("on")?)?;
    /// assert_eq!(hub.latest(), Some(Part::text("on")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn build(self) -> (Publisher, Hub) {
        let shared = Shared::new(self, &Boundary::random());
        let hub = Hub { shared: Arc::clone(&shared), guard: None };
        (Publisher::new(shared), hub)
    }
}

impl Hub {
    /// Returns the hub with a guard that is dropped with its last clone, viewer and snapshot.
    #[cfg(any(feature = "scale", feature = "source"))]
    pub(crate) fn guarded(self, guard: impl Any + Send + Sync) -> Self {
        Self { guard: Some(Arc::new(guard)), ..self }
    }

    /// Creates a hub with this configuration for the same pictures in another width.
    ///
    /// It has no linger, which would encode for nobody, and its "no signal" part is that of this hub.
    #[cfg(feature = "scale")]
    pub(crate) fn rendition(&self, width: u16) -> (Publisher, Self) {
        let mut config = self.shared.read(|state| state.config.clone());
        config.linger = Duration::ZERO;
        config.name = self.name().map(|name| Arc::from(format!("{name}-{width}")));
        config.build()
    }

    /// Returns a stream for the renditions of the hub, which takes no viewer's place: renditions are needed most when slow
    /// viewers have filled the hub.
    #[cfg(feature = "scale")]
    pub(crate) fn parts_for_renditions(&self) -> Result<Parts, Refused> {
        Seat::join_by(&self.shared, &self.guard, |state| state.join_beyond_limit(None))
            .map(|seat| Parts::new(seat).label("renditions").with_renewals())
    }

    /// Returns the [name](Builder::name) of the hub, if it has one.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::hub;
    ///
    /// let (publisher, hub) = hub::builder().name("yard").build();
    /// assert_eq!(hub.name(), Some("yard"));
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.shared.name()
    }

    /// Sets the name, unless the hub has one.
    pub(crate) fn set_name(&self, name: &str) {
        self.shared.set_name(name);
    }

    /// Creates a response for one viewer, for the wire that its client understands.
    ///
    /// Take the [`Wire`] from the request: it is an extractor on axum and actix-web, and
    /// [`Wire::for_request`] elsewhere. The viewer counts for [`Demand`](super::Demand) from the first poll of its
    /// body, and for [`max_subscribers`](super::Builder::max_subscribers) from this call. A closed hub
    /// still sends its last part to new viewers.
    ///
    /// # Errors
    ///
    /// - [`Refused::TooManyViewers`] if the hub already has
    ///   [`max_subscribers`](super::Builder::max_subscribers) viewers.
    /// - [`Refused::Closed`] if the hub was closed before its first part.
    ///
    /// Return the error from your handler: as a response it is a `503`.
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
        Seat::join(&self.shared, &self.guard, Some(wire)).map(|seat| Subscriber::new(seat, wire))
    }

    /// Returns a stream of the publisher's parts for a task of this process: a recorder, a motion detector, another hub.
    ///
    /// It counts for [`Demand`](super::Demand) from the first poll, unless it is [passive](Parts::passive), and for
    /// [`max_subscribers`](super::Builder::max_subscribers) from this call.
    ///
    /// # Errors
    ///
    /// - [`Refused::TooManyViewers`] if the hub already has
    ///   [`max_subscribers`](super::Builder::max_subscribers) viewers.
    /// - [`Refused::Closed`] if the hub was closed before its first part.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::executor::block_on_stream;
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut parts = block_on_stream(hub.parts()?);
    /// publisher.publish(Part::text("skipped")?)?;
    /// publisher.publish(Part::text("recorded")?)?;
    /// assert_eq!(parts.next(), Some(Part::text("recorded")?));
    /// publisher.publish(Part::text("last")?)?;
    /// drop(publisher);
    /// assert_eq!(parts.collect::<Vec<_>>(), [Part::text("last")?]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parts(&self) -> Result<Parts, Refused> {
        Seat::join(&self.shared, &self.guard, None).map(Parts::new)
    }

    /// Returns the publisher's last part, whatever its age. `None` before the first.
    ///
    /// A [`snapshot`](Self::snapshot) also has the part's age.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// assert_eq!(hub.latest(), None);
    /// publisher.publish(Part::text("on")?)?;
    /// assert_eq!(hub.latest(), Some(Part::text("on")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn latest(&self) -> Option<Part> {
        let now = Instant::now();
        self.shared.read(|state| state.latest(now).map(|(part, _)| part.clone()))
    }

    /// Waits for a part that is at most `max_age` old: the latest one, or else the next.
    ///
    /// Counts as demand while it waits, so it wakes a sleeping camera. There is no time limit
    /// unless [`SnapshotFuture::or_latest_after`] sets one.
    ///
    /// Resolves to `None` if the hub is closed and its last part is older than `max_age`, so that a
    /// loop ends with the hub. [`latest`](Self::latest) still returns that part. While viewers get
    /// the "no signal" part of [`stale_after`](super::Builder::stale_after), a snapshot that would
    /// resolve to an older part resolves to that one.
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
    /// // A loop gets each part once and ends with the hub.
    /// hub.close();
    /// assert_eq!(futures::executor::block_on(hub.snapshot(Duration::ZERO)), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot(&self, max_age: Duration) -> SnapshotFuture {
        SnapshotFuture::new(Arc::clone(&self.shared), self.guard.clone(), max_age)
    }

    /// Returns the part of a [`snapshot`](Self::snapshot) that does not wait, for the response to a
    /// `HEAD` request.
    pub(crate) fn latest_dated(&self) -> Option<super::DatedPart> {
        let now = Instant::now();
        self.shared.read(|state| state.dated(false, now))
    }

    /// Returns the publisher's latest part with its times.
    pub(crate) fn latest_published(&self) -> Option<Arc<super::Published>> {
        self.shared.read(|state| state.latest.clone())
    }

    /// Ends every stream. Each viewer still gets the last part, then the close-delimiter.
    ///
    /// Call it before a server's graceful shutdown, which otherwise waits for streams that never
    /// end.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{TryStreamExt, executor::block_on};
    /// use mixed_replace::{Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let viewer = hub.subscribe(Wire::Script)?.into_stream();
    /// publisher.publish(Part::text("good night")?)?;
    /// hub.close();
    /// let chunks: Vec<_> = block_on(viewer.try_collect())?;
    /// assert!(String::from_utf8(chunks.concat())?.contains("good night"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self) {
        let now = Instant::now();
        self.shared.update(|state| state.close(now));
    }

    /// Returns `true` once the hub is closed: [`close`](Self::close) was called, or its
    /// [`Publisher`] was dropped.
    ///
    /// New viewers of a closed hub still get its last part, if it had one.
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
        self.shared.read(|state| state.closed)
    }

    /// Ends every stream with this [`key`](Subscriber::key), for example when a user logs out.
    /// Returns the number of streams ended.
    ///
    /// Streams that have not been polled yet are included. A part that is being written is
    /// completed, and no other is sent. Withdraw the user's access first, or the client can connect
    /// again.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::{Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut tab = hub.subscribe(Wire::Machine)?.key("ada").into_stream();
    /// let other_tab = hub.subscribe(Wire::Machine)?.key("ada").into_stream();
    /// publisher.publish(Part::text("for Ada")?)?;
    /// assert!(tab.next().now_or_never().flatten().is_some());
    ///
    /// assert_eq!(hub.revoke("ada"), 2);
    /// publisher.publish(Part::text("not for Ada")?)?;
    /// let rest: Vec<_> = tab.chain(other_tab).map(Result::unwrap).collect().now_or_never().unwrap();
    /// assert!(!String::from_utf8(rest.concat())?.contains("not for Ada"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::must_use_candidate, reason = "called for its effect; most callers do not need the number")]
    pub fn revoke(&self, key: &str) -> usize {
        let now = Instant::now();
        self.shared.update(|state| state.dismiss_all(key, Reason::Revoked, now))
    }

    /// Returns the number of times that the state was locked.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn locks(&self) -> usize {
        self.shared.locks.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Ends the streams with this key, for a newer one with the same key in another hub.
    pub(crate) fn replace(&self, key: &str) {
        let now = Instant::now();
        self.shared.update(|state| state.dismiss_all(key, Reason::Replaced, now));
    }

    /// Returns whether both are handles for one hub.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.address() == other.address()
    }

    /// Returns a number that no other hub has at the same time.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.shared).addr()
    }

    /// Returns whether the time and the number of a part are sent.
    pub(crate) fn timestamps(&self) -> bool {
        self.shared.encoder(Wire::Machine).sends_timestamps()
    }

    /// Returns the period after which the last part is repeated to an idle viewer.
    #[cfg(feature = "page")]
    pub(crate) fn keep_alive(&self) -> Option<Duration> {
        self.shared.read(|state| state.config.keep_alive)
    }

    /// Returns whether the hub is watched and has a signal.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::hub::{self, Activity};
    ///
    /// let (publisher, hub) = hub::channel();
    /// assert_eq!(hub.activity(), Activity::Asleep);
    /// drop(publisher);
    /// assert_eq!(hub.activity().to_string(), "ended");
    /// ```
    #[must_use]
    pub fn activity(&self) -> Activity {
        let now = Instant::now();
        self.shared.read(|state| state.activity(now))
    }

    /// Returns what the hub does, its number of viewers, and the age of the latest part. Unlike `stats` it sums nothing.
    pub(crate) fn state(&self) -> (Activity, usize, Option<Duration>) {
        let now = Instant::now();
        self.shared.read(|state| (state.activity(now), state.stats.viewers, state.latest(now).map(|(_, age)| age)))
    }

    /// Returns whether the hub has waiting snapshots or subscribers that are not passive, and when the last of them ended.
    pub(crate) fn usage(&self) -> (bool, Option<Instant>) {
        self.shared.read(|state| state.usage())
    }

    /// Returns the hub's counters since it was created.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// assert!(publisher.publish_jpeg("no picture")?.is_err());
    /// let stats = hub.stats();
    /// assert_eq!((stats.parts_published, stats.parts_invalid, stats.viewers), (1, 1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        let now = Instant::now();
        self.shared.read(|state| state.stats(now))
    }

    /// Returns a description of each current viewer.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::{Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut stream = hub.subscribe(Wire::Machine)?.label("192.0.2.7").into_stream();
    /// assert!(stream.next().now_or_never().is_none());
    /// let viewers = hub.viewers();
    /// assert_eq!((viewers[0].label.as_deref(), viewers[0].wire), (Some("192.0.2.7"), Some(Wire::Machine)));
    /// # Ok::<(), hub::Refused>(())
    /// ```
    #[must_use]
    pub fn viewers(&self) -> Vec<Viewer> {
        let now = Instant::now();
        self.shared.read(|state| state.viewers(now))
    }
}
