//! The two kinds of subscribers: the response of a viewer, and a stream of parts.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::Stream;

use super::published::Published;
use super::seat::Seat;
use super::slot::interval;
#[cfg(feature = "http-body")]
use crate::body::Body;
use crate::body::{Chunks, Step, Supply, respond_methods};
use crate::encode::{EncodedPart, Encoder};
use crate::part::Part;
use crate::wire::Wire;

/// A response that sends a viewer the hub's latest part at once, then each new one that the viewer keeps up with.
///
/// Created by [`Hub::subscribe`](crate::Hub::subscribe). Return it from a handler on axum or actix-web. It implements
/// `IntoResponse` only with the feature `axum`, and `Responder` only with the feature `actix-web`. Other stacks send
/// [`headers`](Self::headers) with [`into_body`](Self::into_body) or [`into_stream`](Self::into_stream).
///
/// One part is in flight and none is queued. Parts that are published meanwhile are skipped and counted. When the hub is
/// closed, the viewer still gets the last part and the close-delimiter.
///
/// # Cancel safety
///
/// The viewer counts as watching from the first poll of the body. Dropping the body between two polls loses the rest of
/// the part in flight; it does not affect the hub or other viewers.
///
/// # Examples
///
/// ```
/// use futures::executor::block_on_stream;
/// use mixed_replace::{Part, Wire, hub};
///
/// let (publisher, hub) = hub::builder().timestamps(false).build();
/// let stream = hub.subscribe(Wire::Script)?.into_stream();
/// publisher.publish(Part::text("skipped")?)?;
/// publisher.publish(Part::text("shown")?)?;
/// drop(publisher);
/// let bytes: Vec<u8> = block_on_stream(stream).map(Result::unwrap).flatten().collect();
/// let text = String::from_utf8(bytes)?;
/// let (boundary, parts) = text.split_once("\r\n").unwrap();
/// assert_eq!(parts, format!(
///     "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nshown\r\n{boundary}--\r\n"
/// ));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A `Subscriber` does not implement `Stream`: `axum::body::Body::from_stream` would lose the freshness of
/// [`Body`](crate::body::Body). It does not compile:
///
/// ```compile_fail,E0277
/// # use mixed_replace::{Hub, Wire, hub};
/// fn from_stream<T>(stream: impl futures::Stream<Item = T>) {}
/// # fn handler(hub: Hub, wire: Wire) -> Result<(), hub::Refused> {
/// from_stream(hub.subscribe(wire)?);
/// # Ok(())
/// # }
/// ```
#[doc(alias("IntoResponse", "Responder", "axum", "actix-web"))]
#[must_use = "a response does nothing until it is returned from a handler"]
#[derive(Debug)]
pub struct Subscriber {
    pub(crate) seat: Seat,
    wire: Wire,
}

impl Subscriber {
    pub(super) fn new(seat: Seat, wire: Wire) -> Self {
        Self { seat, wire }
    }

