//! Sources of parts: programs, cameras over HTTP, polled stills, any stream. Needs a tokio runtime.
//!
//! | you have | use | feature |
//! |---|---|---|
//! | a program that writes pictures, such as `ffmpeg` for a webcam or an RTSP camera | `command` | `process` |
//! | a camera or another server that sends a stream over HTTP | `http` | `client` |
//! | the address of a still picture | `snapshots` | `client` |
//! | any other stream of parts, and a way to open it again | [`from_fn`], [`supervise`] | `source` |
//! | a blocking reader | [`decode::Reader`](crate::decode::Reader) | |
//!
//! Each source has the same supervisor. It opens the source while the hub is watched ([`always`](Source::always) changes
//! that), and opens it again when it ends, fails, or sends no picture for [`timeout`](Source::timeout). The
//! [pauses](Source::pauses) between attempts grow and are jittered. After a picture they start over. Damaged pictures are
//! left out and counted. Viewers keep the last picture meanwhile, or see the part of
//! [`stale_after`](crate::hub::Builder::stale_after). Only a closed hub ends a source.
//!
//! # Examples
//!
#![cfg_attr(all(feature = "axum", feature = "client", feature = "process"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "axum", feature = "client", feature = "process")), doc = "```ignore")]
//! use std::time::Duration;
//! use mixed_replace::{Live, source};
//!
//! # async fn app() -> Result<axum::Router, Box<dyn std::error::Error>> {
//! let webcam = source::command("ffmpeg", ["-v", "error", "-f", "v4l2", "-i", "/dev/video0", "-c", "copy", "-f", "mjpeg", "-"]);
//! let camera = source::http("http://user:password@10.0.0.7/video.cgi")?;
//! let still = source::snapshots("http://10.0.0.8/still.jpg", Duration::from_secs(1))?;
//! let app = axum::Router::new()
//!     .route_service("/webcam", Live::new(webcam.spawn()))
//!     .route_service("/camera", Live::new(camera.spawn()))
//!     .route_service("/still", Live::new(still.spawn()));
//! # Ok(app)
//! # }
//! ```

#[cfg(feature = "process")]
mod command;
mod error;
mod from_fn;
#[cfg(feature = "client")]
mod http;
mod monitor;
mod open;
mod pauses;
#[cfg(any(feature = "client", feature = "process"))]
mod received;
mod supervisor;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::open::Open;
use self::pauses::Pauses;
use crate::derive::setters;
use crate::hub::{self, Hub, Publisher};

#[cfg(feature = "process")]
#[cfg_attr(docsrs, doc(cfg(feature = "process")))]
pub use self::command::{Command, command};
pub use self::error::Error;
pub use self::from_fn::{FromFn, from_fn, supervise};
#[cfg(feature = "tls")]
pub use self::http::InvalidCertificate;
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::http::{Http, InvalidUrl, http, snapshots};
pub use self::monitor::{Monitor, Stats, Status};

/// A source of parts and its supervisor, not running yet.
///
/// `O` is what is opened: a [`Command`], [`Http`], or a function. Its own options are methods too.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use futures::stream;
/// use mixed_replace::source::{self, Status};
/// use mixed_replace::{Part, hub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A source that is opened once and sends one part.
/// let source = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")])));
/// let source = source.always(true).timeout(Duration::from_secs(5)).name("switch");
/// let mut monitor = source.monitor();
/// let hub = source.spawn_with(hub::builder().linger(Duration::from_secs(60)));
///
/// while monitor.changed().await.is_some_and(|status| !matches!(status, Status::Waiting { .. })) {}
/// assert_eq!(hub.latest(), Some(Part::text("on")?));
/// assert_eq!(monitor.stats().last_error.unwrap().to_string(), "the stream has ended");
/// # hub.close();
/// # Ok(())
/// # }
/// ```
#[must_use = "a source does nothing until it is spawned or run"]
pub struct Source<O> {
    open: O,
    always: bool,
    name: Arc<str>,
    pauses: Pauses,
    state: monitor::Sender,
    timeout: Duration,
}

impl<O> Source<O> {
    fn new(name: impl Into<Arc<str>>, open: O) -> Self {
        Self {
            open,
            always: false,
            name: name.into(),
            pauses: Pauses::new(FIRST_PAUSE, LONGEST_PAUSE),
            state: monitor::Sender::new(),
            timeout: TIMEOUT,
        }
    }

