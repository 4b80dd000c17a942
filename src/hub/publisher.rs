//! The side of a hub that has the pictures.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::demand::Demand;
use super::published::Published;
use super::shared::Shared;
use crate::encode::BoundaryInPart;
use crate::part::Part;
use crate::wire::Wire;

/// Gives parts to a [`Hub`](super::Hub)'s viewers. Dropping it closes the hub.
///
/// Needs no runtime, and may be used from a plain thread.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
}

impl Publisher {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Shows a part to every viewer, now and to come, in place of the one before.
    ///
    /// Never waits for a viewer: those that are busy with an older part skip to this one or a later one when they are
    /// through with it. The part is encoded at most once for each wire that somebody listens on.
    ///
    /// # Errors
    ///
    /// If the part holds the hub's boundary, which its viewers know: a part made of what one viewer wrote could
    /// otherwise forge parts for the others. If the hub is closed. Viewers keep what they have.
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
    pub fn publish(&self, part: Part) -> Result<(), PublishError> {
        self.shared.encoder(Wire::Machine).search(&part).map_err(PublishError::BoundaryInPart)?;
        let published = Arc::new(Published::new(part, Instant::now()));
        let wanted = self.shared.update(|state| {
            let shown = !state.is_closed() && !state.is_identical(&published.part);
            Wire::ALL.map(|wire| (shown && state.listens(wire)).then_some(wire))
        });
        for wire in wanted.into_iter().flatten() {
            self.shared.encoded(&published, wire);
        }
        let now = Instant::now();
        let taken = self.shared.update(|state| (!state.is_closed()).then(|| state.publish(&published, now)));
        taken.ok_or(PublishError::Closed)
    }

    /// Tells whether anybody watches, so that a camera runs only while somebody does.
    #[must_use]
    pub fn demand(&self) -> Demand {
        Demand::new(Arc::clone(&self.shared))
    }

    /// Whether the hub was closed, so that nobody will see another part.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.update(|state| state.is_closed())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let now = Instant::now();
        self.shared.update(|state| state.close(now));
    }
}

/// Why a part was not published.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PublishError {
    /// The part holds the hub's boundary.
    BoundaryInPart(BoundaryInPart),
    /// The hub is closed.
    Closed,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BoundaryInPart(_) => f.write_str("the part cannot be sent to this hub's viewers"),
            Self::Closed => f.write_str("the hub is closed"),
        }
    }
}

impl std::error::Error for PublishError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::BoundaryInPart(source) => Some(source),
            Self::Closed => None,
        }
    }
}
