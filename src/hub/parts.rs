//! The parts of a hub as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use super::seat::Seat;
use super::slot::interval;
use crate::body::Step;
use crate::part::Part;

/// A stream of the parts that are published, created by [`Hub::parts`](crate::Hub::parts).
///
/// It starts with the latest part. Parts that are published between two polls are skipped, except the newest. It ends
/// with the hub, after the last part.
///
/// The "no signal" part of [`stale_after`](super::Builder::stale_after) is left out, and the limits of the hub's
/// [`Builder`](super::Builder) on rate and lifetime do not apply.
///
/// # Cancel safety
///
/// Nothing is lost when it is dropped between two polls.
#[must_use = "a stream does nothing unless polled"]
#[derive(Debug)]
pub struct Parts {
    seat: Seat,
    started: bool,
}

impl Parts {
    pub(super) fn new(mut seat: Seat) -> Self {
        (seat.settings.max_lifetime, seat.settings.min_interval) = (None, None);
        Self { seat, started: false }
    }

    /// Makes this stream no [`Demand`](super::Demand), as [`Subscriber::passive`](crate::Subscriber::passive) does: it
    /// gets the parts that are published while others watch.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut motion = hub.parts()?.passive();
    /// assert!(motion.next().now_or_never().is_none());
    /// assert!(!publisher.demand().is_wanted());
    /// publisher.publish(Part::text("on")?)?;
    /// assert_eq!(motion.next().now_or_never().flatten(), Some(Part::text("on")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn passive(self) -> Self {
        self.seat.set_passive();
        self
    }

    /// Sets a label, as [`Subscriber::label`](crate::Subscriber::label) does, such as `recorder`.
    pub fn label(self, label: impl Into<String>) -> Self {
        self.seat.set_label(label.into());
        self
    }

    /// Sets the shortest time between two parts. The stream returns the newest part each time.
    pub fn min_interval(mut self, min_interval: Duration) -> Self {
        self.seat.settings.min_interval = interval(min_interval);
        self
    }
}

impl Stream for Parts {
    type Item = Part;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Part>> {
        if !std::mem::replace(&mut self.started, true) {
            self.seat.start();
        }
        loop {
            match self.seat.poll(false, 0, cx) {
                Step::Part(part) => {
                    // It is taken at once, however long the task works on it.
                    drop(self.seat.release_on_drop(part.part.body().len() as u64));
                    if !part.no_signal {
                        return Poll::Ready(Some(part.part.clone()));
                    }
                }
                Step::Repeat => {}
                Step::Wait => return Poll::Pending,
                Step::End => return Poll::Ready(None),
            }
        }
    }
}
