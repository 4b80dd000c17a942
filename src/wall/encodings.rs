//! The newest part of a track, encoded once for all viewers of a wall.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::encode::{EncodedPart, Encoder};
use crate::hub::{Hub, Published, Seat};
use crate::hubs::name::percent_encoded;
use crate::sync::{Mutex, lock};
use crate::wire::{PerWire, Wire};

/// A track of a wall: its name as it is written, and the encodings of its newest part.
pub(crate) struct Encodings {
    pub(crate) hub: Hub,
    /// The value of `Content-Location`. `None` for the only picture of a response.
    location: Option<String>,
    newest: PerWire<Mutex<Option<Newest>>>,
}

/// The newest part that a viewer asked for. `None` if it holds the boundary.
struct Newest {
    version: u64,
    /// An identical part changes the time, and not the version.
    captured: Option<SystemTime>,
    encoded: Option<Arc<EncodedPart>>,
}

impl Encodings {
    pub(crate) fn new(name: &str, hub: Hub, boundary: &str) -> Self {
        let mut location = percent_encoded(name);
        if location.contains(boundary) {
            // Somebody who knows the boundary has made this name.
            location = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        }
        Self { location: Some(location), ..Self::unnamed(hub) }
    }

    pub(crate) fn unnamed(hub: Hub) -> Self {
        Self { hub, location: None, newest: PerWire::default() }
    }

    /// Returns the bytes of a part. `None` if it holds the boundary, which is counted once.
    pub(crate) fn encoded(&self, part: &Published, encoder: &Encoder, seat: &Seat) -> Option<Arc<EncodedPart>> {
        // Locked meanwhile, so that viewers who ask at the same time wait for one encoding.
        let mut newest = lock(&self.newest[encoder.wire()]);
        let (version, captured) = (part.version, part.part.captured());
        let is_this = |newest: &&Newest| (newest.version, newest.captured) == (version, captured);
        if let Some(Newest { encoded, .. }) = newest.as_ref().filter(is_this) {
            return encoded.clone();
        }
        let encoded = match &self.location {
            Some(location) => encoder.encode_located(&part.part, location, self.hub.timestamps()),
            None => encoder.search(&part.part).map(|()| encoder.encode_contiguous(&part.part)),
        };
        let encoded = match encoded {
            Ok(encoded) => Some(Arc::new(encoded)),
            Err(error) => {
                seat.count_invalid(&error);
                None
            }
        };
        if newest.as_ref().is_none_or(|newest| newest.version <= version) {
            *newest = Some(Newest { version, captured, encoded: encoded.clone() });
        }
        encoded
    }

    /// Drops the bytes of the newest part, after the last viewer.
    pub(crate) fn clear(&self) {
        for wire in Wire::ALL {
            let newest = lock(&self.newest[wire]).take();
            drop(newest);
        }
    }

    /// Returns whether it keeps the bytes of a part.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn any(&self) -> bool {
        Wire::ALL.iter().any(|wire| lock(&self.newest[*wire]).is_some())
    }
}

impl fmt::Debug for Encodings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encodings").field("location", &self.location).finish_non_exhaustive()
    }
}
