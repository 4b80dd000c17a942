//! The publishing side of a hub: the handle, and what a part changes in the state.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::demand::Demand;
use super::error::{Closed, PublishError};
use super::published::Published;
use super::shared::Shared;
use super::state::State;
use crate::encode::EncodeError;
use crate::part::{InvalidPart, Part};
use crate::wire::Wire;

/// A handle for publishing parts to the viewers of a [`Hub`](crate::Hub). Dropping it closes the
/// hub.
///
/// It needs no runtime and can be used from any thread. A hub has one publisher, so that dropping it has a meaning: threads
/// share it in an `Arc<Publisher>`.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use mixed_replace::{Part, hub};
///
/// let (publisher, hub) = hub::channel();
/// let camera = thread::spawn(move || {
///     for number in 1..=3 {
///         // An error only if the hub is closed, or the part cannot be sent.
///         let _ = publisher.publish(Part::text(number.to_string()).expect("a text"));
///     }
/// });
/// camera.join().unwrap();
/// assert!(hub.is_closed(), "the publisher was dropped");
/// ```
#[doc(alias("clone", "Sender"))]
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
    /// A part that was published before, with its time and number, is the keep-alive of the server from which it came. It is
    /// counted and dropped: it does not postpone [`stale_after`](super::Builder::stale_after).
    ///
    /// A part without a [time](Part::captured) gets the current one, and a part without a [number](Part::sequence) the next of
    /// the hub, from 1. So the time and the number that a camera or another server gave a part stay with it. Parts that
    /// several threads publish at the same time may be numbered in another order than they are sent.
    ///
    /// Never waits for a viewer. A viewer that is receiving an older part skips to this one or a
    /// later one afterwards. The part is encoded at most once for each wire in use.
    ///
    /// For a camera's loop use [`publish_jpeg`](Self::publish_jpeg).
    ///
    /// # Errors
    ///
    /// - [`PublishError::Closed`] if the hub is closed.
    /// - [`PublishError::Encode`] if the part holds the hub's boundary, or is a damaged image, as a
    ///   [`Decoder`](crate::Decoder) may return. Viewers know the boundary, so text from one viewer
    ///   could otherwise forge parts for the others.
    ///
    /// [`Stats::parts_invalid`](super::Stats::parts_invalid) counts the last one. Viewers keep the
    /// previous part.
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
        self.publish_as(part, false)
    }

    /// Publishes a part that was there before, in another size, if `found`. It answers no snapshot that waits for the next part.
    pub(crate) fn publish_as(&self, part: Part, found: bool) -> Result<(), PublishError> {
        let (time, machine) = (SystemTime::now(), self.shared.encoder(Wire::Machine));
        let (captured, sequence) = (part.captured(), part.sequence());
        if let Err(error) = machine.check(&part) {
            self.shared.skip(&error, error.is_of_boundary())?;
            return Err(PublishError::Encode(error));
        }
        // Afterwards, so that only parts that are published take a number: a gap tells readers that they missed one.
        let part = part.stamped(time, || self.shared.next_sequence(), machine.sends_timestamps());
        let now = Instant::now();
        let mut published = Published::new(part, now, time);
        published.found = found;
        let (again, latest, wires) = self.shared.read(|state| {
            let wires = Wire::ALL.map(|wire| Some(wire).filter(|wire| state.watching[*wire] > 0));
            let again = state.latest.clone().filter(|latest| latest.part.is_again(captured, sequence));
            if state.closed { Err(Closed(())) } else { Ok((again, state.comparable(), wires)) }
        })?;
        if again.is_some_and(|latest| latest.part == published.part) {
            self.shared.update(|state| state.stats.parts_repeated += 1);
            return Ok(());
        }
        let identical = latest.filter(|latest| latest.part == published.part);
        let mut encodings = 0;
        for wire in wires.into_iter().flatten().filter(|_| identical.is_none()) {
            published.encoded(self.shared.encoder(wire));
            encodings += 1;
        }
        Ok(self.shared.update(|state| state.publish(published, encodings, identical.as_ref(), now))?)
    }

    /// Publishes a JPEG picture, or skips it if it is damaged.
    ///
    /// The outer error means that the hub is closed. A loop that ends only on that error survives
    /// frames that are empty, truncated, or not a JPEG. The inner error says why a frame was
    /// skipped.
    ///
    /// Viewers keep the previous picture. [`Stats::parts_invalid`](super::Stats::parts_invalid)
    /// counts skipped frames, and with the feature `tracing` a `WARN` event names the reason, at
    /// most once in 10 seconds.
    ///
    /// # Errors
    ///
    /// - [`Closed`] if the hub is closed.
    /// - Inside `Ok`, [`EncodeError::InvalidPart`] if [`Part::jpeg`] rejects the body.
    /// - Inside `Ok`, [`EncodeError::BoundaryInPart`] if the frame holds the hub's boundary.
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
    /// If the count is enough, the loop takes one line:
    ///
    /// ```
    /// # let (publisher, hub) = mixed_replace::hub::channel();
    /// # let mut frames = 0;
    /// # let mut capture = || { frames += 1; if frames == 3 { hub.close() } "no picture" };
    /// while publisher.publish_jpeg(capture()).is_ok() {}
    /// ```
    pub fn publish_jpeg(&self, body: impl Into<Bytes>) -> Result<Result<(), EncodeError>, Closed> {
        self.publish_or_skip(Part::jpeg(body))
    }

    fn publish_or_skip(&self, part: Result<Part, InvalidPart>) -> Result<Result<(), EncodeError>, Closed> {
        let published = match part {
            Ok(part) => self.publish(part),
            Err(error) => {
                let error = EncodeError::from(error);
                self.shared.skip(&error, error.is_of_boundary())?;
                Err(PublishError::Encode(error))
            }
        };
        match published {
            Ok(()) => Ok(Ok(())),
            Err(PublishError::Closed) => Err(Closed(())),
            Err(PublishError::Encode(error)) => Ok(Err(error)),
        }
    }

    /// Publishes the part that a function returns, which is called only if somebody watches or waits for a snapshot.
    ///
    /// So a picture is encoded once, and only when it is looked at. The function is not called for
    /// [passive](crate::Subscriber::passive) viewers only, nor during the [linger](super::Builder::linger). A new viewer gets
    /// the last part that was published, and then the next.
    ///
    /// Returns whether a part was published: a loop runs until the outer error. The inner error says why a part was
    /// skipped, as from [`publish_jpeg`](Self::publish_jpeg).
    ///
    /// # Errors
    ///
    /// [`Closed`] if the hub is closed. The inner errors are
    ///
    /// - [`EncodeError::InvalidPart`] if the function returns an error, or a damaged image.
    /// - [`EncodeError::BoundaryInPart`] if the part holds the hub's boundary.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// // In an app, this encodes pixels.
    /// let encode = || Part::text("12:00");
    /// assert_eq!(publisher.publish_with(encode)?, Ok(false));
    ///
    /// let mut parts = hub.parts()?;
    /// assert!(parts.next().now_or_never().is_none());
    /// assert_eq!(publisher.publish_with(encode)?, Ok(true));
    /// assert_eq!(parts.next().now_or_never().flatten(), Some(Part::text("12:00")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish_with(
        &self,
        part: impl FnOnce() -> Result<Part, InvalidPart>,
    ) -> Result<Result<bool, EncodeError>, Closed> {
        let (closed, watched) = self.shared.read(|state| (state.closed, state.is_watched()));
        match (closed, watched) {
            (true, _) => Err(Closed(())),
            (_, false) => Ok(Ok(false)),
            _ => Ok(self.publish_or_skip(part())?.map(|()| true)),
        }
    }

    /// Returns the name of the hub, for the events of its source.
    #[cfg(all(feature = "source", feature = "tracing"))]
    pub(crate) fn hub_name(&self) -> Option<&str> {
        self.shared.name()
    }

    /// Counts a picture that cannot be sent, and logs that from time to time.
    #[cfg(feature = "scale")]
    pub(crate) fn skip(&self, error: &dyn std::fmt::Display) {
        // A closed hub counts no more.
        let _ = self.shared.skip(error, false);
    }

    /// Sends the "no signal" part of another hub until the next part is published.
    #[cfg(feature = "scale")]
    pub(crate) fn publish_no_signal(&self, part: Part) {
        let now = Instant::now();
        self.shared.update(|state| {
            if !state.closed {
                state.set_no_signal(part, now);
            }
        });
    }

    /// Returns a handle for waiting until the hub is watched, so that a camera runs only while it
    /// has viewers.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::hub;
    ///
    /// let (publisher, hub) = hub::channel();
    /// let demand = publisher.demand();
    /// assert!(!demand.is_wanted(), "nobody watches");
    /// ```
    #[must_use]
    pub fn demand(&self) -> Demand {
        Demand::new(Arc::clone(&self.shared))
    }

    /// Returns `true` once the hub is closed. Further parts are rejected.
    ///
    /// # Examples
    ///
    /// ```
    /// let (publisher, hub) = mixed_replace::hub::channel();
    /// assert!(!publisher.is_closed());
    /// hub.close();
    /// assert!(publisher.is_closed());
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.read(|state| state.closed)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let now = Instant::now();
        let _was_closed = self.shared.update(|state| {
            let was_closed = state.closed;
            state.close(now);
            was_closed
        });
        #[cfg(feature = "tracing")]
        if std::thread::panicking() && !_was_closed {
            tracing::warn!(hub = self.shared.name(), "hub closed: the thread of its publisher panicked");
        }
    }
}

