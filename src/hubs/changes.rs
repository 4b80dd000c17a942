//! Changes of a set of hubs, for a response that shows it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use super::handle::{Hubs, Shared};
use super::member::Member;
use super::state::Watcher;
use crate::sync::keep;

/// The hubs of a set as they change, for one response.
pub(crate) struct Changes {
    shared: Arc<Shared>,
    place: usize,
}

impl Hubs {
    /// Returns the changes for a response. `on_revoke` is its key, and wakes once [`revoke`](Self::revoke) is called with that.
    pub(crate) fn changes(&self, on_revoke: Option<(Arc<str>, Waker)>) -> Changes {
        let place = self.shared.state().watchers.insert(Watcher { on_change: None, on_revoke });
        Changes { shared: Arc::clone(&self.shared), place }
    }
}

impl Changes {
    /// Returns the hubs and ladders of these names, or of all, and whether the set is closed. Wakes the task at the next change.
    #[expect(clippy::indexing_slicing, reason = "a place is kept until the drop")]
    pub(crate) fn members(
        &mut self,
        of: Option<&BTreeMap<Arc<str>, impl Sized>>,
        max: usize,
        waker: &Waker,
    ) -> (Vec<(Arc<str>, Member)>, bool) {
        let mut state = self.shared.state();
        let replaced = keep(&mut state.watchers[self.place].on_change, waker);
        let owned = |(name, member): (&Arc<str>, &Member)| (Arc::clone(name), member.clone());
        let members = match of {
            Some(names) => names.keys().filter_map(|name| state.ready_by_name(name)).map(owned).collect(),
            None => state.ready().take(max).map(owned).collect(),
        };
        let closed = state.is_closed();
        drop(state);
        drop(replaced);
        (members, closed)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        let watcher = self.shared.state().watchers.remove(self.place);
        drop(watcher);
    }
}
