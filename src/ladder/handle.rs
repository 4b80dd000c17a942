//! The handle for subscribing to a ladder.

use std::fmt;
use std::sync::Arc;

use super::encodings::Encodings;
use super::place::Options;
use super::shared::Shared;
use super::subscriber::Subscriber;
use crate::boundary::Boundary;
use crate::hub::{Hub, Refused};
use crate::wire::Wire;

/// A cloneable handle for one picture in several sizes, the largest first, each of them a [`Hub`].
///
/// A viewer starts with the largest picture, and is moved to a smaller one while its line is too slow: a smaller picture at full
/// rate in place of a few large ones. [`Live::ladder`](crate::Live::ladder) serves it.
///
/// Only rungs with viewers are [`Demand`](crate::hub::Demand) of their hub. A move is seamless: the viewer goes on with its
/// previous rung until the new one has one at least as recent, and the stream keeps its boundary.
///
/// The rule looks at how long the transport takes for each part, and which pictures the viewer misses meanwhile:
///
/// - Down, to the largest picture that the measured rate carries, once the viewer misses one picture in six.
/// - Up by one rung after five calm seconds. After a failed try the next one comes later and later.
/// - At most one move in two seconds.
///
/// A viewer of any [`Size`] whose rung has had no picture for 15 seconds takes a place on another one too, and gets the pictures
/// of the first that answers.
///
/// A server whose connections are not [tuned](crate::socket) hides a slow line in its buffers, so a viewer is moved late.
///
/// # Examples
///
/// The main and the sub stream of a camera:
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use mixed_replace::{Ladder, Live, hub};
///
/// let (main_publisher, main) = hub::channel();
/// let (sub_publisher, sub) = hub::channel();
/// let ladder = Ladder::new([main, sub]);
/// let app: axum::Router = axum::Router::new().route_service("/live", Live::ladder(ladder.clone()));
/// assert_eq!(ladder.stats().rungs.len(), 2);
/// ```
#[doc(alias("simulcast", "ABR", "adaptive"))]
#[derive(Clone)]
pub struct Ladder {
    pub(super) shared: Arc<Shared>,
}

/// The size that a viewer asks for.
///
/// # Examples
///
/// ```
/// use mixed_replace::ladder::Size;
///
/// fn of_grid(tiles: u32) -> Size {
///     if tiles == 1 { Size::Line } else { Size::Width(1920 / tiles) }
/// }
/// assert_eq!(of_grid(4), Size::Width(480));
/// assert_eq!(of_grid(1), Size::default());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Size {
    /// The largest picture that the line carries.
    #[default]
    Line,
    /// The first rung.
    Full,
    /// The smallest picture that is at least so many pixels wide, or else the first rung.
    ///
    /// The width of a rung is known from its first picture on. A viewer starts on a rung that is known to be so wide, and tries
    /// smaller ones that have had no picture while it gets the pictures of that one.
    Width(u32),
}

impl Ladder {
    /// Creates a ladder of these hubs, the one with the largest picture first.
    ///
    /// # Panics
    ///
    /// Panics if there is no hub.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Ladder, hub};
    ///
    /// let (main_publisher, main) = hub::builder().name("main").build();
    /// let (sub_publisher, sub) = hub::builder().name("sub").build();
    /// let ladder = Ladder::new([main, sub]);
    /// assert_eq!(ladder.hubs().next().and_then(|largest| largest.name()), Some("main"));
    /// ```
    #[must_use]
    pub fn new(hubs: impl IntoIterator<Item = Hub>) -> Self {
        Self { shared: Shared::new(hubs.into_iter().map(|hub| (hub, None, None)).collect(), &Boundary::random()) }
    }

