//! From one source to any number of viewers: each sees the newest picture that it can take.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{Stream, stream};
use mixed_replace::{MixedReplace, Part};
use tokio::sync::watch;

pub(crate) fn channel() -> (Publisher, Hub) {
    let (parts, latest) = watch::channel(None);
    let (closed, _) = watch::channel(false);
    let (viewers, _) = watch::channel(0);
    let hub = Hub { latest, closed: Arc::new(closed), viewers: Arc::new(viewers), counts: Arc::default() };
    (Publisher { parts, hub: hub.clone() }, hub)
}

pub(crate) struct Publisher {
    parts: watch::Sender<Option<Part>>,
    hub: Hub,
}

impl Publisher {
    pub(crate) fn publish(&self, part: Part) {
        self.hub.counts.published.fetch_add(1, Ordering::Relaxed);
        self.hub.counts.bytes.fetch_add(part.body().len() as u64, Ordering::Relaxed);
        self.parts.send_replace(Some(part));
    }

    /// Returns when somebody watches.
    pub(crate) async fn wanted(&self) {
        let _ = self.hub.viewers.subscribe().wait_for(|viewers| *viewers > 0).await;
    }

    /// Returns when nobody has watched for a while.
    pub(crate) async fn unwanted(&self) {
        let mut viewers = self.hub.viewers.subscribe();
        loop {
            let _ = viewers.wait_for(|viewers| *viewers == 0).await;
            if tokio::time::timeout(LINGER, viewers.wait_for(|viewers| *viewers > 0)).await.is_err() {
                return;
            }
        }
    }

    /// Returns when the hub is closed.
    pub(crate) async fn closed(&self) {
        let _ = self.hub.closed.subscribe().wait_for(|closed| *closed).await;
    }
}

#[derive(Clone)]
pub(crate) struct Hub {
    latest: watch::Receiver<Option<Part>>,
    closed: Arc<watch::Sender<bool>>,
    viewers: Arc<watch::Sender<usize>>,
    counts: Arc<Counts>,
}

impl Hub {
    pub(crate) fn subscribe(&self) -> MixedReplace<impl Stream<Item = Result<Part, Infallible>> + use<>> {
        let mut parts = self.latest.clone();
        parts.mark_changed();
        let viewer = Viewer::new(Arc::clone(&self.viewers));
        MixedReplace::infallible(stream::unfold((parts, viewer), |(mut parts, viewer)| async {
            parts.changed().await.ok()?;
            let part = parts.borrow_and_update().clone()?;
            Some((part, (parts, viewer)))
        }))
    }

    pub(crate) fn latest(&self) -> Option<Part> {
        self.latest.borrow().clone()
    }

    /// The latest part, or the next one if the source has to be woken for it.
    pub(crate) async fn snapshot(&self) -> Option<Part> {
        let mut parts = self.latest.clone();
        parts.mark_unchanged();
        let awake = *self.viewers.borrow() > 0;
        let _viewer = Viewer::new(Arc::clone(&self.viewers));
        if !awake {
            let _ = tokio::time::timeout(Duration::from_secs(3), parts.changed()).await;
        }
        self.latest()
    }

    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            published: self.counts.published.load(Ordering::Relaxed),
            bytes: self.counts.bytes.load(Ordering::Relaxed),
            viewers: *self.viewers.borrow(),
        }
    }
}

pub(crate) struct Stats {
    pub(crate) published: u64,
    pub(crate) bytes: u64,
    pub(crate) viewers: usize,
}

#[derive(Default)]
struct Counts {
    published: AtomicU64,
    bytes: AtomicU64,
}

/// Counts for as long as it lives.
struct Viewer(Arc<watch::Sender<usize>>);

impl Viewer {
    fn new(viewers: Arc<watch::Sender<usize>>) -> Self {
        viewers.send_modify(|viewers| *viewers += 1);
        Self(viewers)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.0.send_modify(|viewers| *viewers -= 1);
    }
}

/// How long a source runs on after the last viewer has left.
const LINGER: Duration = Duration::from_secs(10);
