//! Tasks that wait, and those that are to be woken.

use std::task::Waker;

use slab::Slab;

/// Tasks that wait for the same thing.
#[derive(Debug, Default)]
pub(super) struct Waiters(Slab<Option<Waker>>);

impl Waiters {
    /// Keeps the waker of a task at its place, which is made when it first waits. Gives the one that it replaces.
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

/// Keeps the waker of a task. Gives the one that it replaces: it is another task's, and to drop it may run that task's
/// code, which must not happen with the hub locked.
#[must_use]
pub(super) fn keep(kept: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match kept {
        Some(kept) if kept.will_wake(waker) => None,
        kept => kept.replace(waker.clone()),
    }
}

/// Any number of wakers. One alone, as when a viewer's transport lets go of a part, takes no allocation.
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
        self.first.into_iter().chain(self.more).for_each(Waker::wake);
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
