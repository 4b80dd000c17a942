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
    /// Whether it was there before, in another size, and answers no snapshot that waits for the next part.
    pub(super) found: bool,
    /// When the part was captured. For the "no signal" part, when it replaced the publisher's.
    pub(crate) at: Instant,
    /// When the part was published, by the wall clock, for `Last-Modified`. A time of capture would not do: of two parts, the
    /// later one may have been captured in the second of which a client has the earlier one.
    pub(crate) modified: SystemTime,
    /// The same time by a clock that nobody sets.
    pub(crate) published: Instant,
    encoded: PerWire<OnceLock<Arc<EncodedPart>>>,
}

impl Published {
    /// `now` and `modified` are the same time, by two clocks.
    pub(super) fn new(part: Part, now: Instant, modified: SystemTime) -> Self {
        let age = part.captured().and_then(|captured| modified.duration_since(captured).ok()).unwrap_or_default();
        let at = now.checked_sub(age).unwrap_or(now);
        Self {
            part,
            version: 0,
            no_signal: false,
            found: false,
            at,
            modified,
            published: now,
            encoded: PerWire::default(),
        }
    }

    pub(super) fn new_no_signal(part: Part, now: Instant) -> Self {
        Self { no_signal: true, at: now, ..Self::new(part, now, SystemTime::now()) }
    }

    /// Returns this part in place of an identical one, whose viewers need not be sent it.
    pub(super) fn renewing(self, identical: &Self) -> Self {
        let Self { version, modified, published, .. } = *identical;
        Self { version, modified, published, ..self }
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
