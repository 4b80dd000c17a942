//! The timers of all hubs in the process, served by one thread.
//!
//! Viewers therefore need no timers, and a hub needs no runtime: on actix its viewers run on
//! several.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::Instant;

use super::shared::Shared;

/// Calls [`Shared::tick`] at `at` or soon after. The first call starts the thread.
///
/// A hub has one timer, set to the earliest time that was requested. Each tick sets the next.
pub(super) fn schedule(hub: Weak<Shared>, at: Instant) {
    static START: Once = Once::new();
    // Loom counts every thread of a model, so timers do not fire there.
    if cfg!(loom) {
        return;
    }
    START.call_once(|| {
        // Without the thread, streams still work. Only keep-alives, deadlines, "no signal" and
        // the end of demand are missing.
        let started = std::thread::Builder::new().name("mixed-replace".into()).spawn(run);
        #[cfg(feature = "tracing")]
        if let Err(error) = &started {
            tracing::error!(%error, "cannot start the thread for the timers of hubs: no keep-alives or timeouts");
        }
        drop(started);
    });
    timers().set(hub, at);
    RESCHEDULED.notify_one();
}

/// Removes the timer of a dropped hub, and with it the hub's memory.
pub(super) fn forget(hub: &Shared) {
    drop(timers().remove(std::ptr::from_ref(hub).addr()));
}

fn run() {
    let mut timers = timers();
    loop {
        let now = Instant::now();
        match timers.next().map(|at| at.saturating_duration_since(now)) {
            None => timers = RESCHEDULED.wait(timers).unwrap_or_else(PoisonError::into_inner),
            Some(wait) if !wait.is_zero() => {
                (timers, _) = RESCHEDULED.wait_timeout(timers, wait).unwrap_or_else(PoisonError::into_inner);
            }
            Some(_) => {
                let due = timers.pop();
                drop(timers);
                // A tick wakes tasks. A panic in one must not stop the timers of other hubs.
                drop(catch_unwind(AssertUnwindSafe(|| {
                    if let Some(hub) = due.and_then(|hub| hub.upgrade()) {
                        hub.tick(now);
                    }
                })));
                timers = self::timers();
            }
        }
    }
}

fn timers() -> MutexGuard<'static, Timers> {
    TIMERS.lock().unwrap_or_else(PoisonError::into_inner)
}

static TIMERS: Mutex<Timers> = Mutex::new(Timers { by_time: BTreeMap::new(), by_hub: BTreeMap::new() });
static RESCHEDULED: Condvar = Condvar::new();

/// The timers of hubs, each identified by its address.
struct Timers {
    by_time: BTreeMap<(Instant, usize), Weak<Shared>>,
    by_hub: BTreeMap<usize, Instant>,
}

impl Timers {
    fn set(&mut self, hub: Weak<Shared>, at: Instant) {
        let address = hub.as_ptr().addr();
        if self.by_hub.get(&address).is_none_or(|set| at < *set) {
            self.remove(address);
            self.by_hub.insert(address, at);
            self.by_time.insert((at, address), hub);
        }
    }

    fn remove(&mut self, address: usize) -> Option<Weak<Shared>> {
        let at = self.by_hub.remove(&address)?;
        self.by_time.remove(&(at, address))
    }

    fn next(&self) -> Option<Instant> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }

    fn pop(&mut self) -> Option<Weak<Shared>> {
        let ((_, address), hub) = self.by_time.pop_first()?;
        self.by_hub.remove(&address);
        Some(hub)
    }
}
