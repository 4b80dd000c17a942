//! The status of a source, to be watched.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::Error;

/// The status of a source.
///
/// # Examples
///
/// ```
/// use mixed_replace::source::Status;
///
/// fn describe(status: &Status) -> String {
///     match status {
///         Status::Waiting { error, .. } => format!("lost: {error}"),
///         status => status.to_string(),
///     }
/// }
/// assert_eq!(describe(&Status::Live), "live");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// Nobody watches, so the source is closed.
    Asleep,
    /// The source is being opened, or has sent no part yet.
    Connecting,
    /// Parts arrive.
    Live,
    /// The source is lost.
    #[non_exhaustive]
    Waiting {
        /// The time of the next attempt.
        until: Instant,
        /// The reason of the loss.
        error: Error,
    },
    /// The source has ended for good: its hub was closed, or its task was aborted or has panicked.
    Ended,
}

impl Status {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Asleep => "asleep",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Waiting { .. } => "waiting",
            Self::Ended => "ended",
        }
    }
}

/// With the variant's name in lower case as `state`, and of [`Waiting`](Status::Waiting) the seconds until the next attempt
/// as `again_in`, and the `error`.
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl serde::Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("state", self.as_str())?;
        if let Self::Waiting { until, error } = self {
            let again_in = until.saturating_duration_since(Instant::now());
            map.serialize_entry("again_in", &again_in.as_secs_f64())?;
            map.serialize_entry("error", error)?;
        }
        map.end()
    }
}

/// The variant's name in lower case.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The counters of a source since its creation.
///
/// # Examples
///
/// ```
/// use mixed_replace::source::Stats;
///
/// fn line(stats: &Stats) -> String {
///     format!("{} attempts, {} openings", stats.attempts, stats.openings)
/// }
/// assert_eq!(line(&Stats::default()), "0 attempts, 0 openings");
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The number of attempts to open the source, including those that failed.
    pub attempts: u64,
    /// The number of attempts after which the source sent a part.
    pub openings: u64,
    /// Pictures that were left out because they are damaged.
    pub parts_damaged: u64,
    /// Parts that were left out because they are no pictures.
    pub parts_refused: u64,
    /// The last error. `None` once parts arrive again.
    pub last_error: Option<Error>,
}

/// A handle for watching the status of a source, from [`Source::monitor`](super::Source::monitor).
///
/// Each clone sees each change.
///
/// # Examples
///
/// ```
/// use mixed_replace::source::Monitor;
///
/// /// Logs each change of a source.
/// async fn log(mut monitor: Monitor) {
///     while let Some(status) = monitor.changed().await {
///         println!("{}: {status}, {} attempts", monitor.name(), monitor.stats().attempts);
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Monitor {
    name: Arc<str>,
    state: watch::Receiver<State>,
}

impl Monitor {
    /// Returns the [name](super::Source::name) of the source.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::source;
    /// # use futures::stream;
    /// # use mixed_replace::Part;
    ///
    /// # let camera = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")])));
    /// let monitor = camera.name("yard").monitor();
    /// assert_eq!(monitor.name(), "yard");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the current status.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{StreamExt, stream};
    /// use mixed_replace::source::{self, Status};
    /// use mixed_replace::Part;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let parts = async || Ok::<_, source::Error>(stream::iter([Part::text("on")]).chain(stream::pending()));
    /// let camera = source::from_fn(parts);
    /// let monitor = camera.monitor();
    /// assert_eq!(monitor.status(), Status::Asleep);
    /// let hub = camera.spawn();
    /// let mut viewer = hub.parts()?;
    /// viewer.next().await;
    /// assert_eq!(monitor.status(), Status::Live);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.borrow().status.clone()
    }

    /// Returns the current counters.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{StreamExt, stream};
    /// use mixed_replace::{Part, source};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let camera = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")])));
    /// let monitor = camera.monitor();
    /// let hub = camera.spawn();
    /// hub.parts()?.next().await;
    /// assert_eq!((monitor.stats().attempts, monitor.stats().openings), (1, 1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state.borrow().stats.clone()
    }

    /// Waits until the status has changed since the last call and returns it. The last one is [`Status::Ended`], then
    /// `None` is returned.
    ///
    /// A status that lasted only shortly may not be seen.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::stream;
    /// use mixed_replace::source::{self, Status};
    /// use mixed_replace::Part;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let camera = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")])));
    /// let mut monitor = camera.monitor();
    /// let hub = camera.spawn();
    /// hub.close();
    /// assert_eq!(monitor.changed().await, Some(Status::Ended));
    /// assert_eq!(monitor.changed().await, None);
    /// # }
    /// ```
    pub async fn changed(&mut self) -> Option<Status> {
        self.state.changed().await.ok()?;
        Some(self.state.borrow_and_update().status.clone())
    }
}

#[derive(Clone, Debug)]
struct State {
    status: Status,
    stats: Stats,
}

/// The supervisor's side. Dropping it ends the source.
#[derive(Debug)]
pub(super) struct Sender(watch::Sender<State>);

impl Sender {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State { status: Status::Asleep, stats: Stats::default() }))
    }

    pub(super) fn subscribe(&self, name: &Arc<str>) -> Monitor {
        Monitor { name: Arc::clone(name), state: self.0.subscribe() }
    }

    /// Sets the status. Returns `true` if it was another one.
    pub(super) fn set(&self, status: Status) -> bool {
        self.0.send_if_modified(|state| {
            match &status {
                Status::Connecting => state.stats.attempts += 1,
                Status::Live => {
                    state.stats.openings += 1;
                    state.stats.last_error = None;
                }
                Status::Waiting { error, .. } => state.stats.last_error = Some(error.clone()),
                Status::Asleep | Status::Ended => {}
            }
            let changed = state.status != status;
            state.status = status;
            changed
        })
    }

    /// Changes the counters without waking those who wait for a status, and returns the result.
    pub(super) fn count<R>(&self, change: impl FnOnce(&mut Stats) -> R) -> Option<R> {
        let mut result = None;
        self.0.send_if_modified(|state| {
            result = Some(change(&mut state.stats));
            false
        });
        result
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.set(Status::Ended);
    }
}
