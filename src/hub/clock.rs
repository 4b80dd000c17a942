//! One thread for all hubs of the process, which calls each when its time has come.
//!
//! So no viewer has a timer of its own, and a hub needs no runtime: on actix its viewers live on several.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, Once, PoisonError, Weak};
use std::time::Instant;

use super::shared::Shared;

/// Calls [`Shared::tick`] at that time, or soon after. The thread begins with the first call.
pub(super) fn call(hub: Weak<Shared>, at: Instant) {
    static START: Once = Once::new();
    START.call_once(|| {
        // A process that cannot start a thread does without keep-alive: better than without streams.
        drop(std::thread::Builder::new().name("mixed-replace".into()).spawn(run));
    });
    ALARMS.lock().unwrap_or_else(PoisonError::into_inner).insert((at, hub.as_ptr().addr()), hub);
    EARLIER.notify_one();
}

/// By time, and where two hubs have the same, by hub.
static ALARMS: Mutex<BTreeMap<(Instant, usize), Weak<Shared>>> = Mutex::new(BTreeMap::new());
static EARLIER: Condvar = Condvar::new();

fn run() {
    let mut alarms = ALARMS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let now = Instant::now();
        let wait = alarms.first_key_value().map(|((at, _), _)| at.saturating_duration_since(now));
        match wait {
            None => alarms = EARLIER.wait(alarms).unwrap_or_else(PoisonError::into_inner),
            Some(wait) if !wait.is_zero() => {
                (alarms, _) = EARLIER.wait_timeout(alarms, wait).unwrap_or_else(PoisonError::into_inner);
            }
            Some(_) => {
                let due = alarms.pop_first();
                drop(alarms);
                if let Some(hub) = due.and_then(|(_, hub)| hub.upgrade()) {
                    hub.tick(now);
                }
                alarms = ALARMS.lock().unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
