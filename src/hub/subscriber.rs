//! One viewer of a hub.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, Response};

use super::in_flight::InFlight;
use super::now::Now;
use super::shared::Shared;
use super::slot::{Step, Wishes};
use crate::encode::{EncodedPart, Encoder};
use crate::outgoing::Outgoing;
use crate::response;
use crate::wire::Wire;

/// One viewer's stream: the latest part at once, then each new one that it can take.
///
/// A response body like [`MixedReplace`](crate::MixedReplace), and returned from a handler in the same way.
///
/// One part is in flight, none is queued. As an `http_body::Body` (axum, hyper) it lets the head of the response go first,
/// by a first poll that is pending and wakes its task at once; then it offers the next part when the server has let go of
/// the last one, that is, has written it. As a `Stream` (actix) it does so when it is polled. What was published in between
/// is skipped, and counted. When the hub is closed, the viewer still gets the last part, then the close-delimiter and the
/// end.
///
/// # Cancel safety
///
/// Nothing happens before the first poll of the body. When it is dropped between two polls, the rest of the part in
/// flight is lost; the hub and the other viewers do not notice.
///
/// # Examples
///
/// ```
/// use futures::executor::block_on_stream;
/// use mixed_replace::{Part, Wire, hub};
///
/// let (publisher, hub) = hub::channel();
/// let viewer = hub.subscribe()?.wire(Wire::Script);
/// publisher.publish(Part::text("skipped")?)?;
/// publisher.publish(Part::text("shown")?)?;
/// drop(publisher);
/// let bytes: Vec<u8> = block_on_stream(viewer).map(Result::unwrap).flatten().collect();
/// let text = String::from_utf8(bytes)?;
/// let (boundary, parts) = text.split_once("\r\n").unwrap();
/// assert_eq!(parts, format!(
///     "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nshown\r\n{boundary}--\r\n"
/// ));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a body does nothing until it is returned from a handler or polled"]
pub struct Subscriber {
    shared: Arc<Shared>,
    id: usize,
    serial: u64,
    wire: Option<Wire>,
    stage: Stage,
    /// The bytes of the part that its chunks have had so far.
    bytes: u64,
    ended: bool,
}

#[derive(Debug)]
enum Stage {
    /// Until the first poll.
    Invited(Wishes),
    Watching(Outgoing<Arc<EncodedPart>, Arc<Encoder>>),
}

impl Subscriber {
    pub(super) fn new(shared: Arc<Shared>, id: usize, serial: u64) -> Self {
        let wishes =
            Wishes { interval: shared.defaults.interval, max_age: shared.defaults.max_age, ..Wishes::default() };
        Self { shared, id, serial, wire: None, stage: Stage::Invited(wishes), bytes: 0, ended: false }
    }

