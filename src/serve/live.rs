//! The stream of a hub.

use http::request::Parts;

use super::Endpoint;
use super::query::Query;
use super::rejection::Rejection;
use super::reply::Reply;
use super::snapshot::Snapshot;
use crate::hub::Hub;
use crate::wire::Wire;

/// An endpoint that serves a hub as a stream of parts.
///
/// | request | response |
/// |---|---|
/// | `GET`, `GET ?action=stream` | the stream, on the [`Wire`] that the request's `Accept` asks for |
/// | `GET ?fps=5` | the stream with at most that many parts a second |
/// | `GET ?snapshot`, `GET ?action=snapshot` | one part, as from [`Snapshot`] |
///
/// See the [module](super) for how to mount it, its statuses, and how to call it from a handler.
///
/// # Examples
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use mixed_replace::{Live, hub};
///
/// let (publisher, hub) = hub::channel();
/// let app: axum::Router = axum::Router::new().route_service("/live", Live::new(hub));
/// # drop(publisher);
/// ```
#[must_use = "an endpoint does nothing until it is mounted"]
#[derive(Clone, Debug)]
pub struct Live {
    hub: Hub,
    rate_param: bool,
    snapshot_param: bool,
}

impl Live {
    /// Creates an endpoint for this hub.
    pub fn new(hub: Hub) -> Self {
        Self { hub, rate_param: true, snapshot_param: true }
    }

    /// Sets whether `?fps` lowers the rate of a stream. Default: `true`.
    ///
    /// A client can never raise the rate above what the hub's [`min_interval`](crate::hub::Builder::min_interval) allows.
    pub fn rate_param(mut self, enabled: bool) -> Self {
        self.rate_param = enabled;
        self
    }

    /// Sets whether `?snapshot` and `?action=snapshot` return one part. Default: `true`.
    pub fn snapshot_param(mut self, enabled: bool) -> Self {
        self.snapshot_param = enabled;
        self
    }
}

impl Endpoint for Live {
    fn answer(&self, request: &Parts) -> Result<Reply, Rejection> {
        let query = Query::new(request);
        if self.snapshot_param && query.asks_for_snapshot() {
            return Snapshot::new(self.hub.clone()).answer(request);
        }
        let min_interval = if self.rate_param { query.min_interval()? } else { None };
        let subscriber = self.hub.subscribe(Wire::for_request(&request.headers))?;
        Ok(Reply::Stream(match min_interval {
            Some(interval) => subscriber.min_interval(interval),
            None => subscriber,
        }))
    }
}
