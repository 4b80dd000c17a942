//! Sets of wakers: of waiting tasks, and of tasks to wake.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use slab::Slab;

/// The wakers of tasks that wait for the same event.
#[derive(Debug, Default)]
pub(super) struct Waiters(Slab<Option<Waker>>);

impl Waiters {
    /// Stores the waker of a task at its place, assigned on first use. Returns the replaced one.
    #[must_use]
    pub(super) fn keep(&mut self, place: &mut Option<usize>, waker: &Waker) -> Option<Waker> {
        let id = *place.get_or_insert_with(|| self.0.insert(None));
        self.0.get_mut(id).and_then(|kept| keep(kept, waker))
    }

    #[must_use]
    pub(super) fn forget(&mut self, place: Option<usize>) -> Option<Waker> {
        place.and_then(|id| self.0.try_remove(id)).flatten()
    }

    pub(super) fn wake(&mut self, wakers: &mut Wakers) {
        wakers.extend(self.0.iter_mut().filter_map(|(_, waker)| waker.take()));
    }
}

/// Stores the waker of a task. Returns the one that it replaces.
///
/// Dropping a waker may run code of its task, so the replaced one must be dropped after unlocking.
#[must_use]
pub(super) fn keep(kept: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match kept {
        Some(kept) if kept.will_wake(waker) => None,
        kept => kept.replace(waker.clone()),
    }
}

/// A list of wakers. A single one, the case of each release, needs no allocation.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Wakers {
    pub(super) fn reserve(&mut self, additional: usize) {
        self.more.reserve(additional);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn wake(self) {
        for waker in self.first.into_iter().chain(self.more) {
            // The panic of one viewer's waker, which the panic hook reports, must not cost the others
            // their wake-up, nor unwind the publisher's thread.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}

impl Extend<Waker> for Wakers {
    fn extend<I: IntoIterator<Item = Waker>>(&mut self, wakers: I) {
        let mut wakers = wakers.into_iter();
        if self.first.is_none() {
            self.first = wakers.next();
        }
        self.more.extend(wakers);
    }
}
