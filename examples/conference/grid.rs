//! All pictures in one response, for a browser that cannot hold a response for each.
//!
//! A hub is for one picture that replaces the one before. Here each participant's picture replaces that participant's,
//! so this is the crate's [`Encoder`] with a fan-out of our own: a part is encoded once, when the first viewer takes it;
//! a viewer that is slow gets of everyone the latest, in turn; and nothing is queued for it.

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

/// What everyone's pictures and the list of people are shown in.
pub(crate) struct Grid {
    encoder: Arc<Encoder>,
    shown: watch::Sender<Shown>,
    viewers: watch::Sender<Viewers>,
}

/// Who watches, by the order in which they came.
type Viewers = (u64, BTreeMap<u64, Wish>);

/// Which version of each a viewer has been given, and behind how many other parts.
type Seen = BTreeMap<Whose, (u64, u64)>;

/// What a viewer wants to see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wish {
    /// Everyone but this one, who has the picture already.
    All { without: Option<u64> },
    /// The list of people alone.
    List,
}

impl Wish {
    fn includes(self, whose: Whose) -> bool {
        match (whose, self) {
            (Whose::List, _) => true,
            (Whose::Person(_), Self::List) => false,
            (Whose::Person(id), Self::All { without }) => without != Some(id),
        }
    }
}

/// Which part replaces which.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Whose {
    List,
    Person(u64),
}

#[derive(Default)]
struct Shown {
    version: u64,
    latest: BTreeMap<Whose, Arc<Latest>>,
    closed: bool,
}

struct Latest {
    version: u64,
    part: Option<Part>,
    encoded: OnceLock<Option<Encoded>>,
}

/// The same for each viewer, so its bytes are put together once.
struct Encoded {
    part: EncodedPart,
    bytes: Bytes,
}

impl Grid {
    pub(crate) fn new() -> Self {
        // Its viewers know the boundary, and some of them send pictures: each part is searched for it.
        let encoder = Encoder::new(Boundary::random(), Wire::Script);
        Self { encoder: Arc::new(encoder), shown: watch::Sender::default(), viewers: watch::Sender::default() }
    }

    /// The encoder, for the response's head.
    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Makes room for somebody's pictures.
    pub(crate) fn enter(&self, id: u64) {
        self.put(Whose::Person(id), None);
    }

    /// Shows somebody's picture in place of the one before, unless they have left.
    pub(crate) fn show(&self, id: u64, picture: Part) {
        self.shown.send_if_modified(|shown| {
            let present = shown.latest.contains_key(&Whose::Person(id));
            if present {
                shown.put(Whose::Person(id), Some(picture));
            }
            present
        });
    }

    /// Shows the list of people.
    pub(crate) fn list(&self, list: Part) {
        self.put(Whose::List, Some(list));
    }

    /// Whoever this was, the picture goes.
    pub(crate) fn leave(&self, id: u64) {
        self.shown.send_modify(|shown| drop(shown.latest.remove(&Whose::Person(id))));
    }

    /// Ends every stream.
    pub(crate) fn close(&self) {
        self.shown.send_modify(|shown| shown.closed = true);
    }

    /// How many watch.
    pub(crate) fn watching(&self) -> usize {
        self.viewers.borrow().1.len()
    }

    /// How many of them see this one's pictures.
    pub(crate) fn viewers_of(&self, id: u64) -> usize {
        self.viewers.borrow().1.values().filter(|wish| wish.includes(Whose::Person(id))).count()
    }

    /// Returns when somebody has come or left since it was called last with this receiver.
    pub(crate) fn viewers(&self) -> watch::Receiver<Viewers> {
        self.viewers.subscribe()
    }

