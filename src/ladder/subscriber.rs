//! The response of one viewer of a ladder.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::encodings::Encodings;
use super::handle::Size;
use super::order::{Late, Times};
use super::rule::{Move, Reason, Rule, Written};
use super::shared::Shared;
use super::stats::Viewer;
use crate::body::{Step, Supply, respond_methods};
use crate::encode::{EncodedPart, Encoder};
use crate::hub::{self, Hub, Published, Refused, Seat};
use crate::sync::{Mutex, keep, lock};
use crate::wire::Wire;

/// A response that sends a viewer the latest picture of its rung, and moves it between the rungs of a [`Ladder`](super::Ladder).
///
/// Created by [`Ladder::subscribe`](super::Ladder::subscribe). It is returned from a handler like a
/// [`hub::Subscriber`](crate::Subscriber).
///
/// # Examples
///
/// ```
/// use mixed_replace::{Ladder, Wire, hub, ladder::Size};
///
/// let (publisher, hub) = hub::channel();
/// let ladder = Ladder::new([hub]);
/// let viewer = ladder.subscribe(Wire::Browser, Size::Line)?;
/// assert!(viewer.headers()["content-type"].to_str().unwrap().starts_with("multipart/x-mixed-replace; boundary="));
/// # Ok::<(), hub::Refused>(())
/// ```
///
/// # Cancel safety
///
/// Dropping the body between two polls loses the rest of the part in flight; it does not affect the hubs or other viewers.
#[doc(alias("IntoResponse", "Responder"))]
#[must_use = "a response does nothing until it is returned from a handler"]
pub struct Subscriber {
    ladder: Arc<Shared>,
    /// What it is sent: the parts of the ladder, or of a track of a wall.
    encodings: Arc<Encodings>,
    options: Options,
    rule: Rule,
    current: Place,
    /// The rung of its size, where it starts on another one.
    wanted: Option<usize>,
    next: Option<Next>,
    /// When the part in flight was sent.
    in_flight: Option<Instant>,
    report: Arc<Mutex<Report>>,
    /// The pictures that were skipped before it. `None` if the rate is limited.
    missed: Option<u32>,
    /// The last part that was sent, and its rung.
    last: Option<(usize, Arc<Published>)>,
    /// The rungs that had no place or no picture for this viewer, each until when it is left out.
    unreachable: Vec<(usize, Instant)>,
    /// The time of the last move by the size.
    moved_at: Option<Instant>,
    /// The end of the stream's lifetime.
    expires: Option<Instant>,
    /// Whether the stream ends earlier than that unless its rung gets a picture.
    without_picture: bool,
    /// Whether something else shows that the viewer is there.
    is_shown: bool,
    /// From the first poll.
    listed: Option<Listed>,
}

#[derive(Clone, Debug)]
struct Options {
    exclusive: bool,
    key: Option<String>,
    label: Option<String>,
    min_interval: Option<Duration>,
    size: Size,
    wire: Wire,
}

/// What the transport reports of the parts that it has released.
#[derive(Default)]
struct Report {
    /// The last part of which [`Subscriber::follow_rule`] does not know yet.
    released: Option<Released>,
    /// The task to wake at the next release, whether the hub has a newer part or not.
    task: Option<Waker>,
}

/// A part that the transport has released.
struct Released {
    at: Instant,
    bytes: u64,
    /// When it was sent, which tells it from other parts.
    sent: Instant,
}

/// The place to which a viewer moves, once that has a picture.
struct Next {
    place: Place,
    reason: Reason,
    since: Instant,
    late: Late,
}

/// A place in the hub of a rung.
struct Place {
    rung: usize,
    subscriber: hub::Subscriber,
}

impl Place {
    fn join(ladder: &Shared, rung: usize, wire: Wire) -> Result<Self, Refused> {
        Ok(Self { rung, subscriber: ladder.rung(rung).hub().subscribe(wire)?.unencoded() })
    }

    fn map(self, map: impl FnOnce(hub::Subscriber) -> hub::Subscriber) -> Self {
        Self { subscriber: map(self.subscriber), ..self }
    }

