//! The response of one viewer of a wall.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Wake as _, Waker};
use std::time::{Duration, Instant};

use slab::Slab;

use super::encodings::Encodings;
use super::ready::{Next, Ready, Track as Queued};
use super::shared::{Config, Shared};
use super::states::{self, Signal};
use crate::body::{Step, Supply};
use crate::encode::{EncodedPart, Encoder};
use crate::hub::{Hub, Refused, Seat};
use crate::hubs::OpenError;
use crate::hubs::changes::Changes;
use crate::wire::Wire;

/// What a viewer asks for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) config: Config,
    pub(crate) exclusive: bool,
    pub(crate) key: Option<String>,
    pub(crate) label: Option<String>,
    /// The largest number of tracks.
    pub(crate) max: usize,
    pub(crate) min_interval: Option<Duration>,
    /// The names of the tracks, each once. `None` for all.
    pub(crate) of: Option<Vec<Arc<str>>>,
    pub(crate) wire: Wire,
}

/// The reason why no track can be sent.
#[derive(Debug)]
pub(crate) enum StartError {
    Open(OpenError),
    Refused(Refused),
    /// No hubs have these names.
    Unknown(Vec<Arc<str>>),
}

/// A response that sends a viewer the latest part of each track, in turn, then new ones as the viewer keeps up with them.
/// It holds a place in the hub of each track.
pub(crate) struct Subscriber {
    wall: Arc<Shared>,
    options: Options,
    ready: Arc<Ready>,
    /// Wakes when the set of hubs has changed.
    on_change: Waker,
    changes: Changes,
    /// The viewer's place in the wall, from the first poll.
    place: Option<usize>,
    tracks: Slab<Track>,
    ids: BTreeMap<Arc<str>, usize>,
    /// The states of names that have no track.
    absent: BTreeMap<Arc<str>, Signal>,
    /// The states that the viewer must be told.
    tell: BTreeMap<Arc<str>, Signal>,
    /// The part that is being sent.
    in_flight: Option<InFlight>,
    /// A hub has had no place for this viewer.
    refused: bool,
    /// No further part can come.
    over: bool,
}

impl Subscriber {
    /// Reserves a place in the hub of each track, which its source makes if necessary.
    ///
    /// A track whose hub fails for now does not stop the others, unless all fail.
    pub(crate) fn new(wall: &Arc<Shared>, options: Options) -> Result<Self, StartError> {
        let mut subscriber = Self::without_tracks(wall, options);
        let mut unknown = Vec::new();
        let mut failed = None;
        for name in subscriber.options.of.clone().unwrap_or_default() {
            let joined = wall.hubs.with(&name, |hub| subscriber.join(&name, hub));
            match joined {
                Ok(Ok(())) => {}
                Ok(Err(refused)) => failed = Some(StartError::Refused(refused)),
                Err(OpenError::Unknown) => unknown.push(name),
                Err(error) => {
                    subscriber.tell_absent(name, Signal::Ended);
                    failed = Some(StartError::Open(error));
                }
            }
        }
        match failed {
            _ if !unknown.is_empty() => Err(StartError::Unknown(unknown)),
            Some(error) if subscriber.tracks.is_empty() => Err(error),
            _ => Ok(subscriber),
        }
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("options", &self.options).finish_non_exhaustive()
    }
}

struct Track {
    name: Arc<str>,
    encodings: Arc<Encodings>,
    /// `None` once it has ended.
    seat: Option<Seat>,
    signal: Signal,
}

#[derive(Clone, Copy, Debug)]
enum InFlight {
    States,
    Track(usize),
}

impl Subscriber {
    fn without_tracks(wall: &Arc<Shared>, options: Options) -> Self {
        let ready = Arc::new(Ready::default());
        Self {
            wall: Arc::clone(wall),
            options,
            on_change: Waker::from(Arc::clone(&ready)),
            ready,
            changes: wall.hubs.changes(),
            place: None,
            tracks: Slab::new(),
            ids: BTreeMap::new(),
            absent: BTreeMap::new(),
            tell: BTreeMap::new(),
            in_flight: None,
            refused: false,
            over: false,
        }
    }

