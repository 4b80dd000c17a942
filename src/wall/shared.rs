//! The data that all viewers of a wall share: the boundary, the tracks, and the timers.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use slab::Slab;

use super::ready::Ready;
use crate::body::pulse;
use crate::boundary::Boundary;
use crate::clock::{self, Timed, Times};
use crate::derive::opaque_debug;
use crate::encode::Encoder;
use crate::hub::Refused;
use crate::hubs::member::Member;
use crate::hubs::{Hubs, name};
use crate::ladder::encodings::Encodings;
use crate::ladder::{self, Ladder, Size};
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
    tracks: HashMap<Arc<str>, Weak<Track>>,
    viewers: Slab<Arc<Ready>>,
    timers: Times<Timer>,
    /// The period of the pulse, as the last viewer set it.
    pulse: Option<Duration>,
}

/// A track of a wall: its rungs, and the encodings of their newest parts.
pub(super) struct Track {
    member: Member,
    ladder: Ladder,
    encodings: Arc<Encodings>,
}

impl Track {
    fn new(name: &str, member: &Member, shared: &Shared) -> Self {
        let ladder = match member {
            Member::Hub(hub) => Ladder::new([hub.clone()]),
            Member::Ladder(ladder) => ladder.clone(),
        };
        let mut location = name::percent_encoded(name);
        if location.contains(shared.encoder(Wire::Script).boundary().as_str()) {
            // Somebody who knows the boundary has made this name.
            location = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        }
        let encoder = |wire| Arc::clone(shared.encoder(wire));
        let encodings = Arc::new(Encodings::new(ladder.hubs().len(), Some(location), encoder));
        Self { member: member.clone(), ladder, encodings }
    }

    /// Reserves a place on the rung of this size.
    pub(super) fn subscribe(&self, options: &ladder::Options, size: Size) -> Result<ladder::Subscriber, Refused> {
        self.ladder.subscribe_as(&self.encodings, options.clone(), size)
    }

    /// Returns whether it is the track of this hub or ladder.
    pub(super) fn is_of(&self, member: &Member) -> bool {
        match (&self.member, member) {
            (Member::Hub(hub), Member::Hub(other)) => hub.is_same(other),
            (Member::Ladder(ladder), Member::Ladder(other)) => ladder.is_same(other),
            _ => false,
        }
    }

    /// Returns whether it has several sizes.
    pub(super) fn is_sized(&self) -> bool {
        self.ladder.hubs().len() > 1
    }

    /// Returns whether no further part comes.
    pub(super) fn is_closed(&self) -> bool {
        self.ladder.is_closed()
    }
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

    /// Returns a track for all its viewers.
    pub(super) fn track(&self, name: &Arc<str>, member: &Member) -> Arc<Track> {
        let mut state = lock(&self.state);
        let watched = state.tracks.get(name).and_then(Weak::upgrade);
        let track = match &watched {
            Some(track) if track.is_of(member) => Arc::clone(track),
            _ => {
                // It takes no other lock.
                let track = Arc::new(Track::new(name, member, self));
                if state.tracks.len() == state.tracks.capacity() {
                    state.tracks.retain(|_, track| track.strong_count() > 0);
                }
                state.tracks.insert(Arc::clone(name), Arc::downgrade(&track));
                track
            }
        };
        drop(state);
        // It may be the last handle of a hub that was replaced, whose drop ends a source.
        drop(watched);
        track
    }

    /// Adds a viewer, whose stream ends at `expires` if its lifetime does not end earlier. Returns its place.
    pub(super) fn enter(
        self: &Arc<Self>,
        ready: Arc<Ready>,
        config: Config,
        expires: Option<Instant>,
        now: Instant,
    ) -> usize {
        self.update(|state| {
            let place = state.viewers.insert(ready);
            let lifetime = config.max_lifetime.and_then(|lifetime| now.checked_add(clock::jittered_lifetime(lifetime)));
            state.timers.set(Timer::Lifetime(place), lifetime.into_iter().chain(expires).min());
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

opaque_debug!(Shared);