    fn seat(&mut self) -> &mut Seat {
        &mut self.subscriber.seat
    }
}

/// An entry in the list of viewers.
struct Listed {
    ladder: Arc<Shared>,
    place: usize,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.ladder.leave(self.place);
    }
}

impl Subscriber {
    pub(super) fn new(
        ladder: &Arc<Shared>,
        encodings: Arc<Encodings>,
        wire: Wire,
        size: Size,
    ) -> Result<Self, Refused> {
        let options = Options { exclusive: false, key: None, label: None, min_interval: None, size, wire };
        // By the line, a rung that has pictures is better than a larger one whose source does not answer.
        let signal = |rung: &usize| ladder.rung(*rung).hub().latest_dated().is_some_and(|part| !part.stale);
        let start = if size == Size::Line { (0..ladder.rungs.len()).find(signal) } else { None };
        let start = start.unwrap_or_else(|| ladder.rung_of(size));
        let mut current = Place::join(ladder, start, wire).or_else(|refused| {
            // For a hub that is closed there is another, and by the line for one that is full.
            let is_passed = size == Size::Line || refused == Refused::Closed;
            let mut others = ladder.nearest(start).filter(|_| is_passed);
            others.find_map(|rung| Place::join(ladder, rung, wire).ok()).ok_or(refused)
        })?;
        // Of a given size, the viewer gets the pictures that are there until its own come.
        let fresher = if size == Size::Line { None } else { ladder.fresher(current.rung) };
        let fresher = fresher.and_then(|rung| Place::join(ladder, rung, wire).ok());
        let wanted = fresher.map(|place| std::mem::replace(&mut current, place).rung);
        let mut rule = Rule::new(ladder.rungs.len(), Instant::now());
        rule.start_on(current.rung);
        Ok(Self {
            ladder: Arc::clone(ladder),
            encodings,
            options,
            rule,
            current,
            wanted,
            next: None,
            in_flight: None,
            report: Arc::default(),
            missed: None,
            last: None,
            unreachable: Vec::new(),
            moved_at: None,
            expires: None,
            without_picture: false,
            is_shown: false,
            listed: None,
        })
    }

    /// Sets the shortest time between two parts. The viewer gets the newest part each time.
    pub fn min_interval(mut self, min_interval: Duration) -> Self {
        self.options.min_interval = self.options.min_interval.max(Some(min_interval));
        self.configure(|subscriber| subscriber.min_interval(min_interval))
    }

    /// Ends the stream after this time, less up to a tenth at random. A move does not prolong it.
    ///
    /// The [`max_lifetime`](crate::hub::Builder::max_lifetime) of a hub counts from the viewer's first picture of that hub, and
    /// later moves do not prolong it either.
    pub fn max_lifetime(self, max_lifetime: Duration) -> Self {
        self.configure(|subscriber| subscriber.max_lifetime(max_lifetime))
    }

    /// Ends the stream at the end of this time, which a move does not prolong: see
    /// [`hub::Subscriber::expires_in`](crate::Subscriber::expires_in).
    pub fn expires_in(self, time: Duration) -> Self {
        self.configure(|subscriber| subscriber.expires_in(time))
    }

