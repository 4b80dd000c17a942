//! The newest part of each rung, encoded once for all viewers of a ladder or of a wall.

use std::sync::Arc;
use std::time::SystemTime;

use crate::encode::{EncodedPart, Encoder};
use crate::hub::{Published, Seat};
use crate::sync::{Mutex, lock};
use crate::wire::{PerWire, Wire};

/// The encodings of the newest part of each rung, with one boundary.
pub(crate) struct Encodings {
    encoders: PerWire<Arc<Encoder>>,
    /// The value of `Content-Location`. `None` for the only picture of a response.
    location: Option<String>,
    rungs: Vec<PerWire<Mutex<Option<Newest>>>>,
}

/// The newest part that a viewer asked for.
struct Newest {
    /// Its version and its time, which an identical part changes.
    of: (u64, Option<SystemTime>),
    /// `None` if it holds the boundary.
    encoded: Option<Arc<EncodedPart>>,
}

impl Encodings {
    pub(crate) fn new(rungs: usize, location: Option<String>, encoder: impl Fn(Wire) -> Arc<Encoder>) -> Self {
        let rungs = (0..rungs).map(|_| PerWire::default()).collect();
        Self { encoders: PerWire::new(encoder), location, rungs }
    }

    /// Returns the encoder of a wire. All encoders share one boundary.
    pub(super) fn encoder(&self, wire: Wire) -> &Arc<Encoder> {
        &self.encoders[wire]
    }

    /// Returns the bytes of a part of a rung. `None` if it holds the boundary, which is counted once.
    #[expect(clippy::indexing_slicing, reason = "callers pass the index of a rung")]
    pub(super) fn encoded(&self, rung: usize, part: &Published, wire: Wire, seat: &Seat) -> Option<Arc<EncodedPart>> {
        // Locked meanwhile, so that viewers who ask at the same time wait for one encoding.
        let mut newest = lock(&self.rungs[rung][wire]);
        let of = (part.version, part.part.captured());
        if let Some(Newest { encoded, .. }) = newest.as_ref().filter(|newest| newest.of == of) {
            return encoded.clone();
        }
        let encoder = self.encoder(wire);
        let encoded = match &self.location {
            Some(location) => encoder.encode_located(&part.part, location, seat.timestamps()),
            None => encoder.search(&part.part).map(|()| encoder.encode_contiguous(&part.part)),
        };
        let encoded = match encoded {
            Ok(encoded) => {
                seat.count_encoding();
                Some(Arc::new(encoded))
            }
            Err(error) => {
                seat.count_invalid(&error);
                None
            }
        };
        let is_newer = newest.as_ref().is_none_or(|newest| newest.of.0 <= part.version);
        let replaced = if is_newer { newest.replace(Newest { of, encoded: encoded.clone() }) } else { None };
        drop(newest);
        // Its body may be the program's, and run code.
        drop(replaced);
        encoded
    }

    /// Drops the bytes of the newest part of a rung, after its last viewer.
    #[expect(clippy::indexing_slicing, reason = "callers pass the index of a rung")]
    pub(super) fn clear(&self, rung: usize) {
        for wire in Wire::ALL {
            let newest = lock(&self.rungs[rung][wire]).take();
            drop(newest);
        }
    }

    /// Returns whether it keeps the bytes of a part of a rung.
    #[cfg(all(test, not(loom)))]
    #[expect(clippy::indexing_slicing, reason = "callers pass the index of a rung")]
    pub(super) fn any(&self, rung: usize) -> bool {
        Wire::ALL.iter().any(|wire| lock(&self.rungs[rung][*wire]).is_some())
    }
}
