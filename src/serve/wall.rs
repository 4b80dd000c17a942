//! Many hubs in one stream.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;

use super::live::{Live, live_options};
use super::named::{below_mount, percent_decoded};
use super::query::Query;
use super::rejection::Rejection;
use super::reply::{Reply, Stream};
use super::{Endpoint, named};
use crate::boundary::Boundary;
use crate::derive::setters;
use crate::hubs::{Hubs, name};
use crate::ladder::Size;
use crate::wall::{Config, Options, Shared, StartError, Subscriber};
use crate::wire::Wire;

/// An endpoint that serves many hubs in one response. Each is a *track*, whose parts replace each other.
///
/// A browser opens six connections to a site over HTTP/1.1, so of pictures with a stream each, the seventh never shows. A wall
/// needs one connection for any number of tracks. In a page, the [client](crate::ClientScript) takes it apart:
///
/// ```html
/// <script type="module" src="/client.js"></script>
/// <mixed-replace src="/wall#yard"><img alt="The yard"></mixed-replace>
/// <mixed-replace src="/wall#door"><img alt="The door"></mixed-replace>
/// ```
///
/// | request | response |
/// |---|---|
/// | `GET` | all hubs of the set, also those that come later |
/// | `GET ?of=yard,door` | the hubs with these names, made by the [source](crate::hubs::Builder::source) if necessary |
/// | `GET ?of=yard,door&width=640,320` | each in the smallest size that is at least so wide, of those that are [ladders](Hubs::insert_ladder) |
/// | `GET ?width=320` | all in that size |
/// | `GET ?fps=5` | at most that many parts a second of each track |
/// | `GET /yard` below a wall [by name](Self::by_name) | one track as from [`Live`] |
///
/// Names are percent-encoded and separated by commas. There is one width for all names, or one for each, of which `full` and an
/// empty one are the largest. The client asks for the width in device pixels at which each track is shown. When that changes,
/// it opens the next request beside the running one, as for another set of tracks.
///
/// # The stream
///
/// A part of a track has the track's percent-encoded name as `Content-Location` (RFC 2557 §4.2). A part without one, of
/// `application/json`, holds states:
///
/// ```json
/// {"tracks":{"yard":"live","door":"waiting","gate":"ended"}}
/// ```
///
/// | state | meaning |
/// |---|---|
/// | `live` | the hub has a part |
/// | `waiting` | it has none yet, or sends the "no signal" part of [`stale_after`](crate::hub::Builder::stale_after) |
/// | `ended` | it was closed or removed |
///
/// If the set holds ladders, such a part names those it tells of in `"sized":["yard"]` too.
///
/// States come first, then when one changes, and when nothing was sent for the time of the
/// [keep-alive](Self::keep_alive_interval). In place of repeating a picture, a track that is idle is told again.
///
/// One part is in flight for each viewer. When it is written, the next track in turn sends its newest part. So a slow viewer
/// gets all tracks at an even rate, and a track that stalls, or sends damaged parts, does not delay another. A part that
/// holds the wall's boundary is left out, and counted in [`Stats::parts_invalid`](crate::hub::Stats::parts_invalid) of its
/// hub. In each hub, a viewer of a wall counts as one viewer.
///
/// A stream of named tracks ends when all have ended, and one of all tracks when [`Hubs::close`] is called. Either ends when its
/// [`key`](Self::key) is revoked by [`Hubs::revoke`], or when it [expires](Self::expires_in).
///
/// # Statuses
///
/// | status | when |
/// |---|---|
/// | `400 Bad Request` | a name cannot be one, `of` is empty or has too many names, `width` has not one value for all names and not one for each, `fps` is not a positive number |
/// | `404 Not Found` | some names are unknown: `X-Unknown-Tracks` lists them, as in `of` |
/// | `406 Not Acceptable` | an `<img>` or a navigation asks, which could only show a flicker of all pictures |
/// | `503 Service Unavailable` | no track can be sent: each source failed, each hub is full, or new names come when the set has [`max`](crate::hubs::Builder::max) hubs |
///
/// # Examples
///
/// On axum:
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use mixed_replace::{Hubs, Wall};
///
/// let cameras = Hubs::new();
/// let app: axum::Router = axum::Router::new().route_service("/wall", Wall::new(cameras));
/// ```
///
/// On actix-web:
///
#[cfg_attr(feature = "actix-web", doc = "```")]
#[cfg_attr(not(feature = "actix-web"), doc = "```ignore")]
/// use actix_web::{App, web};
/// use mixed_replace::{Hubs, Wall};
///
/// let wall = Wall::new(Hubs::new());
/// let app = App::new().route("/wall", web::to(wall));
/// ```
#[doc(alias("MethodRouter", "route", "route_service", "Service", "Handler", "axum", "actix-web", "tower"))]
#[must_use = "an endpoint does nothing until it is mounted"]
#[derive(Clone, Debug)]
pub struct Wall {
    shared: Arc<Shared>,
    config: Config,
    max: usize,
    by_name: bool,
    /// One track, and the options that it has in common with a wall.
    live: Live,
}

