//! A subscriber's place in a hub.

use std::cell::LazyCell;
use std::sync::Arc;
use std::task::Context;
#[cfg(any(feature = "actix-web", feature = "http-body"))]
use std::task::Waker;
use std::time::{Duration, Instant};

use super::error::Refused;
use super::guard::Guard;
use super::published::Published;
use super::shared::Shared;
#[cfg(feature = "tracing")]
use super::slot::Ending;
use super::slot::Settings;
use crate::body::Step;
use crate::wire::Wire;

/// A subscriber's slot in the hub, which is freed on drop.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(super) shared: Arc<Shared>,
    pub(super) id: usize,
    pub(super) serial: u64,
    pub(super) settings: Settings,
    /// From the start of the stream to its end. `None` if nobody records it.
    #[cfg(feature = "tracing")]
    span: Option<Box<tracing::Span>>,
    _guard: Guard,
}

impl Seat {
    /// Reserves a slot. `wire` is `None` for a stream of parts.
    pub(super) fn join(shared: &Arc<Shared>, guard: &Guard, wire: Option<Wire>) -> Result<Self, Refused> {
        let joined = shared.update(|state| state.join(wire));
        #[cfg(feature = "tracing")]
        if let Err(refused) = &joined {
            tracing::warn!(hub = shared.name(), "subscriber refused: {refused}");
        }
        let (id, serial) = joined?;
        Ok(Self {
            shared: Arc::clone(shared),
            id,
            serial,
            settings: shared.config.subscriber(),
            #[cfg(feature = "tracing")]
            span: None,
            _guard: guard.clone(),
        })
    }

    pub(super) fn set_key(&self, key: String) {
        self.shared.update(|state| state.set_key(self.id, Arc::from(key)));
    }

    pub(super) fn set_label(&self, label: String) {
        self.shared.update(|state| state.set_label(self.id, Arc::from(label)));
    }

    pub(super) fn set_passive(&self) {
        self.shared.update(|state| state.set_passive(self.id));
    }

    /// Starts watching.
    pub(crate) fn start(&mut self) {
        let now = Instant::now();
        self.settings.max_lifetime = self.settings.max_lifetime.map(jittered);
        self.shared.update(|state| state.watch(self.id, self.settings, now));
        #[cfg(feature = "tracing")]
        self.enter_span();
    }

    /// Creates the span of the stream. Without the key, which may be a session's secret.
    #[cfg(feature = "tracing")]
    fn enter_span(&mut self) {
        use tracing::field::{Empty, debug};
        let (wire, label) = self.shared.read(|state| state.wire_and_label(self.id));
        let (hub, viewer, wire, label) = (self.shared.name(), self.serial, wire.map(debug), label.as_deref());
        let span = tracing::debug_span!(
            "viewer",
            hub,
            viewer,
            wire,
            label,
            reason = Empty,
            parts = Empty,
            bytes = Empty,
            skipped = Empty
        );
        tracing::debug!(parent: &span, hub, viewer, wire, label, "viewer joins");
        self.span = (!span.is_disabled()).then(|| Box::new(span));
    }

    /// Returns the next step. `taken` is the number of bytes of the previous part, if it is taken only now.
    pub(super) fn poll(&mut self, gated: bool, taken: u64, cx: &mut Context<'_>) -> Step<Arc<Published>> {
        let now = LazyCell::new(Instant::now);
        self.shared.update(|state| {
            if taken > 0 {
                state.count(self.id, taken);
            }
            state.poll(self.id, gated, cx.waker(), &now)
        })
    }

    /// Returns a guard that releases the last part, of so many bytes.
    pub(crate) fn release_on_drop(&self, bytes: u64) -> Release {
        Release { shared: Arc::clone(&self.shared), id: self.id, serial: self.serial, bytes }
    }

    pub(super) fn parts_skipped(&self) -> u64 {
        self.shared.read(|state| state.skipped(self.id))
    }
}

/// For a response that shows several hubs.
#[cfg(any(feature = "actix-web", feature = "http-body"))]
impl Seat {
    /// Keeps the hub from encoding parts for this subscriber. Called before [`start`](Self::start).
    pub(super) fn without_encoding(self) -> Self {
        self.shared.update(|state| state.set_unencoded(self.id));
        self
    }

    /// Returns the next step. The waker is stored in any case, so the next poll is due when it is woken.
    pub(crate) fn poll_once(&mut self, waker: &Waker) -> Step<Arc<Published>> {
        let now = LazyCell::new(Instant::now);
        self.shared.update(|state| state.poll_once(self.id, waker, &now))
    }

    /// Reports that the part of the last step is not sent.
    pub(crate) fn pass(&mut self) {
        let now = LazyCell::new(Instant::now);
        self.shared.update(|state| state.pass(self.id, &now));
    }

    /// Counts a part that cannot be sent, and logs that from time to time.
    pub(crate) fn count_invalid(&self, error: &dyn std::fmt::Display) {
        // A closed hub counts no more.
        let _ = self.shared.skip(error);
    }

    /// Returns whether the hub has a part of its publisher that is not stale.
    pub(crate) fn has_signal(&self) -> bool {
        self.shared.read(|state| state.latest.is_some() && !state.stale)
    }

    /// Returns whether the stream ended because of this viewer, and not because the hub was closed to it.
    pub(crate) fn ended_for_viewer(&self) -> bool {
        self.shared.read(|state| state.ended_for_viewer(self.id))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let now = Instant::now();
        let ended = self.shared.update(|state| state.remove(self.id, now));
        #[cfg(feature = "tracing")]
        if let Some(Ending { reason, parts, bytes, skipped }) = ended {
            let (reason, span) = (reason.as_str(), self.span.as_deref());
            if let Some(span) = span {
                span.record("reason", reason).record("parts", parts).record("bytes", bytes).record("skipped", skipped);
            }
            let span = span.and_then(tracing::Span::id);
            let (hub, viewer) = (self.shared.name(), self.serial);
            tracing::debug!(parent: span, hub, viewer, reason, parts, bytes, skipped, "viewer ends");
        }
        #[cfg(not(feature = "tracing"))]
        let _ = ended;
    }
}

/// Reports on drop that the transport has released a part, so that the viewer is offered the next.
#[derive(Debug)]
pub(crate) struct Release {
    shared: Arc<Shared>,
    id: usize,
    serial: u64,
    /// The number of bytes of the part.
    bytes: u64,
}

impl Drop for Release {
    fn drop(&mut self) {
        let now = LazyCell::new(Instant::now);
        self.shared.update(|state| state.release(self.id, self.serial, self.bytes, &now));
    }
}

/// Subtracts up to a tenth at random, so that viewers who connected together do not all reconnect together.
pub(crate) fn jittered(time: Duration) -> Duration {
    use std::hash::BuildHasher as _;
    let random = std::hash::RandomState::new().hash_one(0_u8) >> 32;
    time - time.mul_f64(JITTER * (random as f64 / f64::from(u32::MAX)))
}

const JITTER: f64 = 0.1;
