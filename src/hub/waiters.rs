//! Tasks that wait for the same thing.

use std::task::Waker;

use slab::Slab;

#[derive(Debug, Default)]
pub(super) struct Waiters(Slab<Option<Waker>>);

impl Waiters {
    /// Keeps the waker of a task at its place, which is made when it first waits.
    pub(super) fn keep(&mut self, place: &mut Option<usize>, waker: &Waker) {
        let id = *place.get_or_insert_with(|| self.0.insert(None));
        if let Some(kept) = self.0.get_mut(id) {
            match kept {
                Some(kept) => kept.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
    }

    pub(super) fn forget(&mut self, place: Option<usize>) {
        place.and_then(|id| self.0.try_remove(id));
    }

    pub(super) fn wake(&mut self, wakers: &mut Vec<Waker>) {
        wakers.extend(self.0.iter_mut().filter_map(|(_, waker)| waker.take()));
    }
}
