//! A published part with its encodings.

use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use crate::encode::{EncodedPart, Encoder};
use crate::part::Part;
use crate::wire::PerWire;

#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) part: Part,
    /// Counts the parts that viewers were offered, from 1. Set by the hub's state.
    pub(crate) version: u64,
    /// Whether it is the "no signal" part and not the publisher's.
    pub(crate) no_signal: bool,
    pub(super) at: Instant,
    /// The same time by the wall clock, for `Last-Modified`. Computed from the age, it would vary
    /// by a second.
    pub(super) modified: SystemTime,
    encoded: PerWire<OnceLock<Arc<EncodedPart>>>,
}

impl Published {
    pub(super) fn new(part: Part, at: Instant, modified: SystemTime) -> Self {
        Self { part, version: 0, no_signal: false, at, modified, encoded: PerWire::default() }
    }

    pub(super) fn new_no_signal(part: Part, at: Instant) -> Self {
        Self { no_signal: true, ..Self::new(part, at, SystemTime::now()) }
    }

    pub(super) fn with_version(self, version: u64) -> Self {
        Self { version, ..self }
    }

    /// Returns the bytes on the encoder's wire, and `true` if this call encoded them.
    pub(super) fn encoded(&self, encoder: &Encoder) -> (&Arc<EncodedPart>, bool) {
        let mut now = false;
        let encoded = self.encoded[encoder.wire()].get_or_init(|| {
            now = true;
            Arc::new(encoder.encode_contiguous(&self.part))
        });
        (encoded, now)
    }
}
