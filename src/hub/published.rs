//! A published part with its encodings.

use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use crate::encode::{EncodedPart, Encoder};
use crate::part::Part;
use crate::wire::PerWire;

#[derive(Debug)]
pub(super) struct Published {
    pub(super) part: Part,
    pub(super) at: Instant,
    /// The same time by the wall clock, for `Last-Modified`. Computed from the age, it would vary
    /// by a second.
    pub(super) modified: SystemTime,
    encoded: PerWire<OnceLock<Arc<EncodedPart>>>,
}

impl Published {
    pub(super) fn new(part: Part, at: Instant) -> Self {
        Self { part, at, modified: SystemTime::now(), encoded: PerWire::default() }
    }

    /// Returns the bytes on the encoder's wire. The first call encodes, then calls `on_encoded`.
    pub(super) fn encoded(&self, encoder: &Encoder, on_encoded: impl FnOnce()) -> Arc<EncodedPart> {
        let mut encoded_now = false;
        let encoded = self.encoded[encoder.wire()].get_or_init(|| {
            encoded_now = true;
            Arc::new(encoder.encode_contiguous(&self.part))
        });
        let encoded = Arc::clone(encoded);
        if encoded_now {
            on_encoded();
        }
        encoded
    }
}
