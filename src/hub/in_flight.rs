//! A chunk that reports its release by the transport.

use std::sync::Arc;

use bytes::Bytes;

use super::lazy_now::LazyNow;
use super::shared::Shared;

/// The last chunk of a viewer's part.
///
/// Servers drop a chunk once they have written it, so its drop means that the part was written.
/// Only then is the next part offered to the viewer, since a part ages in a server's queue.
pub(super) struct InFlight {
    pub(super) chunk: Bytes,
    /// The number of bytes of the complete part.
    pub(super) bytes: u64,
    pub(super) hub: Arc<Shared>,
    pub(super) id: usize,
    pub(super) serial: u64,
}

impl AsRef<[u8]> for InFlight {
    fn as_ref(&self) -> &[u8] {
        &self.chunk
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.hub.update(|state| state.delivered(self.id, self.serial, self.bytes, true, &LazyNow::default()));
    }
}
