//! All pictures in one response, for browsers that cannot open a response for each.
//!
//! In a hub, each part replaces the previous one. Here, a part replaces the previous part of the same participant, so this is
//! the crate's [`Encoder`] with another fan-out. A part is encoded once, when the first viewer needs it. A slow viewer gets the
//! latest part of each participant in turn, and nothing is queued for it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::HeaderName;
use bytes::Bytes;
use futures_util::{Stream, stream};
use mixed_replace::encode::EncodedPart;
use mixed_replace::{Boundary, Encoder, Part, Wire};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// A publisher of all participants' pictures and of their list.
pub(crate) struct Grid {
    encoder: Arc<Encoder>,
    latest: watch::Sender<Parts>,
    viewers: watch::Sender<Viewers>,
}

/// The last serial number of a viewer, and the selections of the current viewers by serial number.
type Viewers = (u64, BTreeMap<u64, Selection>);

/// For each slot, the version that a viewer was sent, and the number of parts sent before it.
type Seen = BTreeMap<Slot, (u64, u64)>;

/// The slots that a viewer receives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Selection {
    /// All slots, without this participant's own.
    All { without: Option<u64> },
    /// Only the list of participants.
    List,
}

impl Selection {
    fn includes(self, slot: Slot) -> bool {
        match (slot, self) {
            (Slot::List, _) => true,
            (Slot::Person(_), Self::List) => false,
            (Slot::Person(id), Self::All { without }) => without != Some(id),
        }
    }
}

/// The key of a part, which replaces the previous part with the same key.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Slot {
    List,
    Person(u64),
}

#[derive(Default)]
struct Parts {
    version: u64,
    slots: BTreeMap<Slot, Arc<Latest>>,
    closed: bool,
}

struct Latest {
    version: u64,
    part: Option<Part>,
    encoded: OnceLock<Option<Encoded>>,
}

/// An encoded part and its bytes, shared by all viewers.
struct Encoded {
    part: EncodedPart,
    bytes: Bytes,
}

impl Grid {
    pub(crate) fn new() -> Self {
        // Viewers know the boundary and may send pictures, so each part is searched for it.
        let encoder = Encoder::new(Boundary::random(), Wire::Script);
        Self { encoder: Arc::new(encoder), latest: watch::Sender::default(), viewers: watch::Sender::default() }
    }

    /// Returns the encoder, for the response head.
    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Adds a slot for a participant.
    pub(crate) fn add(&self, id: u64) {
        self.put(Slot::Person(id), None);
    }

    /// Publishes a picture, replacing the participant's previous one. Does nothing if the participant has left.
    pub(crate) fn publish(&self, id: u64, picture: Part) {
        self.latest.send_if_modified(|parts| {
            let present = parts.slots.contains_key(&Slot::Person(id));
            if present {
                parts.put(Slot::Person(id), Some(picture));
            }
            present
        });
    }

    /// Publishes the list of participants.
    pub(crate) fn publish_list(&self, list: Part) {
        self.put(Slot::List, Some(list));
    }

    /// Removes a participant's slot.
    pub(crate) fn remove(&self, id: u64) {
        self.latest.send_modify(|parts| drop(parts.slots.remove(&Slot::Person(id))));
    }

    /// Ends every stream.
    pub(crate) fn close(&self) {
        self.latest.send_modify(|parts| parts.closed = true);
    }

    /// Returns the number of viewers.
    pub(crate) fn watching(&self) -> usize {
        self.viewers.borrow().1.len()
    }

    /// Returns the number of viewers that receive this participant's pictures.
    pub(crate) fn viewers_of(&self, id: u64) -> usize {
        self.viewers.borrow().1.values().filter(|selection| selection.includes(Slot::Person(id))).count()
    }

    /// Returns a receiver that changes when a viewer connects or disconnects.
    pub(crate) fn viewers(&self) -> watch::Receiver<Viewers> {
        self.viewers.subscribe()
    }

