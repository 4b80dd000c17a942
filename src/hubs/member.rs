//! The members of a set: hubs and ladders.

use std::time::Duration;

use crate::hub::{Activity, Hub};
use crate::ladder::Ladder;

/// A hub or a ladder of a set.
#[derive(Clone, Debug)]
pub(crate) enum Member {
    Hub(Hub),
    Ladder(Ladder),
}

/// A hub or a ladder that is no longer in a set: [removed](super::Hubs::remove), or replaced by an insert.
///
/// # Examples
///
/// ```
/// use mixed_replace::{Hubs, hub};
///
/// let cameras = Hubs::new();
/// let (publisher, hub) = hub::channel();
/// cameras.insert("yard", hub)?;
/// if let Some(removed) = cameras.remove("yard") {
///     removed.close();
/// }
/// assert!(publisher.is_closed());
/// # Ok::<(), mixed_replace::hubs::InsertError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Removed(pub(super) Member);

impl Removed {
    /// Ends every stream by closing the hub, of a ladder those of all sizes: see [`Hub::close`].
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, hub};
    ///
    /// let cameras = Hubs::new();
    /// let (publisher, hub) = hub::channel();
    /// cameras.insert("yard", hub)?;
    /// let removed = cameras.remove("yard").expect("it was inserted");
    /// assert!(!publisher.is_closed());
    /// removed.close();
    /// assert!(publisher.is_closed());
    /// # Ok::<(), mixed_replace::hubs::InsertError>(())
    /// ```
    pub fn close(&self) {
        self.0.close();
    }

    /// Returns whether it is closed, of a ladder whether all sizes are.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Hubs;
    ///
    /// let (sender, publishers) = std::sync::mpsc::channel();
    /// let cameras = Hubs::builder().source(move |name, publisher| Ok(sender.send(publisher)?)).build();
    /// let yard = cameras.open("yard")?;
    /// assert!(cameras.remove("yard").is_some_and(|made| made.is_closed()));
    /// # Ok::<(), mixed_replace::hubs::OpenError>(())
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Returns the hub, or that of the largest picture.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, hub};
    ///
    /// let cameras = Hubs::new();
    /// cameras.insert("yard", hub::channel().1)?;
    /// let removed = cameras.remove("yard").expect("it was inserted");
    /// assert_eq!(removed.hub().name(), Some("yard"));
    /// # Ok::<(), mixed_replace::hubs::InsertError>(())
    /// ```
    #[must_use]
    pub fn hub(&self) -> &Hub {
        self.0.hub()
    }
}

impl Member {
    /// Returns the hub, or that of the largest picture.
    pub(crate) fn hub(&self) -> &Hub {
        match self {
            Self::Hub(hub) => hub,
            Self::Ladder(ladder) => ladder.largest(),
        }
    }

    /// Returns each hub with its name: of the rungs `yard`, `yard/1`, `yard/2`. No other name of a set has a slash.
    pub(super) fn hubs(&self, name: &str) -> Vec<(String, Hub)> {
        match self {
            Self::Hub(hub) => vec![(name.to_owned(), hub.clone())],
            Self::Ladder(ladder) => {
                let name_of = |rung| if rung == 0 { name.to_owned() } else { format!("{name}/{rung}") };
                ladder.hubs().enumerate().map(|(rung, hub)| (name_of(rung), hub.clone())).collect()
            }
        }
    }

    /// Sets the name of each hub, unless it has one.
    pub(super) fn set_name(&self, name: &str) {
        self.hubs(name).iter().for_each(|(name, hub)| hub.set_name(name));
    }

    /// Closes each hub.
    pub(super) fn close(&self) {
        match self {
            Self::Hub(hub) => hub.close(),
            Self::Ladder(ladder) => ladder.close(),
        }
    }

    /// Ends the streams with this key, and returns their number.
    pub(super) fn revoke(&self, key: &str) -> usize {
        match self {
            Self::Hub(hub) => hub.revoke(key),
            Self::Ladder(ladder) => ladder.revoke(key),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Hub(hub) => hub.is_closed(),
            Self::Ladder(ladder) => ladder.is_closed(),
        }
    }

    /// Returns its activity, its number of viewers, and the age of the latest part: of a ladder those of the largest picture
    /// that is watched, and the viewers of all.
    pub(super) fn state(&self) -> (Activity, usize, Option<Duration>) {
        match self {
            Self::Hub(hub) => hub.state(),
            Self::Ladder(ladder) => {
                let watched = ladder.hubs().find(|hub| hub.activity() != Activity::Asleep);
                let (activity, _, age) = watched.unwrap_or_else(|| ladder.largest()).state();
                (activity, ladder.viewers().len(), age)
            }
        }
    }
}