    setters! {
        /// Opens the source even while nobody watches. Off by default: then it runs from the first viewer until the hub's
        /// [`linger`](hub::Builder::linger) after the last one.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::future::pending;
        /// use futures::stream;
        /// use mixed_replace::{Part, source};
        ///
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// let camera = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")])));
        /// let mut monitor = camera.monitor();
        /// let hub = camera.always(true).spawn();
        /// monitor.changed().await;
        /// assert_eq!((hub.stats().viewers, monitor.stats().attempts), (0, 1));
        /// # Ok(())
        /// # }
        /// ```
        always(bool) => always;

        /// Sets the name in events (feature `tracing`) and of the [`Monitor`]. By default it is the program, or the host
        /// and path without a query.
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::stream;
        /// use mixed_replace::{Part, source};
        ///
        /// let camera = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")]))).name("yard");
        /// assert_eq!(camera.monitor().name(), "yard");
        /// ```
        name(impl Into<Arc<str>>) => name;

        /// Sets the time without a picture after which the source is closed and opened again. 15 seconds by default.
        ///
        /// It is measured between pictures rather than bytes, so that a source that drips bytes is lost too.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use futures::stream;
        /// use mixed_replace::source::{self, Status};
        /// use mixed_replace::Part;
        ///
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() {
        /// let silent = source::from_fn(async || Ok::<_, source::Error>(stream::pending::<std::io::Result<Part>>()));
        /// let mut monitor = silent.monitor();
        /// let hub = silent.always(true).timeout(Duration::from_millis(20)).spawn();
        /// while monitor.changed().await.is_some_and(|status| !matches!(status, Status::Waiting { .. })) {}
        /// assert!(monitor.stats().last_error.is_some());
        /// # }
        /// ```
        timeout(Duration) => timeout;
    }

    /// Sets the pauses between attempts: the first is at most `first`, each further one at most twice as long, up to
    /// `longest`. 0.5 and 30 seconds by default, 10 milliseconds at least.
    ///
    /// Each is shortened by up to a half at random, so that sources that were lost together do not return together. A
    /// problem that only a person can mend, such as a refused password, is tried again after `longest`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::stream;
    /// use mixed_replace::{Part, source};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let camera = source::from_fn(async || Err::<stream::Empty<std::io::Result<Part>>, _>("no route to host"));
    /// let mut monitor = camera.monitor();
    /// let hub = camera.pauses(Duration::from_millis(10), Duration::from_millis(10)).always(true).spawn();
    /// while monitor.stats().attempts < 3 {
    ///     monitor.changed().await;
    /// }
    /// # }
    /// ```
    pub fn pauses(self, first: Duration, longest: Duration) -> Self {
        Self { pauses: Pauses::new(first, longest), ..self }
    }

    /// Returns a handle for watching the status of the source. Take it after the last option, before the source is spawned or
    /// run.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::stream;
    /// use mixed_replace::source::{self, Status};
    /// use mixed_replace::Part;
    ///
    /// let camera = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")])));
    /// let monitor = camera.monitor();
    /// assert_eq!(monitor.status(), Status::Asleep);
    /// ```
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        self.state.subscribe(&self.name)
    }
}

#[expect(private_bounds, reason = "only this module's types are opened")]
impl<O: Open> Source<O> {
    /// Creates a hub and spawns the source on the current tokio runtime.
    ///
    /// The source ends when the hub is [closed](Hub::close), or when every clone of it is dropped and the last viewer has
    /// left.
    ///
    /// # Panics
    ///
    /// Panics if called outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{StreamExt, stream};
    /// use mixed_replace::{Part, source};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let hub = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")]))).spawn();
    /// assert_eq!(hub.parts()?.next().await, Some(Part::text("on")?));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "without its hub nobody can watch the source"]
    pub fn spawn(self) -> Hub {
        self.spawn_with(hub::builder())
    }

    /// Creates a hub of this configuration, such as [`stale_after`](hub::Builder::stale_after) with a "no signal" picture,
    /// and spawns the source on the current tokio runtime.
    ///
    /// # Panics
    ///
    /// Panics if called outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::stream;
    /// use mixed_replace::{Part, hub, source};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let camera = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")])));
    /// let hub = camera.spawn_with(hub::builder().name("yard"));
    /// assert_eq!(hub.name(), Some("yard"));
    /// # }
    /// ```
    #[must_use = "without its hub nobody can watch the source"]
    pub fn spawn_with(self, hub: hub::Builder) -> Hub {
        let (publisher, hub) = hub.build();
        let (guard, dropped) = oneshot::channel::<Infallible>();
        let demand = publisher.demand();
        tokio::spawn(async move {
            let nobody_can_watch = async {
                let _ = dropped.await;
                demand.unwanted().await;
            };
            select! {
                () = self.run(publisher) => {}
                () = nobody_can_watch => {}
            }
        });
        hub.guarded(guard)
    }

    /// Spawns the source on the current tokio runtime and publishes its parts to a hub of your own. Aborting the task ends
    /// the source and closes the hub.
    ///
    /// # Panics
    ///
    /// Panics if called outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::stream;
    /// use mixed_replace::{Part, hub, source};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let camera = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")])));
    /// let (publisher, hub) = hub::channel();
    /// let task = camera.spawn_into(publisher);
    /// task.abort();
    /// assert!(task.await.is_err_and(|error| error.is_cancelled()));
    /// assert!(hub.is_closed());
    /// # }
    /// ```
    pub fn spawn_into(self, publisher: Publisher) -> JoinHandle<()> {
        tokio::spawn(self.run(publisher))
    }

    /// Publishes the parts of the source until the hub is closed, on any executor within a tokio runtime with a timer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the source and the hub. A program is ended and reaped.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::stream;
    /// use mixed_replace::{Part, hub, source};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let camera = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")])));
    /// let (publisher, hub) = hub::channel();
    /// hub.close();
    /// camera.run(publisher).await;
    /// # }
    /// ```
    pub fn run(self, publisher: Publisher) -> impl Future<Output = ()> + Send + use<O> {
        supervisor::run(self, publisher)
    }
}

/// Leaves out the options of the source, which may hold secrets.
impl<O> fmt::Debug for Source<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Source");
        debug.field("name", &self.name).field("always", &self.always).field("timeout", &self.timeout);
        debug.finish_non_exhaustive()
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Through ffmpeg, a network camera needs a few seconds for its first picture.
const TIMEOUT: Duration = Duration::from_secs(15);
