//! The side of a hub that has the pictures.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::demand::Demand;
use super::error::{Closed, InvalidFrame, PublishError};
use super::published::Published;
use super::shared::Shared;
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

    /// Publishes a part, replacing the previous one for current and future viewers.
    ///
    /// Never waits for a viewer: those that are busy with an older part skip to this one or a later one when they are
    /// through with it. The part is encoded at most once for each wire that somebody listens on.
    ///
    /// A camera's loop is [`publish_jpeg`](Self::publish_jpeg).
    ///
    /// # Errors
    ///
    /// [`PublishError::Closed`] if the hub is closed. [`PublishError::BoundaryInPart`] if the part holds the hub's
    /// boundary, which its viewers know: a part made of what one viewer wrote could otherwise forge parts for the others.
    /// [`PublishError::InvalidPicture`] if the part is a damaged image, as a [`Decoder`](crate::Decoder) may return.
    /// Both are counted in [`Stats::parts_invalid`](super::Stats::parts_invalid). Viewers keep what they have.
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
        if let Err(error) = part.check_picture() {
            self.skip(&error)?;
            return Err(PublishError::InvalidPicture(error));
        }
        if let Err(error) = self.shared.encoder(Wire::Machine).search(&part) {
            self.skip(&error)?;
            return Err(PublishError::BoundaryInPart(error));
        }
        Ok(self.publish_valid(part)?)
    }

    /// Publishes a JPEG picture, or skips it if it is damaged.
    ///
    /// The outer error is the closed hub, so a loop that ends with it survives every frame of a camera: one that is empty,
    /// cut off, or no JPEG. The inner error says why a frame was skipped. Viewers keep the picture that they have. Skipped
    /// frames are counted in [`Stats::parts_invalid`](super::Stats::parts_invalid), and with the feature `tracing` a `WARN`
    /// event names the reason, at most once in 10 seconds.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the hub is closed. Inside, [`InvalidFrame::Part`] if [`Part::jpeg`] rejects the body, and
    /// [`InvalidFrame::BoundaryInPart`] if it holds the hub's boundary.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::hub;
    ///
    /// let (publisher, hub) = hub::channel();
    /// # let mut frames = vec![vec![], vec![0xff, 0xd8]].into_iter();
    /// # let closing = hub.clone();
    /// # let mut capture = move || frames.next().unwrap_or_else(|| { closing.close(); vec![] });
    /// while let Ok(frame) = publisher.publish_jpeg(capture()) {
    ///     if let Err(error) = frame {
    ///         eprintln!("frame skipped: {error}");
    ///     }
    /// }
    /// assert!(hub.is_closed());
    /// assert_eq!(hub.stats().parts_invalid, 2);
    /// ```
    ///
    /// Where the count is enough, the loop is one line:
    ///
    /// ```
    /// # let (publisher, hub) = mixed_replace::hub::channel();
    /// # let mut frames = 0;
    /// # let mut capture = || { frames += 1; if frames == 3 { hub.close() } "no picture" };
    /// while publisher.publish_jpeg(capture()).is_ok() {}
    /// ```
    pub fn publish_jpeg(&self, body: impl Into<Bytes>) -> Result<Result<(), InvalidFrame>, Closed> {
        let error = match Part::jpeg(body).map(|part| self.publish(part)) {
            Ok(Ok(())) => return Ok(Ok(())),
            Ok(Err(PublishError::Closed)) => return Err(Closed(())),
            Ok(Err(PublishError::BoundaryInPart(error))) => return Ok(Err(InvalidFrame::BoundaryInPart(error))),
            Ok(Err(PublishError::InvalidPicture(error))) => return Ok(Err(InvalidFrame::Part(error.into()))),
            Err(error) => error,
        };
        self.skip(&error)?;
        Ok(Err(InvalidFrame::Part(error)))
    }

    fn publish_valid(&self, part: Part) -> Result<(), Closed> {
        let published = Arc::new(Published::new(part, Instant::now()));
        let wires = self.shared.update(|state| {
            let sent = !state.is_closed() && !state.is_identical(&published.part);
            Wire::ALL.map(|wire| (sent && state.listens(wire)).then_some(wire))
        });
        for wire in wires.into_iter().flatten() {
            self.shared.encoded(&published, wire);
        }
        let now = Instant::now();
        let accepted = self.shared.update(|state| (!state.is_closed()).then(|| state.publish(&published, now)));
        accepted.ok_or(Closed(()))
    }

    /// Counts a frame that cannot be published. A closed hub comes first: it ends the loop, whatever the frame.
    #[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "there is no log"))]
    fn skip(&self, error: &dyn fmt::Display) -> Result<(), Closed> {
        let now = Instant::now();
        let skipped = self.shared.update(|state| (!state.is_closed()).then(|| state.skip_invalid(now)));
        let warning = skipped.ok_or(Closed(()))?;
        #[cfg(feature = "tracing")]
        if let Some(skipped) = warning {
            tracing::warn!(%error, skipped, "frame skipped");
        }
        Ok(())
    }

    /// Returns a handle that says whether anybody watches, so that a camera runs only while somebody does.
    #[must_use]
    pub fn demand(&self) -> Demand {
        Demand::new(Arc::clone(&self.shared))
    }

    /// Returns `true` once the hub is closed: viewers get no further part.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.update(|state| state.is_closed())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let now = Instant::now();
        #[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "there is no log"))]
        let was_closed = self.shared.update(|state| {
            let was_closed = state.is_closed();
            state.close(now);
            was_closed
        });
        #[cfg(feature = "tracing")]
        if std::thread::panicking() && !was_closed {
            tracing::warn!("hub closed: the thread of its publisher panicked");
        }
    }
}
