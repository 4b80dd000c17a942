//! The data that all viewers of a wall share: the boundary, the tracks, and the timers.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use slab::Slab;

use super::encodings::Encodings;
use super::ready::Ready;
use crate::body::pulse;
use crate::boundary::Boundary;
use crate::clock::{self, Timed, Times};
use crate::encode::Encoder;
use crate::hub::Hub;
use crate::hubs::Hubs;
use crate::sync::{Mutex, lock};
use crate::wire::{PerWire, Wire};

/// A wall of hubs.
pub(crate) struct Shared {
    pub(super) hubs: Hubs,
    encoders: PerWire<Arc<Encoder>>,
    state: Mutex<State>,
}

/// The configuration of a wall.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
}

struct State {
    /// The tracks that somebody watches.
    tracks: HashMap<Arc<str>, Weak<Encodings>>,
    viewers: Slab<Arc<Ready>>,
    timers: Times<Timer>,
    /// The period of the pulse, as the last viewer set it.
    pulse: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Timer {
    /// The end of a viewer's lifetime.
    Lifetime(usize),
    /// The next pulse of the keep-alive.
    Pulse,
}

impl Shared {
    pub(crate) fn new(hubs: Hubs, boundary: &Boundary) -> Arc<Self> {
        let state = State { tracks: HashMap::new(), viewers: Slab::new(), timers: Times::default(), pulse: None };
        Arc::new(Self {
            hubs,
            encoders: PerWire::new(|wire| Arc::new(Encoder::new(boundary.clone(), wire))),
            state: Mutex::new(state),
        })
    }

    /// Returns the encoder of a wire. All encoders share one boundary.
    pub(super) fn encoder(&self, wire: Wire) -> &Arc<Encoder> {
        &self.encoders[wire]
    }

    /// Returns the encodings of a track for all its viewers.
    pub(super) fn track(&self, name: &Arc<str>, hub: &Hub) -> Arc<Encodings> {
        let mut state = lock(&self.state);
        let watched = state.tracks.get(name).and_then(Weak::upgrade);
        if let Some(track) = watched.filter(|track| track.hub.is_same(hub)) {
            return track;
        }
        let boundary = self.encoder(Wire::Script).boundary().as_str();
        let track = Arc::new(Encodings::new(name, hub.clone(), boundary));
        if state.tracks.len() == state.tracks.capacity() {
            state.tracks.retain(|_, track| track.strong_count() > 0);
        }
        state.tracks.insert(Arc::clone(name), Arc::downgrade(&track));
        track
    }

    /// Adds a viewer. Returns its place.
    pub(super) fn enter(self: &Arc<Self>, ready: Arc<Ready>, config: Config, now: Instant) -> usize {
        self.update(|state| {
            let place = state.viewers.insert(ready);
            let end = config.max_lifetime.and_then(|lifetime| now.checked_add(clock::jittered_lifetime(lifetime)));
            state.timers.set(Timer::Lifetime(place), end);
            let pulse = config.keep_alive.map(pulse);
            if state.pulse != pulse || state.viewers.len() == 1 {
                state.pulse = pulse;
                state.timers.set(Timer::Pulse, pulse.and_then(|pulse| now.checked_add(pulse)));
            }
            place
        })
    }

    /// Removes a viewer.
    pub(super) fn leave(self: &Arc<Self>, place: usize) {
        let ready = self.update(|state| {
            state.timers.set(Timer::Lifetime(place), None);
            if state.viewers.len() == 1 {
                state.timers.set(Timer::Pulse, None);
            }
            state.viewers.remove(place)
        });
        drop(ready);
    }

    fn update<R>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = lock(&self.state);
        let result = change(&mut state);
        let timeout = state.timers.poll_timeout();
        drop(state);
        if let Some(at) = timeout {
            clock::schedule(self, at);
        }
        result
    }
}

impl Timed for Shared {
    fn tick(self: Arc<Self>, now: Instant) {
        let (mut ended, mut pulsed) = (Vec::new(), Vec::new());
        self.update(|state| {
            while let Some(timer) = state.timers.pop(now) {
                match timer {
                    Timer::Lifetime(place) => ended.extend(state.viewers.get(place).cloned()),
                    Timer::Pulse => {
                        pulsed.extend(state.viewers.iter().map(|(_, ready)| Arc::clone(ready)));
                        let next = state.pulse.and_then(|pulse| now.checked_add(pulse));
                        state.timers.set(Timer::Pulse, next);
                    }
                }
            }
        });
        // Last, because it runs code of other tasks.
        ended.into_iter().for_each(|ready| ready.set(|due| due.end = true));
        pulsed.into_iter().for_each(|ready| ready.pulse());
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        clock::forget(self);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("hubs", &self.hubs).finish_non_exhaustive()
    }
}
