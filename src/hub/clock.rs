//! The timers of all hubs in the process, and of what serves them, on one thread.
//!
//! Viewers therefore need no timers, and a hub needs no runtime: on actix its viewers run on
//! several.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::Instant;

/// A thing with a timer, identified by its address.
pub(crate) trait Timed: Send + Sync {
    /// Does what is due at `now`.
    fn tick(&self, now: Instant);
}

/// Calls [`Timed::tick`] at `at` or soon after. The first call starts the thread.
///
/// Each has one timer, set to the earliest time that was requested. Each tick sets the next.
pub(crate) fn schedule(timed: Weak<dyn Timed>, at: Instant) {
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
    timers().set(timed, at);
    RESCHEDULED.notify_one();
}

/// Removes the timer of something that is dropped, and with it its memory.
pub(crate) fn forget<T: Timed>(timed: &T) {
    drop(timers().remove(std::ptr::from_ref(timed).addr()));
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
                // A tick wakes tasks. A panic in one must not stop the timers of others.
                drop(catch_unwind(AssertUnwindSafe(|| {
                    if let Some(timed) = due.and_then(|timed| timed.upgrade()) {
                        timed.tick(now);
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

static TIMERS: Mutex<Timers> = Mutex::new(Timers { by_time: BTreeMap::new(), by_address: BTreeMap::new() });
static RESCHEDULED: Condvar = Condvar::new();

struct Timers {
    by_time: BTreeMap<(Instant, usize), Weak<dyn Timed>>,
    by_address: BTreeMap<usize, Instant>,
}

impl Timers {
    fn set(&mut self, timed: Weak<dyn Timed>, at: Instant) {
        let address = timed.as_ptr().cast::<()>().addr();
        if self.by_address.get(&address).is_none_or(|set| at < *set) {
            self.remove(address);
            self.by_address.insert(address, at);
            self.by_time.insert((at, address), timed);
        }
    }

    fn remove(&mut self, address: usize) -> Option<Weak<dyn Timed>> {
        let at = self.by_address.remove(&address)?;
        self.by_time.remove(&(at, address))
    }

    fn next(&self) -> Option<Instant> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }

    fn pop(&mut self) -> Option<Weak<dyn Timed>> {
        let ((_, address), timed) = self.by_time.pop_first()?;
        self.by_address.remove(&address);
        Some(timed)
    }
}
