//! The place of a viewer: a rung, and a seat in its hub.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::encodings::Encodings;
use super::handle::Size;
use super::shared::Shared;
use crate::encode::EncodedPart;
use crate::hub::{self, Hub, Published, Refused};
use crate::wire::Wire;

/// What a viewer asks of each hub in which it takes a place.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) exclusive: bool,
    pub(crate) key: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) min_interval: Option<Duration>,
    pub(crate) wire: Wire,
}

impl Options {
    pub(crate) fn new(wire: Wire) -> Self {
        Self { exclusive: false, key: None, label: None, min_interval: None, wire }
    }

    /// Reserves a place in a hub.
    pub(crate) fn subscribe(&self, hub: &Hub) -> Result<hub::Subscriber, Refused> {
        let mut subscriber = hub.subscribe(self.wire)?.exclusive(self.exclusive);
        if let Some(key) = &self.key {
            subscriber = subscriber.key(key.clone());
        }
        if let Some(label) = &self.label {
            subscriber = subscriber.label(label.clone());
        }
        if let Some(interval) = self.min_interval {
            subscriber = subscriber.min_interval(interval);
        }
        Ok(subscriber)
    }
}

/// A place on a rung.
pub(super) struct Place {
    pub(super) rung: usize,
    ladder: Arc<Shared>,
    wire: Wire,
    pub(super) subscriber: hub::Subscriber,
}

impl Place {
    /// Reserves the place where a viewer of this size starts. Returns the rung of its size too, if that is another one.
    pub(super) fn first(ladder: &Arc<Shared>, size: Size, options: &Options) -> Result<(Self, Option<usize>), Refused> {
        // By the line, a rung that has pictures is better than a larger one whose source does not answer.
        let signal = |rung: &usize| ladder.rung(*rung).hub.latest_dated().is_some_and(|part| !part.stale);
        let start = if size == Size::Line { (0..ladder.rungs.len()).find(signal) } else { None };
        let start = start.unwrap_or_else(|| ladder.rung_of(size));
        let place = Self::join(ladder, start, options).or_else(|refused| {
            // For a hub that is closed there is another, and by the line for one that is full.
            let is_passed = size == Size::Line || refused == Refused::Closed;
            let mut others = ladder.nearest(start).filter(|_| is_passed);
            others.find_map(|rung| Self::join(ladder, rung, options).ok()).ok_or(refused)
        })?;
        // Of a given size, the viewer gets the pictures that are there until its own come.
        let fresher = if size == Size::Line { None } else { ladder.fresher(place.rung) };
        match fresher.and_then(|rung| Self::join(ladder, rung, options).ok()) {
            Some(fresher) => Ok((fresher, Some(place.rung))),
            None => Ok((place, None)),
        }
    }

    /// Reserves a place to which a viewer moves, and starts watching there. It gets the viewer's key when
    /// the viewer enters it.
    pub(super) fn next(
        ladder: &Arc<Shared>,
        rung: usize,
        options: &Options,
        expires: Option<Instant>,
    ) -> Result<Self, Refused> {
        if ladder.is_closing() || ladder.is_closed(rung) {
            return Err(Refused::Closed);
        }
        let options = Options { exclusive: false, key: None, ..options.clone() };
        let mut place = Self::join(ladder, rung, &options)?;
        if let Some(expires) = expires {
            place.subscriber = place.subscriber.expires_in(expires.saturating_duration_since(Instant::now()));
        }
        place.subscriber.seat.start();
        Ok(place)
    }

    fn join(ladder: &Arc<Shared>, rung: usize, options: &Options) -> Result<Self, Refused> {
        let subscriber = options.subscribe(&ladder.rung(rung).hub)?.unencoded();
        Ok(Self { rung, ladder: Arc::clone(ladder), wire: options.wire, subscriber })
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.ladder.rung(self.rung).hub
    }

    /// Returns the bytes of a part of its hub, and measures the part. `None` if it holds the boundary.
    pub(super) fn encoded(&self, part: &Published, encodings: &Encodings) -> Option<Arc<EncodedPart>> {
        self.ladder.rung(self.rung).measure(part);
        encodings.encoded(self.rung, part, self.wire, &self.subscriber.seat)
    }
}
