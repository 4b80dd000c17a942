//! The tracks of one viewer that have something for it, and the task that sends it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Wake, Waker};

use crate::body::PULSES;
use crate::sync::{Mutex, keep, lock, wake};

/// The tracks of one viewer that have something for it, in turn.
#[derive(Default)]
pub(super) struct Ready(Mutex<State>);

#[derive(Default)]
struct State {
    tracks: VecDeque<Arc<Track>>,
    due: Due,
    /// Whether the viewer's task is at work or a part is in flight. The task need not be woken meanwhile.
    busy: bool,
    task: Option<Waker>,
    /// Nothing is sent any more.
    closed: bool,
    /// The numbers of pulses since the last part was released, and since the states were sent.
    idle: u8,
    untold: u8,
    /// Whether a track asks for a keep-alive.
    repeat: bool,
}

/// What is due besides the parts of tracks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Due {
    /// The set of hubs has changed.
    pub(super) change: bool,
    /// The stream has reached its lifetime, or its key was revoked. It ends even if the part in flight is never written.
    pub(super) end: bool,
    /// Nothing was sent for the period of the keep-alive.
    pub(super) heartbeat: bool,
    /// The state of a track has changed.
    pub(super) tell: bool,
}

/// The next thing to do for a viewer.
pub(super) enum Next {
    Due(Due),
    /// Ask this track for its newest part. It is the waker of its hub too, and comes back when that has something.
    Track(Arc<Track>),
    /// Wait until woken.
    Wait,
}

impl Ready {
    /// Returns the next thing to do. `working` means that the call before returned one, and nothing was sent since.
    ///
    /// From there on the task is not woken until [`release`](Self::release), or a call that returns [`Next::Wait`].
    pub(super) fn next(&self, working: bool, waker: &Waker) -> Next {
        let mut state = lock(&self.0);
        if !state.busy || working || state.due.end {
            state.busy = true;
            let next = if state.due == Due::default() {
                state.tracks.pop_front().map(|track| {
                    track.queued.store(false, Relaxed);
                    Next::Track(track)
                })
            } else {
                Some(Next::Due(std::mem::take(&mut state.due)))
            };
            if let Some(next) = next {
                return next;
            }
            state.busy = false;
        }
        let replaced = keep(&mut state.task, waker);
        drop(state);
        drop(replaced);
        Next::Wait
    }

    /// Adds a track at the end of the queue, unless it is there already: while it moves to another rung, two hubs wake it.
    fn push(&self, track: Arc<Track>) {
        self.change(|state| {
            // The track refers to this queue, and would keep it for ever.
            if !state.closed && !track.queued.swap(true, Relaxed) {
                state.tracks.push_back(track);
            }
        });
    }

    /// Adds to what is due.
    pub(super) fn set(&self, due: impl FnOnce(&mut Due)) {
        self.change(|state| due(&mut state.due));
    }

    /// Returns whether the stream is to end.
    pub(super) fn ends(&self) -> bool {
        lock(&self.0).due.end
    }

    /// Returns what wakes when the key of the viewer is revoked.
    pub(super) fn on_revoke(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::new(Revoked(Arc::clone(self))))
    }

    /// Reports that the transport has released the part in flight.
    pub(super) fn release(&self) {
        self.change(|state| (state.busy, state.idle) = (false, 0));
    }

    /// Records that the states are being sent.
    pub(super) fn told(&self) {
        let mut state = lock(&self.0);
        (state.untold, state.repeat) = (0, false);
    }

    /// Requests a heartbeat for a track that was sent nothing. It comes with those of the others.
    pub(super) fn repeat(&self) {
        lock(&self.0).repeat = true;
    }

    /// Requests a heartbeat after [`PULSES`] pulses.
    pub(super) fn pulse(&self) {
        self.change(|state| {
            state.idle = if state.busy { 0 } else { state.idle.saturating_add(1) };
            state.untold = state.untold.saturating_add(1);
            state.due.heartbeat |= state.idle >= PULSES || (state.repeat && state.untold >= PULSES);
        });
    }

    /// Forgets the task and the tracks.
    pub(super) fn close(&self) {
        let mut state = lock(&self.0);
        state.closed = true;
        let dropped = (state.task.take(), std::mem::take(&mut state.tracks));
        drop(state);
        drop(dropped);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.0);
        change(&mut state);
        let due = !state.tracks.is_empty() || state.due != Due::default();
        let waker = if due && (!state.busy || state.due.end) { state.task.take() } else { None };
        drop(state);
        waker.into_iter().for_each(wake);
    }
}

/// Called when the set of hubs has changed.
impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.set(|due| due.change = true);
    }
}

/// Called when the key of the viewer was revoked.
struct Revoked(Arc<Ready>);

impl Wake for Revoked {
    fn wake(self: Arc<Self>) {
        self.0.set(|due| due.end = true);
    }
}

/// A track of a viewer. Its hub wakes it when it has something for the viewer.
pub(super) struct Track {
    ready: Arc<Ready>,
    pub(super) id: usize,
    /// Whether it is in the queue, whose lock orders this.
    queued: AtomicBool,
}

impl Track {
    pub(super) fn new(ready: &Arc<Ready>, id: usize) -> Self {
        Self { ready: Arc::clone(ready), id, queued: AtomicBool::new(false) }
    }
}

impl Wake for Track {
    fn wake(self: Arc<Self>) {
        let ready = Arc::clone(&self.ready);
        ready.push(self);
    }
}