    /// Creates the response body of a new viewer.
    pub(crate) fn watch(self: &Arc<Self>, selection: Selection) -> impl Stream<Item = Bytes> + Send + use<> {
        let mut serial = 0;
        self.viewers.send_modify(|(last, viewers)| {
            *last += 1;
            serial = *last;
            viewers.insert(serial, selection);
        });
        let viewer = Viewer {
            latest: self.latest.subscribe(),
            grid: Arc::clone(self),
            serial,
            selection,
            seen: BTreeMap::new(),
            parts: 0,
            last: None,
            permit: Arc::new(Semaphore::new(1)),
        };
        stream::unfold(Some(viewer), async |viewer| {
            let mut viewer = viewer?;
            match viewer.next().await {
                Some(bytes) => Some((bytes, Some(viewer))),
                None => Some((viewer.end(), None)),
            }
        })
    }

    fn put(&self, slot: Slot, part: Option<Part>) {
        self.latest.send_modify(|parts| parts.put(slot, part));
    }

    /// Encodes a part on first use. Returns `None` if the part contains the boundary, which is no accident.
    fn encoded<'a>(&self, latest: &'a Latest) -> Option<&'a Encoded> {
        let encode = || {
            let part = self.encoder.encode(latest.part.as_ref()?).ok()?;
            Some(Encoded { bytes: part.to_bytes(), part })
        };
        latest.encoded.get_or_init(encode).as_ref()
    }
}

impl Parts {
    fn put(&mut self, slot: Slot, part: Option<Part>) {
        self.version += 1;
        let latest = Latest { version: self.version, part, encoded: OnceLock::new() };
        self.slots.insert(slot, Arc::new(latest));
    }

    /// Chooses the next part for a viewer: a new list first, then the slot whose last turn is longest ago, so that a slow viewer
    /// receives all of them.
    fn choose(&self, selection: Selection, seen: &Seen) -> Option<(Slot, Arc<Latest>)> {
        let seen = |slot| seen.get(slot).copied().unwrap_or_default();
        let new = self.slots.iter().filter(|(slot, latest)| {
            selection.includes(**slot) && latest.part.is_some() && latest.version > seen(slot).0
        });
        let (slot, latest) = new.min_by_key(|(slot, _)| (**slot != Slot::List, seen(slot).1))?;
        Some((*slot, Arc::clone(latest)))
    }
}

struct Viewer {
    latest: watch::Receiver<Parts>,
    grid: Arc<Grid>,
    serial: u64,
    selection: Selection,
    seen: Seen,
    parts: u64,
    last: Option<Arc<Latest>>,
    /// Held by the part in flight.
    permit: Arc<Semaphore>,
}

impl Viewer {
    /// Waits until the server has written and dropped the last part, because a part in a server's queue gets old. Returns the
    /// next part, or `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let permit = Arc::clone(&self.permit).acquire_owned().await.ok()?;
        loop {
            let next = {
                let parts = self.latest.borrow_and_update();
                if parts.closed {
                    return None;
                }
                self.seen.retain(|slot, _| parts.slots.contains_key(slot));
                parts.choose(self.selection, &self.seen)
            };
            match next {
                Some((slot, latest)) => {
                    self.seen.insert(slot, (latest.version, self.parts));
                    if let Some(encoded) = self.grid.encoded(&latest) {
                        let bytes = self.opened(encoded);
                        self.parts += 1;
                        self.last = Some(latest);
                        return Some(Bytes::from_owner(InFlight { bytes, _permit: permit }));
                    }
                }
                // Only a write reliably detects a closed connection.
                None => match timeout(KEEP_ALIVE, self.latest.changed()).await {
                    Ok(changed) => changed.ok()?,
                    Err(_) => drop(self.seen.remove(&Slot::List)),
                },
            }
        }
    }

    /// Returns a part, after the opening if it is the first one.
    fn opened(&self, encoded: &Encoded) -> Bytes {
        match self.last {
            None => [self.grid.encoder.opening(&encoded.part), encoded.bytes.clone()].concat().into(),
            Some(_) => encoded.bytes.clone(),
        }
    }

    fn end(&self) -> Bytes {
        let last = self.last.as_ref().and_then(|last| self.grid.encoded(last));
        self.grid.encoder.closing(last.map(|last| &last.part)).to_bytes()
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.grid.viewers.send_if_modified(|(_, viewers)| viewers.remove(&self.serial).is_some());
    }
}

/// The bytes of a part. Dropping them permits the next part.
struct InFlight {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for InFlight {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The participant of a picture, as a header of its part.
pub(crate) const PARTICIPANT: HeaderName = HeaderName::from_static("x-participant");
const KEEP_ALIVE: Duration = Duration::from_secs(10);