impl Wall {
    /// Creates an endpoint for one address, such as `/wall`.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "http-body", doc = "```")]
    #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
    /// use futures::executor::block_on;
    /// use http::Request;
    /// use mixed_replace::{Hubs, Wall, hub};
    ///
    /// let cameras = Hubs::new();
    /// let (publisher, yard) = hub::channel();
    /// cameras.insert("yard", yard)?;
    /// let wall = Wall::new(cameras);
    /// assert_eq!(block_on(wall.respond(Request::get("/wall?of=yard").body(())?)).status(), 200);
    /// let unknown = block_on(wall.respond(Request::get("/wall?of=roof,yard").body(())?));
    /// assert_eq!(unknown.headers()["x-unknown-tracks"], "roof");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(hubs: Hubs) -> Self {
        Self {
            shared: Shared::new(hubs.clone(), &Boundary::random()),
            config: Config { keep_alive: Some(KEEP_ALIVE), max_lifetime: None },
            max: MAX,
            by_name: false,
            live: Live::by_name(hubs).list(false),
        }
    }

    /// Creates an endpoint for the address where it is mounted, and for those below, each of which is one track.
    ///
    /// # Examples
    ///
    /// On axum:
    ///
    #[cfg_attr(feature = "axum", doc = "```")]
    #[cfg_attr(not(feature = "axum"), doc = "```ignore")]
    /// use mixed_replace::{Hubs, Wall};
    ///
    /// // /wall, and /wall/yard for an <img>.
    /// let app: axum::Router = axum::Router::new().nest_service("/wall", Wall::by_name(Hubs::new()));
    /// ```
    ///
    /// On actix-web:
    ///
    #[cfg_attr(feature = "actix-web", doc = "```")]
    #[cfg_attr(not(feature = "actix-web"), doc = "```ignore")]
    /// use actix_web::{App, web};
    /// use mixed_replace::{Hubs, Wall};
    ///
    /// let wall = Wall::by_name(Hubs::new());
    /// let app = App::new().service(web::scope("/wall").default_service(web::to(wall)));
    /// ```
    pub fn by_name(hubs: Hubs) -> Self {
        Self { by_name: true, ..Self::new(hubs) }
    }

    live_options! {
        /// Sets a function that returns the key of a stream in each of its hubs: see [`Live::key`].
        ///
        /// [`Hub::revoke`](crate::Hub::revoke) ends the track of that hub, and [`Hubs::revoke`] the stream.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::{future::poll_fn, pin::Pin};
        /// use futures::executor::block_on;
        /// use http_body::Body as _;
        /// use mixed_replace::{Hubs, Wall, hub};
        ///
        /// let cameras = Hubs::new();
        /// let (publisher, yard) = hub::channel();
        /// cameras.insert("yard", yard.clone())?;
        /// // In an app, the session of the request's cookie.
        /// let wall = Wall::new(cameras).key(|_| Some("7f3a".to_owned()));
        /// let mut stream = block_on(wall.respond(http::Request::new(()))).into_body();
        /// block_on(poll_fn(|cx| Pin::new(&mut stream).poll_frame(cx))).transpose()?;
        /// assert_eq!(yard.revoke("7f3a"), 1);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        key(impl Fn(&Parts) -> Option<String> + Send + Sync + 'static);

        /// Sets a function that returns after which time a stream ends, with all its tracks: see [`Live::expires_in`].
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::{future::poll_fn, pin::Pin, time::Duration};
        /// use futures::executor::block_on;
        /// use http_body::Body as _;
        /// use mixed_replace::{Hubs, Wall, hub};
        ///
        /// let cameras = Hubs::new();
        /// let (publisher, yard) = hub::channel();
        /// cameras.insert("yard", yard)?;
        /// // In an app, the remaining time of the request's session, or zero if it has ended in the meantime.
        /// let wall = Wall::new(cameras).expires_in(|_| Some(Duration::from_millis(20)));
        /// let mut stream = block_on(wall.respond(http::Request::new(()))).into_body();
        /// let mut last = None;
        /// while let Some(frame) = block_on(poll_fn(|cx| Pin::new(&mut stream).poll_frame(cx))) {
        ///     last = frame?.into_data().ok().map(|chunk| chunk.to_vec());
        /// }
        /// assert!(last.is_some_and(|chunk| chunk.ends_with(b"--\r\n")));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        expires_in(impl Fn(&Parts) -> Option<Duration> + Send + Sync + 'static);

        /// Sets a function that returns the label of a stream in each of its hubs: see [`Live::label`].
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::{future::poll_fn, pin::Pin};
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use http_body::Body as _;
        /// use mixed_replace::{Hubs, Wall, hub};
        ///
        /// let cameras = Hubs::new();
        /// let (publisher, yard) = hub::channel();
        /// cameras.insert("yard", yard.clone())?;
        /// let wall = Wall::new(cameras).label(|request| request.headers.get("user-agent")?.to_str().ok().map(str::to_owned));
        /// let request = Request::get("/wall").header("user-agent", "curl/8.5.0").body(())?;
        /// let mut stream = block_on(wall.respond(request)).into_body();
        /// block_on(poll_fn(|cx| Pin::new(&mut stream).poll_frame(cx))).transpose()?;
        /// assert_eq!(yard.viewers()[0].label.as_deref(), Some("curl/8.5.0"));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        label(impl Fn(&Parts) -> Option<String> + Send + Sync + 'static);

        /// Sets whether a stream ends the older ones with the same [`key`](Self::key) that show one of its tracks. Default:
        /// `false`.
        ///
        /// The client opens the stream of a changed set of tracks before it closes the previous one.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::{future::poll_fn, pin::Pin};
        /// use futures::executor::block_on;
        /// use http_body::Body as _;
        /// use mixed_replace::{Hubs, Wall, hub};
        ///
        /// let cameras = Hubs::new();
        /// let (publisher, yard) = hub::channel();
        /// cameras.insert("yard", yard.clone())?;
        /// let wall = Wall::new(cameras).key(|_| Some("ada".to_owned())).exclusive(true);
        /// let mut tabs = [(); 2].map(|()| block_on(wall.respond(http::Request::new(()))).into_body());
        /// for tab in &mut tabs {
        ///     block_on(poll_fn(|cx| Pin::new(&mut *tab).poll_frame(cx))).transpose()?;
        /// }
        /// drop(tabs);
        /// assert_eq!(yard.stats().ended.replaced, 1);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        exclusive(bool);

        /// Sets how long a track by its [own address](Self::by_name) waits for its first part: see
        /// [`Live::first_part_timeout`]. A wall does not wait.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::time::Duration;
        /// use futures::executor::block_on;
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Hubs, Wall, hub};
        ///
        /// let cameras = Hubs::new();
        /// let (publisher, yard) = hub::channel();
        /// cameras.insert("yard", yard)?;
        /// let wall = Wall::by_name(cameras).first_part_timeout(Duration::from_millis(20));
        /// let response = block_on(wall.respond(Request::get("/yard").body(())?));
        /// assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        first_part_timeout(impl Into<Option<Duration>>);

        /// Sets whether `?fps` lowers the rate of each track. Default: `true`.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use mixed_replace::{Hubs, Wall};
        ///
        /// let wall = Wall::new(Hubs::new()).rate_param(false);
        /// let response = block_on(wall.respond(Request::get("/wall?fps=fast").body(())?));
        /// assert_eq!(response.status(), 200, "it is ignored");
        /// # Ok::<(), http::Error>(())
        /// ```
        rate_param(bool);

        /// Sets whether `?width` chooses the size of the tracks that are ladders. Default: `true`.
        ///
        /// Otherwise each viewer gets the largest size, and is not told which tracks have others.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use mixed_replace::{Hubs, Wall};
        ///
        /// let wall = Wall::new(Hubs::new()).size_param(false);
        /// let response = block_on(wall.respond(Request::get("/wall?width=wide").body(())?));
        /// assert_eq!(response.status(), 200, "it is ignored");
        /// # Ok::<(), http::Error>(())
        /// ```
        size_param(bool);
    }

    setters! {
        /// Sends states to a viewer that was sent nothing for this long, or up to an eighth less. `None` turns that off.
        /// Default: 10 seconds, as in a hub.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::{future::poll_fn, pin::Pin, time::Duration};
        /// use futures::executor::block_on;
        /// use http_body::Body as _;
        /// use mixed_replace::{Hubs, Wall, hub};
        ///
        /// let cameras = Hubs::new();
        /// let (publisher, yard) = hub::channel();
        /// cameras.insert("yard", yard)?;
        /// let wall = Wall::new(cameras).keep_alive_interval(Duration::from_millis(20));
        /// let mut stream = block_on(wall.respond(http::Request::new(()))).into_body();
        /// // The yard has no picture, and the viewer is told so again and again.
        /// for _ in 0..3 {
        ///     assert!(block_on(poll_fn(|cx| Pin::new(&mut stream).poll_frame(cx))).is_some());
        /// }
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        keep_alive_interval(impl Into<Option<Duration>>) => config.keep_alive;

        /// Limits the number of tracks in a response. Default: 500.
        ///
        /// More names in `of` are a `400`. Without `of`, the first ones by name are sent.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use futures::executor::block_on;
        /// use http::{Request, StatusCode};
        /// use mixed_replace::{Hubs, Wall};
        ///
        /// let wall = Wall::new(Hubs::new()).max(1);
        /// let response = block_on(wall.respond(Request::get("/wall?of=yard,door").body(())?));
        /// assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        /// # Ok::<(), http::Error>(())
        /// ```
        max(usize) => max;

        /// Ends each stream after this time, less up to a tenth at random. `None`, the default, sets no limit.
        ///
        /// The [`max_lifetime`](crate::hub::Builder::max_lifetime) of a hub ends the whole stream too.
        ///
        /// # Examples
        ///
        #[cfg_attr(feature = "http-body", doc = "```")]
        #[cfg_attr(not(feature = "http-body"), doc = "```ignore")]
        /// use std::{future::poll_fn, pin::Pin, time::Duration};
        /// use futures::executor::block_on;
        /// use http_body::Body as _;
        /// use mixed_replace::{Hubs, Wall, hub};
        ///
        /// let cameras = Hubs::new();
        /// let (publisher, yard) = hub::channel();
        /// cameras.insert("yard", yard)?;
        /// let wall = Wall::new(cameras).max_lifetime(Duration::from_millis(20));
        /// let mut stream = block_on(wall.respond(http::Request::new(()))).into_body();
        /// let mut last = None;
        /// while let Some(frame) = block_on(poll_fn(|cx| Pin::new(&mut stream).poll_frame(cx))) {
        ///     last = frame?.into_data().ok().map(|chunk| chunk.to_vec());
        /// }
        /// assert!(last.is_some_and(|chunk| chunk.ends_with(b"--\r\n")));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        max_lifetime(impl Into<Option<Duration>>) => config.max_lifetime;
    }

    /// Returns the names of the tracks, each with its size: one of `sizes`, or else the first.
    fn tracks(&self, of: &str, sizes: &[Size]) -> Result<BTreeMap<Arc<str>, Size>, Rejection> {
        if of.is_empty() {
            return Err(Rejection::BadRequest("`of` must name tracks, as in ?of=yard,door".to_owned()));
        }
        let count = of.split(',').count();
        if count > self.max {
            let text = format!("`of` has {count} names, at most {} are allowed", self.max);
            return Err(Rejection::BadRequest(text));
        }
        let mut tracks = BTreeMap::new();
        for (place, segment) in of.split(',').enumerate() {
            let name: Arc<str> = percent_decoded(segment)?.into();
            name::check(&name)?;
            let size = sizes.get(place).or(sizes.first()).copied().unwrap_or(Size::Full);
            tracks.entry(name).or_insert(size);
        }
        Ok(tracks)
    }
}

