//! The data that all handles of a hub share: the locked state, and constants.

use std::fmt;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::clock::{self, Timed};
use super::published::Published;
use super::state::{Config, State};
use crate::boundary::Boundary;
use crate::encode::{EncodedPart, Encoder};
use crate::sync::Mutex;
use crate::wire::{PerWire, Wire};

pub(super) struct Shared {
    itself: Weak<Self>,
    state: Mutex<State>,
    encoders: PerWire<Arc<Encoder>>,
    /// The configuration of viewers that set none.
    pub(super) defaults: Defaults,
}

#[derive(Debug)]
pub(super) struct Defaults {
    pub(super) max_lifetime: Option<Duration>,
    pub(super) interval: Option<Duration>,
    pub(super) retry_after: Duration,
}

impl Shared {
    pub(super) fn new(config: Config, defaults: Defaults) -> Arc<Self> {
        let boundary = Boundary::random();
        Arc::new_cyclic(|itself| Self {
            itself: Weak::clone(itself),
            state: Mutex::new(State::new(config)),
            encoders: PerWire::new(|wire| Arc::new(Encoder::new(boundary.clone(), wire))),
            defaults,
        })
    }

    /// Changes the state, then performs the effects after unlocking: wakes tasks, sets the timer.
    pub(super) fn update<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut state);
        let effects = state.take_effects();
        drop(state);
        let Some(effects) = effects else { return result };
        if let Some(at) = effects.timer {
            let itself = Weak::clone(&self.itself);
            clock::schedule(itself, at);
        }
        // Last, because it runs code of other tasks, which may panic.
        effects.wakers.wake();
        result
    }

    /// Returns the encoder of a wire. All encoders share one boundary.
    pub(super) fn encoder(&self, wire: Wire) -> &Arc<Encoder> {
        &self.encoders[wire]
    }

    /// Returns a part's bytes on a wire, encoding them on first use.
    pub(super) fn encoded(&self, published: &Published, wire: Wire) -> Arc<EncodedPart> {
        published.encoded(self.encoder(wire), || self.update(State::count_encoding))
    }
}

impl Timed for Shared {
    fn tick(&self, now: Instant) {
        self.update(|state| state.tick(now));
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
