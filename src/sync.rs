//! Locks, wakers, and what is done after unlocking. Under loom they are loom's, which explores every order of threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::task::Waker;

use crate::list::List;

#[cfg(loom)]
pub(crate) use loom::future::block_on;
#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

/// Locks. A panic of another thread has left no lock's data half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stores the waker of a task. Returns the one that it replaces.
///
/// Dropping a waker may run code of its task, so the replaced one must be dropped after unlocking.
#[must_use]
pub(crate) fn keep(kept: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match kept {
        Some(kept) if kept.will_wake(waker) => None,
        kept => kept.replace(waker.clone()),
    }
}

/// Wakes a task. Locks must be released first, as for [`Effects`].
///
/// The panic of one viewer's waker, which the panic hook reports, must not cost the others their wake-up, nor unwind the
/// publisher's thread.
pub(crate) fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

/// Actions that a change of locked data requires.
///
/// They run code of tasks and of the program, which may lock the same data again, so the lock must be released first.
#[derive(Debug)]
pub(crate) struct Effects<T> {
    pub(crate) wakers: List<Waker>,
    pub(crate) dropped_wakers: List<Waker>,
    pub(crate) dropped: List<T>,
}

impl<T> Effects<T> {
    /// Returns `true` if there is nothing to do, which holds after most changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.wakers.is_empty() && self.dropped_wakers.is_empty() && self.dropped.is_empty()
    }

    /// Wakes and drops.
    pub(crate) fn perform(mut self) {
        while let Some(waker) = self.wakers.pop() {
            wake(waker);
        }
    }
}

impl<T> Default for Effects<T> {
    fn default() -> Self {
        Self { wakers: List::default(), dropped_wakers: List::default(), dropped: List::default() }
    }
}

/// A guard that calls a function on drop.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

/// Returns a guard that calls a function on drop.
pub(crate) fn on_drop<F: FnOnce()>(f: F) -> OnDrop<F> {
    OnDrop(Some(f))
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// Blocks the thread until the future is ready.
#[cfg(not(loom))]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}
