//! A chunk that tells its hub when the transport has let go of it.

use std::sync::Arc;

use bytes::Bytes;

use super::lazy_now::LazyNow;
use super::shared::Shared;

/// The last chunk of a viewer's part. Servers keep chunks until they have written them, so its drop says that the
/// transport took the part, and only then the viewer is offered the next: what waits in a server's queue grows old.
pub(super) struct InFlight {
    pub(super) chunk: Bytes,
    /// Of the whole part.
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