    /// Sets a key by which [`Ladder::revoke`](super::Ladder::revoke) ends the stream.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.options.key = Some(key.clone());
        self.configure(|subscriber| subscriber.key(key))
    }

    /// Sets a name for the viewer in the hubs' events and lists: see [`hub::Subscriber::label`](crate::Subscriber::label).
    pub fn label(mut self, label: impl Into<String>) -> Self {
        let label = label.into();
        self.options.label = Some(label.clone());
        self.configure(|subscriber| subscriber.label(label))
    }

    /// Sets whether this stream ends others with the same [`key`](Self::key) when it starts. Default: `false`.
    ///
    /// On the hub where it starts, it ends those that came to that hub earlier. On the other rungs it ends all of them. So of
    /// two streams that start at the same time, neither may go on.
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.options.exclusive = exclusive;
        self.configure(|subscriber| subscriber.exclusive(exclusive))
    }

    /// Waits for a picture of another rung as long as it takes, since the stream has other parts. Otherwise it ends after some
    /// seconds, because nothing shows whether the viewer is there.
    pub(crate) fn waiting(self) -> Self {
        Self { is_shown: true, ..self }
    }

    fn configure(self, change: impl FnOnce(hub::Subscriber) -> hub::Subscriber) -> Self {
        Self { current: self.current.map(change), ..self }
    }

    respond_methods! {
        /// Returns the header fields of the response; see [`MixedReplace::headers`](crate::MixedReplace::headers).
        headers

        /// Returns the body as a plain stream of bytes: see [`hub::Subscriber::into_stream`](crate::Subscriber::into_stream).
        ///
        /// A stream learns late that a line is slow, from the server's next poll.
        into_stream
    }

    /// Returns the hub from which the viewer gets its first picture.
    pub(crate) fn hub(&self) -> &Hub {
        self.ladder.rung(self.current.rung).hub()
    }

    /// Returns whether the hub of its rung has a part of its publisher that is not stale.
    pub(crate) fn has_signal(&self) -> bool {
        self.current.subscriber.seat.has_signal()
    }

    /// Returns whether the last part that was sent is a "no signal" part.
    pub(crate) fn sent_no_signal(&self) -> bool {
        self.last.as_ref().is_some_and(|(_, part)| part.no_signal)
    }

    /// Reports that a repeat is not sent.
    pub(crate) fn pass(&mut self) {
        self.current.seat().pass();
    }

    /// Returns whether the stream ended because of this viewer, and not because the hubs were closed to it.
    pub(crate) fn ended_for_viewer(&self) -> bool {
        !self.without_picture && self.current.subscriber.seat.ended_for_viewer()
    }

    /// Reserves a place on another rung and starts watching there. It gets the viewer's key in [`enter`](Self::enter).
    fn join(&self, rung: usize) -> Result<Place, Refused> {
        if self.ladder.is_closing() || self.ladder.is_closed(rung) {
            return Err(Refused::Closed);
        }
        let mut place = Place::join(&self.ladder, rung, self.options.wire)?;
        if let Some(label) = &self.options.label {
            place = place.map(|subscriber| subscriber.label(label.clone()));
        }
        if let Some(interval) = self.options.min_interval {
            place = place.map(|subscriber| subscriber.min_interval(interval));
        }
        if let Some(expires) = self.expires {
            let lifetime = expires.saturating_duration_since(Instant::now());
            place = place.map(|subscriber| subscriber.expires_in(lifetime));
        }
        place.seat().start();
        Ok(place)
    }

    /// Lets the rule or the width decide, once the part in flight is written.
    fn follow_rule(&mut self) {
        let Some(Released { at, bytes, sent }) = lock(&self.report).released.take() else { return };
        if self.in_flight != Some(sent) {
            // A part of an earlier rung, whose hub was closed while it was in flight.
            return;
        }
        self.in_flight = None;
        if let Some(next) = &self.next {
            // A hub whose source cannot be started.
            if at.saturating_duration_since(next.since) > FIRST_PICTURE {
                self.give_up(next.place.rung, at);
            }
            return;
        }
        if self.options.size != Size::Line {
            return self.follow_size(at);
        }
        let rung = self.ladder.rung(self.current.rung);
        let own = rung.period();
        let full = Duration::from_secs_f64(self.ladder.full_period(self.current.rung, own.as_secs_f64()));
        let least = self.options.min_interval.unwrap_or_default();
        let (period, full_period) = (own.max(least), full.max(least));
        let in_flight = at.saturating_duration_since(sent);
        let part = Written { at, bytes, in_flight, missed: self.missed, period, full_period };
        let (ladder, limit, unreachable) = (&self.ladder, self.options.min_interval, &self.unreachable);
        let needs = || {
            let without = unreachable.iter().filter(|(_, until)| *until > at).map(|(rung, _)| *rung);
            ladder.needs(limit, without, at)
        };
        if let Some(Move { to, reason }) = self.rule.written(part, needs) {
            self.start_move(to, reason);
        }
    }

    /// Moves to the rung of its size, if that has become known or has changed.
    fn follow_size(&mut self, now: Instant) {
        let early = |moved: Instant| now.saturating_duration_since(moved) < BETWEEN_MOVES;
        if self.ladder.rungs.len() == 1 || self.moved_at.is_some_and(early) {
            return;
        }
        self.moved_at = Some(now);
        if let Some(to) = self.rung_of_size(now).filter(|to| *to != self.current.rung) {
            self.start_move(to, Reason::Width);
        }
    }

    /// Returns the rung to which the viewer belongs by its size.
    fn rung_of_size(&self, now: Instant) -> Option<usize> {
        let without = self.unreachable.iter().filter(|(_, until)| *until > now).map(|(rung, _)| *rung);
        self.ladder.wanted(self.options.size, &without.collect::<Vec<_>>())
    }

    /// Returns whether a rung is one of the viewer's size, now that its first picture shows the width.
    fn suits(&self, rung: usize, now: Instant) -> bool {
        let Size::Width(width) = self.options.size else { return true };
        self.ladder.rung(rung).is_wide(width) || self.rung_of_size(now) == Some(rung)
    }

    /// Takes a place on a rung. The viewer stays where it is if there is none.
    pub(super) fn start_move(&mut self, to: usize, reason: Reason) {
        let since = Instant::now();
        match self.join(to) {
            Ok(place) => self.next = Some(Next { place, reason, since, late: Late::default() }),
            Err(_) => self.give_up(to, since),
        }
    }

    fn give_up(&mut self, rung: usize, now: Instant) {
        self.next = None;
        self.rule.stay_on(self.current.rung, now);
        self.unreachable.retain(|(_, until)| *until > now);
        self.unreachable.extend(now.checked_add(UNREACHABLE).map(|until| (rung, until)));
    }

    /// Leaves the current place for another one. Returns `false` if the stream has ended meanwhile.
    fn enter(&mut self, place: Place, reason: Reason, now: Instant) -> bool {
        // Only now, so that the viewer counts once, and before it leaves, so that `revoke` finds it at one of the two places.
        let place = match &self.options.key {
            Some(key) => place.map(|subscriber| subscriber.key(key.clone())),
            None => place,
        };
        if !self.current.seat().leave() {
            return false;
        }
        let to = place.rung;
        #[cfg(feature = "tracing")]
        tracing::debug!(from = self.current.rung, to, ?reason, "viewer moves");
        self.current = place;
        self.expires = self.current.seat().expires();
        if let Some(listed) = &self.listed {
            self.ladder.moved(listed.place, to, reason, now);
        }
        true
    }

    /// Moves to the next rung if that has a picture. Returns its bytes.
    fn poll_next(&mut self, waker: &Waker) -> Option<Arc<EncodedPart>> {
        loop {
            let next = self.next.as_mut()?;
            let rung = next.place.rung;
            let part = match next.place.seat().poll_once(waker.clone()) {
                Step::Part(part) => part,
                Step::Wait => return None,
                Step::Repeat => {
                    next.place.seat().pass();
                    continue;
                }
                Step::End => {
                    self.give_up(rung, Instant::now());
                    return None;
                }
            };
            let older = older(&part, rung, self.last.as_ref());
            let skipped = part.no_signal || !next.late.permits(older, Instant::now());
            let encoded = if skipped {
                None
            } else {
                self.ladder.rung(rung).measure(&part);
                self.encodings.encoded(rung, &part, self.options.wire, next.place.seat())
            };
            let Some(encoded) = encoded else {
                next.place.seat().pass();
                continue;
            };
            let now = Instant::now();
            let Next { place, reason, .. } = self.next.take()?;
            if !self.suits(rung, now) {
                drop(place);
                // It would be tried again and again where no rung is wide enough.
                self.give_up(rung, now);
                return None;
            }
            if !self.enter(place, reason, now) {
                return None;
            }
            // The time until the first picture is not the line's.
            self.rule.arrived(now);
            self.send(part);
            return Some(encoded);
        }
    }

    /// Moves to another rung, whether that has a picture or not, since the hub of this one was closed. Returns `false` if there
    /// is none.
    fn leave_closed(&mut self) -> bool {
        let mut next = self.next.take().map(|next| next.place);
        // The source of the next rung may never start.
        let with_picture = next.take_if(|next| next.seat().has_signal());
        let Some(place) = with_picture.or_else(|| self.open_place()).or(next) else { return false };
        let (rung, now) = (place.rung, Instant::now());
        self.in_flight = None;
        self.rule.stay_on(rung, now);
        if !self.enter(place, Reason::Closed, now) {
            return false;
        }
        // Its last picture may be older than the viewer's. Nothing of it is written meanwhile.
        if !self.is_shown {
            self.without_picture = true;
            let at = now.checked_add(FIRST_PICTURE);
            self.current.seat().set_expires(at.into_iter().chain(self.expires).min());
        }
        true
    }

    /// Returns a place on the nearest other rung that has one, if possible on one that has a picture.
    fn open_place(&self) -> Option<Place> {
        self.ladder.nearest(self.current.rung).find_map(|rung| self.join(rung).ok())
    }

    /// Returns the next step, once the part in flight is written. A repeat is of the last part, with no later time.
    ///
    /// The waker is stored in any case, so the next poll is due when it is woken.
    pub(crate) fn poll_part(&mut self, waker: &Waker) -> Step<Arc<EncodedPart>> {
        self.follow_rule();
        if self.in_flight.is_none() {
            // Its own rung comes first: the picture of another may be old, which only one that was sent can show.
            if let Some(encoded) = self.last.is_some().then(|| self.poll_next(waker)).flatten() {
                return Step::Part(encoded);
            }
        } else if self.next.is_some() {
            self.wake_at_release(waker);
        }
        loop {
            match self.current.seat().poll_once(waker.clone()) {
                Step::Wait if self.last.is_none() => return self.poll_next(waker).map_or(Step::Wait, Step::Part),
                Step::Wait => return Step::Wait,
                Step::Repeat => return self.renewed().map_or(Step::Repeat, Step::Part),
                Step::Part(part) => {
                    let rung = self.current.rung;
                    // No picture goes back in time when the hub of an earlier rung was closed.
                    let skipped = !part.no_signal && !older(&part, rung, self.last.as_ref()).is_zero();
                    let encoded = if skipped { None } else { self.encoded(&part) };
                    let Some(encoded) = encoded else {
                        self.current.seat().pass();
                        continue;
                    };
                    self.send(part);
                    return Step::Part(encoded);
                }
                Step::End if !self.current.seat().ended_by_close() => return Step::End,
                // The hub of this rung was closed. The others may go on.
                Step::End if self.leave_closed() => {}
                Step::End => return Step::End,
            }
        }
    }

    /// Wakes the task when the part in flight is released: the next rung may have a picture then.
    fn wake_at_release(&self, waker: &Waker) {
        let mut report = lock(&self.report);
        let is_released = report.released.is_some();
        let replaced = if is_released { None } else { keep(&mut report.task, waker) };
        drop(report);
        drop(replaced);
        if is_released {
            waker.wake_by_ref();
        }
    }

    /// Returns the bytes of a part of the current rung. `None` if it holds the boundary.
    fn encoded(&mut self, part: &Published) -> Option<Arc<EncodedPart>> {
        let rung = self.current.rung;
        self.ladder.rung(rung).measure(part);
        self.encodings.encoded(rung, part, self.options.wire, self.current.seat())
    }

    /// Returns the last part if it has got a later time since.
    fn renewed(&mut self) -> Option<Arc<EncodedPart>> {
        if self.options.wire == Wire::Browser {
            // It has no times.
            return None;
        }
        let part = self.current.seat().renewed()?;
        let rung = self.current.rung;
        if !older(&part, rung, self.last.as_ref()).is_zero() {
            return None;
        }
        let encoded = self.encoded(&part)?;
        self.last = Some((rung, part));
        self.send_again();
        Some(encoded)
    }

    fn send_again(&mut self) {
        self.in_flight = Some(Instant::now());
        self.missed = self.missed.map(|_| 0);
    }

    fn send(&mut self, part: Arc<Published>) {
        let rung = self.current.rung;
        let before = self.last.as_ref().filter(|(of, _)| *of == rung);
        let skipped = before.map_or(0, |(_, last)| part.version - last.version - 1);
        self.missed = self.options.min_interval.is_none().then(|| u32::try_from(skipped).unwrap_or(u32::MAX));
        self.in_flight = Some(Instant::now());
        self.last = Some((rung, part));
        if std::mem::take(&mut self.without_picture) {
            self.current.seat().set_expires(self.expires);
        }
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn ends_at(&mut self) -> Option<Instant> {
        self.current.seat().expires()
    }
}