impl State {
    /// Returns the part that an identical one would not replace.
    pub(super) fn comparable(&self) -> Option<Arc<Published>> {
        self.latest.clone().filter(|_| self.config.drop_identical && !self.stale)
    }

    /// Makes a part the latest one, unless it equals that one. `identical_to` is the part that it
    /// was found to equal, compared without the lock. If another one was published meanwhile, this
    /// one counts as new.
    pub(super) fn publish(
        &mut self,
        published: Published,
        encodings: u64,
        identical_to: Option<&Arc<Published>>,
        now: Instant,
    ) -> Result<(), Closed> {
        let published = published.with_version(self.version() + 1);
        self.stats.encodings += encodings;
        if self.closed {
            self.effects.dropped.push(Arc::new(published));
            return Err(Closed(()));
        }
        self.stats.parts_published += 1;
        self.answers += u64::from(!published.found);
        let bytes = published.part.body().len() as u64;
        self.stats.bytes_published += bytes;
        self.started.get_or_insert(now);
        self.published.count(bytes, now);
        self.published_at = Some((now, published.modified));
        self.wake_snapshots();
        let identical = identical_to.zip(self.comparable()).filter(|(one, other)| Arc::ptr_eq(one, other));
        if let Some((_, identical)) = identical {
            self.stats.parts_identical += 1;
            // With its later time, for repeats and new viewers.
            let renewed = Arc::new(published.renewing(&identical));
            self.effects.dropped.extend(self.latest.replace(Arc::clone(&renewed)));
            self.effects.dropped.extend(self.current.replace(Arc::clone(&renewed)));
            self.effects.dropped.push(identical);
            self.change(.., now, |slot| slot.offer_renewed(&renewed));
            self.set_stale_timer();
            return Ok(());
        }
        self.stale = false;
        let published = Arc::new(published);
        self.effects.dropped.extend(self.latest.replace(Arc::clone(&published)));
        self.set_current(&published, now);
        Ok(())
    }

    /// Counts a frame that cannot be published. Returns the count if a warning is due.
    pub(super) fn skip_invalid(&mut self, has_boundary: bool, now: Instant) -> Option<u64> {
        self.stats.parts_invalid += 1;
        self.stats.parts_with_boundary += u64::from(has_boundary);
        if self.warned_at.is_some_and(|at| now.saturating_duration_since(at) < WARN_INTERVAL) {
            return None;
        }
        self.warned_at = Some(now);
        Some(self.stats.parts_invalid)
    }
}

/// Keeps a camera that sends 30 damaged frames a second from filling the log.
const WARN_INTERVAL: Duration = Duration::from_secs(10);
