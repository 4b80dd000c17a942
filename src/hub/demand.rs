//! A handle for running a camera only while it is watched.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::shared::Shared;
use crate::sync::block_on;

/// A handle that reports demand: from the first viewer until the hub's
/// [`linger`](super::Builder::linger) after the last one.
///
/// A viewer counts from the first poll of its stream, and a [`snapshot`](crate::Hub::snapshot)
/// while it waits. So a request for a still picture starts the camera, and a `HEAD` request does
/// not.
///
/// Each method checks the hub's state at the time of the call, so it never waits for a change that
/// has already happened. Changes that were reverted between two calls are not seen.
///
/// # Examples
///
/// A camera on its own thread:
///
/// ```no_run
/// # struct Camera; impl Camera { fn open() -> Self { Self } fn capture(&self) -> Vec<u8> { vec![] } }
/// use mixed_replace::hub;
///
/// let (publisher, hub) = hub::channel();
/// std::thread::spawn(move || {
///     let demand = publisher.demand();
///     while demand.blocking_wanted() {
///         let camera = Camera::open();
///         // Damaged frames are skipped. A closed hub has no demand, which ends both loops.
///         while demand.is_wanted() && publisher.publish_jpeg(camera.capture()).is_ok() {}
///     }
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Demand {
    shared: Arc<Shared>,
}

impl Demand {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Returns `true` while the hub is watched, or was less than the linger ago. `false` once the
    /// hub is closed.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        let now = Instant::now();
        self.shared.update(|state| state.is_wanted(now))
    }

    /// Blocks the thread until [`is_wanted`](Self::is_wanted) or the hub is closed. Returns `false`
    /// if it is closed.
    #[must_use]
    pub fn blocking_wanted(&self) -> bool {
        block_on(self.wanted())
    }

    /// Waits until [`is_wanted`](Self::is_wanted) or the hub is closed. Returns `false` if it is
    /// closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn wanted(&self) -> bool {
        Change { shared: &self.shared, to: true, place: None }.await
    }

    /// Waits until there has been no viewer for the linger, or the hub is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn unwanted(&self) {
        Change { shared: &self.shared, to: false, place: None }.await;
    }
}

struct Change<'a> {
    shared: &'a Arc<Shared>,
    to: bool,
    place: Option<usize>,
}

/// Resolves to `false` if the hub is closed.
impl Future for Change<'_> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = &mut *self;
        let now = Instant::now();
        this.shared.update(|state| {
            if state.is_closed() || state.is_wanted(now) == this.to {
                return Poll::Ready(!state.is_closed());
            }
            state.wait_for_demand(&mut this.place, cx.waker());
            Poll::Pending
        })
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.shared.update(|state| state.forget_demand(self.place));
    }
}