impl Supply for Subscriber {
    type Part = Arc<EncodedPart>;

    fn encoder(&self) -> &Arc<Encoder> {
        self.encodings.encoder(self.options.wire)
    }

    fn start(&mut self) {
        let now = Instant::now();
        self.current.seat().start();
        self.expires = self.current.seat().expires();
        if let Some(key) = self.options.key.as_ref().filter(|_| self.options.exclusive) {
            // On its own rung, its seat does that.
            let others = self.ladder.rungs.iter().enumerate().filter(|(rung, _)| *rung != self.current.rung);
            others.for_each(|(_, rung)| rung.hub().replace(key));
        }
        let viewer = Viewer {
            key: self.options.key.clone(),
            wire: self.options.wire,
            rung: self.current.rung,
            size: self.options.size,
            moves: 0,
            reason: None,
            on_rung: Duration::ZERO,
        };
        let place = self.ladder.enter(viewer, now);
        self.listed = Some(Listed { ladder: Arc::clone(&self.ladder), place });
        if let Some(wanted) = self.wanted.take() {
            self.moved_at = Some(now);
            self.start_move(wanted, Reason::Width);
        }
        #[cfg(feature = "tracing")]
        if self.ladder.rungs.len() > 1 {
            tracing::debug!(rung = self.current.rung, wire = ?self.options.wire, "viewer joins a ladder");
        }
    }

