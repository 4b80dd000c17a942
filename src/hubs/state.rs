//! The state of a set of hubs. It takes the time as an argument, and runs no code of the app.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use slab::Slab;

use super::builder::{Builder, Source};
use super::error::{InsertError, OpenError};
use super::member::{Member, Removed};

#[derive(Default)]
pub(super) struct State {
    entries: BTreeMap<Arc<str>, Entry>,
    closed: bool,
    serials: u64,
    /// The number of changes of the set, and the tasks that wait for one.
    pub(super) changes: u64,
    pub(super) watchers: Slab<Watcher>,
}

/// A response that shows the set.
pub(super) struct Watcher {
    /// Wakes at the next change. `None` after one.
    pub(super) on_change: Option<Waker>,
    /// The key of the response, and what wakes once that is revoked.
    pub(super) on_revoke: Option<(Arc<str>, Waker)>,
}

/// A hub or a ladder in the set.
pub(super) struct Entry {
    member: Member,
    kind: Kind,
    /// Distinguishes hubs that had the same name one after the other.
    serial: u64,
    /// The number of requests that have the hub and have not subscribed yet.
    leases: usize,
    leased_at: Instant,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Inserted,
    Made,
    /// The source is being called.
    Opening,
}

/// A hub that is not dropped for being idle.
pub(super) struct Lease {
    pub(super) member: Member,
    pub(super) serial: u64,
}

pub(super) enum Found {
    Hub(Lease),
    Missing(Source),
    Opening,
}

impl Entry {
    /// Closes the hub if the source made it. It wakes tasks, so the state must not be locked.
    pub(super) fn remove(self) -> Removed {
        if self.kind != Kind::Inserted {
            self.member.close();
        }
        Removed(self.member)
    }

    /// Closes the hub. It wakes tasks, so the state must not be locked.
    pub(super) fn close(self) {
        self.member.close();
    }

    fn lease(&mut self, now: Instant) -> Lease {
        self.leases += 1;
        self.leased_at = now;
        Lease { member: self.member.clone(), serial: self.serial }
    }

    /// Returns since when nobody has used the hub. `None` while it is in use, and always for an inserted one.
    fn idle_since(&self) -> Option<Instant> {
        let (used, unwatched_since) = self.member.hub().usage();
        let idle = self.kind == Kind::Made && self.leases == 0 && !used;
        idle.then(|| unwatched_since.map_or(self.leased_at, |since| since.max(self.leased_at)))
    }
}

impl State {
    /// Finds a hub that can be watched, or the source that makes it.
    pub(super) fn find(&mut self, name: &str, now: Instant, config: &Builder) -> Result<Found, OpenError> {
        if self.closed {
            return Err(OpenError::Closed);
        }
        let len = self.entries.len();
        let is_new = match self.entries.get_mut(name) {
            Some(entry) if entry.kind == Kind::Opening => return Ok(Found::Opening),
            Some(entry) if entry.kind == Kind::Inserted || !entry.member.is_closed() => {
                return Ok(Found::Hub(entry.lease(now)));
            }
            entry => entry.is_none(),
        };
        let source = config.source.as_ref().ok_or(OpenError::Unknown)?;
        if is_new && len >= config.max {
            return Err(OpenError::Full { max: config.max });
        }
        Ok(Found::Missing(source.clone()))
    }

    /// Adds a hub whose source is about to be called. Returns its serial number, and the ended hub that it replaces.
    pub(super) fn start_opening(&mut self, name: &str, member: Member) -> (u64, Option<Entry>) {
        let ended = self.put(name, member, Kind::Opening);
        (self.serials, ended)
    }

    /// Ends the opening of a hub. Returns it, or the error and the hub that was removed for it.
    pub(super) fn finish_opening(
        &mut self,
        name: &str,
        serial: u64,
        result: Result<(), OpenError>,
        now: Instant,
    ) -> (Result<Lease, OpenError>, Option<Entry>) {
        let entry = self.entries.get_mut(name).filter(|entry| entry.serial == serial);
        match (entry, result) {
            (Some(entry), Ok(())) => {
                entry.kind = Kind::Made;
                let lease = entry.lease(now);
                self.changes += 1;
                (Ok(lease), None)
            }
            (Some(_), Err(error)) => (Err(error), self.entries.remove(name)),
            // The app has removed, replaced or closed it meanwhile.
            (None, Ok(())) => (Err(if self.closed { OpenError::Closed } else { OpenError::Unknown }), None),
            (None, Err(error)) => (Err(error), None),
        }
    }