    /// Reserves a place in a hub. If it is refused, the viewer is told that the track ended or waits.
    fn join(&mut self, name: &Arc<str>, hub: &Hub) -> Result<(), Refused> {
        let subscriber = match hub.subscribe(self.options.wire) {
            Ok(subscriber) => subscriber.exclusive(self.options.exclusive),
            Err(refused) => {
                let full = refused != Refused::Closed;
                self.refused |= full;
                self.tell_absent(Arc::clone(name), if full { Signal::Waiting } else { Signal::Ended });
                return Err(refused);
            }
        };
        let subscriber = match &self.options.key {
            Some(key) => subscriber.key(key.clone()),
            None => subscriber,
        };
        let subscriber = match &self.options.label {
            Some(label) => subscriber.label(label.clone()),
            None => subscriber,
        };
        let subscriber = match self.options.min_interval {
            Some(interval) => subscriber.min_interval(interval),
            None => subscriber,
        };
        self.absent.remove(name);
        let entry = self.tracks.vacant_entry();
        let id = entry.key();
        entry.insert(Track {
            name: Arc::clone(name),
            encodings: self.wall.track(name, hub),
            seat: Some(subscriber.into_seat()),
            signal: Signal::Waiting,
        });
        self.ids.insert(Arc::clone(name), id);
        if self.place.is_some() {
            self.start_track(id);
        }
        Ok(())
    }

    /// Starts to watch a track, and queues it.
    fn start_track(&mut self, id: usize) {
        let Some(track) = self.tracks.get_mut(id) else { return };
        let Some(seat) = &mut track.seat else { return };
        seat.start();
        track.signal = if seat.has_signal() { Signal::Live } else { Signal::Waiting };
        self.tell.insert(Arc::clone(&track.name), track.signal);
        Arc::new(Queued { ready: Arc::clone(&self.ready), id }).wake();
    }

    /// Follows the changes of the set of hubs.
    fn follow_changes(&mut self) {
        let (hubs, closed) = self.changes.hubs(self.options.of.as_deref(), self.options.max, &self.on_change);
        self.refused = false;
        let hubs: BTreeMap<_, _> = hubs.into_iter().collect();
        let gone = self.ids.iter().filter(|(name, _)| !hubs.contains_key(*name)).map(|(_, id)| *id);
        for id in gone.collect::<Vec<_>>() {
            // A closed hub ends the track after its last part.
            let ends = self.tracks.get(id).is_some_and(|track| track.seat.is_some() && track.encodings.hub.is_closed());
            if !ends {
                self.remove(id);
            }
        }
        for (name, hub) in &hubs {
            let known = self.ids.get(name).copied();
            match known.and_then(|id| self.tracks.get(id)) {
                Some(track) if track.encodings.hub.is_same(hub) => continue,
                Some(_) => known.into_iter().for_each(|id| self.remove(id)),
                None => {}
            }
            // The viewer is told of a refusal.
            let _ = self.join(name, hub);
        }
        if self.options.of.is_none() {
            self.absent.retain(|name, _| hubs.contains_key(name));
        }
        self.over |= closed;
    }

    /// Removes a track. The viewer is told that it ended, unless it was told before.
    fn remove(&mut self, id: usize) {
        let track = self.tracks.remove(id);
        self.ids.remove(&track.name);
        self.absent.insert(Arc::clone(&track.name), track.signal);
        self.tell_absent(track.name, Signal::Ended);
    }

    /// Tells the state of a name that has no track, unless it was told before.
    fn tell_absent(&mut self, name: Arc<str>, signal: Signal) {
        if self.absent.insert(Arc::clone(&name), signal) != Some(signal) {
            self.tell.insert(name, signal);
        }
    }

    /// Returns the states that the viewer must be told.
    fn take_states(&mut self, heartbeat: bool) -> Option<Arc<EncodedPart>> {
        if self.tell.is_empty() && !heartbeat {
            return None;
        }
        let states = std::mem::take(&mut self.tell);
        self.ready.told();
        if self.is_over() {
            // After the states, the end.
            self.ready.set(|due| due.tell = true);
        }
        Some(Arc::new(states::encoded(&states, self.wall.encoder(self.options.wire))))
    }