impl Endpoint for Wall {
    fn answer(&self, request: &Parts) -> Result<Reply, Rejection> {
        if self.by_name && !below_mount(request).is_empty() {
            return self.live.answer(request);
        }
        if !self.by_name && named::is_below_mount(request) {
            return Err(Rejection::UnknownName);
        }
        if Wire::for_request(&request.headers) == Wire::Browser {
            return Err(Rejection::NotAcceptable);
        }
        let query = Query::new(request);
        let of = query.raw("of").next();
        let sizes = if self.live.size_param { query.sizes()? } else { Vec::new() };
        let count = of.map_or(0, |of| of.split(',').count());
        if sizes.len() > 1 && sizes.len() != count {
            let text = format!("`width` has {} values for {count} names in `of`", sizes.len());
            return Err(Rejection::BadRequest(text));
        }
        let options = Options {
            config: self.config,
            max: self.max,
            of: of.map(|of| self.tracks(of, &sizes)).transpose()?,
            by_size: self.live.size_param,
            size: sizes.first().copied().unwrap_or(Size::Full),
            viewer: self.live.options(request)?,
        };
        let mut subscriber = Subscriber::new(&self.shared, options)?;
        if let Some(time) = self.live.expires_in_for(request) {
            subscriber = subscriber.expires_in(time);
        }
        Ok(Reply::Stream(Stream::Wall(Box::new(subscriber)), None))
    }
}

impl From<StartError> for Rejection {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Open(error) => error.into(),
            StartError::Refused(refused) => refused.into(),
            StartError::Unknown(names) => {
                let mut list = String::new();
                for name in names.iter().map(|name| name::percent_encoded(name)) {
                    if list.len() + name.len() >= LIST_MAX {
                        break;
                    }
                    if !list.is_empty() {
                        list.push(',');
                    }
                    list.push_str(&name);
                }
                Self::UnknownTracks(list)
            }
        }
    }
}

const KEEP_ALIVE: Duration = Duration::from_secs(10);
const MAX: usize = 500;
/// Servers in front allow some 4 KiB for all headers. The client asks again without the listed names, and learns the others.
const LIST_MAX: usize = 2048;
