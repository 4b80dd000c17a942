//! What a hub's handles hold in common: its state behind one lock, and what never changes.

use std::fmt;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::clock;
use super::published::Published;
use super::state::{Config, State};
use crate::boundary::Boundary;
use crate::encode::{EncodedPart, Encoder};
use crate::sync::{Condvar, Mutex};
use crate::wire::Wire;

pub(super) struct Shared {
    itself: Weak<Self>,
    state: Mutex<State>,
    demand: Condvar,
    encoders: [Arc<Encoder>; 3],
    /// What a viewer gets that asks for nothing else.
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
            demand: Condvar::new(),
            encoders: Wire::ALL.map(|wire| Arc::new(Encoder::new(boundary.clone(), wire))),
            defaults,
        })
    }

    /// Changes the state, then does what follows from it with the lock released: wakes tasks, sets the clock.
    pub(super) fn update<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut state);
        let effects = state.take_effects();
        drop(state);
        let Some(effects) = effects else { return result };
        if effects.demand_changed {
            self.demand.notify_all();
        }
        if let Some(at) = effects.timer {
            clock::schedule(Weak::clone(&self.itself), at);
        }
        // Last, because it runs the code of others.
        effects.wakers.wake();
        result
    }

    pub(super) fn tick(&self, now: Instant) {
        self.update(|state| state.tick(now));
    }

    /// Blocks the thread until somebody watches, or the hub is closed.
    pub(super) fn wait_for_demand(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.is_closed() && !state.is_wanted(Instant::now()) {
            state = self.demand.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.is_closed()
    }

    /// The encoder of a wire. All of them have one boundary.
    pub(super) fn encoder(&self, wire: Wire) -> &Arc<Encoder> {
        let [browser, machine, script] = &self.encoders;
        match wire {
            Wire::Browser => browser,
            Wire::Machine => machine,
            Wire::Script => script,
        }
    }

    /// A part's bytes on a wire, made when they are first asked for.
    pub(super) fn encoded(&self, published: &Published, wire: Wire) -> Arc<EncodedPart> {
        published.encoded(self.encoder(wire), || self.update(State::count_encoding))
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
