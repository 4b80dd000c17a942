//! The stream of a hub.

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use super::query::Query;
use super::rejection::Rejection;
use super::reply::{FirstPart, Reply, Stream};
use super::snapshot::Snapshot;
use super::{Endpoint, named};
use crate::derive::{opaque_debug, setters};
use crate::hub::Hub;
use crate::hubs::Hubs;
use crate::hubs::member::Member;
use crate::ladder::{Ladder, Options, Size};
use crate::wire::Wire;

/// An endpoint that serves a hub as a stream of parts.
///
/// | request | response |
/// |---|---|
/// | `GET`, `GET ?action=stream` | the stream, on the [`Wire`] for the request's `Accept` |
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
#[doc(alias("MethodRouter", "route", "route_service", "Service", "Handler", "axum", "actix-web", "tower"))]
#[must_use = "an endpoint does nothing until it is mounted"]
#[derive(Clone, Debug)]
pub struct Live {
    exclusive: bool,
    expires_in: Option<FromRequest<Duration>>,
    first_part_timeout: Option<Duration>,
    hub: Source,
    key: Option<FromRequest<String>>,
    label: Option<FromRequest<String>>,
    rate_param: bool,
    pub(super) size_param: bool,
    pub(super) snapshot_param: bool,
}

#[derive(Clone, Debug)]
enum Source {
    Hubs { hubs: Hubs, lists: bool },
    One(Member),
}