    /// One viewer's stream: the body of a response.
    pub(crate) fn watch(self: &Arc<Self>, wish: Wish) -> impl Stream<Item = Bytes> + Send + use<> {
        let mut serial = 0;
        self.viewers.send_modify(|(last, viewers)| {
            *last += 1;
            serial = *last;
            viewers.insert(serial, wish);
        });
        let viewer = Viewer {
            shown: self.shown.subscribe(),
            grid: Arc::clone(self),
            serial,
            wish,
            seen: BTreeMap::new(),
            parts: 0,
            last: None,
            way: Arc::new(Semaphore::new(1)),
        };
        stream::unfold(Some(viewer), async |viewer| {
            let mut viewer = viewer?;
            match viewer.next().await {
                Some(bytes) => Some((bytes, Some(viewer))),
                None => Some((viewer.end(), None)),
            }
        })
    }

    fn put(&self, whose: Whose, part: Option<Part>) {
        self.shown.send_modify(|shown| shown.put(whose, part));
    }

    /// `None` for what holds the boundary: nobody sends that by accident.
    fn encoded<'a>(&self, latest: &'a Latest) -> Option<&'a Encoded> {
        let encode = || {
            let part = self.encoder.encode(latest.part.as_ref()?).ok()?;
            Some(Encoded { bytes: part.to_bytes(), part })
        };
        latest.encoded.get_or_init(encode).as_ref()
    }
}

impl Shown {
    fn put(&mut self, whose: Whose, part: Option<Part>) {
        self.version += 1;
        let latest = Latest { version: self.version, part, encoded: OnceLock::new() };
        self.latest.insert(whose, Arc::new(latest));
    }

    /// The list if there is a new one, then whoever's turn was longest ago, so that a slow viewer sees all of them.
    fn choose(&self, wish: Wish, seen: &Seen) -> Option<(Whose, Arc<Latest>)> {
        let seen = |whose| seen.get(whose).copied().unwrap_or_default();
        let new = self.latest.iter().filter(|(whose, latest)| {
            wish.includes(**whose) && latest.part.is_some() && latest.version > seen(whose).0
        });
        let (whose, latest) = new.min_by_key(|(whose, _)| (**whose != Whose::List, seen(whose).1))?;
        Some((*whose, Arc::clone(latest)))
    }
}

struct Viewer {
    shown: watch::Receiver<Shown>,
    grid: Arc<Grid>,
    serial: u64,
    wish: Wish,
    seen: Seen,
    parts: u64,
    last: Option<Arc<Latest>>,
    /// Held by the part that is on its way.
    way: Arc<Semaphore>,
}

impl Viewer {
    /// The next part, when the server has let go of the last one since it has written it: what waits in a server's queue
    /// grows old there. `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let way = Arc::clone(&self.way).acquire_owned().await.ok()?;
        loop {
            let next = {
                let shown = self.shown.borrow_and_update();
                if shown.closed {
                    return None;
                }
                self.seen.retain(|whose, _| shown.latest.contains_key(whose));
                shown.choose(self.wish, &self.seen)
            };
            match next {
                Some((whose, latest)) => {
                    self.seen.insert(whose, (latest.version, self.parts));
                    if let Some(encoded) = self.grid.encoded(&latest) {
                        let bytes = self.begun(encoded);
                        self.parts += 1;
                        self.last = Some(latest);
                        return Some(Bytes::from_owner(OnItsWay { bytes, _way: way }));
                    }
                }
                // A write is the only sure way to learn that a viewer has left.
                None => match timeout(KEEP_ALIVE, self.shown.changed()).await {
                    Ok(changed) => changed.ok()?,
                    Err(_) => drop(self.seen.remove(&Whose::List)),
                },
            }
        }
    }

    /// A part, behind the opening if it is the first one.
    fn begun(&self, encoded: &Encoded) -> Bytes {
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

/// Lets the next part follow when it is dropped.
struct OnItsWay {
    bytes: Bytes,
    _way: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for OnItsWay {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Whose picture a part is.
pub(crate) const PARTICIPANT: HeaderName = HeaderName::from_static("x-participant");
const KEEP_ALIVE: Duration = Duration::from_secs(10);
