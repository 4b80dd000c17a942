//! The response of one viewer of a ladder.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::encodings::Encodings;
use super::handle::Size;
use super::moves::{FIRST_PICTURE, Moves, Next};
use super::place::{Options, Place};
use super::rule::{Move, Reason};
use super::sent::Sent;
use super::shared::{Listed, Shared};
use super::stats::Viewer;
use crate::body::{Step, Supply, respond_methods};
use crate::derive::opaque_debug;
use crate::encode::{EncodedPart, Encoder};
use crate::hub::{Hub, Published, Refused};
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
    place: Place,
    moves: Moves,
    sent: Sent,
    /// The end of the stream's lifetime.
    expires: Option<Instant>,
    /// Whether something else shows that the viewer is there.
    is_shown: bool,
    /// From the first poll.
    listed: Option<Listed>,
}

opaque_debug!(Subscriber);

impl Subscriber {
    pub(super) fn new(
        ladder: &Arc<Shared>,
        encodings: Arc<Encodings>,
        options: Options,
        size: Size,
    ) -> Result<Self, Refused> {
        let (place, wanted) = Place::first(ladder, size, &options)?;
        Ok(Self {
            ladder: Arc::clone(ladder),
            encodings,
            options,
            moves: Moves::new(ladder, size, place.rung, wanted),
            place,
            sent: Sent::default(),
            expires: None,
            is_shown: false,
            listed: None,
        })
    }

