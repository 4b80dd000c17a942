//! The handle for a set of hubs.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::builder::Builder;
use super::error::{InsertError, OpenError};
use super::member::{Member, Removed};
use super::name;
use super::state::{Entry, Found, Lease, State};
use crate::clock::{self, Timed};
use crate::hub::{Activity, Hub};
use crate::ladder::Ladder;
use crate::sync::{Condvar, Mutex, MutexGuard, lock, on_drop, wake};

/// A cloneable handle for a set of hubs, each with a name.
///
/// A hub is [inserted](Self::insert) by the app, or made by the [source](Builder::source) when its first viewer comes.
///
/// | a hub that the source made | |
/// |---|---|
/// | several viewers come first at the same time | the source is called once, and the others wait for it |
/// | its publisher is dropped | the next viewer calls the source again |
/// | it has had no viewers for [`idle`](Builder::idle) | it is closed and dropped, which ends its source |
///
/// A name is one path segment: UTF-8 without `/` and control characters, of 1 to 109 bytes percent-encoded, and
/// neither `.` nor `..`.
///
/// # Examples
///
/// ```
/// use std::{thread, time::Duration};
/// use mixed_replace::{Hubs, Part, hubs};
///
/// let cameras = Hubs::builder()
///     .idle(Duration::from_secs(30))
///     .source(|name, publisher| {
///         // In an app, this looks up a camera.
///         let text = ["yard", "door"].into_iter().find(|camera| *camera == name).ok_or(hubs::Unknown)?;
///         thread::spawn(move || {
///             while publisher.demand().blocking_wanted() {
///                 publisher.publish(Part::text(text)?)?;
///                 thread::sleep(Duration::from_millis(40));
///             }
///             Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
///         });
///         Ok(())
///     })
///     .build();
///
/// let part = futures::executor::block_on(cameras.open("yard")?.snapshot(Duration::MAX)).unwrap().part;
/// assert_eq!(part, Part::text("yard")?);
/// assert_eq!(cameras.names(), ["yard"]);
/// assert!(matches!(cameras.open("roof"), Err(hubs::OpenError::Unknown)));
/// cameras.close();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Hubs {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    config: Builder,
    state: Mutex<State>,
    /// Notified when a source has been called.
    opened: Condvar,
}

/// A hub's name and state, returned by [`Hubs::list`].
///
/// It is serialized (feature `serde`) as in the list of `Live::by_name`: `activity` as `state`, and `age` in seconds.
///
/// # Examples
///
/// ```
/// use mixed_replace::{Hubs, hub};
///
/// let cameras = Hubs::new();
/// let (_publisher, yard) = hub::channel();
/// cameras.insert("yard", yard)?;
/// for camera in cameras.list() {
///     println!("{}: {} viewers", camera.name, camera.viewers);
/// }
/// # assert_eq!(cameras.list().len(), 1);
/// # Ok::<(), mixed_replace::hubs::InsertError>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Listing {
    /// The name.
    pub name: String,
    /// Whether the hub is watched and has a signal.
    #[cfg_attr(feature = "serde", serde(rename = "state"))]
    pub activity: Activity,
    /// The number of current viewers.
    pub viewers: usize,
    /// The time since the last part was captured. `None` before the first.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::stats::seconds::of_option"))]
    pub age: Option<Duration>,
}