impl Live {
    /// Creates an endpoint for this hub.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "http-body", doc = "```")]
    #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
    /// use futures::executor::block_on;
    /// use http::Request;
    /// use mixed_replace::{Live, Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// let request = Request::get("/live").header("accept", "image/webp,*/*;q=0.8").body(())?;
    /// let response = block_on(Live::new(hub).respond(request));
    /// assert!(response.headers()["content-type"].as_bytes().starts_with(b"multipart/x-mixed-replace;"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(hub: Hub) -> Self {
        Self::of(Source::One(Member::Hub(hub)))
    }

    /// Creates an endpoint for hubs by name, for all addresses below the one where it is mounted.
    ///
    /// | request | response |
    /// |---|---|
    /// | `GET /cameras/yard`, with the parameters of an endpoint | the hub or the [ladder](Self::ladder) `yard`, the hub made by the source if necessary |
    /// | `GET /cameras` | the names and states of all hubs, as JSON; off with [`list`](Self::list) |
    ///
    /// ```json
    /// [{"name":"yard","state":"live","viewers":2,"age":0.04},{"name":"door","state":"asleep","viewers":0,"age":null}]
    /// ```
    ///
    /// A state is an [`Activity`](crate::hub::Activity), an age is in seconds.
    ///
    /// | status | when |
    /// |---|---|
    /// | `400 Bad Request` | the path segment cannot be a name |
    /// | `404 Not Found` | the name is unknown, or the address has more than one segment |
    /// | `503 Service Unavailable` | the source failed, or there are too many hubs; with `Retry-After` |
    ///
    /// `HEAD` calls the source as well, to learn whether it knows the name. It is no [`Demand`](crate::hub::Demand), so no
    /// camera wakes.
    ///
    /// # Examples
    ///
    /// On axum:
    ///
    #[cfg_attr(feature = "axum", doc = "```")]
    #[cfg_attr(not(feature = "axum"), doc = "```ignore")]
    /// use mixed_replace::{Hubs, Live};
    ///
    /// let cameras = Hubs::new();
    /// let app: axum::Router = axum::Router::new().nest_service("/cameras", Live::by_name(cameras));
    /// ```
    ///
    /// On actix-web:
    ///
    #[cfg_attr(feature = "actix-web", doc = "```")]
    #[cfg_attr(not(feature = "actix-web"), doc = "```ignore")]
    /// use actix_web::{App, web};
    /// use mixed_replace::{Hubs, Live};
    ///
    /// let cameras = Hubs::new();
    /// let app = App::new().service(web::scope("/cameras").default_service(web::to(Live::by_name(cameras))));
    /// ```
    pub fn by_name(hubs: Hubs) -> Self {
        Self::of(Source::Hubs { hubs, lists: true })
    }

    /// Creates an endpoint for one picture in several sizes: a viewer gets the largest that its line carries.
    ///
    /// | request | response |
    /// |---|---|
    /// | `GET` | the stream, in the size that the line carries at the time |
    /// | `GET ?width=640` | the stream in one size: the smallest that is at least so wide, or else the largest |
    /// | `GET ?width=full` | the stream in the largest size |
    /// | `GET ?snapshot`, with `width` or without | one part |
    ///
    /// The other parameters are those of [`new`](Self::new). In a page, give the `<img>` a size of its own, since that of the
    /// pictures changes: `<img src="/live" width="1280" height="720">`.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "axum", doc = "```")]
    #[cfg_attr(not(feature = "axum"), doc = "```ignore")]
    /// use mixed_replace::{Ladder, Live, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let (small_publisher, small_hub) = hub::channel();
    /// let ladder = Ladder::new([hub, small_hub]);
    /// let app: axum::Router = axum::Router::new().route_service("/live", Live::ladder(ladder));
    /// ```
    pub fn ladder(ladder: Ladder) -> Self {
        Self::of(Source::One(Member::Ladder(ladder)))
    }

    fn of(hub: Source) -> Self {
        Self {
            exclusive: false,
            expires_in: None,
            first_part_timeout: Some(FIRST_PART_TIMEOUT),
            hub,
            key: None,
            label: None,
            rate_param: true,
            size_param: true,
            snapshot_param: true,
        }
    }

    /// Sets whether an endpoint for hubs [by name](Self::by_name) lists them. Default: `true`.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "http-body", doc = "```")]
    #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
    /// use futures::executor::block_on;
    /// use http::{Request, StatusCode};
    /// use mixed_replace::{Hubs, Live};
    ///
    /// let list = |live: Live| block_on(live.respond(Request::new(()))).status();
    /// assert_eq!(list(Live::by_name(Hubs::new())), StatusCode::OK);
    /// assert_eq!(list(Live::by_name(Hubs::new()).list(false)), StatusCode::NOT_FOUND);
    /// ```
    pub fn list(mut self, enabled: bool) -> Self {
        if let Source::Hubs { lists, .. } = &mut self.hub {
            *lists = enabled;
        }
        self
    }

    /// Sets a function that returns the [key](crate::hub::Subscriber::key) of a stream, by which
    /// [`Hub::revoke`](crate::hub::Hub::revoke) ends it.
    ///
    /// It sees the method, the address and the headers of the request, and on stacks other than actix-web also its
    /// extensions, to which a middleware may have added the user. It does not decide who may watch.
    ///
    /// # Examples
    ///
    /// Streams that end when a session does, which a cookie names:
    ///
    #[cfg_attr(feature = "axum", doc = "```")]
    #[cfg_attr(not(feature = "axum"), doc = "```ignore")]
    /// use http::{header::COOKIE, request::Parts};
    /// use mixed_replace::{Live, hub};
    ///
    /// fn session(request: &Parts) -> Option<String> {
    ///     let cookies = request.headers.get(COOKIE)?.to_str().ok()?;
    ///     cookies.split("; ").find_map(|cookie| Some(cookie.strip_prefix("session=")?.to_owned()))
    /// }
    ///
    /// let (publisher, hub) = hub::channel();
    /// # publisher.publish(mixed_replace::Part::text("on")?)?;
    /// let live = Live::new(hub.clone()).key(session);
    /// # let request = || http::Request::get("/live").header(COOKIE, "a=b; session=7f3a").body(()).unwrap();
    /// # let tabs = [(); 2].map(|()| futures::executor::block_on(live.respond(request())));
    /// let app: axum::Router = axum::Router::new().route_service("/live", live);
    /// // When the user logs out:
    /// let ended = hub.revoke("7f3a");
    /// # assert_eq!(ended, 2);
    /// # drop((publisher, tabs));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn key(mut self, key: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.key = Some(FromRequest(Arc::new(key)));
        self
    }

    /// Sets a function that returns the [label](crate::Subscriber::label) of a stream: what [`Hub::viewers`] and events say of
    /// the viewer.
    ///
    /// It sees the same of the request as that of [`key`](Self::key). On actix-web its extensions have the address of the
    /// client, as a [`SocketAddr`](std::net::SocketAddr). On axum they have it with `into_make_service_with_connect_info`, as
    /// a `ConnectInfo`.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "axum", doc = "```")]
    #[cfg_attr(not(feature = "axum"), doc = "```ignore")]
    /// use std::net::SocketAddr;
    /// use axum::extract::ConnectInfo;
    /// use http::request::Parts;
    /// use mixed_replace::{Live, hub};
    ///
    /// fn address(request: &Parts) -> Option<String> {
    ///     request.extensions.get().map(|ConnectInfo::<SocketAddr>(address)| address.to_string())
    /// }
    ///
    /// let (publisher, hub) = hub::channel();
    /// let app = axum::Router::new().route_service("/live", Live::new(hub).label(address));
    /// let app = app.into_make_service_with_connect_info::<SocketAddr>();
    /// # drop((publisher, app));
    /// ```
    pub fn label(mut self, label: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.label = Some(FromRequest(Arc::new(label)));
        self
    }

    setters! {
        /// Sets whether a stream ends the older ones with the same [`key`](Self::key). Default: `false`.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::{future::poll_fn, pin::Pin};
        /// use futures::executor::block_on;
        /// use http_body::Body as _;
        /// use mixed_replace::{Live, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("on")?)?;
        /// let live = Live::new(hub.clone()).key(|_| Some("ada".to_owned())).exclusive(true);
        /// let mut tabs = [(); 2].map(|()| block_on(live.respond(http::Request::new(()))).into_body());
        /// for tab in &mut tabs {
        ///     block_on(poll_fn(|cx| Pin::new(&mut *tab).poll_frame(cx))).transpose()?;
        /// }
        /// drop(tabs);
        /// assert_eq!(hub.stats().ended.replaced, 1);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        exclusive(bool) => exclusive;

        /// Sets how long the response waits for the first part of a hub that has none. `None` sends its head at once.
        /// Default: 15 seconds.
        ///
        /// A camera that never answers then is a `503`, and not an `<img>` that loads for ever. The wait is
        /// [`Demand`](crate::hub::Demand), so it starts the camera. Of a [`Ladder`](crate::Ladder), the second half of the time
        /// is for any rung with its own source.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::time::Duration;
        /// use futures::executor::block_on;
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Live, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// let live = Live::new(hub).first_part_timeout(Duration::from_millis(20));
        /// assert_eq!(block_on(live.respond(Request::new(()))).status(), StatusCode::SERVICE_UNAVAILABLE);
        /// let live = live.first_part_timeout(None);
        /// assert_eq!(block_on(live.respond(Request::new(()))).status(), StatusCode::OK);
        /// ```
        first_part_timeout(impl Into<Option<Duration>>) => first_part_timeout;

        /// Sets whether `?fps` lowers the rate of a stream. Default: `true`.
        ///
        /// A client can never raise the rate above what the hub's [`min_interval`](crate::hub::Builder::min_interval)
        /// allows.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use futures::executor::block_on;
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Live, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("on")?)?;
        /// let live = Live::new(hub);
        /// let response = block_on(live.respond(Request::get("/live?fps=fast").body(())?));
        /// assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        /// let response = block_on(live.rate_param(false).respond(Request::get("/live?fps=fast").body(())?));
        /// assert_eq!(response.status(), StatusCode::OK);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        rate_param(bool) => rate_param;

        /// Sets whether `?width` chooses the size of the pictures of a [ladder](Self::ladder). Default: `true`.
        ///
        /// Otherwise each viewer gets the largest that its line carries.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use futures::executor::block_on;
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Ladder, Live, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("on")?)?;
        /// let live = Live::ladder(Ladder::new([hub]));
        /// let response = block_on(live.respond(Request::get("/live?width=wide").body(())?));
        /// assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        /// let response = block_on(live.size_param(false).respond(Request::get("/live?width=wide").body(())?));
        /// assert_eq!(response.status(), StatusCode::OK);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        size_param(bool) => size_param;

        /// Sets whether `?snapshot` and `?action=snapshot` return one part. Default: `true`.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use mixed_replace::{Live, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("on")?)?;
        /// let live = Live::new(hub).snapshot_param(false);
        /// let response = block_on(live.respond(Request::get("/live?snapshot").body(())?));
        /// assert!(response.headers()["content-type"].as_bytes().starts_with(b"multipart/x-mixed-replace;"));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        snapshot_param(bool) => snapshot_param;
    }

    /// Sets a function that returns after which time a stream [ends](crate::hub::Subscriber::expires_in), such as that of a
    /// signed address. `None` sets no limit.
    ///
    /// It is called after [`key`](Self::key) has been set, so if it checks the access again, a
    /// [`revoke`](crate::hub::Hub::revoke) in between ends the stream. It does not decide who may watch.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "http-body", doc = "```")]
    #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
    /// use std::{future::poll_fn, pin::Pin, time::Duration};
    /// use futures::executor::block_on;
    /// use http_body::Body as _;
    /// use mixed_replace::{Live, Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("on")?)?;
    /// // In an app, the time that is left of a signed address.
    /// let live = Live::new(hub.clone()).expires_in(|_| Some(Duration::from_millis(20)));
    /// let mut body = block_on(live.respond(http::Request::new(()))).into_body();
    /// while let Some(frame) = block_on(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))) {
    ///     frame?;
    /// }
    /// assert_eq!(hub.stats().ended.expired, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expires_in(mut self, time: impl Fn(&Parts) -> Option<Duration> + Send + Sync + 'static) -> Self {
        self.expires_in = Some(FromRequest(Arc::new(time)));
        self
    }
}

