//! A subscriber's place in a hub.

use std::any::Any;
use std::cell::LazyCell;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Instant;

use super::error::Refused;
use super::published::Published;
use super::shared::Shared;
use super::slot::{Slot, Time};
use super::state::{State, Timer};
use crate::body::Step;
use crate::clock;
use crate::derive::opaque_debug;
use crate::encode::EncodeError;
use crate::stats::Reason;
use crate::sync::{Mutex, keep, lock, wake};
use crate::wire::Wire;

/// Kept by the handles, subscribers and snapshots of a hub. Dropped with the last of them, which ends a source that nobody
/// can watch any more.
pub(super) type Guard = Option<Arc<dyn Any + Send + Sync>>;

/// A subscriber's slot in the hub, which is freed on drop.
pub(crate) struct Seat {
    pub(super) shared: Arc<Shared>,
    id: u64,
    slot: Arc<Mutex<Slot>>,
    /// From the start of the stream to its end. `None` if nobody records it.
    #[cfg(feature = "tracing")]
    span: Option<Box<tracing::Span>>,
    _guard: Guard,
}

// The key may be a session's secret.
opaque_debug!(Seat);

impl Seat {
    /// Reserves a slot. `wire` is `None` for a stream of parts.
    pub(super) fn join(shared: &Arc<Shared>, guard: &Guard, wire: Option<Wire>) -> Result<Self, Refused> {
        Self::join_by(shared, guard, |state| state.join(wire))
    }

    pub(super) fn join_by(
        shared: &Arc<Shared>,
        guard: &Guard,
        join: impl FnOnce(&mut State) -> Result<(u64, Arc<Mutex<Slot>>), Refused>,
    ) -> Result<Self, Refused> {
        let joined = shared.update(join);
        #[cfg(feature = "tracing")]
        if let Err(refused) = &joined {
            tracing::warn!(hub = shared.name(), "subscriber refused: {refused}");
        }
        let (id, slot) = joined?;
        Ok(Self {
            shared: Arc::clone(shared),
            id,
            slot,
            #[cfg(feature = "tracing")]
            span: None,
            _guard: guard.clone(),
        })
    }

    pub(super) fn set_key(&self, key: String) {
        self.shared.update(|state| state.set_key(self.id, Arc::from(key)));
    }

    /// Changes the settings of a subscriber that does not watch yet.
    pub(super) fn configure(&self, change: impl FnOnce(&mut Slot)) {
        change(&mut lock(&self.slot));
    }

    pub(super) fn set_passive(&self) {
        let now = Instant::now();
        self.shared.update(|state| state.set_passive(self.id, now));
    }

    /// Starts watching.
    pub(crate) fn start(&mut self) {
        let now = Instant::now();
        self.shared.update(|state| state.watch(self.id, clock::jittered_lifetime, now));
        #[cfg(feature = "tracing")]
        self.enter_span();
    }

    /// Creates the span of the stream. Without the key, which may be a session's secret.
    #[cfg(feature = "tracing")]
    fn enter_span(&mut self) {
        use tracing::field::{Empty, debug};
        let slot = lock(&self.slot);
        let (wire, label) = (slot.wire, slot.label().cloned());
        drop(slot);
        let (hub, viewer, wire, label) = (self.shared.name(), self.id, wire.map(debug), label.as_deref());
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
        self.step(gated, taken, cx.waker(), false)
    }

    /// Returns the next step. The waker is stored in any case, so the next poll is due when it is woken.
    pub(crate) fn poll_once(&mut self, waker: &Waker) -> Step<Arc<Published>> {
        self.step(true, 0, waker, true)
    }

    fn step(&mut self, gated: bool, taken: u64, waker: &Waker, once: bool) -> Step<Arc<Published>> {
        let now = LazyCell::new(Instant::now);
        let mut slot = lock(&self.slot);
        if taken > 0 {
            slot.count(taken);
        }
        let step = slot.poll(gated, &now);
        let waits = once || matches!(step, Step::Wait);
        let replaced = if waits { keep(&mut slot.waker, waker) } else { None };
        let is_unsettled = slot.is_unsettled();
        drop(slot);
        drop(replaced);
        if is_unsettled {
            self.shared.update(|state| state.settle(self.id, *now));
        }
        step
    }

    /// Returns the last part if it has got a later time since.
    pub(crate) fn renewed(&self) -> Option<Arc<Published>> {
        let current = self.shared.read(|state| state.current.clone())?;
        let renewed = lock(&self.slot).renew(&current);
        renewed.then_some(current)
    }