impl Hubs {
    /// Creates an empty set with the defaults of [`Builder`] and no source: its hubs are those that are inserted.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, hub};
    ///
    /// let cameras = Hubs::new();
    /// let (publisher, hub) = hub::channel();
    /// cameras.insert("yard", hub)?;
    /// assert_eq!(cameras.names(), ["yard"]);
    /// # Ok::<(), mixed_replace::hubs::InsertError>(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a [`Builder`], which configures and creates a set.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Hubs;
    ///
    /// let (sender, publishers) = std::sync::mpsc::channel();
    /// let cameras = Hubs::builder().source(move |name, publisher| Ok(sender.send(publisher)?)).build();
    /// assert_eq!(cameras.open("yard")?.name(), Some("yard"));
    /// # Ok::<(), mixed_replace::hubs::OpenError>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Inserts a hub. Returns the one, or the ladder, that it replaces, whose viewers stay with it.
    ///
    /// A hub without a [name](crate::hub::Builder::name) gets this one. An inserted hub is not dropped when it is idle. A name
    /// that was removed, or is not known to the source, can be inserted at any time.
    ///
    /// # Errors
    ///
    /// - [`InsertError::InvalidName`] if no path segment can be this name.
    /// - [`InsertError::Closed`] after [`close`](Self::close).
    /// - [`InsertError::Full`] if there are [`max`](Builder::max) other hubs.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, hub};
    ///
    /// let cameras = Hubs::new();
    /// let (publisher, hub) = hub::channel();
    /// cameras.insert("yard", hub)?;
    /// assert!(cameras.get("yard").is_some());
    /// assert!(cameras.insert("a/b", cameras.get("yard").unwrap()).is_err());
    /// # Ok::<(), mixed_replace::hubs::InsertError>(())
    /// ```
    pub fn insert(&self, name: &str, hub: Hub) -> Result<Option<Removed>, InsertError> {
        self.insert_member(name, Member::Hub(hub))
    }

    /// Inserts a ladder, one picture in several sizes. Returns the hub or the ladder that it replaces.
    ///
    /// [`Live::by_name`](crate::Live::by_name) serves it as [`Live::ladder`](crate::Live::ladder) does. A
    /// [`Wall`](crate::Wall) sends each track in the size in which it is seen. [`get`](Self::get) and [`open`](Self::open)
    /// return the hub of its largest picture. [`list`](Self::list) counts the viewers of all sizes.
    /// Hubs without a [name](crate::hub::Builder::name) get these, and [`Metrics`](crate::Metrics) has a stream for each: `yard`,
    /// `yard/1`, `yard/2`.
    ///
    /// The hub that a [source](Builder::source) makes is never a ladder.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, Ladder, hub};
    ///
    /// let cameras = Hubs::new();
    /// let (main_publisher, main) = hub::channel();
    /// let (sub_publisher, sub) = hub::channel();
    /// cameras.insert_ladder("yard", Ladder::new([main, sub]))?;
    /// assert_eq!(cameras.names(), ["yard"]);
    /// # Ok::<(), mixed_replace::hubs::InsertError>(())
    /// ```
    pub fn insert_ladder(&self, name: &str, ladder: Ladder) -> Result<Option<Removed>, InsertError> {
        self.insert_member(name, Member::Ladder(ladder))
    }

    fn insert_member(&self, name: &str, member: Member) -> Result<Option<Removed>, InsertError> {
        name::check(name)?;
        let replaced = self.shared.change(|state| state.insert(name, member, self.shared.config.max))?;
        Ok(replaced.map(Entry::remove))
    }

    /// Removes a hub or a ladder. Returns `None` if there was none of this name.
    ///
    /// A hub that the source made is closed, which ends its source. One that was inserted stays open, until its publisher
    /// is dropped or [`Removed::close`] is called, which closes all sizes of a ladder.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, hub};
    ///
    /// let cameras = Hubs::new();
    /// let (publisher, hub) = hub::channel();
    /// cameras.insert("yard", hub)?;
    /// assert!(!cameras.remove("yard").unwrap().is_closed());
    /// assert!(cameras.remove("yard").is_none());
    /// # Ok::<(), mixed_replace::hubs::InsertError>(())
    /// ```
    pub fn remove(&self, name: &str) -> Option<Removed> {
        self.shared.change(|state| state.remove(name)).map(Entry::remove)
    }

    /// Returns a hub. `None` if there is none of this name: it starts nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Hubs;
    ///
    /// let (sender, publishers) = std::sync::mpsc::channel();
    /// let cameras = Hubs::builder().source(move |name, publisher| Ok(sender.send(publisher)?)).build();
    /// assert!(cameras.get("yard").is_none());
    /// let yard = cameras.open("yard")?;
    /// assert!(cameras.get("yard").is_some());
    /// # Ok::<(), mixed_replace::hubs::OpenError>(())
    /// ```
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Hub> {
        self.shared.state().get(name).map(|member| member.hub().clone())
    }

