//! The configuration of a set of hubs and its defaults.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::handle::{Hubs, Shared};
use crate::derive::{opaque_debug, setters};
use crate::hub::{self, Publisher};

/// The configuration of a set of hubs.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mixed_replace::{Hubs, hub};
///
/// let cameras = Hubs::builder()
///     .hub(hub::builder().max_subscribers(100))
///     .idle(Duration::from_secs(60))
///     .max(50)
///     .build();
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) hub: hub::Builder,
    pub(super) idle: Duration,
    pub(super) max: usize,
    pub(super) source: Option<Source>,
}

/// A function that starts the source of a hub.
#[derive(Clone)]
pub(super) struct Source(pub(super) Arc<SourceFn>);

type SourceFn = dyn Fn(&str, Publisher) -> Result<(), BoxError> + Send + Sync;

opaque_debug!(Source);

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

impl Builder {
    pub(super) fn new() -> Self {
        Self { hub: hub::builder(), idle: Duration::from_secs(30), max: 1000, source: None }
    }

    /// Creates the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Hubs;
    ///
    /// let cameras = Hubs::builder().max(50).build();
    /// assert!(cameras.names().is_empty());
    /// ```
    #[must_use]
    pub fn build(self) -> Hubs {
        Hubs { shared: Shared::new(self) }
    }

    setters! {
        /// Sets the configuration of the hubs that are made by the source.
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::{Hubs, Wire, hub};
        ///
        /// let (sender, publishers) = std::sync::mpsc::channel();
        /// let cameras = Hubs::builder()
        ///     .hub(hub::builder().max_subscribers(1))
        ///     .source(move |name, publisher| Ok(sender.send(publisher)?))
        ///     .build();
        /// let viewer = cameras.open("yard")?.subscribe(Wire::Browser);
        /// assert!(cameras.open("yard")?.subscribe(Wire::Browser).is_err());
        /// # Ok::<(), mixed_replace::hubs::OpenError>(())
        /// ```
        hub(hub::Builder) => hub;

        /// Sets how long a hub that was made by the source is kept without viewers. Default: 30 seconds.
        ///
        /// The camera stops earlier: [`Demand`](crate::hub::Demand) ends after the hub's
        /// [`linger`](hub::Builder::linger). Until it is dropped, an idle hub keeps its last part and its place among
        /// [`max`](Self::max).
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use mixed_replace::Hubs;
        ///
        /// let (sender, publishers) = std::sync::mpsc::channel();
        /// let cameras = Hubs::builder()
        ///     .idle(Duration::from_millis(20))
        ///     .source(move |name, publisher| Ok(sender.send(publisher)?))
        ///     .build();
        /// drop(cameras.open("yard")?);
        /// // Nobody watches it, so it is closed before it is wanted.
        /// assert!(!publishers.recv()?.demand().blocking_wanted());
        /// assert!(cameras.get("yard").is_none());
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        idle(Duration) => idle;

        /// Limits the number of hubs. Default: 1000.
        ///
        /// While there are as many, a new name is a `503 Service Unavailable`, even one that the source does not know: only a
        /// call of the source with a hub's [`Publisher`] can tell.
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::{Hubs, hubs::OpenError};
        ///
        /// let (sender, publishers) = std::sync::mpsc::channel();
        /// let cameras = Hubs::builder().max(1).source(move |name, publisher| Ok(sender.send(publisher)?)).build();
        /// let yard = cameras.open("yard")?;
        /// assert!(matches!(cameras.open("door"), Err(OpenError::Full { .. })));
        /// # Ok::<(), OpenError>(())
        /// ```
        max(usize) => max;
    }

    /// Sets a function that starts the source of a hub, called when the first viewer of a name comes.
    ///
    /// It returns at once, and leaves the [`Publisher`] to a task or a thread that publishes while there is
    /// [`Demand`](crate::hub::Demand) and ends once the hub is closed. It must not open the name that it is called with.
    ///
    /// An error is the response to that viewer: `404 Not Found` for [`Unknown`](super::Unknown), and for any other
    /// `503 Service Unavailable`, without its text, which may hold the address of a camera. Nothing is kept of the name, so
    /// the next viewer calls the source again.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use mixed_replace::{Hubs, Publisher, hubs};
    ///
    /// # fn open(device: &str, publisher: Publisher) -> std::io::Result<()> { Ok(()) }
    /// let devices = HashMap::from([("yard", "/dev/video0"), ("door", "/dev/video2")]);
    /// let cameras = Hubs::builder()
    ///     .source(move |name, publisher| Ok(open(devices.get(name).ok_or(hubs::Unknown)?, publisher)?))
    ///     .build();
    /// assert!(cameras.open("yard").is_ok());
    /// assert_eq!(cameras.open("roof").unwrap_err().to_string(), "no hub has this name");
    /// ```
    pub fn source<F>(mut self, source: F) -> Self
    where
        F: Fn(&str, Publisher) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    {
        self.source = Some(Source(Arc::new(source)));
        self
    }
}