    /// Sets the shortest time between two parts. The viewer gets the newest part each time.
    ///
    /// The hub's [`min_interval`](super::Builder::min_interval) applies if it is longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::{Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("12:00")?)?;
    /// let viewer = hub.subscribe(Wire::Machine)?.min_interval(Duration::from_secs(60));
    /// let mut stream = viewer.into_stream();
    /// assert!(stream.next().now_or_never().is_some());
    /// publisher.publish(Part::text("12:01")?)?;
    /// assert!(stream.next().now_or_never().is_none(), "due in a minute");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn min_interval(self, min_interval: Duration) -> Self {
        self.seat.configure(|slot| {
            let settings = slot.settings();
            settings.min_interval = settings.min_interval.max(interval(min_interval));
        });
        self
    }

    /// Ends the stream after this time.
    ///
    /// Up to a tenth of it is subtracted at random, so that viewers who connected together do not all reconnect together.
    /// The hub's [`max_lifetime`](super::Builder::max_lifetime) applies if it is shorter.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use mixed_replace::{Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let viewer = hub.subscribe(Wire::Machine)?.key("ada").min_interval(Duration::from_millis(200));
    /// let viewer = viewer.max_lifetime(Duration::from_secs(600));
    /// # Ok::<(), hub::Refused>(())
    /// ```
    pub fn max_lifetime(self, max_lifetime: Duration) -> Self {
        self.seat.configure(|slot| {
            let hub = &mut slot.settings().max_lifetime;
            *hub = Some(hub.map_or(max_lifetime, |hub| hub.min(max_lifetime)));
        });
        self
    }

    /// Ends the stream after this time, at the latest, from now on: when the viewer's access expires. If that is before the
    /// first poll of the body, no part is sent.
    ///
    /// The viewer keeps its picture. [`max_lifetime`](Self::max_lifetime) is for streams that are opened again, and ends them
    /// a bit earlier, at random.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on_stream;
    /// use mixed_replace::{Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// let stream = hub.subscribe(Wire::Script)?.expires_in(Duration::from_millis(50)).into_stream();
    /// let chunks: Vec<_> = block_on_stream(stream).map(Result::unwrap).collect();
    /// assert!(chunks.last().is_some_and(|end| end.ends_with(b"--\r\n")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expires_in(self, time: Duration) -> Self {
        let expires = Instant::now().checked_add(time);
        self.seat.configure(|slot| slot.settings().expires = expires);
        self
    }

    /// Sets a key, such as a user's id, by which [`Hub::revoke`](crate::Hub::revoke) ends the stream.
    ///
    /// Several streams may have one key, for example the tabs of one user. [`Hub::viewers`](crate::Hub::viewers) lists it.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let viewer = hub.subscribe(Wire::Browser)?.key("ada");
    /// assert_eq!(hub.revoke("ada"), 1);
    /// # Ok::<(), hub::Refused>(())
    /// ```
    pub fn key(self, key: impl Into<String>) -> Self {
        self.seat.set_key(key.into());
        self
    }

    /// Sets a label for people, such as the address of the viewer or the name of its user.
    ///
    /// [`Hub::viewers`](crate::Hub::viewers) lists it, and the events and the span of the stream (feature `tracing`) carry it.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::{Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut stream = hub.subscribe(Wire::Machine)?.label("192.0.2.7").into_stream();
    /// assert!(stream.next().now_or_never().is_none());
    /// assert_eq!(hub.viewers()[0].label.as_deref(), Some("192.0.2.7"));
    /// # Ok::<(), hub::Refused>(())
    /// ```
    pub fn label(self, label: impl Into<String>) -> Self {
        let label = label.into();
        self.seat.configure(|slot| slot.settings().label = Some(label.into()));
        self
    }

    /// Sets whether this stream ends the older ones with the same [`key`](Self::key) when it starts. Default: `false`.
    ///
    /// Allows one stream for each key, even if a phone or a proxy leaves dead connections behind.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::{Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// let subscribe = || hub.subscribe(Wire::Machine).map(|stream| stream.key("ada").exclusive(true).into_stream());
    /// let (mut older, mut newer) = (subscribe()?, subscribe()?);
    /// assert!(older.next().now_or_never().flatten().is_some());
    /// assert!(newer.next().now_or_never().flatten().is_some());
    /// assert_eq!(older.count().now_or_never(), Some(1), "the close-delimiter");
    /// assert_eq!(hub.stats().ended.replaced, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exclusive(self, exclusive: bool) -> Self {
        self.seat.configure(|slot| slot.exclusive = exclusive);
        self
    }

    /// Makes this stream no [`Demand`](super::Demand): it gets the parts that are published while others watch.
    ///
    /// It counts for [`max_subscribers`](super::Builder::max_subscribers) and in [`Stats::viewers`](super::Stats::viewers).
    /// It does not keep a hub that is made on demand from being [idle](crate::hubs::Builder::idle).
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::{Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut recorder = hub.subscribe(Wire::Machine)?.passive().into_stream();
    /// assert!(recorder.next().now_or_never().is_none());
    /// assert_eq!((hub.stats().viewers, publisher.demand().is_wanted()), (1, false));
    /// # Ok::<(), hub::Refused>(())
    /// ```
    pub fn passive(self) -> Self {
        self.seat.set_passive();
        self
    }

    /// Keeps the hub from encoding parts for this viewer, whose response does that itself.
    pub(crate) fn unencoded(self) -> Self {
        Self { seat: self.seat.without_encoding(), ..self }
    }

    respond_methods! {
        /// Returns the header fields of the response; see [`MixedReplace::headers`](crate::MixedReplace::headers).
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::{Wire, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// let headers = hub.subscribe(Wire::Browser)?.headers();
        /// assert_eq!(headers["cache-control"], "no-store, no-transform");
        /// # Ok::<(), hub::Refused>(())
        /// ```
        headers

        /// Returns the body as a plain stream of bytes, for stacks that do not accept an `http_body::Body`.
        ///
        /// A stream cannot detect when its bytes are written. It returns the newest part whenever it is polled, and parts that
        /// the server then queues grow old. Prefer [`into_body`](Self::into_body).
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::{FutureExt, StreamExt};
        /// use mixed_replace::{Part, Wire, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("on")?)?;
        /// let mut stream = hub.subscribe(Wire::Machine)?.into_stream();
        /// let opening = stream.next().now_or_never().flatten().transpose()?;
        /// assert!(opening.is_some_and(|opening| opening.starts_with(b"--")));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        into_stream

        "use mixed_replace::{Wire, hub};\n\nlet (publisher, hub) = hub::channel();\nlet response = hub.subscribe(Wire::Browser)?;"
    }
}

#[cfg(feature = "http-body")]
impl Body<Subscriber> {
    /// Returns how many parts this viewer was not sent because it was slow or its rate is limited.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{future::poll_fn, pin::pin};
    /// use futures::executor::block_on;
    /// use http_body::Body as _;
    /// use mixed_replace::{Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut body = pin!(hub.subscribe(Wire::Machine)?.into_body());
    /// publisher.publish(Part::text("12:00")?)?;
    /// let in_flight = block_on(poll_fn(|cx| body.as_mut().poll_frame(cx)));
    /// publisher.publish(Part::text("12:01")?)?;
    /// publisher.publish(Part::text("12:02")?)?;
    /// drop(in_flight);
    /// assert!(block_on(poll_fn(|cx| body.as_mut().poll_frame(cx))).is_some());
    /// assert_eq!(body.parts_skipped(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn parts_skipped(&self) -> u64 {
        self.sending.supply.seat.parts_skipped()
    }
}

