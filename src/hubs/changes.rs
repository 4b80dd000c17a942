//! Changes of a set of hubs, for a response that shows it.

use std::sync::Arc;
use std::task::Waker;

use super::handle::{Hubs, Shared};
use crate::hub::Hub;
use crate::sync::keep;

/// The hubs of a set as they change, for one response.
pub(crate) struct Changes {
    shared: Arc<Shared>,
    place: usize,
}

impl Hubs {
    pub(crate) fn changes(&self) -> Changes {
        let place = self.shared.state().watchers.insert(None);
        Changes { shared: Arc::clone(&self.shared), place }
    }
}

impl Changes {
    /// Returns the hubs of these names, or of all, and whether the set is closed. Wakes the task at the next change.
    #[expect(clippy::indexing_slicing, reason = "a place is kept until the drop")]
    pub(crate) fn hubs(&mut self, of: Option<&[Arc<str>]>, max: usize, waker: &Waker) -> (Vec<(Arc<str>, Hub)>, bool) {
        let mut state = self.shared.state();
        let replaced = keep(&mut state.watchers[self.place], waker);
        let owned = |(name, hub): (&Arc<str>, &Hub)| (Arc::clone(name), hub.clone());
        let hubs = match of {
            Some(names) => names.iter().filter_map(|name| state.ready_by_name(name)).map(owned).collect(),
            None => state.ready().take(max).map(owned).collect(),
        };
        let closed = state.is_closed();
        drop(state);
        drop(replaced);
        (hubs, closed)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        let waker = self.shared.state().watchers.remove(self.place);
        drop(waker);
    }
}