    /// Creates a response for one viewer, for the wire that its client understands: see [`Hub::subscribe`].
    ///
    /// # Errors
    ///
    /// - [`Refused::TooManyViewers`] if the hub of its rung already has
    ///   [`max_subscribers`](crate::hub::Builder::max_subscribers) viewers.
    /// - [`Refused::Closed`] if that hub was closed before its first part.
    ///
    /// In place of a closed rung, and with [`Size::Line`] of a full one, the viewer starts on another that has a place. The
    /// error is that of the first try, if all of them refuse.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Ladder, Part, Wire, hub, ladder::Size};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// let ladder = Ladder::new([hub]);
    /// let by_the_line = ladder.subscribe(Wire::Browser, Size::Line)?;
    /// let small = ladder.subscribe(Wire::Browser, Size::Width(320))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn subscribe(&self, wire: Wire, size: Size) -> Result<Subscriber, Refused> {
        self.subscribe_with(Options::new(wire), size)
    }

    /// Creates a response with these options.
    pub(crate) fn subscribe_with(&self, options: Options, size: Size) -> Result<Subscriber, Refused> {
        self.subscribe_as(&self.shared.encodings, options, size)
    }

    /// Creates the response for a viewer who gets these pictures as one of several.
    pub(crate) fn subscribe_as(
        &self,
        encodings: &Arc<Encodings>,
        options: Options,
        size: Size,
    ) -> Result<Subscriber, Refused> {
        Subscriber::new(&self.shared, Arc::clone(encodings), options, size)
    }

    /// Returns whether both are handles for one ladder.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Returns whether no further picture comes.
    pub(crate) fn is_closed(&self) -> bool {
        (0..self.shared.rungs.len()).all(|rung| self.shared.is_closed(rung))
    }

    /// Returns the hub of each rung, the largest picture first.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Ladder, hub};
    ///
    /// let (main_publisher, main) = hub::builder().name("main").build();
    /// let (sub_publisher, sub) = hub::builder().name("sub").build();
    /// let ladder = Ladder::new([main, sub]);
    /// assert_eq!(ladder.hubs().filter_map(|hub| hub.name()).collect::<Vec<_>>(), ["main", "sub"]);
    /// ```
    #[must_use]
    pub fn hubs(&self) -> impl ExactSizeIterator<Item = &Hub> {
        self.shared.rungs.iter().map(|rung| &rung.hub)
    }

    /// Returns the hub of the first rung.
    pub(crate) fn largest(&self) -> &Hub {
        &self.shared.rung(0).hub
    }

    /// Returns the hub whose latest part is a snapshot of this size, or of the nearest one that is open.
    pub(crate) fn hub_of(&self, size: Size) -> &Hub {
        let rung = self.shared.rung_of(size);
        let open = |rung: &usize| !self.shared.is_closed(*rung);
        // A closed hub still has its last part.
        let has_part = |rung: &usize| self.shared.rung(*rung).hub.latest().is_some();
        let nearest = || std::iter::once(rung).chain(self.shared.nearest(rung));
        let rung = nearest().find(open).or_else(|| nearest().find(has_part)).unwrap_or(rung);
        &self.shared.rung(rung).hub
    }

    /// Ends every stream with this key: see [`Hub::revoke`]. Returns the number of streams ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::ladder::Size;
    /// use mixed_replace::{Ladder, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let ladder = Ladder::new([hub]);
    /// let viewer = ladder.subscribe(Wire::Browser, Size::Line)?.key("ada");
    /// assert_eq!(ladder.revoke("ada"), 1);
    /// # Ok::<(), hub::Refused>(())
    /// ```
    #[expect(clippy::must_use_candidate, reason = "called for its effect; most callers do not need the number")]
    pub fn revoke(&self, key: &str) -> usize {
        // Twice, since a viewer may move to a hub of the first round. Its next move is seconds later.
        self.hubs().chain(self.hubs()).map(|hub| hub.revoke(key)).sum()
    }
}

impl fmt::Debug for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ladder").field("rungs", &self.shared.rungs.len()).finish_non_exhaustive()
    }
}
