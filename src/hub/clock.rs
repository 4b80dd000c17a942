//! One thread for all hubs of the process, which calls each when its time has come.
//!
//! So no viewer has a timer of its own, and a hub needs no runtime: on actix its viewers live on several.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::Instant;

use super::shared::Shared;

/// Calls [`Shared::tick`] at that time, or soon after. The thread begins with the first call.
///
/// A hub has one alarm, the earliest that it asked for; when it is called, it asks for the next.
pub(super) fn schedule(hub: Weak<Shared>, at: Instant) {
    static START: Once = Once::new();
    // Loom counts every thread of a model, so there time stands still.
    if cfg!(loom) {
        return;
    }
    START.call_once(|| {
        // A process that cannot start a thread does without what the time brings (keep-alives, deadlines, "no signal", the
        // end of demand): better than without streams.
        let started = std::thread::Builder::new().name("mixed-replace".into()).spawn(run);
        #[cfg(feature = "tracing")]
        if let Err(error) = &started {
            tracing::error!(%error, "no thread for the time of hubs");
        }
        drop(started);
    });
    timers().set(hub, at);
    RESCHEDULED.notify_one();
}

/// Keeps neither the alarm nor the memory of a hub that is gone.
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
                // A tick wakes tasks: one that panics there must not stop the time of every other hub.
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

/// Who is to be called when. A hub is known by its address.
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