    /// Returns the function to call when the transport has released the last part, of so many bytes. The viewer is then
    /// offered the next one.
    pub(crate) fn release(&self, bytes: u64) -> impl FnOnce() + Send + 'static + use<> {
        let slot = Arc::clone(&self.slot);
        move || {
            let now = LazyCell::new(Instant::now);
            offer_next(&slot, &now, |slot| {
                slot.count(bytes);
                slot.release(&now);
            });
        }
    }

    /// Reports that the part of the last step is not sent.
    pub(crate) fn pass(&mut self) {
        let now = LazyCell::new(Instant::now);
        offer_next(&self.slot, &now, |slot| slot.pass(&now));
    }

    pub(super) fn parts_skipped(&self) -> u64 {
        lock(&self.slot).skipped
    }

    /// Keeps the hub from encoding parts for this subscriber. Called before [`start`](Self::start).
    pub(super) fn without_encoding(self) -> Self {
        self.configure(|slot| slot.encoded = false);
        self
    }

    /// Counts a part that cannot be sent, and logs that from time to time.
    pub(crate) fn count_invalid(&self, error: &EncodeError) {
        // A closed hub counts no more.
        let _ = self.shared.skip(error, error.is_of_boundary());
    }

    /// Counts the encoding of a part outside the hub.
    pub(crate) fn count_encoding(&self) {
        self.shared.count_encoding();
    }

    /// Returns whether the hub has a part of its publisher that is not stale.
    pub(crate) fn has_signal(&self) -> bool {
        self.shared.read(|state| state.latest.is_some() && !state.stale)
    }

    /// Returns whether the time and the number of a part are sent.
    pub(crate) fn timestamps(&self) -> bool {
        self.shared.encoder(Wire::Machine).sends_timestamps()
    }

    /// Records that the viewer moves to another hub. The seat is dropped next. Returns `false` if the stream has ended, and not
    /// because the hub was closed.
    pub(crate) fn leave(&self) -> bool {
        let reason = *lock(&self.slot).ended.get_or_insert(Reason::Moved);
        matches!(reason, Reason::Moved | Reason::Closed)
    }

    /// Returns when the stream ends at the latest, once it has started.
    pub(crate) fn expires(&self) -> Option<Instant> {
        self.shared.read(|state| state.timers.get(Timer::Lifetime(self.id)))
    }

    /// Sets when the stream ends at the latest, once it has started.
    pub(crate) fn set_expires(&self, at: Option<Instant>) {
        self.shared.update(|state| {
            // The timer of a seat that has not started or has ended would outlive it.
            let slot = lock(&self.slot);
            if slot.is_watching() && slot.ended.is_none() {
                state.timers.set(Timer::Lifetime(self.id), at);
            }
        });
    }

    /// Returns whether the stream ended because the hub was closed, and not for this viewer only.
    pub(crate) fn ended_by_close(&self) -> bool {
        self.ended() == Some(Reason::Closed)
    }

    /// Returns whether the stream ended because of this viewer, and not because the hub was closed to it.
    pub(crate) fn ended_for_viewer(&self) -> bool {
        matches!(self.ended(), Some(Reason::Expired | Reason::Replaced))
    }

    /// Returns whether the stream has ended. One without access ends before it is watched.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended().is_some()
    }

    /// Records that the stream ends because its time is over. The seat is dropped next.
    pub(crate) fn expire(&self) {
        lock(&self.slot).ended.get_or_insert(Reason::Expired);
    }

    fn ended(&self) -> Option<Reason> {
        lock(&self.slot).ended
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let now = Instant::now();
        self.shared.update(|state| state.remove(self.id, now));
        #[cfg(feature = "tracing")]
        {
            let slot = lock(&self.slot);
            let (ended, parts, bytes, skipped) = (slot.ended, slot.delivered, slot.bytes, slot.skipped);
            drop(slot);
            let Some(reason) = ended.map(Reason::as_str) else { return };
            let span = self.span.as_deref();
            if let Some(span) = span {
                span.record("reason", reason).record("parts", parts).record("bytes", bytes).record("skipped", skipped);
            }
            let span = span.and_then(tracing::Span::id);
            let (hub, viewer) = (self.shared.name(), self.id);
            tracing::debug!(parent: span, hub, viewer, reason, parts, bytes, skipped, "viewer ends");
        }
    }
}

/// Changes a slot that needs the next part, then wakes the viewer: for that one, or to have its poll set a timer for it.
pub(super) fn offer_next(slot: &Mutex<Slot>, now: Time<'_>, change: impl FnOnce(&mut Slot)) {
    let mut slot = lock(slot);
    change(&mut slot);
    let waker = if slot.due().is_some() { slot.waker.take() } else { slot.take_waker(now) };
    drop(slot);
    waker.into_iter().for_each(wake);
}
