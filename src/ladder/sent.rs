//! The parts that a viewer was sent, and what the transport reports of them.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::order::Times;
use crate::clock::{self, Timed};
use crate::hub::Published;
use crate::sync::{Mutex, keep, lock, wake};

/// The last part that a viewer was sent.
#[derive(Default)]
pub(super) struct Sent {
    /// The part, and its rung.
    pub(super) last: Option<(usize, Arc<Published>)>,
    /// The pictures that were skipped before it.
    pub(super) missed: u32,
    /// When it was sent, while it is in flight.
    pub(super) in_flight: Option<Instant>,
    report: Arc<Report>,
}

/// What other threads tell the viewer's task.
#[derive(Default)]
struct Report(Mutex<State>);

#[derive(Default)]
struct State {
    /// The last part that was released, until the viewer's task knows of it.
    released: Option<Released>,
    /// The task to wake at the next release, whether the hub has a newer part or not, or at a time.
    task: Option<Waker>,
}

/// A part that the transport has released.
pub(super) struct Released {
    pub(super) at: Instant,
    pub(super) bytes: u64,
    /// When it was sent, which tells it from other parts.
    pub(super) sent: Instant,
}

impl Sent {
    /// Records that a part of a rung is sent, which may be the last one with a later time.
    pub(super) fn send(&mut self, rung: usize, part: Arc<Published>) {
        let before = self.last.as_ref().filter(|(of, _)| *of == rung);
        let missed = before.map_or(0, |(_, last)| (part.version - last.version).saturating_sub(1));
        self.last = Some((rung, part));
        self.send_again();
        self.missed = u32::try_from(missed).unwrap_or(u32::MAX);
    }

    /// Records that the last part is sent again.
    pub(super) fn send_again(&mut self) {
        self.in_flight = Some(Instant::now());
        self.missed = 0;
    }

    /// Returns how much older a picture of a rung is than the last one, of another rung.
    pub(super) fn older(&self, part: &Published, rung: usize) -> Duration {
        let last = self.last.as_ref().filter(|(of, _)| *of != rung);
        last.map_or(Duration::ZERO, |(_, last)| Times::of(part).older_than(Times::of(last)))
    }

    /// Returns the report of the part in flight, once.
    pub(super) fn take_released(&mut self) -> Option<Released> {
        let released = lock(&self.report.0).released.take();
        let released = released.filter(|released| self.in_flight == Some(released.sent))?;
        self.in_flight = None;
        Some(released)
    }

    /// Returns the function to call when the transport has released the part in flight, of so many bytes. It calls that of the
    /// part's hub too.
    pub(super) fn release(&self, bytes: u64, of_hub: impl FnOnce() + Send + 'static) -> impl FnOnce() + Send + 'static {
        let (report, sent) = (Arc::clone(&self.report), self.in_flight);
        move || {
            let mut state = lock(&report.0);
            if let Some(sent) = sent.filter(|sent| state.released.as_ref().is_none_or(|last| last.sent <= *sent)) {
                state.released = Some(Released { at: Instant::now(), bytes, sent });
            }
            let task = state.task.take();
            drop(state);
            // Last, since they wake the viewer.
            of_hub();
            task.into_iter().for_each(wake);
        }
    }

    /// Wakes the task when the part in flight is released, when the next rung may have a picture, or at a time.
    pub(super) fn wake(&self, waker: &Waker, at: Option<Instant>) {
        let mut state = lock(&self.report.0);
        let is_released = state.released.is_some();
        let replaced = if is_released { None } else { keep(&mut state.task, waker) };
        drop(state);
        drop(replaced);
        if is_released {
            waker.wake_by_ref();
        }
        at.into_iter().for_each(|at| clock::schedule(&self.report, at));
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn tick(&self) {
        Arc::clone(&self.report).tick(Instant::now());
    }
}

impl Timed for Report {
    fn tick(self: Arc<Self>, _: Instant) {
        let task = lock(&self.0).task.take();
        task.into_iter().for_each(wake);
    }
}