    /// Returns whether no part can come any more.
    fn is_over(&self) -> bool {
        (self.over || self.options.of.is_some()) && self.tracks.iter().all(|(_, track)| track.seat.is_none())
    }

    /// Returns the newest part of a track, or the end of the stream, or `None` if the track has nothing to send.
    fn poll_track(&mut self, queued: Arc<Queued>) -> Option<Step<Arc<EncodedPart>>> {
        // A track that was removed may still be in the queue.
        let id = queued.id;
        let track = self.tracks.get_mut(id)?;
        let seat = track.seat.as_mut()?;
        let step = match seat.poll_once(Waker::from(queued)) {
            // Otherwise the time of a picture that stays the same would grow old.
            Step::Repeat => seat.renewed().map_or(Step::Repeat, Step::Part),
            step => step,
        };
        let signal = match step {
            Step::Wait => return None,
            Step::Repeat => {
                // Its state, told again, is the keep-alive of a track.
                seat.pass();
                self.tell.insert(Arc::clone(&track.name), track.signal);
                self.ready.repeat();
                return None;
            }
            Step::End if seat.ended_for_viewer() => return Some(Step::End),
            Step::End => {
                track.seat = None;
                track.signal = Signal::Ended;
                self.tell.insert(Arc::clone(&track.name), Signal::Ended);
                self.ready.set(|due| due.tell = true);
                return None;
            }
            Step::Part(part) => {
                let Some(encoded) = track.encodings.encoded(&part, self.wall.encoder(self.options.wire), seat) else {
                    seat.pass();
                    return None;
                };
                let signal = if part.no_signal { Signal::Waiting } else { Signal::Live };
                (signal, encoded)
            }
        };
        let (signal, encoded) = signal;
        // After its "no signal" part, which would make the track look live.
        if signal != track.signal || signal == Signal::Waiting {
            track.signal = signal;
            self.tell.insert(Arc::clone(&track.name), signal);
            self.ready.set(|due| due.tell = true);
        }
        self.in_flight = Some(InFlight::Track(id));
        Some(Step::Part(encoded))
    }
}

impl Supply for Subscriber {
    type Part = Arc<EncodedPart>;

    fn encoder(&self) -> &Arc<Encoder> {
        self.wall.encoder(self.options.wire)
    }

    fn start(&mut self) {
        let now = Instant::now();
        self.place = Some(self.wall.enter(Arc::clone(&self.ready), self.options.config, now));
        self.ids.values().copied().collect::<Vec<_>>().into_iter().for_each(|id| self.start_track(id));
        self.follow_changes();
        // The states come first, even if there are none.
        self.ready.set(|due| due.heartbeat = true);
    }

    fn poll_step(&mut self, gated: bool, taken: u64, cx: &mut Context<'_>) -> Step<Arc<EncodedPart>> {
        if !gated && self.in_flight.is_some() {
            self.release(taken)();
            self.in_flight = None;
        }
        let mut working = false;
        loop {
            let next = self.ready.next(std::mem::replace(&mut working, true), cx.waker());
            let due = match next {
                Next::Wait => return Step::Wait,
                Next::Track(queued) => match self.poll_track(queued) {
                    Some(step) => return step,
                    None => continue,
                },
                Next::Due(due) => due,
            };
            if due.end {
                return Step::End;
            }
            if due.change || (due.heartbeat && self.refused) {
                self.follow_changes();
            }
            if let Some(states) = self.take_states(due.heartbeat) {
                self.in_flight = Some(InFlight::States);
                return Step::Part(states);
            }
            if self.is_over() {
                return Step::End;
            }
        }
    }

    fn release(&self, bytes: u64) -> impl FnOnce() + Send + 'static {
        let seat = match self.in_flight {
            Some(InFlight::Track(id)) => self.tracks.get(id).and_then(|track| track.seat.as_ref()),
            Some(InFlight::States) | None => None,
        };
        let (release, ready) = (seat.map(|seat| seat.release(bytes)), Arc::clone(&self.ready));
        move || {
            // First the hub, which may queue the track again, then the viewer, whose task is woken then.
            release.into_iter().for_each(|release| release());
            ready.release();
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.ready.close();
        if let Some(place) = self.place {
            self.wall.leave(place);
        }
    }
}