impl Chunks<Subscriber> {
    /// Returns how many parts this viewer was not sent because it was slow or its rate is limited.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{StreamExt, executor::block_on};
    /// use mixed_replace::{Part, Wire, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut stream = hub.subscribe(Wire::Machine)?.into_stream();
    /// publisher.publish(Part::text("12:00")?)?;
    /// assert!(block_on(stream.next()).is_some());
    /// publisher.publish(Part::text("12:01")?)?;
    /// publisher.publish(Part::text("12:02")?)?;
    /// assert!(block_on(stream.next()).is_some());
    /// assert_eq!(stream.parts_skipped(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn parts_skipped(&self) -> u64 {
        self.sending.supply.seat.parts_skipped()
    }
}

impl Supply for Subscriber {
    type Part = Arc<EncodedPart>;

    fn encoder(&self) -> &Arc<Encoder> {
        self.seat.shared.encoder(self.wire)
    }

    fn start(&mut self) {
        self.seat.start();
    }

    fn poll_step(&mut self, gated: bool, taken: u64, cx: &mut Context<'_>) -> Step<Arc<EncodedPart>> {
        let step = match self.seat.poll(gated, taken, cx) {
            // The browser wire has no times.
            Step::Repeat if self.wire != Wire::Browser => self.seat.renewed().map_or(Step::Repeat, Step::Part),
            step => step,
        };
        step.map(|part| self.seat.shared.encoded(&part, self.wire))
    }

    fn release(&self, bytes: u64) -> impl FnOnce() + Send + 'static {
        self.seat.release(bytes)
    }
}

/// A stream of the parts that are published, created by [`Hub::parts`](crate::Hub::parts).
///
/// It starts with the latest part. Parts that are published between two polls are skipped, except the newest. It ends
/// with the hub, after the last part.
///
/// The "no signal" part of [`stale_after`](super::Builder::stale_after) is left out, and the limits of the hub's
/// [`Builder`](super::Builder) on rate and lifetime do not apply.
///
/// # Cancel safety
///
/// Nothing is lost when it is dropped between two polls.
///
/// # Examples
///
/// ```
/// use futures::executor::block_on_stream;
/// use mixed_replace::Part;
/// use mixed_replace::hub::{self, Parts};
///
/// let (publisher, hub) = hub::channel();
/// let parts: Parts = hub.parts()?;
/// publisher.publish(Part::text("on")?)?;
/// assert_eq!(block_on_stream(parts).next(), Some(Part::text("on")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a stream does nothing unless polled"]
#[derive(Debug)]
pub struct Parts {
    seat: Seat,
    started: bool,
    renewals: bool,
}

impl Parts {
    pub(super) fn new(seat: Seat) -> Self {
        Self { seat, started: false, renewals: false }
    }

    /// Returns the part that is there already, if any.
    #[cfg(feature = "scale")]
    pub(crate) fn found(&mut self) -> Option<Arc<Published>> {
        match self.poll_published(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(part) => part,
            Poll::Pending => None,
        }
    }

