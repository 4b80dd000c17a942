//! When to speak although nothing is new.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;

/// A pulse that asks for the last part once more when nothing has been sent since the pulse before.
///
/// A write is the only sure way to learn that a viewer has left, and proxies cut connections that are silent for a
/// minute. Repeating the last part is what every consumer takes: a blank line, a comment or an empty part breaks some.
/// So a viewer who left an idle stream is noticed within two pulses. A stream of events, in which nothing may come twice,
/// sends its [heartbeat](crate::Encoder::heartbeat) instead.
///
/// The pulse runs evenly: no timer is set back when a part goes out.
///
/// The adapters for axum and actix begin with one pulse every 10 seconds; elsewhere there is none until
/// [`MixedReplace::keep_alive`](crate::MixedReplace::keep_alive) sets one.
#[must_use]
pub struct KeepAlive {
    /// Behind a lock that is never taken, only so that streams of any runtime's timer become `Sync`.
    ticks: Option<Mutex<Ticks>>,
    sent: bool,
}

type Ticks = Pin<Box<dyn Stream<Item = ()> + Send>>;

impl KeepAlive {
    /// Pulses at each item of a stream: the timer of any runtime.
    ///
    /// When the stream ends, the pulses end.
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
        Self { ticks: Some(Mutex::new(Box::pin(ticks))), sent: true }
    }

    /// Pulses once in every `period`, on tokio's timer, the first time a period after the first part.
    ///
    /// # Panics
    ///
    /// If `period` is zero; when polled outside of a tokio runtime with a timer.
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    pub fn every(period: std::time::Duration) -> Self {
        assert!(!period.is_zero(), "a keep-alive period cannot be zero");
        let mut interval = None;
        Self::new(PollFn(move |cx: &mut Context<'_>| {
            let interval = interval.get_or_insert_with(|| {
                let mut interval = tokio::time::interval(period.min(LONGEST));
                interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
                interval
            });
            interval.poll_tick(cx).map(|_| Some(()))
        }))
    }

    /// No pulse, for streams that are never idle.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::KeepAlive;
    ///
    /// let keep_alive = KeepAlive::never();
    /// ```
    pub fn never() -> Self {
        Self { ticks: None, sent: true }
    }

    /// What an adapter begins with.
    #[cfg(any(feature = "axum", feature = "actix-web"))]
    pub(crate) fn standard() -> Self {
        Self::every(std::time::Duration::from_secs(10))
    }

    /// Something has been sent: the next pulse asks for nothing.
    pub(crate) fn sent(&mut self) {
        self.sent = true;
    }

    /// Whether there is a pulse to wait for.
    pub(crate) fn beats(&self) -> bool {
        self.ticks.is_some()
    }

    /// Ready when the last part is due once more.
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(ticks) = &mut self.ticks {
            let ticks = ticks.get_mut().unwrap_or_else(PoisonError::into_inner);
            match ticks.as_mut().poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => self.ticks = None,
                Poll::Ready(Some(())) if std::mem::take(&mut self.sent) => {}
                Poll::Ready(Some(())) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }
}

impl fmt::Debug for KeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepAlive").finish_non_exhaustive()
    }
}

/// A stream from a closure.
#[cfg(feature = "tokio")]
struct PollFn<F>(F);

#[cfg(feature = "tokio")]
impl<F: FnMut(&mut Context<'_>) -> Poll<Option<()>> + Unpin> Stream for PollFn<F> {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        (self.0)(cx)
    }
}

/// A year: what is added to a time must not be more than times can be.
#[cfg(feature = "tokio")]
const LONGEST: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 60 * 60);
