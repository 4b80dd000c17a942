//! The keep-alive of a stream.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use crate::derive::opaque_debug;

/// A timer that repeats the last part when nothing has been sent for one of its periods.
///
/// Only a write detects reliably that a viewer has disconnected, and proxies cut connections that are silent for a minute.
/// A repeated part is what every consumer accepts; a blank line, a comment or an empty part breaks some. So a viewer who
/// leaves an idle stream is detected within two periods. A stream of events, none of which may be repeated, sends its
/// [heartbeat](crate::Encoder::heartbeat) instead.
///
/// The timer runs evenly: sending a part does not reset it.
///
/// The adapters for axum and actix-web default to 10 seconds. Elsewhere there is no keep-alive unless
/// [`MixedReplace::keep_alive`](crate::MixedReplace::keep_alive) sets one.
///
/// # Examples
///
/// ```
/// use mixed_replace::{KeepAlive, MixedReplace, Part, Wire};
///
/// // Repeats the last part when this stream has an item, so any timer will do.
/// let ticks = futures::stream::pending::<()>();
/// let parts = futures::stream::pending::<Result<Part, std::io::Error>>();
/// let response = MixedReplace::new(parts, Wire::Machine).keep_alive(KeepAlive::new(ticks));
/// # drop(response);
/// ```
#[must_use]
pub struct KeepAlive {
    /// In a lock that is never contended, which makes the timer of any runtime `Sync`.
    ticks: Option<Mutex<Ticks>>,
    sent: bool,
}

type Ticks = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<()>> + Send>;

impl KeepAlive {
    /// Creates a keep-alive from a stream that yields an item in each period, so from the timer of any runtime.
    ///
    /// When the stream ends, so does the keep-alive.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::KeepAlive;
    ///
    /// let keep_alive = KeepAlive::new(futures::stream::pending());
    /// assert_eq!(format!("{keep_alive:?}"), "KeepAlive { .. }");
    /// ```
    pub fn new(ticks: impl Stream<Item = ()> + Send + 'static) -> Self {
        let mut ticks = Box::pin(ticks);
        Self::polling(move |cx| ticks.as_mut().poll_next(cx))
    }

    /// Creates a keep-alive on tokio's timer. The first period starts with the first part, or with the first poll if the
    /// encoder has a [heartbeat](crate::Encoder::heartbeat).
    ///
    /// # Panics
    ///
    /// Panics if `period` is zero. The stream panics if it is polled outside of a tokio runtime with a timer.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use mixed_replace::{KeepAlive, MixedReplace, Part, Wire};
    ///
    /// let parts = futures::stream::iter(["on"]).map(Part::text);
    /// # use futures::StreamExt;
    /// let response = MixedReplace::new(parts, Wire::Machine).keep_alive(KeepAlive::every(Duration::from_secs(5)));
    /// ```
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    #[doc(alias("tokio", "interval"))]
    pub fn every(period: Duration) -> Self {
        assert!(!period.is_zero(), "a keep-alive period cannot be zero");
        let mut interval = None;
        Self::polling(move |cx| {
            let interval = interval.get_or_insert_with(|| {
                let mut interval = tokio::time::interval(period.min(LONGEST));
                interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
                interval
            });
            interval.poll_tick(cx).map(|_| Some(()))
        })
    }

    #[cfg(not(feature = "tokio"))]
    #[doc(hidden)]
    pub fn every(_: Duration) -> Self
    where
        for<'a> &'a (): crate::missing::Tokio,
    {
        unreachable!("no type implements the trait")
    }

    fn polling(ticks: impl FnMut(&mut Context<'_>) -> Poll<Option<()>> + Send + 'static) -> Self {
        Self { ticks: Some(Mutex::new(Box::new(ticks))), sent: true }
    }

    /// Creates a keep-alive that sends nothing.
    pub(crate) fn off() -> Self {
        Self { ticks: None, sent: true }
    }

    /// Returns the adapters' default.
    #[cfg(any(feature = "axum", feature = "actix-web"))]
    pub(crate) fn standard() -> Self {
        Self::every(Duration::from_secs(10))
    }

    /// Records that something was sent, so that nothing is due in this period.
    pub(crate) fn sent(&mut self) {
        self.sent = true;
    }

    /// Returns `true` while the timer runs and is not due.
    pub(crate) fn runs(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_due(cx).is_pending() && self.ticks.is_some()
    }

    /// Waits until the last part is due again.
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(ticks) = &mut self.ticks {
            let ticks = ticks.get_mut().unwrap_or_else(PoisonError::into_inner);
            match ticks(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => self.ticks = None,
                Poll::Ready(Some(())) if std::mem::take(&mut self.sent) => {}
                Poll::Ready(Some(())) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }
}

opaque_debug!(KeepAlive);

/// A stream from a closure.
/// A year. It is added to an `Instant`, which must not overflow.
#[cfg(feature = "tokio")]
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Returns the time between two pulses of a keep-alive that a clock serves for many viewers, long enough not to keep the
/// clock's thread busy.
pub(crate) fn pulse(period: Duration) -> Duration {
    (period / u32::from(PULSES)).max(Duration::from_millis(1))
}

/// Pulses in one period of the keep-alive.
///
/// With 8, two periods suffice to detect a viewer that disconnects right after a part: its system
/// answers the first write with a RST, and on servers that do not read meanwhile a second write
/// fails.
pub(crate) const PULSES: u8 = 8;
