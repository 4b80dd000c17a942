//! The data that all handles of a hub share: the locked state, and constants.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::builder::Builder;
use super::error::Closed;
use super::published::Published;
use super::state::State;
use crate::boundary::Boundary;
use crate::clock::{self, Timed};
use crate::encode::{EncodedPart, Encoder};
use crate::sync::{Mutex, lock};
use crate::wire::{PerWire, Wire};

pub(super) struct Shared {
    encoders: PerWire<Arc<Encoder>>,
    /// Set when the hub is built, or when it is inserted into a set.
    name: OnceLock<Arc<str>>,
    state: Mutex<State>,
    /// The number of parts that the hub has numbered. Outside the lock, since a part is encoded without it.
    sequence: AtomicU64,
    /// The number of times that the state was locked.
    #[cfg(test)]
    pub(super) locks: std::sync::atomic::AtomicUsize,
}

impl Shared {
    /// Viewers of one response that gets parts of several hubs need one boundary for all of them.
    pub(super) fn new(config: Builder, boundary: &Boundary) -> Arc<Self> {
        Arc::new(Self {
            name: config.name.clone().map_or_else(OnceLock::new, OnceLock::from),
            encoders: PerWire::new(|wire| Arc::new(Encoder::new(boundary.clone(), wire).timestamps(config.timestamps))),
            sequence: AtomicU64::new(0),
            state: Mutex::new(State::new(config)),
            #[cfg(test)]
            locks: Default::default(),
        })
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.get().map(|name| &**name)
    }

    /// Sets the name, unless the hub has one.
    pub(super) fn set_name(&self, name: &str) {
        self.name.get_or_init(|| name.into());
    }

    pub(super) fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        #[cfg(test)]
        self.locks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        read(&lock(&self.state))
    }

    /// Changes the state, then performs the effects after unlocking: wakes tasks, sets the timer.
    pub(super) fn update<R>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> R) -> R {
        #[cfg(test)]
        self.locks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut state = lock(&self.state);
        let result = change(&mut state);
        let (effects, timeout) = (state.take_effects(), state.poll_timeout());
        drop(state);
        if let Some(at) = timeout {
            clock::schedule(self, at);
        }
        if let Some(effects) = effects {
            // Last, because it runs code of other tasks, which may panic.
            effects.perform();
        }
        result
    }

    /// Counts a frame that cannot be sent, and logs that from time to time. A closed hub takes precedence, to end the loop.
    pub(super) fn skip(self: &Arc<Self>, _error: &dyn fmt::Display, has_boundary: bool) -> Result<(), Closed> {
        let now = Instant::now();
        let skipped = self.update(|state| (!state.closed).then(|| state.skip_invalid(has_boundary, now)));
        let _warning = skipped.ok_or(Closed(()))?;
        #[cfg(feature = "tracing")]
        if let Some(skipped) = _warning {
            tracing::warn!(hub = self.name(), error = %_error, skipped, "frame skipped");
        }
        Ok(())
    }

    /// Returns the number of the next part that has none, from 1.
    pub(super) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Returns the encoder of a wire. All encoders share one boundary.
    pub(super) fn encoder(&self, wire: Wire) -> &Arc<Encoder> {
        &self.encoders[wire]
    }

    /// Returns a part's bytes on a wire. Encodes them if nobody watched on that wire when the part
    /// was published.
    pub(super) fn encoded(self: &Arc<Self>, part: &Published, wire: Wire) -> Arc<EncodedPart> {
        let (encoded, now) = part.encoded(self.encoder(wire));
        if now {
            self.count_encoding();
        }
        Arc::clone(encoded)
    }

    pub(super) fn count_encoding(self: &Arc<Self>) {
        self.update(|state| state.stats.encodings += 1);
    }
}

impl Timed for Shared {
    fn tick(self: Arc<Self>, now: Instant) {
        self.update(|state| state.handle_timeout(now));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        clock::forget(self);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("boundary", self.encoder(Wire::Machine).boundary()).finish_non_exhaustive()
    }
}
