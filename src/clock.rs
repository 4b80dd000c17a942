//! Timers: a table of times, and the thread that serves the timers of the whole process.
//!
//! Viewers therefore need no timers, and a hub needs no runtime: on actix its viewers run on
//! several.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::{Duration, Instant};

/// At most one time for each key, the earliest first.
#[derive(Debug)]
pub(crate) struct Times<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
    /// The last time that [`poll_timeout`](Self::poll_timeout) returned.
    scheduled: Option<Instant>,
}

impl<K> Default for Times<K> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new(), scheduled: None }
    }
}

impl<K: Copy + Ord> Times<K> {
    /// Sets the time of a key, replacing an earlier one. `None` removes it.
    pub(crate) fn set(&mut self, key: K, at: Option<Instant>) {
        if let Some(before) = self.by_key.remove(&key) {
            self.by_time.remove(&(before, key));
        }
        if let Some(at) = at {
            self.by_key.insert(key, at);
            self.by_time.insert((at, key));
        }
    }

    pub(crate) fn get(&self, key: K) -> Option<Instant> {
        self.by_key.get(&key).copied()
    }

    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Returns the earliest time if that is earlier than the last returned one.
    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        let earliest = self.earliest().filter(|at| self.scheduled.is_none_or(|scheduled| *at < scheduled))?;
        self.scheduled = Some(earliest);
        Some(earliest)
    }

    /// Removes the earliest key if its time has come. Called at a timeout, until `None`.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<K> {
        self.scheduled = None;
        let (_, key) = *self.by_time.first().filter(|(at, _)| *at <= now)?;
        self.set(key, None);
        Some(key)
    }
}

/// A thing with a timer, identified by its address.
pub(crate) trait Timed: Send + Sync {
    /// Does what is due at `now`.
    fn tick(self: Arc<Self>, now: Instant);
}

/// Calls [`Timed::tick`] at `at` or soon after. The first call starts the thread.
///
/// Each target has one timer, set to the earliest time that was requested. Each tick sets the next.
pub(crate) fn schedule<T: Timed + 'static>(target: &Arc<T>, at: Instant) {
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
    let mut clock = clock();
    let address = Arc::as_ptr(target).addr();
    if clock.times.get(address).is_none_or(|set| at < set) {
        clock.times.set(address, Some(at));
        clock.targets.insert(address, Arc::downgrade(target) as Weak<dyn Timed>);
        RESCHEDULED.notify_one();
    }
}

/// Removes the timer of a dropped target, and with it the target's memory.
pub(crate) fn forget<T: Timed>(target: &T) {
    let address = std::ptr::from_ref(target).addr();
    let mut clock = clock();
    clock.times.set(address, None);
    let removed = clock.targets.remove(&address);
    drop(clock);
    drop(removed);
}

/// Subtracts up to this share of a time at random, so that clients that lost the same peer together do not all return
/// together.
pub(crate) fn jittered(time: Duration, share: f64) -> Duration {
    let random = RandomState::new().hash_one(0_u8) >> 32;
    time - time.mul_f64(share * (random as f64 / f64::from(u32::MAX)))
}

/// Returns the lifetime of one viewer's stream.
pub(crate) fn jittered_lifetime(time: Duration) -> Duration {
    jittered(time, 0.1)
}

fn run() {
    let mut clock = self::clock();
    loop {
        let now = Instant::now();
        if let Some(address) = clock.times.pop(now) {
            let due = clock.targets.remove(&address);
            drop(clock);
            // A tick wakes tasks. A panic in one must not stop the timers of the others.
            drop(catch_unwind(AssertUnwindSafe(|| {
                if let Some(target) = due.and_then(|target| target.upgrade()) {
                    target.tick(now);
                }
            })));
            clock = self::clock();
            continue;
        }
        clock = match clock.times.earliest() {
            None => RESCHEDULED.wait(clock).unwrap_or_else(PoisonError::into_inner),
            Some(at) => {
                let wait = at.saturating_duration_since(now);
                RESCHEDULED.wait_timeout(clock, wait).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

fn clock() -> MutexGuard<'static, Clock> {
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

static CLOCK: LazyLock<Mutex<Clock>> = LazyLock::new(Mutex::default);
static RESCHEDULED: Condvar = Condvar::new();

/// The targets that have a timer, each identified by its address.
#[derive(Default)]
struct Clock {
    times: Times<usize>,
    targets: BTreeMap<usize, Weak<dyn Timed>>,
}