    /// Sets the shortest time between two parts. The viewer gets the newest part each time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::ladder::Size;
    /// use mixed_replace::{Ladder, Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("12:00")?)?;
    /// let viewer = Ladder::new([hub]).subscribe(Wire::Machine, Size::Full)?.min_interval(Duration::from_secs(60));
    /// let mut stream = viewer.into_stream();
    /// assert!(stream.next().now_or_never().is_some());
    /// publisher.publish(Part::text("12:01")?)?;
    /// assert!(stream.next().now_or_never().is_none(), "due in a minute");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn min_interval(mut self, min_interval: Duration) -> Self {
        self.options.min_interval = self.options.min_interval.max(Some(min_interval));
        self.place.subscriber = self.place.subscriber.min_interval(min_interval);
        self
    }

    /// Ends the stream after this time, less up to a tenth at random. A move does not prolong it.
    ///
    /// The [`max_lifetime`](crate::hub::Builder::max_lifetime) of a hub counts from the viewer's first picture of that hub, and
    /// later moves do not prolong it either.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on_stream;
    /// use mixed_replace::ladder::Size;
    /// use mixed_replace::{Ladder, Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// let viewer = Ladder::new([hub.clone()]).subscribe(Wire::Script, Size::Full)?;
    /// let viewer = viewer.max_lifetime(Duration::from_millis(20));
    /// let end = block_on_stream(viewer.into_stream()).last().transpose()?;
    /// assert!(end.is_some_and(|end| end.ends_with(b"--\r\n")));
    /// assert_eq!(hub.stats().ended.expired, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_lifetime(mut self, max_lifetime: Duration) -> Self {
        self.place.subscriber = self.place.subscriber.max_lifetime(max_lifetime);
        self
    }

    /// Ends the stream at the end of this time, which a move does not prolong: see
    /// [`hub::Subscriber::expires_in`](crate::Subscriber::expires_in).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on_stream;
    /// use mixed_replace::ladder::Size;
    /// use mixed_replace::{Ladder, Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// let viewer = Ladder::new([hub.clone()]).subscribe(Wire::Script, Size::Full)?;
    /// let viewer = viewer.expires_in(Duration::from_millis(20));
    /// assert!(block_on_stream(viewer.into_stream()).last().is_some());
    /// assert_eq!(hub.stats().ended.expired, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.place.subscriber = self.place.subscriber.expires_in(time);
        self
    }

    /// Sets a key by which [`Ladder::revoke`](super::Ladder::revoke) ends the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::ladder::Size;
    /// use mixed_replace::{Ladder, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let ladder = Ladder::new([hub]);
    /// let viewer = ladder.subscribe(Wire::Browser, Size::Line)?.key("ada");
    /// assert_eq!(ladder.revoke("ada"), 1);
    /// # Ok::<(), hub::Refused>(())
    /// ```
    pub fn key(mut self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.options.key = Some(key.clone());
        self.place.subscriber = self.place.subscriber.key(key);
        self
    }

    /// Sets a name for the viewer in the hubs' events and lists: see [`hub::Subscriber::label`](crate::Subscriber::label).
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
    /// let viewer = Ladder::new([hub.clone()]).subscribe(Wire::Machine, Size::Full)?.label("192.0.2.7");
    /// let mut stream = viewer.into_stream();
    /// assert!(stream.next().now_or_never().is_some());
    /// assert_eq!(hub.viewers()[0].label.as_deref(), Some("192.0.2.7"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn label(mut self, label: impl Into<String>) -> Self {
        let label = label.into();
        self.options.label = Some(label.clone());
        self.place.subscriber = self.place.subscriber.label(label);
        self
    }

    /// Sets whether this stream ends others with the same [`key`](Self::key) when it starts. Default: `false`.
    ///
    /// On the hub where it starts, it ends those that came to that hub earlier. On the other rungs it ends all of them. So of
    /// two streams that start at the same time, neither may go on.
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
    /// let subscribe = || ladder.subscribe(Wire::Machine, Size::Full).map(|viewer| viewer.key("ada").exclusive(true));
    /// let (mut older, mut newer) = (subscribe()?.into_stream(), subscribe()?.into_stream());
    /// assert!(older.next().now_or_never().is_some());
    /// assert!(newer.next().now_or_never().is_some());
    /// assert_eq!(older.count().now_or_never(), Some(1), "the close-delimiter");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.options.exclusive = exclusive;
        self.place.subscriber = self.place.subscriber.exclusive(exclusive);
        self
    }

    /// Waits for a picture of another rung as long as it takes, since the stream has other parts. Otherwise it ends after some
    /// seconds, because nothing shows whether the viewer is there.
    pub(crate) fn waiting(self) -> Self {
        Self { is_shown: true, ..self }
    }

    respond_methods! {
        /// Returns the header fields of the response; see [`MixedReplace::headers`](crate::MixedReplace::headers).
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::ladder::Size;
        /// use mixed_replace::{Ladder, Wire, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// let headers = Ladder::new([hub]).subscribe(Wire::Browser, Size::Line)?.headers();
        /// assert_eq!(headers["cache-control"], "no-store, no-transform");
        /// # Ok::<(), hub::Refused>(())
        /// ```
        headers

        /// Returns the body as a plain stream of bytes: see [`hub::Subscriber::into_stream`](crate::Subscriber::into_stream).
        ///
        /// A stream learns late that a line is slow, from the server's next poll.
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
        /// let mut stream = Ladder::new([hub]).subscribe(Wire::Machine, Size::Full)?.into_stream();
        /// let opening = stream.next().now_or_never().flatten().transpose()?;
        /// assert!(opening.is_some_and(|opening| opening.starts_with(b"--")));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        into_stream

        "use mixed_replace::{Ladder, Wire, hub, ladder::Size};\n\nlet (publisher, hub) = hub::channel();\nlet response = Ladder::new([hub]).subscribe(Wire::Browser, Size::Line)?;"
    }

    /// Returns the hub from which the viewer gets its first picture.
    pub(crate) fn hub(&self) -> &Hub {
        self.place.hub()
    }

    /// Returns the hubs of the other rungs with their own source.
    pub(crate) fn other_hubs(&self) -> Vec<Hub> {
        self.ladder.other_sources(self.place.rung).map(|rung| self.ladder.rung(rung).hub.clone()).collect()
    }

    /// Makes the viewer try another rung as soon as it starts, because its own one has been waited for already.
    pub(crate) fn try_another_first(&mut self) {
        self.moves.tries_at = Some(Instant::now());
    }

    /// Returns whether the hub of its rung has a part of its publisher that is not stale.
    pub(crate) fn has_signal(&self) -> bool {
        self.place.subscriber.seat.has_signal()
    }

    /// Returns whether the last part that was sent is a "no signal" part.
    pub(crate) fn sent_no_signal(&self) -> bool {
        self.sent.last.as_ref().is_some_and(|(_, part)| part.no_signal)
    }

    /// Reports that a repeat is not sent.
    pub(crate) fn pass(&mut self) {
        self.place.subscriber.seat.pass();
    }

    /// Returns whether the stream of a track ended because of this viewer, and not because the hubs were closed to it.
    pub(crate) fn ended_for_viewer(&self) -> bool {
        self.place.subscriber.seat.ended_for_viewer()
    }

    /// Records that the stream ends because its time is over. It is dropped next.
    pub(crate) fn expire(&self) {
        self.place.subscriber.seat.expire();
    }

    /// Returns the next step, once the part in flight is written. A repeat is of the last part, with no later time.
    ///
    /// The waker is stored in any case, so the next poll is due when it is woken.
    pub(crate) fn poll_part(&mut self, waker: &Waker) -> Step<Arc<EncodedPart>> {
        if let Some(part) = self.sent.take_released() {
            let due = self.moves.written(self.place.rung, &part, self.sent.missed, self.options.min_interval);
            due.into_iter().for_each(|due| self.start_move(due));
        }
        if self.sent.in_flight.is_some() {
            if self.moves.next.is_some() {
                self.sent.wake(waker, None);
            }
        } else if let Some(encoded) = self.sent.last.is_some().then(|| self.poll_next(waker)).flatten() {
            return Step::Part(encoded);
        }
        loop {
            match self.place.subscriber.seat.poll_once(waker) {
                Step::Wait => {
                    let waits = self.moves.tries_at.is_some() && self.sent.in_flight.is_none();
                    let tries = waits && self.try_another(waker, Instant::now());
                    // Its own rung comes first: the picture of another may be old, which only one that was sent can show.
                    let is_due = tries || self.sent.last.is_none();
                    return is_due.then(|| self.poll_next(waker)).flatten().map_or(Step::Wait, Step::Part);
                }
                Step::Repeat => return self.renewed().map_or(Step::Repeat, Step::Part),
                Step::Part(part) => {
                    // No picture goes back in time when the hub of an earlier rung was closed.
                    let skipped = !part.no_signal && !self.sent.older(&part, self.place.rung).is_zero();
                    let encoded = if skipped { None } else { self.place.encoded(&part, &self.encodings) };
                    let Some(encoded) = encoded else {
                        self.place.subscriber.seat.pass();
                        continue;
                    };
                    self.send(part);
                    return Step::Part(encoded);
                }
                Step::End if !self.place.subscriber.seat.ended_by_close() => return Step::End,
                // The hub of this rung was closed. The others may go on.
                Step::End if self.leave_closed() => {}
                Step::End => return Step::End,
            }
        }
    }

    fn send(&mut self, part: Arc<Published>) {
        if self.sent.last.as_ref().is_none_or(|(rung, _)| *rung != self.place.rung) {
            // The first part of the rung, for which it may have had to wait.
            self.place.subscriber.seat.set_expires(self.expires);
        }
        if !part.no_signal {
            self.moves.sent();
        }
        self.sent.send(self.place.rung, part);
    }

    /// Returns the last part if it has got a later time since.
    fn renewed(&mut self) -> Option<Arc<EncodedPart>> {
        if self.options.wire == Wire::Browser {
            // It has no times.
            return None;
        }
        let part = self.place.subscriber.seat.renewed()?;
        if !self.sent.older(&part, self.place.rung).is_zero() {
            return None;
        }
        let encoded = self.place.encoded(&part, &self.encodings)?;
        self.sent.send(self.place.rung, part);
        Some(encoded)
    }

    /// Takes a place on another rung too. The viewer stays where it is if there is none.
    pub(super) fn start_move(&mut self, due: Move) {
        let place = Place::next(&self.ladder, due.to, &self.options, self.expires);
        self.moves.begin(self.place.rung, due, place.ok());
    }

    /// Takes a place on another rung too, if the own one has had no picture for some time. Returns whether it has one.
    pub(super) fn try_another(&mut self, waker: &Waker, now: Instant) -> bool {
        let due = self.moves.silent(self.place.rung, now);
        due.into_iter().for_each(|due| self.start_move(due));
        self.sent.wake(waker, self.moves.tries_at);
        due.is_some() && self.moves.next.is_some()
    }

    /// Moves to the next rung if that has a picture. Returns its bytes.
    fn poll_next(&mut self, waker: &Waker) -> Option<Arc<EncodedPart>> {
        let from = self.place.rung;
        let (Next { place, reason, .. }, part, encoded) = self.moves.poll(from, &self.sent, &self.encodings, waker)?;
        if !self.enter(place, reason) {
            return None;
        }
        self.moves.arrived(from, self.place.rung, reason);
        self.send(part);
        Some(encoded)
    }

    /// Leaves the current place for another one. Returns `false` if the stream has ended meanwhile.
    fn enter(&mut self, mut place: Place, reason: Reason) -> bool {
        // Only now, so that the viewer counts once, and before it leaves, so that `revoke` finds it at one of the two places.
        if let Some(key) = &self.options.key {
            place.subscriber = place.subscriber.key(key.clone());
        }
        if !self.place.subscriber.seat.leave() {
            return false;
        }
        #[cfg(feature = "tracing")]
        tracing::debug!(from = self.place.rung, to = place.rung, ?reason, "viewer moves");
        self.place = place;
        self.expires = self.place.subscriber.seat.expires();
        if let Some(listed) = &self.listed {
            listed.moved(self.place.rung, reason);
        }
        true
    }

    /// Moves to another rung, whether that has a picture or not, since the hub of this one was closed. Returns `false` if there
    /// is none.
    fn leave_closed(&mut self) -> bool {
        let mut next = self.moves.next.take().map(|next| next.place);
        // The source of the next rung may never start.
        let with_picture = next.take_if(|next| next.subscriber.seat.has_signal());
        let open = || {
            // If possible one that has a picture.
            let mut nearest = self.ladder.nearest(self.place.rung);
            nearest.find_map(|rung| Place::next(&self.ladder, rung, &self.options, self.expires).ok())
        };
        let Some(place) = with_picture.or_else(open).or(next) else { return false };
        let now = Instant::now();
        // Its release is not that of a later part.
        self.sent.in_flight = None;
        self.moves.left_closed(place.rung, now);
        if !self.enter(place, Reason::Closed) {
            return false;
        }
        // Its last picture may be older than the viewer's. Nothing of it is written meanwhile.
        if !self.is_shown {
            let at = now.checked_add(FIRST_PICTURE);
            self.place.subscriber.seat.set_expires(at.into_iter().chain(self.expires).min());
        }
        true
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn tick(&self) {
        self.sent.tick();
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.place.subscriber.seat.expires()
    }
}