    /// Makes a later time of the last part an item too: see [`drop_identical`](super::Builder::drop_identical).
    #[cfg(feature = "scale")]
    pub(super) fn with_renewals(mut self) -> Self {
        self.seat.configure(|slot| slot.settings().renewals = true);
        self.renewals = true;
        self
    }

    /// Returns the next part, which may be the "no signal" part.
    pub(crate) fn poll_published(&mut self, cx: &mut Context<'_>) -> Poll<Option<Arc<Published>>> {
        if !std::mem::replace(&mut self.started, true) {
            self.seat.start();
        }
        let mut renewed = None;
        loop {
            match self.seat.poll(false, 0, cx) {
                Step::Part(part) => {
                    // It is taken at once, however long the task works on it.
                    self.seat.release(part.part.body().len() as u64)();
                    return Poll::Ready(Some(part));
                }
                // The next poll releases it.
                Step::Repeat if self.renewals => renewed = self.seat.renewed().or(renewed),
                Step::Repeat => {}
                Step::Wait if renewed.is_some() => return Poll::Ready(renewed),
                Step::Wait => return Poll::Pending,
                Step::End => return Poll::Ready(None),
            }
        }
    }

    /// Makes this stream no [`Demand`](super::Demand), as [`Subscriber::passive`](crate::Subscriber::passive) does: it
    /// gets the parts that are published while others watch.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut motion = hub.parts()?.passive();
    /// assert!(motion.next().now_or_never().is_none());
    /// assert!(!publisher.demand().is_wanted());
    /// publisher.publish(Part::text("on")?)?;
    /// assert_eq!(motion.next().now_or_never().flatten(), Some(Part::text("on")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn passive(self) -> Self {
        self.seat.set_passive();
        self
    }

    /// Sets a label, as [`Subscriber::label`](crate::Subscriber::label) does, such as `recorder`.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::hub;
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut parts = hub.parts()?.label("recorder");
    /// assert!(parts.next().now_or_never().is_none());
    /// assert_eq!(hub.viewers()[0].label.as_deref(), Some("recorder"));
    /// # Ok::<(), hub::Refused>(())
    /// ```
    pub fn label(self, label: impl Into<String>) -> Self {
        let label = label.into();
        self.seat.configure(|slot| slot.settings().label = Some(label.into()));
        self
    }

    /// Sets the shortest time between two parts. The stream returns the newest part each time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::{FutureExt, StreamExt};
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let mut parts = hub.parts()?.min_interval(Duration::from_secs(60));
    /// publisher.publish(Part::text("12:00")?)?;
    /// assert!(parts.next().now_or_never().is_some());
    /// publisher.publish(Part::text("12:01")?)?;
    /// assert!(parts.next().now_or_never().is_none(), "due in a minute");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn min_interval(self, min_interval: Duration) -> Self {
        self.seat.configure(|slot| slot.settings().min_interval = interval(min_interval));
        self
    }
}

impl Stream for Parts {
    type Item = Part;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Part>> {
        loop {
            match ready!(self.poll_published(cx)) {
                Some(part) if part.no_signal => {}
                part => return Poll::Ready(part.map(|part| part.part.clone())),
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;
    use std::task::Waker;

    use super::*;
    use crate::body::Feed;
    use crate::part::Part;

    /// Polls as hyper does: once for the part, once for the next, and once after the release. Each takes the viewer's lock only.
    #[test]
    fn part_takes_the_hubs_lock_twice_however_many_viewers_there_are() {
        // A pulse of the keep-alive takes it too.
        let (publisher, hub) = crate::hub::builder().keep_alive_interval(None).build();
        let mut viewers = [Wire::Browser, Wire::Machine, Wire::Machine, Wire::Script]
            .map(|wire| hub.subscribe(wire).unwrap().into_feed());
        let poll = |viewer: &mut Feed<Subscriber>| viewer.poll_chunk(true, &mut Context::from_waker(Waker::noop()));
        for viewer in &mut viewers {
            assert!(poll(viewer).is_pending() && poll(viewer).is_pending());
        }
        for _ in 0..3 {
            let before = hub.shared.locks.load(Relaxed);
            publisher.publish(Part::text("on").unwrap()).unwrap();
            for viewer in &mut viewers {
                let chunk = poll(viewer);
                assert!(chunk.is_ready() && poll(viewer).is_pending());
                drop(chunk);
                assert!(poll(viewer).is_pending());
            }
            assert_eq!(hub.shared.locks.load(Relaxed) - before, 2);
        }
        assert_eq!(hub.stats().encodings, 9);
    }
}
