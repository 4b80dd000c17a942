//! The data that all viewers of a ladder share: the rungs, what each needs, and the list of viewers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use slab::Slab;

use super::encodings::Encodings;
use super::handle::{Ladder, Size};
use super::order::Times;
use super::rule::{Need, Reason, whole};
use super::stats::{RungStats, Stats, Viewer};
use crate::boundary::Boundary;
use crate::encode::Encoder;
use crate::hub::{Activity, Hub, Published};
use crate::picture;
use crate::sync::{Mutex, MutexGuard, lock};

pub(super) struct Shared {
    pub(super) rungs: Vec<Rung>,
    /// The parts as [`Ladder::subscribe`](super::Ladder::subscribe) sends them.
    pub(super) encodings: Arc<Encodings>,
    viewers: Mutex<Viewers>,
    /// Set before the hubs are closed. Their locks order it.
    closing: AtomicBool,
}

struct Viewers {
    list: Slab<Entry>,
    /// The number of viewers on each rung.
    on_rung: Vec<usize>,
    moves_down: u64,
    moves_up: u64,
}

/// A viewer, as far as others may know.
struct Entry {
    viewer: Viewer,
    /// The time of its last move, or of its first poll.
    since: Instant,
}

/// An entry in the list of viewers, until it is dropped.
pub(super) struct Listed {
    ladder: Arc<Shared>,
    place: usize,
}

/// One rung of a ladder.
pub(super) struct Rung {
    pub(super) hub: Hub,
    made: Option<Arc<Made>>,
    measured: Mutex<Measured>,
}

/// What was made for a rung whose pictures are made here.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) encodings: AtomicU64,
    /// Pictures of the hub that were not encoded for this rung, since nobody watched it.
    pub(super) saved: AtomicU64,
}

/// What is known of a rung's pictures. The averages are of the last ten or so.
#[derive(Clone, Copy, Default)]
struct Measured {
    /// The width, of the last picture unless it was set.
    width: Option<u32>,
    /// The version and the time of the last part.
    last: Option<(u64, Instant)>,
    bytes: Option<f64>,
    /// The seconds between two parts.
    period: Option<f64>,
}

impl Ladder {
    /// Ends every stream by closing the hub of each rung: see [`Hub::close`].
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Ladder, hub};
    ///
    /// let (main_publisher, main) = hub::channel();
    /// let (sub_publisher, sub) = hub::channel();
    /// Ladder::new([main, sub]).close();
    /// assert!(main_publisher.is_closed() && sub_publisher.is_closed());
    /// ```
    pub fn close(&self) {
        // From now on, no viewer is moved.
        self.shared.closing.store(true, Relaxed);
        self.hubs().for_each(Hub::close);
    }

    /// Returns the ladder's counters since it was created.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Ladder, hub};
    ///
    /// let ladder = Ladder::new([hub::channel(), hub::channel()].map(|(_, hub)| hub));
    /// let stats = ladder.stats();
    /// assert_eq!((stats.rungs.len(), stats.moves_down, stats.moves_up), (2, 0, 0));
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut rungs: Vec<RungStats> = self.shared.rungs.iter().map(Rung::stats).collect();
        let viewers = lock(&self.shared.viewers);
        for (rung, count) in rungs.iter_mut().zip(&viewers.on_rung) {
            rung.viewers = *count;
        }
        Stats { rungs, moves_down: viewers.moves_down, moves_up: viewers.moves_up }
    }

    /// Returns a description of each current viewer.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::ladder::Size;
    /// use mixed_replace::{Ladder, Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// let ladder = Ladder::new([hub]);
    /// let mut stream = ladder.subscribe(Wire::Machine, Size::Full)?.into_stream();
    /// assert!(stream.next().now_or_never().is_some());
    /// let viewers = ladder.viewers();
    /// assert_eq!((viewers.len(), viewers[0].rung, viewers[0].size), (1, 0, Size::Full));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn viewers(&self) -> Vec<Viewer> {
        let now = Instant::now();
        let viewers = lock(&self.shared.viewers);
        let ago = |entry: &Entry| now.saturating_duration_since(entry.since);
        viewers.list.iter().map(|(_, entry)| Viewer { on_rung: ago(entry), ..entry.viewer.clone() }).collect()
    }
}

