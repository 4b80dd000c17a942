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
pub(super) fn call(hub: Weak<Shared>, at: Instant) {
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
    alarms().set(hub, at);
    EARLIER.notify_one();
}

/// Keeps neither the alarm nor the memory of a hub that is gone.
pub(super) fn forget(hub: &Shared) {
    drop(alarms().remove(std::ptr::from_ref(hub).addr()));
}

fn run() {
    let mut alarms = alarms();
    loop {
        let now = Instant::now();
        match alarms.next().map(|at| at.saturating_duration_since(now)) {
            None => alarms = EARLIER.wait(alarms).unwrap_or_else(PoisonError::into_inner),
            Some(wait) if !wait.is_zero() => {
                (alarms, _) = EARLIER.wait_timeout(alarms, wait).unwrap_or_else(PoisonError::into_inner);
            }
            Some(_) => {
                let due = alarms.pop();
                drop(alarms);
                // A tick wakes tasks: one that panics there must not stop the time of every other hub.
                drop(catch_unwind(AssertUnwindSafe(|| {
                    if let Some(hub) = due.and_then(|hub| hub.upgrade()) {
                        hub.tick(now);
                    }
                })));
                alarms = self::alarms();
            }
        }
    }
}

fn alarms() -> MutexGuard<'static, Alarms> {
    ALARMS.lock().unwrap_or_else(PoisonError::into_inner)
}

static ALARMS: Mutex<Alarms> = Mutex::new(Alarms { by_time: BTreeMap::new(), of_hub: BTreeMap::new() });
static EARLIER: Condvar = Condvar::new();

/// Who is to be called when. A hub is known by its address.
struct Alarms {
    by_time: BTreeMap<(Instant, usize), Weak<Shared>>,
    of_hub: BTreeMap<usize, Instant>,
}

impl Alarms {
    fn set(&mut self, hub: Weak<Shared>, at: Instant) {
        let address = hub.as_ptr().addr();
        if self.of_hub.get(&address).is_none_or(|set| at < *set) {
            self.remove(address);
            self.of_hub.insert(address, at);
            self.by_time.insert((at, address), hub);
        }
    }

    fn remove(&mut self, address: usize) -> Option<Weak<Shared>> {
        let at = self.of_hub.remove(&address)?;
        self.by_time.remove(&(at, address))
    }

    fn next(&self) -> Option<Instant> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }

    fn pop(&mut self) -> Option<Weak<Shared>> {
        let ((_, address), hub) = self.by_time.pop_first()?;
        self.of_hub.remove(&address);
        Some(hub)
    }
}