    /// Writes for this wire. Has no effect once the body has been polled.
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = Some(wire);
        self
    }

    /// Writes for the wire that the client behind these request headers understands best: [`Wire::for_request`].
    pub fn for_request(self, headers: &HeaderMap) -> Self {
        self.wire(Wire::for_request(headers))
    }

    /// Gives this viewer at most that many parts a second, and the newest one in any case.
    ///
    /// Can lower what the hub allows, not raise it. A rate that is no positive number changes nothing, so that it may
    /// come from a query.
    pub fn max_rate(self, parts_per_second: f64) -> Self {
        let interval = interval(parts_per_second);
        self.wish(|wishes| wishes.interval = wishes.interval.max(interval))
    }

    /// Ends this viewer after that time, less a random tenth at most, so that viewers who came together do not all come
    /// back together. Can shorten what the hub allows, not lengthen it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use mixed_replace::hub;
    ///
    /// let (publisher, hub) = hub::channel();
    /// let viewer = hub.subscribe()?.key("ada").max_rate(5.0).max_age(Duration::from_secs(600));
    /// assert_eq!(viewer.skipped(), 0);
    /// # Ok::<(), hub::Refused>(())
    /// ```
    pub fn max_age(self, max_age: Duration) -> Self {
        self.wish(|wishes| wishes.max_age = Some(wishes.max_age.map_or(max_age, |hub| hub.min(max_age))))
    }

    /// Who this viewer is: its stream ends an older one with the same key, and [`Hub::revoke`](super::Hub::revoke) ends
    /// it.
    ///
    /// For one stream a user or a tab, whatever becomes of connections that a phone or a proxy left behind.
    pub fn key(self, key: impl Into<String>) -> Self {
        let key = Arc::from(key.into());
        self.wish(|wishes| wishes.key = Some(key))
    }

    /// Has no effect once the body has been polled.
    fn wish(mut self, wish: impl FnOnce(&mut Wishes)) -> Self {
        if let Stage::Invited(wishes) = &mut self.stage {
            wish(wishes);
        }
        self
    }

    /// How many parts this viewer has missed, because it was slow or capped.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.shared.update(|state| state.skipped(self.id))
    }

    /// The whole response, for stacks that speak in types of the `http` crate; see
    /// [`MixedReplace::into_http_response`](crate::MixedReplace::into_http_response).
    #[must_use]
    pub fn into_http_response(self) -> Response<Self> {
        let content_type = self.shared.encoder(self.wire.unwrap_or_default()).content_type();
        let mut response = Response::new(self);
        response.headers_mut().extend(response::stream_head(content_type));
        response
    }

    /// The wire, if one was chosen.
    #[cfg(feature = "actix-web")]
    pub(crate) fn chosen_wire(&self) -> Option<Wire> {
        self.wire
    }

    /// The next chunk. `gated` if the transport keeps it until it has been written.
    pub(crate) fn poll_chunk(&mut self, gated: bool, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Stage::Invited(wishes) = &mut self.stage {
            let wishes = std::mem::take(wishes);
            self.watch(wishes);
            if gated {
                // The server now writes the response's head by itself. Of a small first segment TCP learns that the receiver
                // has room: over loopback, as to a proxy, parts then go out in fewer and larger segments ever after.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        let Stage::Watching(outgoing) = &mut self.stage else { return Poll::Ready(None) };
        loop {
            if let Some(chunk) = outgoing.next_chunk() {
                self.bytes += chunk.len() as u64;
                if !gated || !outgoing.is_empty() || self.ended {
                    return Poll::Ready(Some(chunk));
                }
                let (hub, id, serial) = (Arc::clone(&self.shared), self.id, self.serial);
                let bytes = std::mem::take(&mut self.bytes);
                return Poll::Ready(Some(Bytes::from_owner(InFlight { chunk, bytes, hub, id, serial })));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let now = Now::default();
            let taken = std::mem::take(&mut self.bytes);
            let (step, part) = self.shared.update(|state| {
                if taken > 0 {
                    state.delivered(self.id, self.serial, taken, false, &now);
                }
                state.ask(self.id, gated, cx.waker(), &now)
            });
            match step {
                Step::Wait(_) => {
                    outgoing.shrink();
                    return Poll::Pending;
                }
                Step::Repeat => outgoing.repeat(),
                Step::Part => {
                    let wire = outgoing.encoder().wire();
                    part.iter().for_each(|part| outgoing.push(self.shared.encoded(part, wire)));
                }
                Step::End(_) => {
                    self.ended = true;
                    outgoing.close();
                }
            }
        }
    }

    fn watch(&mut self, mut wishes: Wishes) {
        let wire = self.wire.unwrap_or_default();
        wishes.wire = wire;
        wishes.max_age = wishes.max_age.map(|age| age - age.mul_f64(JITTER * random_fraction()));
        let now = Instant::now();
        self.shared.update(|state| state.watch(self.id, wishes, now));
        #[cfg(feature = "tracing")]
        tracing::debug!(viewer = self.serial, ?wire, "viewer joins");
        self.stage = Stage::Watching(Outgoing::new(Arc::clone(self.shared.encoder(wire))));
    }
}

impl Stream for Subscriber {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(false, cx).map(|chunk| chunk.map(Ok))
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let now = Instant::now();
        let ended = self.shared.update(|state| state.leave(self.id, now));
        #[cfg(feature = "tracing")]
        if let Some((reason, skipped)) = ended {
            tracing::debug!(viewer = self.serial, ?reason, skipped, "viewer ends");
        }
        #[cfg(not(feature = "tracing"))]
        let _ = ended;
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("wire", &self.wire).finish_non_exhaustive()
    }
}

/// From part to part, for a positive rate.
pub(super) fn interval(parts_per_second: f64) -> Option<Duration> {
    let interval = (parts_per_second > 0.0).then(|| Duration::try_from_secs_f64(1.0 / parts_per_second))?;
    Some(interval.unwrap_or(LONGEST).min(LONGEST)).filter(|interval| !interval.is_zero())
}

/// From 0 to 1.
fn random_fraction() -> f64 {
    use std::hash::BuildHasher as _;
    let random = std::hash::RandomState::new().hash_one(0_u8) >> 32;
    f64::from(u32::try_from(random).unwrap_or_default()) / f64::from(u32::MAX)
}

const JITTER: f64 = 0.1;
/// The slowest rate: what is added to a time must not be more than times can be.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