    /// Returns a hub, made by the source if there is none of this name or if its publisher was dropped.
    ///
    /// Subscribe within the time of [`idle`](Builder::idle), after which an unused hub is dropped. While the source runs
    /// for the first caller, others of the same name block their threads, so a source returns at once.
    ///
    /// # Errors
    ///
    /// - [`OpenError::InvalidName`] if no path segment can be this name.
    /// - [`OpenError::Unknown`] if there is no such hub, and no source or one that does not know the name.
    /// - [`OpenError::Source`] if the source failed.
    /// - [`OpenError::Full`] if there are [`max`](Builder::max) hubs.
    /// - [`OpenError::Closed`] after [`close`](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, Part};
    ///
    /// let cameras = Hubs::builder()
    ///     .source(|name, publisher| Ok(publisher.publish(Part::text(format!("{name} opens"))?)?))
    ///     .build();
    /// assert_eq!(cameras.open("yard")?.latest(), Part::text("yard opens").ok());
    /// assert_eq!(Hubs::new().open("yard").unwrap_err().to_string(), "no hub has this name");
    /// # Ok::<(), mixed_replace::hubs::OpenError>(())
    /// ```
    pub fn open(&self, name: &str) -> Result<Hub, OpenError> {
        self.with(name, |member| member.hub().clone())
    }

    /// Calls `f` with the hub or ladder of a name. The source makes a missing hub, which stays until `f` returns, even if
    /// [`idle`](Builder::idle) is shorter.
    pub(crate) fn with<R>(&self, name: &str, f: impl FnOnce(&Member) -> R) -> Result<R, OpenError> {
        name::check(name)?;
        let Lease { member, serial } = self.lease(name)?;
        let _in_use = on_drop(|| self.shared.state().end_lease(name, serial, Instant::now()));
        Ok(f(&member))
    }

    fn lease(&self, name: &str) -> Result<Lease, OpenError> {
        let Shared { config, opened, .. } = &*self.shared;
        let mut state = self.shared.state();
        let source = loop {
            match state.find(name, Instant::now(), config)? {
                Found::Hub(lease) => return Ok(lease),
                Found::Opening => state = opened.wait(state).unwrap_or_else(PoisonError::into_inner),
                Found::Missing(source) => break source,
            }
        };
        let (publisher, hub) = config.hub.clone().name(name).build();
        let (serial, ended) = state.start_opening(name, Member::Hub(hub));
        drop(state);
        drop(ended);
        // The source runs code of the app, without the lock. If it panics, the name is free again.
        let finish = |result| self.shared.finish_opening(name, serial, result);
        let panicked = on_drop(|| drop(finish(Err(OpenError::from_source("the source panicked".into())))));
        let result = source.0(name, publisher).map_err(OpenError::from_source);
        std::mem::forget(panicked);
        finish(result)
    }

