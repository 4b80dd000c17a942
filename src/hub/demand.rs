//! Whether anybody watches.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::shared::Shared;

/// A handle that says when a camera is to run: from the first viewer until the last has been gone for the hub's linger.
///
/// A viewer counts from the first poll of its stream, and a [`snapshot`](super::Hub::snapshot) while it waits, so a request
/// for a still picture starts the camera. A `HEAD` request does not. Each answer is the hub's state at the time of the call, so
/// no call waits for a change that has come already; what came and went between two calls is not seen.
///
/// # Examples
///
/// A camera on a thread of its own:
///
/// ```no_run
/// # struct Camera; impl Camera { fn open() -> Self { Self } fn capture(&self) -> Vec<u8> { vec![] } }
/// use mixed_replace::hub;
///
/// let (publisher, hub) = hub::channel();
/// std::thread::spawn(move || {
///     let demand = publisher.demand();
///     while demand.wait() {
///         let camera = Camera::open();
///         // Damaged frames are skipped. A closed hub wants nothing, which ends both loops.
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

    /// Whether somebody watches, or has until less than the linger ago. `false` once the hub is closed.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        let now = Instant::now();
        self.shared.update(|state| state.is_wanted(now))
    }

    /// Blocks the thread until the camera is [wanted](Self::is_wanted): somebody watches, or did until less than the linger
    /// ago. `false` if the hub is closed.
    #[must_use]
    pub fn wait(&self) -> bool {
        self.shared.wait_for_demand()
    }

    /// Waits until the camera is [wanted](Self::is_wanted): somebody watches, or did until less than the linger ago. `false`
    /// if the hub is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn wanted(&self) -> bool {
        Change { shared: &self.shared, to: true, place: None }.await
    }

    /// Waits until nobody has watched for the linger, or the hub is closed.
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

/// Gives `false` if the hub is closed.
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
