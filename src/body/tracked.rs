//! The release of chunks by the transport.
//!
//! A server drops a chunk once it has written it, or copied it into its own buffer. So the drop of
//! its bytes is the only sign of that.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::sync::{Mutex, keep, lock, on_drop, wake};

/// Returns the same bytes with a guard, which is dropped when the last handle to them is.
pub(crate) fn tracked(bytes: Bytes, guard: impl Send + 'static) -> Bytes {
    Bytes::from_owner(Tracked { bytes, _guard: guard })
}

struct Tracked<G> {
    bytes: Bytes,
    _guard: G,
}

impl<G> AsRef<[u8]> for Tracked<G> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The unreleased chunks of one client, counted by the guards that they have, and the task that
/// waits for their release.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flight(Arc<Mutex<InFlight>>);

#[derive(Debug, Default)]
struct InFlight {
    guards: usize,
    waker: Option<Waker>,
}

impl Flight {
    /// Returns a guard for [`tracked`].
    pub(crate) fn guard(&self) -> impl Send + 'static + use<> {
        lock(&self.0).guards += 1;
        let flight = self.clone();
        on_drop(move || flight.release())
    }

    fn release(&self) {
        let mut flight = lock(&self.0);
        flight.guards -= 1;
        let waker = if flight.guards == 0 { flight.waker.take() } else { None };
        drop(flight);
        waker.into_iter().for_each(wake);
    }

    /// Waits until every guard is dropped.
    pub(crate) fn poll_released(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut flight = lock(&self.0);
        if flight.guards == 0 {
            return Poll::Ready(());
        }
        let replaced = keep(&mut flight.waker, cx.waker());
        drop(flight);
        drop(replaced);
        Poll::Pending
    }
}
