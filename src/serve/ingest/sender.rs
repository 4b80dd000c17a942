//! The request that is sending, and its time limit.

use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::clock::{self, Timed};
use crate::hub::Publisher;
use crate::serve::rejection::Rejection;
use crate::sync::{Mutex, MutexGuard, keep, lock};

/// A publisher, with room for one sender at a time.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) publisher: Arc<Publisher>,
    current: Mutex<Option<Weak<Timer>>>,
    /// The time of the last picture, of whichever sender.
    last: Mutex<Option<Instant>>,
}

impl Desk {
    pub(super) fn new(publisher: Arc<Publisher>) -> Self {
        Self { publisher, current: Mutex::new(None), last: Mutex::new(None) }
    }

    /// Sets the time of the last picture.
    pub(super) fn published(&self) {
        *lock(&self.last) = Some(Instant::now());
    }

    /// Returns the rest of the interval that began with the last picture.
    pub(super) fn wait(&self, interval: Duration) -> Option<Duration> {
        let last = (*lock(&self.last))?;
        interval.checked_sub(last.elapsed()).filter(|wait| !wait.is_zero())
    }

    /// Starts sending. Ends the request that is sending, or fails.
    pub(super) fn start(&self, takeover: bool, timeout: Option<Duration>) -> Result<Sender, Rejection> {
        let mut current = lock(&self.current);
        let older = current.as_ref().and_then(Weak::upgrade).filter(|older| !older.state().ended);
        if older.is_some() && !takeover {
            return Err(Rejection::Busy);
        }
        let sender = Sender::new(timeout);
        *current = Some(Arc::downgrade(&sender.timer));
        drop(current);
        if let Some(older) = older {
            older.replace();
        }
        Ok(sender)
    }
}

/// A request that sends. The next may start once it is dropped.
#[derive(Debug)]
pub(super) struct Sender {
    timer: Arc<Timer>,
    timeout: Option<Duration>,
}

#[derive(Debug, Default)]
struct Timer(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    deadline: Option<Instant>,
    /// The clock will call before the deadline, or at it.
    scheduled: bool,
    replaced: bool,
    /// The clock may keep the timer a little longer than the sender.
    ended: bool,
    waker: Option<Waker>,
}

impl Sender {
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        let sender = Self { timer: Arc::default(), timeout };
        sender.renew();
        sender
    }

    /// Moves the deadline.
    pub(super) fn renew(&self) {
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.timer.state();
        state.deadline = deadline;
        // A later deadline is scheduled when the earlier one is due, which costs nothing for each part.
        let due = deadline.filter(|_| !std::mem::replace(&mut state.scheduled, deadline.is_some()));
        drop(state);
        due.into_iter().for_each(|at| clock::schedule(&self.timer, at));
    }

    /// Removes the deadline until it is renewed.
    pub(super) fn pause(&self) {
        self.timer.state().deadline = None;
    }

    /// Fails if the request is to end. Otherwise stores the waker of the task that reads it.
    pub(super) fn check(&self, waker: &Waker) -> Result<(), Rejection> {
        let mut state = self.timer.state();
        if state.replaced {
            return Err(Rejection::Replaced);
        }
        match self.timeout {
            Some(timeout) if state.deadline.is_some_and(|at| at <= Instant::now()) => {
                return Err(Rejection::Silent { timeout });
            }
            _ => {}
        }
        let replaced = keep(&mut state.waker, waker);
        drop(state);
        drop(replaced);
        Ok(())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.timer.state().ended = true;
    }
}

impl Timer {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    fn replace(&self) {
        let mut state = self.state();
        state.replaced = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Timed for Timer {
    fn tick(self: Arc<Self>, now: Instant) {
        let mut state = self.state();
        let later = state.deadline.filter(|at| *at > now);
        state.scheduled = later.is_some();
        let waker = if later.is_none() { state.waker.take() } else { None };
        drop(state);
        later.into_iter().for_each(|at| clock::schedule(&self, at));
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clock::forget(self);
    }
}