impl Supply for Subscriber {
    type Part = Arc<EncodedPart>;

    fn encoder(&self) -> &Arc<Encoder> {
        self.encodings.encoder(self.options.wire)
    }

    fn start(&mut self) {
        let now = Instant::now();
        self.place.subscriber.seat.start();
        if self.place.subscriber.seat.has_ended() {
            // A stream without access ends no other one, and wakes no camera on another rung.
            return;
        }
        self.expires = self.place.subscriber.seat.expires();
        if let Some(key) = self.options.key.as_ref().filter(|_| self.options.exclusive) {
            // On its own rung, its seat does that.
            let others = self.ladder.rungs.iter().enumerate().filter(|(rung, _)| *rung != self.place.rung);
            others.for_each(|(_, rung)| rung.hub.replace(key));
        }
        let viewer = Viewer {
            key: self.options.key.clone(),
            wire: self.options.wire,
            rung: self.place.rung,
            size: self.moves.size,
            moves: 0,
            reason: None,
            on_rung: Duration::ZERO,
        };
        self.listed = Some(self.ladder.enter(viewer, now));
        self.moves.start(now).into_iter().for_each(|due| self.start_move(due));
        #[cfg(feature = "tracing")]
        if self.ladder.rungs.len() > 1 {
            tracing::debug!(rung = self.place.rung, wire = ?self.options.wire, "viewer joins a ladder");
        }
    }

    fn poll_step(&mut self, gated: bool, taken: u64, cx: &mut Context<'_>) -> Step<Arc<EncodedPart>> {
        if !gated && self.sent.in_flight.is_some() {
            self.release(taken)();
        }
        let step = self.poll_part(cx.waker());
        match step {
            Step::End => self.listed = None,
            Step::Repeat => self.sent.send_again(),
            Step::Part(_) | Step::Wait => {}
        }
        step
    }

    fn release(&self, bytes: u64) -> impl FnOnce() + Send + 'static {
        self.sent.release(bytes, self.place.subscriber.seat.release(bytes))
    }
}