    /// Returns the names of all hubs, in order.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, hub};
    ///
    /// let cameras = Hubs::new();
    /// for name in ["yard", "door"] {
    ///     cameras.insert(name, hub::channel().1)?;
    /// }
    /// assert_eq!(cameras.names(), ["door", "yard"]);
    /// # Ok::<(), mixed_replace::hubs::InsertError>(())
    /// ```
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.shared.state().members().into_iter().map(|(name, _)| name).collect()
    }

    /// Returns each hub that can be watched with its name, in the order of the names. A ladder has a hub for each rung. One that
    /// has several names has the first of them.
    pub(crate) fn ready(&self) -> Vec<(String, Hub)> {
        let mut hubs: Vec<_> = self.shared.state().ready().flat_map(|(name, member)| member.hubs(name)).collect();
        let mut known = HashSet::new();
        hubs.retain(|(_, hub)| known.insert(hub.address()));
        hubs
    }

    /// Returns the name and the state of each hub, in the order of the names.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, hub, hub::Activity};
    ///
    /// let cameras = Hubs::new();
    /// let (publisher, hub) = hub::channel();
    /// cameras.insert("yard", hub)?;
    /// let list = cameras.list();
    /// assert_eq!((list[0].name.as_str(), list[0].activity, list[0].age), ("yard", Activity::Asleep, None));
    /// # Ok::<(), mixed_replace::hubs::InsertError>(())
    /// ```
    #[must_use]
    pub fn list(&self) -> Vec<Listing> {
        let members = self.shared.state().members();
        let listing = |(name, member): (String, Member)| {
            let (activity, viewers, age) = member.state();
            Listing { name, activity, viewers, age }
        };
        members.into_iter().map(listing).collect()
    }

    /// Ends every stream with this key: see [`Hub::revoke`]. Returns the number of streams ended, of which a wall counts as one in
    /// each of its hubs.
    ///
    /// The set does not know hubs that were removed or replaced. For those, call [`Removed::close`], or `revoke` of
    /// [`Removed::hub`].
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, Wire, hub};
    ///
    /// let cameras = Hubs::new();
    /// let (publisher, hub) = hub::channel();
    /// cameras.insert("yard", hub.clone())?;
    /// let viewer = hub.subscribe(Wire::Browser)?.key("ada");
    /// assert_eq!(cameras.revoke("ada"), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn revoke(&self, key: &str) -> usize {
        let members = self.shared.state().members();
        let ended = members.iter().map(|(_, member)| member.revoke(key)).sum();
        // A wall may have come to further hubs meanwhile, or have none yet.
        let walls = self.shared.state().take_revoked(key);
        walls.into_iter().for_each(wake);
        ended
    }

    /// Closes all hubs, inserted ones included. Further calls to [`open`](Self::open) fail.
    ///
    /// Call it before a server's graceful shutdown, as [`Hub::close`].
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Hubs, hub};
    ///
    /// let cameras = Hubs::new();
    /// let (publisher, hub) = hub::channel();
    /// cameras.insert("yard", hub)?;
    /// cameras.close();
    /// assert!(publisher.is_closed());
    /// # Ok::<(), mixed_replace::hubs::InsertError>(())
    /// ```
    pub fn close(&self) {
        let removed = self.shared.change(State::close);
        removed.into_iter().for_each(Entry::close);
        self.shared.opened.notify_all();
    }
}

impl Default for Hubs {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hubs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hubs").field("names", &self.names()).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(config: Builder) -> Arc<Self> {
        Arc::new(Self { config, state: Mutex::new(State::default()), opened: Condvar::new() })
    }

    /// Changes the set, then wakes the tasks that wait for that.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state();
        let before = state.changes;
        let result = change(&mut state);
        let wakers = if state.changes > before { state.take_watchers() } else { Vec::new() };
        drop(state);
        wakers.into_iter().for_each(wake);
        result
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Ends the opening of a hub: keeps it, or removes and closes it.
    fn finish_opening(
        self: &Arc<Self>,
        name: &str,
        serial: u64,
        result: Result<(), OpenError>,
    ) -> Result<Lease, OpenError> {
        let now = Instant::now();
        let (result, failed) = self.change(|state| state.finish_opening(name, serial, result, now));
        self.opened.notify_all();
        failed.into_iter().for_each(Entry::close);
        self.schedule(now);
        result
    }

    fn schedule(self: &Arc<Self>, now: Instant) {
        let next = self.state().next_idle(now, self.config.idle);
        if let Some(at) = next {
            clock::schedule(self, at);
        }
    }
}

impl Timed for Shared {
    /// Drops the hubs that have been idle for long enough, and sets the timer for the next one.
    fn tick(self: Arc<Self>, now: Instant) {
        let idle = self.change(|state| state.take_idle(now, self.config.idle));
        idle.into_iter().for_each(Entry::close);
        self.schedule(now);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        clock::forget(self);
        // Nobody can look up these hubs any more, so nobody else ends their sources.
        self.state().close().into_iter().for_each(|entry| drop(entry.remove()));
    }
}