    pub(super) fn end_lease(&mut self, name: &str, serial: u64, now: Instant) {
        if let Some(entry) = self.entries.get_mut(name).filter(|entry| entry.serial == serial) {
            entry.leases -= 1;
            entry.leased_at = now;
        }
    }

    pub(super) fn insert(&mut self, name: &str, member: Member, max: usize) -> Result<Option<Entry>, InsertError> {
        if self.closed {
            return Err(InsertError::Closed);
        }
        if self.entries.len() >= max && !self.entries.contains_key(name) {
            return Err(InsertError::Full { max });
        }
        self.changes += 1;
        Ok(self.put(name, member, Kind::Inserted))
    }

    fn put(&mut self, name: &str, member: Member, kind: Kind) -> Option<Entry> {
        self.serials += 1;
        member.set_name(name);
        let entry = Entry { member, kind, serial: self.serials, leases: 0, leased_at: Instant::now() };
        self.entries.insert(name.into(), entry)
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Entry> {
        self.changes += 1;
        self.entries.remove(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<Member> {
        self.entries.get(name).map(|entry| entry.member.clone())
    }

    pub(super) fn members(&self) -> Vec<(String, Member)> {
        self.entries.iter().map(|(name, entry)| (String::from(&**name), entry.member.clone())).collect()
    }

    /// Returns the hubs that can be watched.
    pub(super) fn ready(&self) -> impl Iterator<Item = (&Arc<str>, &Member)> {
        let ready = self.entries.iter().filter(|(_, entry)| entry.kind != Kind::Opening);
        ready.map(|(name, entry)| (name, &entry.member))
    }

    pub(super) fn ready_by_name(&self, name: &str) -> Option<(&Arc<str>, &Member)> {
        let (name, entry) = self.entries.get_key_value(name).filter(|(_, entry)| entry.kind != Kind::Opening)?;
        Some((name, &entry.member))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes the wakers of the tasks that wait for a change.
    pub(super) fn take_watchers(&mut self) -> Vec<Waker> {
        self.watchers.iter_mut().filter_map(|(_, watcher)| watcher.on_change.take()).collect()
    }

    /// Takes the wakers of the responses with this key.
    pub(super) fn take_revoked(&mut self, key: &str) -> Vec<Waker> {
        let revoked = self
            .watchers
            .iter_mut()
            .filter_map(|(_, watcher)| watcher.on_revoke.take_if(|(of, _)| **of == *key).map(|(_, waker)| waker));
        revoked.collect()
    }

    /// Removes all hubs, and refuses further ones.
    pub(super) fn close(&mut self) -> Vec<Entry> {
        self.closed = true;
        self.changes += 1;
        std::mem::take(&mut self.entries).into_values().collect()
    }

    /// Removes the hubs that have been idle for `idle`.
    pub(super) fn take_idle(&mut self, now: Instant, idle: Duration) -> Vec<Entry> {
        let ended = |entry: &Entry| {
            let at = entry.idle_since().and_then(|since| since.checked_add(idle));
            at.is_some_and(|at| at <= now)
        };
        let names = self.entries.iter().filter(|(_, entry)| ended(entry)).map(|(name, _)| Arc::clone(name));
        let names: Vec<_> = names.collect();
        self.changes += u64::from(!names.is_empty());
        names.into_iter().filter_map(|name| self.entries.remove(&name)).collect()
    }

    /// Returns when the next hub can have been idle for `idle`.
    pub(super) fn next_idle(&self, now: Instant, idle: Duration) -> Option<Instant> {
        let made = self.entries.values().filter(|entry| entry.kind == Kind::Made);
        let at = made.filter_map(|entry| match entry.idle_since() {
            Some(since) => since.checked_add(idle),
            // It may be left at once.
            None => now.checked_add(idle.max(SHORTEST)),
        });
        at.min()
    }
}

/// The shortest time between two looks at a hub that is in use.
const SHORTEST: Duration = Duration::from_millis(100);
