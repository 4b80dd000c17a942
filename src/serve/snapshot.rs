//! The latest part of a hub.

use std::time::Duration;

use http::header::{HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::request::Parts;

use super::Endpoint;
use super::query::Query;
use super::rejection::Rejection;
use super::reply::{Pending, Reply};
use crate::derive::setters;
use crate::hub::Hub;
use crate::part_response::PartResponse;

/// An endpoint that serves a hub's latest part as an ordinary response: a [`PartResponse`].
///
/// A part that is fresh enough is returned at once. Otherwise the request counts as [`Demand`](crate::hub::Demand), which
/// wakes a sleeping camera, and the response waits for the next part. After the [`timeout`](Self::timeout) it is the latest
/// part of any age, or the part of [`stale_after`](crate::hub::Builder::stale_after).
///
/// `Age` is the time since the part was captured, `Last-Modified` when it was published. `If-None-Match` and `If-Modified-Since`
/// are answered. `X-Timestamp` and `X-Sequence` are the [time and number](crate::Part#time-and-number) of the part. A closed
/// hub still serves its last part.
///
/// | request | response |
/// |---|---|
/// | `GET` | the part, with `ETag`, `Age`, `Last-Modified`, `X-Timestamp` and `X-Sequence` |
/// | `GET ?snapshot=2` | one that is at most two seconds old, if there is one in time; with 0 the next one |
/// | `GET ?refresh=5` | the same with `Refresh`, so that a browser reloads it every 5 seconds |
///
/// See the [module](super) for how to mount it, its statuses, and how to call it from a handler.
///
/// # Examples
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use std::time::Duration;
/// use mixed_replace::{Snapshot, hub};
///
/// let (publisher, hub) = hub::channel();
/// let snapshot = Snapshot::new(hub).fresh_for(Duration::from_secs(10)).timeout(Duration::from_secs(2));
/// let app: axum::Router = axum::Router::new().route_service("/snapshot", snapshot);
/// # drop(publisher);
/// ```
#[doc(alias("MethodRouter", "route", "route_service", "Service", "Handler", "axum", "actix-web", "tower"))]
#[must_use = "an endpoint does nothing until it is mounted"]
#[derive(Clone, Debug)]
pub struct Snapshot {
    hub: Hub,
    age_param: bool,
    cache_for: Option<Duration>,
    fresh_for: Duration,
    refresh: Option<Duration>,
    refresh_param: bool,
    strict: bool,
    timeout: Duration,
}

impl Snapshot {
    /// Creates an endpoint for this hub.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "http-body", doc = "```")]
    #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
    /// use futures::executor::block_on;
    /// use http::Request;
    /// use mixed_replace::{Part, Snapshot, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// let response = block_on(Snapshot::new(hub).respond(Request::get("/snapshot").body(())?));
    /// assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    /// assert!(response.headers().contains_key("etag"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(hub: Hub) -> Self {
        Self {
            hub,
            age_param: true,
            cache_for: None,
            fresh_for: FRESH_FOR,
            refresh: None,
            refresh_param: true,
            strict: false,
            timeout: TIMEOUT,
        }
    }

    setters! {
        /// Sets whether `?snapshot=2` sets [`fresh_for`](Self::fresh_for) of a request, in seconds. Default: `true`.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use futures::executor::block_on;
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Part, Snapshot, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("on")?)?;
        /// let request = || Request::get("/snapshot?snapshot=new").body(());
        /// let snapshot = Snapshot::new(hub);
        /// assert_eq!(block_on(snapshot.respond(request()?)).status(), StatusCode::BAD_REQUEST);
        /// assert_eq!(block_on(snapshot.age_param(false).respond(request()?)).status(), StatusCode::OK);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        age_param(bool) => age_param;

        /// Sets `Cache-Control: public, max-age=1`, in full seconds, rounded down. Default: `private, no-cache`.
        ///
        /// A cache in front, such as a CDN, then serves any number of clients with one request in this time. Only for
        /// pictures that everybody may see: it stores answers to logins too (RFC 9111 §3.5). See
        /// [`PartResponse::cache_for`].
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::time::Duration;
        /// use futures::executor::block_on;
        /// use http::{Request, header::CACHE_CONTROL};
        /// use mixed_replace::{Part, Snapshot, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("on")?)?;
        /// let snapshot = Snapshot::new(hub).cache_for(Duration::from_secs(1));
        /// assert_eq!(block_on(snapshot.respond(Request::new(()))).headers()[CACHE_CONTROL], "public, max-age=1");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        cache_for(Duration) => cache_for;

        /// Sets the age up to which the latest part is returned at once. Default: 1 second. It does not set
        /// `Cache-Control`.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::time::Duration;
        /// use futures::executor::block_on;
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Part, Snapshot, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("on")?)?;
        /// let strict = Snapshot::new(hub).strict(true).timeout(Duration::from_millis(20));
        /// let status = |snapshot: Snapshot| block_on(snapshot.respond(Request::new(()))).status();
        /// assert_eq!(status(strict.clone().fresh_for(Duration::from_secs(60))), StatusCode::OK);
        /// assert_eq!(status(strict.fresh_for(Duration::ZERO)), StatusCode::SERVICE_UNAVAILABLE);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        fresh_for(Duration) => fresh_for;

        /// Sets how long a request waits for a part that is fresh enough. Default: 5 seconds, which most cameras need
        /// to start.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::time::Duration;
        /// use futures::executor::block_on;
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Snapshot, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// let snapshot = Snapshot::new(hub).timeout(Duration::from_millis(20));
        /// assert_eq!(block_on(snapshot.respond(Request::new(()))).status(), StatusCode::SERVICE_UNAVAILABLE);
        /// ```
        timeout(Duration) => timeout;

        /// Adds a `Refresh` header, so that a browser reloads the part after this time. In full seconds, rounded down.
        /// Default: no header.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::time::Duration;
        /// use futures::executor::block_on;
        /// use http::{Request, header::REFRESH};
        /// use mixed_replace::{Part, Snapshot, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("on")?)?;
        /// let snapshot = Snapshot::new(hub).refresh(Duration::from_secs(5));
        /// assert_eq!(block_on(snapshot.respond(Request::new(()))).headers()[REFRESH], "5");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        refresh(Duration) => refresh;

        /// Sets whether `?refresh=5` sets the [`Refresh`](Self::refresh) header of a response. Default: `true`.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use futures::executor::block_on;
        /// use http::{Request, header::REFRESH};
        /// use mixed_replace::{Part, Snapshot, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("on")?)?;
        /// let snapshot = Snapshot::new(hub).refresh_param(false);
        /// let response = block_on(snapshot.respond(Request::get("/snapshot?refresh=5").body(())?));
        /// assert!(!response.headers().contains_key(REFRESH));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        refresh_param(bool) => refresh_param;

        /// Sets whether a part that is older than [`fresh_for`](Self::fresh_for) is rejected. Default: `false`.
        ///
        /// When no newer part is published before the [`timeout`](Self::timeout), the response is the "no signal" part of
        /// [`stale_after`](crate::hub::Builder::stale_after), or `503 Service Unavailable` if the hub has none. A `HEAD` waits as a
        /// `GET` does, since its status depends on the part.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::time::Duration;
        /// use futures::executor::block_on;
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Part, Snapshot, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("old")?)?;
        /// let snapshot = Snapshot::new(hub).fresh_for(Duration::ZERO).timeout(Duration::from_millis(20));
        /// assert_eq!(block_on(snapshot.respond(Request::new(()))).status(), StatusCode::OK);
        /// let snapshot = snapshot.strict(true);
        /// assert_eq!(block_on(snapshot.respond(Request::new(()))).status(), StatusCode::SERVICE_UNAVAILABLE);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        strict(bool) => strict;
    }

    pub(super) fn pending(&self, request: &Parts) -> Result<Pending, Rejection> {
        let query = Query::new(request);
        let refresh = if self.refresh_param { query.refresh()? } else { None }.or(self.refresh);
        let max_age = if self.age_param { query.max_age()? } else { None }.unwrap_or(self.fresh_for);
        let mut conditions = HeaderMap::new();
        for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
            for value in request.headers.get_all(&name) {
                conditions.append(name.clone(), value.clone());
            }
        }
        let snapshot = self.hub.snapshot(max_age);
        let snapshot = match self.strict {
            false => snapshot.or_latest_after(self.timeout),
            true => snapshot.or_no_signal_after(self.timeout),
        };
        let (hub, cache_for) = (self.hub.clone(), self.cache_for);
        let mut pending = Pending::new(self.hub.clone(), snapshot, move |latest| {
            let latest = latest.ok_or_else(|| Rejection::no_part_within(&hub, max_age))?;
            let response = PartResponse::new(latest.part).age(latest.age).timestamps(hub.timestamps());
            // The "no signal" part comes and goes without an order of time.
            let response = if latest.stale { response } else { response.last_modified(latest.modified) };
            let response = match cache_for {
                // A cache would show "no signal" long after the camera is back.
                Some(time) if !latest.stale => response.cache_for(time),
                _ => response,
            };
            let response = match refresh {
                Some(period) => response.refresh(period),
                None => response,
            };
            Ok(response.for_request(&conditions))
        });
        pending.strict = self.strict;
        Ok(pending)
    }
}

impl Endpoint for Snapshot {
    fn answer(&self, request: &Parts) -> Result<Reply, Rejection> {
        self.pending(request).map(Reply::Pending)
    }
}

pub(super) const FRESH_FOR: Duration = Duration::from_secs(1);
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