impl Shared {
    /// Creates a ladder of these hubs, each with the width of its pictures if that is known, and what is made for it if its
    /// pictures are made here.
    pub(super) fn new(hubs: Vec<(Hub, Option<u32>, Option<Arc<Made>>)>, boundary: &Boundary) -> Arc<Self> {
        assert!(!hubs.is_empty(), "a ladder needs a hub");
        let timestamps = hubs.iter().all(|(hub, ..)| hub.timestamps());
        let rungs = hubs.into_iter().map(|(hub, width, made)| Rung {
            hub,
            made,
            measured: Mutex::new(Measured { width, ..Measured::default() }),
        });
        let rungs: Vec<Rung> = rungs.collect();
        let encoder = |wire| Arc::new(Encoder::new(boundary.clone(), wire).timestamps(timestamps));
        let encodings = Arc::new(Encodings::new(rungs.len(), None, encoder));
        let viewers = Viewers { list: Slab::new(), on_rung: vec![0; rungs.len()], moves_down: 0, moves_up: 0 };
        Arc::new(Self { rungs, encodings, viewers: Mutex::new(viewers), closing: AtomicBool::new(false) })
    }

    /// Returns the rungs with their own source, except `rung`. Renditions have none: they are made of the first rung.
    pub(super) fn other_sources(&self, rung: usize) -> impl Iterator<Item = usize> {
        let others = self.rungs.iter().enumerate().filter(move |(other, of)| *other != rung && of.made.is_none());
        others.map(|(other, _)| other)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    #[expect(clippy::indexing_slicing, reason = "callers pass the index of a rung")]
    pub(super) fn rung(&self, rung: usize) -> &Rung {
        &self.rungs[rung]
    }

    /// Returns the rung on which a viewer of this size starts.
    pub(super) fn rung_of(&self, size: Size) -> usize {
        let Size::Width(width) = size else { return 0 };
        self.rungs.iter().rposition(|rung| rung.is_wide(width)).unwrap_or(0)
    }

    /// Returns the rung to which a viewer of this size belongs, `without` those that it cannot get. `None` for one by the line.
    ///
    /// By the width, it may be a rung that has had no picture, which only its first one can show.
    pub(super) fn wanted(&self, size: Size, without: &[usize]) -> Option<usize> {
        let mut open = (0..self.rungs.len()).filter(|rung| !without.contains(rung) && !self.is_closed(*rung));
        let width = match size {
            Size::Line => return None,
            Size::Full => return open.next(),
            Size::Width(width) => width,
        };
        let suits = |rung: &usize| {
            let rung = self.rung(*rung);
            rung.is_wide(width) || (rung.width().is_none() && rung.hub.latest().is_none())
        };
        open.clone().rfind(suits).or_else(|| open.next())
    }

    /// Returns the nearest other rung that is watched and has a picture, if that of this one is much older or missing: its source
    /// has yet to start, and its last picture may have been there for hours.
    pub(super) fn fresher(&self, rung: usize) -> Option<usize> {
        let times = |rung: usize| self.rung(rung).hub.latest_published().map(|part| Times::of(&part));
        let own = times(rung);
        if own.is_none() && self.rung(rung).made.is_some() {
            // It is made at once.
            return None;
        }
        let is_fresher = |other: &usize| {
            self.rung(*other).hub.activity() == Activity::Live
                && times(*other).is_some_and(|other| own.is_none_or(|own| own.is_late_after(other)))
        };
        self.nearest(rung).find(is_fresher)
    }

    /// Returns whether no further picture comes on a rung. A rendition ends with the hub of which it is made, the first.
    pub(super) fn is_closed(&self, rung: usize) -> bool {
        let Rung { hub, made, .. } = self.rung(rung);
        hub.is_closed() || (made.is_some() && self.rung(0).hub.is_closed())
    }

    /// Returns the other rungs, the nearest first, those that have had a picture before the others.
    pub(super) fn nearest(&self, current: usize) -> impl Iterator<Item = usize> + use<> {
        let mut others: Vec<usize> = (0..self.rungs.len()).filter(|rung| *rung != current).collect();
        others.sort_by_cached_key(|rung| (self.rung(*rung).hub.latest().is_none(), rung.abs_diff(current)));
        others.into_iter()
    }

    /// Returns what each rung needs for a viewer with this rate limit: infinitely many bytes for those `without` which it must
    /// do, and for those whose hub is closed.
    ///
    /// A rendition needs what its pictures take at the rate of the first rung, also while the processor makes fewer.
    ///
    /// A rung that nobody has watched yet is estimated from the next larger one that is known, by the widths, or as a third.
    #[expect(clippy::indexing_slicing, reason = "callers pass the index of a rung")]
    pub(super) fn needs(&self, min_interval: Option<Duration>, without: &[usize], now: Instant) -> Vec<Need> {
        let measured: Vec<Measured> = self.rungs.iter().map(|rung| *lock(&rung.measured)).collect();
        let known = |measured: &Measured| Some((measured.bytes?, measured.width));
        let period = measured.iter().find_map(|measured| measured.period).unwrap_or(DEFAULT_PERIOD);
        let least = min_interval.map_or(0.0, |interval| interval.as_secs_f64());
        let (mut bytes, mut width) = measured.iter().find_map(known).unwrap_or((DEFAULT_BYTES, None));
        let needs = measured.iter().enumerate().map(|(rung, measured)| {
            (bytes, width) = known(measured).unwrap_or_else(|| {
                let ratio = measured.width.zip(width).map_or(UNKNOWN_STEP, |(own, larger)| {
                    // Small pictures have more detail a pixel.
                    (f64::from(own) / f64::from(larger.max(1))).powf(1.6).min(1.0)
                });
                (if rung == 0 { bytes } else { bytes * ratio }, measured.width)
            });
            let limit = |period: f64| period.max(least).max(SHORTEST_PERIOD);
            let own = measured.period.unwrap_or(period);
            let full = limit(self.full_period(rung, own));
            let is_recent = measured.last.is_some_and(|(_, at)| now.saturating_duration_since(at) < RECENT);
            Need { bytes: bytes / full, share: if is_recent { full / limit(own) } else { 1.0 } }
        });
        let mut needs: Vec<Need> = needs.collect();
        let closed = (0..self.rungs.len()).filter(|rung| self.is_closed(*rung));
        without.iter().copied().chain(closed).for_each(|rung| needs[rung].bytes = f64::INFINITY);
        needs
    }

    /// Returns the seconds between two parts of a rung, its `own` ones, or fewer if the processor does not keep up.
    pub(super) fn full_period(&self, rung: usize, own: f64) -> f64 {
        let source = self.rung(rung).made.as_ref().and_then(|_| lock(&self.rung(0).measured).period);
        source.map_or(own, |source| source.min(own))
    }

    #[expect(clippy::indexing_slicing, reason = "callers pass the index of a rung")]
    pub(super) fn enter(self: &Arc<Self>, viewer: Viewer, now: Instant) -> Listed {
        let mut viewers = lock(&self.viewers);
        viewers.on_rung[viewer.rung] += 1;
        Listed { ladder: Arc::clone(self), place: viewers.list.insert(Entry { viewer, since: now }) }
    }

    /// Drops the bytes of the last part of a rung that a viewer has left, if that was the last one there.
    #[expect(clippy::indexing_slicing, reason = "a viewer is on one of the rungs")]
    fn left(&self, mut viewers: MutexGuard<'_, Viewers>, rung: usize) {
        viewers.on_rung[rung] -= 1;
        let is_last = viewers.on_rung[rung] == 0;
        drop(viewers);
        if is_last {
            self.encodings.clear(rung);
        }
    }
}

impl Listed {
    #[expect(clippy::indexing_slicing, reason = "a viewer has its place in the list until it leaves")]
    pub(super) fn moved(&self, to: usize, reason: Reason) {
        let mut viewers = lock(&self.ladder.viewers);
        let entry = &mut viewers.list[self.place];
        let from = std::mem::replace(&mut entry.viewer.rung, to);
        (entry.viewer.reason, entry.since) = (Some(reason), Instant::now());
        entry.viewer.moves += 1;
        *(if to < from { &mut viewers.moves_up } else { &mut viewers.moves_down }) += 1;
        viewers.on_rung[to] += 1;
        self.ladder.left(viewers, from);
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut viewers = lock(&self.ladder.viewers);
        let entry = viewers.list.remove(self.place);
        self.ladder.left(viewers, entry.viewer.rung);
    }
}

impl Rung {
    /// Returns whether its pictures are known to be at least so wide.
    pub(super) fn is_wide(&self, width: u32) -> bool {
        self.width().is_some_and(|own| own >= width)
    }