/// Defines options of an endpoint that passes them on to its [`Live`].
macro_rules! live_options {
    ($($(#[$doc:meta])* $option:ident($value:ty);)*) => {$(
        $(#[$doc])*
        pub fn $option(mut self, $option: $value) -> Self {
            self.live = self.live.$option($option);
            self
        }
    )*};
}
pub(super) use live_options;

impl Endpoint for Live {
    fn answer(&self, request: &Parts) -> Result<Reply, Rejection> {
        match &self.hub {
            Source::Hubs { hubs, lists } => {
                named::reply(hubs, *lists, request, |member| self.answer_for(member, request))
            }
            Source::One(member) => self.answer_for(member, request),
        }
    }
}

impl Live {
    /// Returns what this request asks of each hub.
    pub(super) fn options(&self, request: &Parts) -> Result<Options, Rejection> {
        Ok(Options {
            exclusive: self.exclusive,
            key: self.key.as_ref().and_then(|key| key.0(request)),
            label: self.label.as_ref().and_then(|label| label.0(request)),
            min_interval: if self.rate_param { Query::new(request).min_interval()? } else { None },
            wire: Wire::for_request(&request.headers),
        })
    }

    /// Returns after which time the stream ends. Called after its key has been set.
    pub(super) fn expires_in_for(&self, request: &Parts) -> Option<Duration> {
        self.expires_in.as_ref().and_then(|time| time.0(request))
    }

    fn answer_for(&self, member: &Member, request: &Parts) -> Result<Reply, Rejection> {
        let query = Query::new(request);
        let is_sized = self.size_param && matches!(member, Member::Ladder(_));
        let size = if is_sized { query.size()? } else { Size::Line };
        if self.snapshot_param && query.asks_for_snapshot() {
            let hub = match member {
                Member::Hub(hub) => hub,
                Member::Ladder(ladder) => ladder.hub_of(size),
            };
            return Snapshot::new(hub.clone()).answer(request);
        }
        let options = self.options(request)?;
        let (hub, others, stream) = match member {
            Member::Hub(hub) => {
                let mut subscriber = options.subscribe(hub)?;
                if let Some(time) = self.expires_in_for(request) {
                    subscriber = subscriber.expires_in(time);
                }
                (hub.clone(), Vec::new(), Stream::Hub(subscriber))
            }
            Member::Ladder(ladder) => {
                let mut subscriber = ladder.subscribe_with(options, size)?;
                if let Some(time) = self.expires_in_for(request) {
                    subscriber = subscriber.expires_in(time);
                }
                (subscriber.hub().clone(), subscriber.other_hubs(), Stream::Ladder(Box::new(subscriber)))
            }
        };
        let limit = self.first_part_timeout.filter(|_| hub.latest_dated().is_none());
        Ok(Reply::Stream(stream, limit.map(|limit| FirstPart { hub, others, limit })))
    }
}

/// What cameras take to start, at most.
const FIRST_PART_TIMEOUT: Duration = Duration::from_secs(15);

/// A function from a request to what its stream gets: a key, a label, a time.
#[derive(Clone)]
struct FromRequest<T>(Arc<FromRequestFn<T>>);

type FromRequestFn<T> = dyn Fn(&Parts) -> Option<T> + Send + Sync;

opaque_debug!(FromRequest<T>);