    fn poll_step(&mut self, gated: bool, taken: u64, cx: &mut Context<'_>) -> Step<Arc<EncodedPart>> {
        if !gated && self.in_flight.is_some() {
            self.release(taken)();
        }
        let step = self.poll_part(cx.waker());
        match step {
            Step::End => self.listed = None,
            Step::Repeat => self.send_again(),
            Step::Part(_) | Step::Wait => {}
        }
        step
    }

    fn release(&self, bytes: u64) -> impl FnOnce() + Send + 'static {
        let (report, release) = (Arc::clone(&self.report), self.current.subscriber.seat.release(bytes));
        let sent = self.in_flight;
        move || {
            let mut locked = lock(&report);
            if let Some(sent) = sent.filter(|sent| locked.released.as_ref().is_none_or(|last| last.sent <= *sent)) {
                locked.released = Some(Released { at: Instant::now(), bytes, sent });
            }
            let task = locked.task.take();
            drop(locked);
            // Last, since they wake the viewer.
            release();
            task.into_iter().for_each(Waker::wake);
        }
    }
}

/// Returns how much older a picture of one rung is than the last one, of another rung.
fn older(part: &Published, rung: usize, last: Option<&(usize, Arc<Published>)>) -> Duration {
    let last = last.filter(|(of, _)| *of != rung);
    last.map_or(Duration::ZERO, |(_, last)| Times::of(part).older_than(Times::of(last)))
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("options", &self.options).finish_non_exhaustive()
    }
}

/// How long a viewer waits for the first picture of another rung. After that it stays where it was, or its stream ends if that
/// rung is closed. Cameras take some seconds to start.
const FIRST_PICTURE: Duration = Duration::from_secs(15);
/// How long a viewer is not moved to a rung that had no place or no picture.
const UNREACHABLE: Duration = Duration::from_secs(120);
/// The shortest time between two moves by the width.
const BETWEEN_MOVES: Duration = Duration::from_secs(2);