    /// Returns the width of its pictures, if one is there.
    fn width(&self) -> Option<u32> {
        let known = lock(&self.measured).width;
        known.or_else(|| picture::width(self.hub.latest()?.body()))
    }

    /// Returns the seconds between two parts.
    pub(super) fn period(&self) -> Duration {
        let period = lock(&self.measured).period.unwrap_or(DEFAULT_PERIOD);
        Duration::from_secs_f64(period)
    }

    /// Records a part, once for all viewers.
    #[expect(clippy::cast_precision_loss, reason = "an average")]
    pub(super) fn measure(&self, part: &Published) {
        let mut measured = lock(&self.measured);
        if part.no_signal || measured.last.is_some_and(|(version, _)| version >= part.version) {
            return;
        }
        let average = |before: Option<f64>, new: f64| Some(before.map_or(new, |before| before + (new - before) * 0.1));
        measured.bytes = average(measured.bytes, part.part.body().len() as f64);
        if let Some((version, at)) = measured.last {
            let periods = (part.version - version) as f64;
            let period = part.at.saturating_duration_since(at).as_secs_f64() / periods;
            // A pause of the source is no period.
            let longest =
                measured.period.map_or(LONGEST_PERIOD, |known| (known * 4.0).clamp(DEFAULT_PERIOD, LONGEST_PERIOD));
            measured.period = average(measured.period, period.min(longest));
        }
        measured.last = Some((part.version, part.at));
        // The width of a rendition is as shown, and that in the header of a picture on its side is not.
        if self.made.is_none() {
            measured.width = picture::width(part.part.body()).or(measured.width);
        }
    }

    fn stats(&self) -> RungStats {
        let width = self.width();
        let measured = *lock(&self.measured);
        let rate = measured.bytes.zip(measured.period).map(|(bytes, period)| bytes / period.max(SHORTEST_PERIOD));
        let made = |count: fn(&Made) -> &AtomicU64| self.made.as_ref().map_or(0, |made| count(made).load(Relaxed));
        RungStats {
            width,
            viewers: 0,
            bytes_per_second: rate.map(whole),
            encodings: made(|made| &made.encodings),
            encodings_saved: made(|made| &made.saved),
        }
    }
}

/// Until two parts have come.
const DEFAULT_PERIOD: f64 = 0.1;
const DEFAULT_BYTES: f64 = 50_000.0;
const SHORTEST_PERIOD: f64 = 0.001;
/// A rung that had its last part longer ago is not watched, and may have more pictures when it is.
const RECENT: Duration = Duration::from_secs(10);
/// The most that one period counts.
const LONGEST_PERIOD: f64 = 10.0;
/// The bytes of a rung by those of the next larger one, if a width is not known.
const UNKNOWN_STEP: f64 = 0.35;
