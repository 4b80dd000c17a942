//! The response of one viewer of a wall.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Wake as _, Waker};
use std::time::{Duration, Instant};

use slab::Slab;

use super::ready::{Next, Ready, Track as Queued};
use super::shared::{self, Config, Shared};
use super::states::{self, Signal};
use crate::body::{Step, Supply};
use crate::derive::opaque_debug;
use crate::encode::{EncodedPart, Encoder};
use crate::hub::Refused;
use crate::hubs::OpenError;
use crate::hubs::changes::Changes;
use crate::hubs::member::Member;
use crate::ladder::{self, Size};

/// What a viewer asks for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) config: Config,
    /// The largest number of tracks.
    pub(crate) max: usize,
    /// The names of the tracks, each with its size. `None` for all.
    pub(crate) of: Option<BTreeMap<Arc<str>, Size>>,
    /// Whether it is told which tracks have several sizes, so that it can ask for one.
    pub(crate) by_size: bool,
    /// The size of the tracks without one.
    pub(crate) size: Size,
    /// What it asks of each hub.
    pub(crate) viewer: ladder::Options,
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
/// It holds a place in the hub of each track, or on the rung of its width if the track is a ladder.
pub(crate) struct Subscriber {
    wall: Arc<Shared>,
    options: Options,
    /// When the stream ends at the latest.
    expires: Option<Instant>,
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
    /// Reserves a place in the hub or the ladder of each track, whose hub its source makes if necessary.
    ///
    /// A track whose hub fails for now does not stop the others, unless all fail.
    pub(crate) fn new(wall: &Arc<Shared>, options: Options) -> Result<Self, StartError> {
        let (ready, of) = (Arc::new(Ready::default()), options.of.clone().unwrap_or_default());
        let on_revoke = options.viewer.key.as_deref().map(|key| (Arc::from(key), ready.on_revoke()));
        let mut subscriber = Self {
            wall: Arc::clone(wall),
            options,
            expires: None,
            on_change: Waker::from(Arc::clone(&ready)),
            ready,
            changes: wall.hubs.changes(on_revoke),
            place: None,
            tracks: Slab::new(),
            ids: BTreeMap::new(),
            absent: BTreeMap::new(),
            tell: BTreeMap::new(),
            in_flight: None,
            refused: false,
            over: false,
        };
        let mut unknown = Vec::new();
        let mut failed = None;
        for name in of.into_keys() {
            let joined = wall.hubs.with(&name, |member| subscriber.join(&name, member));
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

    /// Ends the stream after this time. If it is zero, no track is watched.
    pub(crate) fn expires_in(mut self, time: Duration) -> Self {
        self.expires = Instant::now().checked_add(time);
        self
    }
}

opaque_debug!(Subscriber);

struct Track {
    name: Arc<str>,
    shared: Arc<shared::Track>,
    /// `None` once it has ended.
    subscriber: Option<ladder::Subscriber>,
    signal: Signal,
}

#[derive(Clone, Copy, Debug)]
enum InFlight {
    States,
    Track(usize),
}

impl Subscriber {
    /// Reserves a place in a hub, or on the rung of a ladder. If it is refused, the viewer is told that the track ended or waits.
    fn join(&mut self, name: &Arc<str>, member: &Member) -> Result<(), Refused> {
        let shared = self.wall.track(name, member);
        let size = self.options.of.as_ref().and_then(|of| of.get(name)).copied().unwrap_or(self.options.size);
        let subscriber = match shared.subscribe(&self.options.viewer, size) {
            Ok(subscriber) => subscriber.waiting(),
            Err(refused) => {
                let full = refused != Refused::Closed;
                self.refused |= full;
                self.tell_absent(Arc::clone(name), if full { Signal::Waiting } else { Signal::Ended });
                return Err(refused);
            }
        };
        self.absent.remove(name);
        let entry = self.tracks.vacant_entry();
        let id = entry.key();
        entry.insert(Track { name: Arc::clone(name), shared, subscriber: Some(subscriber), signal: Signal::Waiting });
        self.ids.insert(Arc::clone(name), id);
        if self.place.is_some() {
            self.start_track(id);
        }
        Ok(())
    }

    /// Starts to watch a track, and queues it.
    fn start_track(&mut self, id: usize) {
        let Some(track) = self.tracks.get_mut(id) else { return };
        let Some(subscriber) = &mut track.subscriber else { return };
        subscriber.start();
        track.signal = if subscriber.has_signal() { Signal::Live } else { Signal::Waiting };
        self.tell.insert(Arc::clone(&track.name), track.signal);
        Arc::new(Queued::new(&self.ready, id)).wake();
    }

    /// Follows the changes of the set of hubs.
    fn follow_changes(&mut self) {
        let (members, closed) = self.changes.members(self.options.of.as_ref(), self.options.max, &self.on_change);
        self.refused = false;
        let members: BTreeMap<_, _> = members.into_iter().collect();
        let gone = self.ids.iter().filter(|(name, _)| !members.contains_key(*name)).map(|(_, id)| *id);
        for id in gone.collect::<Vec<_>>() {
            // A closed hub ends the track after its last part.
            let ends = self.tracks.get(id).is_some_and(|track| track.subscriber.is_some() && track.shared.is_closed());
            if !ends {
                self.remove(id);
            }
        }
        for (name, member) in &members {
            let known = self.ids.get(name).copied();
            match known.and_then(|id| self.tracks.get(id)) {
                Some(track) if track.shared.is_of(member) => continue,
                Some(_) => known.into_iter().for_each(|id| self.remove(id)),
                None => {}
            }
            // The viewer is told of a refusal.
            let _ = self.join(name, member);
        }
        if self.options.of.is_none() {
            self.absent.retain(|name, _| members.contains_key(name));
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
        let track = |name: &Arc<str>| self.tracks.get(*self.ids.get(name)?).filter(|_| self.options.by_size);
        let sized = states.keys().filter(|name| track(name).is_some_and(|track| track.shared.is_sized())).cloned();
        Some(Arc::new(states::encoded(
            &states,
            &sized.collect::<Vec<_>>(),
            self.wall.encoder(self.options.viewer.wire),
        )))
    }

    /// Returns whether no part can come any more.
    fn is_over(&self) -> bool {
        (self.over || self.options.of.is_some()) && self.tracks.iter().all(|(_, track)| track.subscriber.is_none())
    }

    /// Returns the newest part of a track, or the end of the stream, or `None` if the track has nothing to send.
    fn poll_track(&mut self, queued: Arc<Queued>) -> Option<Step<Arc<EncodedPart>>> {
        // A track that was removed may still be in the queue.
        let id = queued.id;
        let track = self.tracks.get_mut(id)?;
        let subscriber = track.subscriber.as_mut()?;
        let encoded = match subscriber.poll_part(&Waker::from(queued)) {
            Step::Wait => return None,
            Step::Repeat => {
                // Its state, told again, is the keep-alive of a track.
                subscriber.pass();
                self.tell.insert(Arc::clone(&track.name), track.signal);
                self.ready.repeat();
                return None;
            }
            Step::End if subscriber.ended_for_viewer() => return Some(Step::End),
            Step::End => {
                track.subscriber = None;
                track.signal = Signal::Ended;
                self.tell.insert(Arc::clone(&track.name), Signal::Ended);
                self.ready.set(|due| due.tell = true);
                return None;
            }
            Step::Part(encoded) => encoded,
        };
        let signal = if subscriber.sent_no_signal() { Signal::Waiting } else { Signal::Live };
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
        self.wall.encoder(self.options.viewer.wire)
    }

    fn start(&mut self) {
        let now = Instant::now();
        if self.expires.is_some_and(|at| at <= now) {
            self.ready.set(|due| due.end = true);
        }
        if self.ready.ends() {
            // A stream without access does not count as a viewer, and must not wake a camera.
            return;
        }
        self.place = Some(self.wall.enter(Arc::clone(&self.ready), self.options.config, self.expires, now));
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
                let subscribers = self.tracks.iter().filter_map(|(_, track)| track.subscriber.as_ref());
                subscribers.for_each(ladder::Subscriber::expire);
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
        let subscriber = match self.in_flight {
            Some(InFlight::Track(id)) => self.tracks.get(id).and_then(|track| track.subscriber.as_ref()),
            Some(InFlight::States) | None => None,
        };
        let (release, ready) = (subscriber.map(|subscriber| subscriber.release(bytes)), Arc::clone(&self.ready));
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
