//! A still picture that is requested in each period.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::{Instant, Sleep, sleep};

use super::exchange::{self, Kind, Requester};
use crate::source::Error;
use crate::source::open::Item;

/// The stream of the pictures. It goes on until a request fails.
pub(in crate::source) struct Stills {
    first: Option<Item>,
    requester: Requester,
    period: Duration,
    trusted: bool,
    /// The time of the next request, from request to request.
    due: Pin<Box<Sleep>>,
    request: Option<Request>,
}

type Request = Pin<Box<dyn Future<Output = Result<Item, Error>> + Send>>;

impl Stills {
    pub(super) fn new(requester: Requester, period: Duration, trusted: bool) -> Self {
        let period = period.max(SHORTEST);
        Self { first: None, requester, period, trusted, due: Box::pin(sleep(period)), request: None }
    }

    pub(super) fn period(&self) -> Duration {
        self.period
    }

    /// Prepends a picture that was received already.
    pub(super) fn beginning_with(self, first: Item) -> Self {
        Self { first: Some(first), ..self }
    }
}

impl Stream for Stills {
    type Item = Result<Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let request = match &mut this.request {
            Some(request) => request,
            None => {
                ready!(this.due.as_mut().poll(cx));
                this.due.as_mut().reset(Instant::now() + this.period);
                this.request.insert(Box::pin(request(this.requester.clone(), this.trusted)))
            }
        };
        let item = ready!(request.as_mut().poll(cx));
        this.request = None;
        Poll::Ready(Some(item))
    }
}

async fn request(requester: Requester, trusted: bool) -> Result<Item, Error> {
    let response = requester.request().await?;
    if let Kind::Multipart(_) = response.kind()? {
        return Err(Error::transient("it sends a stream in place of a single picture"));
    }
    exchange::still(response, requester.limits, trusted).await
}

/// The shortest period, so that a mistake does not flood a camera.
const SHORTEST: Duration = Duration::from_millis(10);
