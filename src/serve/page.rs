//! The page that replaces itself: a document for browsers, a stream for `<img>`, scripts and programs.

pub(crate) mod client_script;
mod document;
mod script;
pub(crate) mod send_script;

use std::time::Duration;

use http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use http::request::Parts;

use self::client_script::ClientScript;
use self::document::{Document, Settings};
use super::live::live_options;
use super::query::Query;
use super::rejection::Rejection;
use super::reply::{Pending, Reply};
use super::snapshot::{self, Snapshot};
use super::{Endpoint, Live};
use crate::derive::{error_messages, setters};
use crate::hub::Hub;
use crate::wire::{self, Wire};

/// An endpoint that serves a hub's status pages (HTML, text, SVG, JSON, pictures) to every kind of client.
///
/// Firefox and WebKit replace a document at each HTML part, Chromium displays nothing. So the response depends on the
/// request:
///
/// | request | response |
/// |---|---|
/// | a navigation, an `<iframe>` (`Accept: text/html`) | a page that shows the latest part and replaces it by itself |
/// | `<img>` | the browser wire |
/// | a script (`Accept: multipart/mixed`) | the script wire |
/// | `curl`, ffmpeg and other programs | the machine wire |
/// | `?action=stream` | the stream, on the wire for the request |
/// | `?snapshot`, `?action=snapshot` | the latest part only, under a policy that lets no script run: [`Snapshot`] |
/// | `?pull` | the page without scripts, which reloads by `Refresh`; the page refers to it in a `<noscript>` |
/// | `?client` | [`ClientScript`] |
///
/// `?fps=5` lowers the rate of a stream, as with [`Live`]. See the [module](super) for how to mount an endpoint, its
/// statuses, and how to call it from a handler.
///
/// Parts may contain text of strangers. So the page has a Content-Security-Policy under which only its own script runs, and
/// HTML parts appear in a sandboxed frame, which cannot navigate the page, open windows or send forms. Pictures and links of
/// your site work there: a click loads another page into the frame until the next part arrives, and a `ping` attribute can
/// report the click. [`trusted`](Self::trusted) removes the frame. The app checks access, once for all responses of the
/// address.
///
/// # Examples
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use std::time::Duration;
/// use http::{Request, header::REFRESH};
/// use mixed_replace::{Page, Part, hub};
///
/// let (publisher, hub) = hub::channel();
/// publisher.publish(Part::html("<!doctype html><title>Status</title><h1>All is well</h1>")?)?;
/// let page = Page::new(hub).trusted(true).show_age(true).refresh(Duration::from_secs(10));
/// let response = futures::executor::block_on(page.respond(Request::get("/status?pull").body(())?));
/// assert_eq!(response.headers()[REFRESH], "10");
/// let app: axum::Router = axum::Router::new().route_service("/status", page);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias("MethodRouter", "route", "route_service", "Service", "Handler", "axum", "actix-web", "tower", "page"))]
#[must_use = "an endpoint does nothing until it is mounted"]
#[derive(Clone, Debug)]
pub struct Page {
    hub: Hub,
    live: Live,
    settings: Settings,
    native: bool,
}

impl Page {
    /// Creates an endpoint for this hub.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::executor::block_on;
    /// use http::Request;
    /// use mixed_replace::{Page, Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::html("<!doctype html><title>Line 1</title><h1>All is well</h1>")?)?;
    /// let navigation = Request::get("/status").header("accept", "text/html,application/xhtml+xml,*/*;q=0.8").body(())?;
    /// let response = block_on(Page::new(hub).respond(navigation));
    /// assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(hub: Hub) -> Self {
        Self { live: Live::new(hub.clone()), hub, settings: Settings::default(), native: false }
    }

    setters! {
        /// Sets the title of the page, which also names its frame or picture for screen readers. Default: `Status`.
        ///
        /// A trusted HTML part has a title itself.
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use mixed_replace::{Page, Part, hub};
        /// # use mixed_replace::serve::ResponseBody;
        /// # fn text(response: http::Response<ResponseBody>) -> String {
        /// #     let mut body = response.into_body();
        /// #     let mut body = std::pin::Pin::new(&mut body);
        /// #     let frame = block_on(std::future::poll_fn(|cx| http_body::Body::poll_frame(body.as_mut(), cx)));
        /// #     String::from_utf8(frame.unwrap().unwrap().into_data().unwrap().into()).unwrap()
        /// # }
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("All is well")?)?;
        /// let page = Page::new(hub).title("Line 1");
        /// let html = text(block_on(page.respond(Request::get("/status?pull").body(())?)));
        /// assert!(html.contains("<title>Line 1</title>"));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        title(impl Into<String>) => settings.title;

        /// Sets whether the page displays the age of the latest part, in the language of the document: "3 minutes ago".
        /// Default: `false`.
        ///
        /// It shows that a quiet page is connected. A keep-alive that repeats the last part does not reset the age.
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use mixed_replace::{Page, Part, hub};
        /// # use mixed_replace::serve::ResponseBody;
        /// # fn text(response: http::Response<ResponseBody>) -> String {
        /// #     let mut body = response.into_body();
        /// #     let mut body = std::pin::Pin::new(&mut body);
        /// #     let frame = block_on(std::future::poll_fn(|cx| http_body::Body::poll_frame(body.as_mut(), cx)));
        /// #     String::from_utf8(frame.unwrap().unwrap().into_data().unwrap().into()).unwrap()
        /// # }
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("All is well")?)?;
        /// let page = Page::new(hub).show_age(true);
        /// let navigation = Request::get("/status").header("accept", "text/html,application/xhtml+xml,*/*;q=0.8").body(())?;
        /// assert!(text(block_on(page.respond(navigation))).contains(" show-age age=\"0\""));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        show_age(bool) => settings.show_age;

        /// Sets whether HTML parts are the page itself, without a frame. Default: `false`.
        ///
        /// For parts whose markup is yours. Escape the text of others, as in any page. Scripts in them do not run;
        /// links, forms and styles work.
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use mixed_replace::{Page, Part, hub};
        /// # use mixed_replace::serve::ResponseBody;
        /// # fn text(response: http::Response<ResponseBody>) -> String {
        /// #     let mut body = response.into_body();
        /// #     let mut body = std::pin::Pin::new(&mut body);
        /// #     let frame = block_on(std::future::poll_fn(|cx| http_body::Body::poll_frame(body.as_mut(), cx)));
        /// #     String::from_utf8(frame.unwrap().unwrap().into_data().unwrap().into()).unwrap()
        /// # }
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::html("<h1>All is well</h1>")?)?;
        /// let html = |page: Page| Ok::<_, http::Error>(text(block_on(page.respond(Request::get("/status?pull").body(())?))));
        /// assert!(html(Page::new(hub.clone()))?.contains("<iframe sandbox="));
        /// assert_eq!(html(Page::new(hub).trusted(true))?, "<h1>All is well</h1>");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        trusted(bool) => settings.trusted;

        /// Sets whether browsers that replace documents by themselves (Firefox, WebKit) get the stream and no script.
        /// Default: `false`.
        ///
        /// Chromium gets the page. For trusted parts only: each is a document of your origin in which scripts run.
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use mixed_replace::{Page, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::html("<h1>All is well</h1>")?)?;
        /// let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        /// let response = block_on(Page::new(hub).native(true).respond(Request::get("/").header("accept", firefox).body(())?));
        /// assert!(response.headers()["content-type"].as_bytes().starts_with(b"multipart/x-mixed-replace;"));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        native(bool) => native;
    }

    /// Sets the period at which a browser without scripts reloads the page, in full seconds. Default: 5 seconds.
    ///
    /// While nothing changes, the response is `304 Not Modified`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::executor::block_on;
    /// use http::{Request, header::REFRESH};
    /// use mixed_replace::{Page, Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(Part::text("All is well")?)?;
    /// let page = Page::new(hub).refresh(Duration::from_secs(60));
    /// let response = block_on(page.respond(Request::get("/status?pull").body(())?));
    /// assert_eq!(response.headers()[REFRESH], "60");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refresh(mut self, period: Duration) -> Self {
        self.settings.refresh = Duration::from_secs(period.as_secs().max(1));
        self
    }

    /// Sets which sites may show the page in a frame: the sources of `frame-ancestors` (Content Security Policy Level 3
    /// §6.4.2), separated by spaces. Default: `'self'`, the site of the page.
    ///
    /// # Errors
    ///
    /// [`InvalidFrameAncestors`] if there are none, or a character in them cannot be part of a source.
    ///
    /// # Examples
    ///
    #[cfg_attr(feature = "axum", doc = "```")]
    #[cfg_attr(not(feature = "axum"), doc = "```ignore")]
    /// use mixed_replace::{Page, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// let page = Page::new(hub.clone()).frame_ancestors("'self' https://wiki.example.com")?;
    /// let error = Page::new(hub).frame_ancestors("*; script-src *").unwrap_err();
    /// assert_eq!(error.to_string(), "invalid frame ancestors: contain ';'");
    /// # drop((publisher, page));
    /// # Ok::<(), mixed_replace::serve::InvalidFrameAncestors>(())
    /// ```
    pub fn frame_ancestors(mut self, sources: &str) -> Result<Self, InvalidFrameAncestors> {
        let separates = |char: &char| matches!(char, ';' | ',') || !matches!(char, ' '..='~');
        if let Some(char) = sources.chars().find(separates) {
            return Err(InvalidFrameAncestors::Char(char));
        }
        if sources.trim().is_empty() {
            return Err(InvalidFrameAncestors::Empty);
        }
        sources.clone_into(&mut self.settings.ancestors);
        Ok(self)
    }

    live_options! {
        /// Sets a function that returns the key of a stream: see [`Live::key`].
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use mixed_replace::{Page, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("All is well")?)?;
        /// // In an app, the session of the request's cookie.
        /// let page = Page::new(hub.clone()).key(|_| Some("7f3a".to_owned()));
        /// let stream = block_on(page.respond(Request::get("/status?action=stream").body(())?));
        /// assert_eq!(hub.revoke("7f3a"), 1);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        key(impl Fn(&Parts) -> Option<String> + Send + Sync + 'static);

        /// Sets a function that returns after which time a stream ends: see [`Live::expires_in`].
        ///
        /// # Examples
        ///
        /// ```
        /// use std::{future::poll_fn, pin::Pin, time::Duration};
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use http_body::Body as _;
        /// use mixed_replace::{Page, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("All is well")?)?;
        /// // In an app, the remaining time of the request's session, or zero if it has ended in the meantime.
        /// let page = Page::new(hub.clone()).expires_in(|_| Some(Duration::ZERO));
        /// let mut stream = block_on(page.respond(Request::get("/status?action=stream").body(())?)).into_body();
        /// while let Some(frame) = block_on(poll_fn(|cx| Pin::new(&mut stream).poll_frame(cx))) {
        ///     frame?;
        /// }
        /// assert_eq!(hub.stats().ended.expired, 1);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        expires_in(impl Fn(&Parts) -> Option<Duration> + Send + Sync + 'static);

        /// Sets a function that returns the label of a stream: see [`Live::label`].
        ///
        /// # Examples
        ///
        /// ```
        /// use std::{future::poll_fn, pin::Pin};
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use http_body::Body as _;
        /// use mixed_replace::{Page, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("All is well")?)?;
        /// let page = Page::new(hub.clone()).label(|request| request.headers.get("user-agent")?.to_str().ok().map(str::to_owned));
        /// let request = Request::get("/status?action=stream").header("user-agent", "curl/8.5.0").body(())?;
        /// let mut stream = block_on(page.respond(request)).into_body();
        /// block_on(poll_fn(|cx| Pin::new(&mut stream).poll_frame(cx))).transpose()?;
        /// assert_eq!(hub.viewers()[0].label.as_deref(), Some("curl/8.5.0"));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        label(impl Fn(&Parts) -> Option<String> + Send + Sync + 'static);

        /// Sets whether a stream ends the older ones with the same [`key`](Self::key). Default: `false`.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::{future::poll_fn, pin::Pin};
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use http_body::Body as _;
        /// use mixed_replace::{Page, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("All is well")?)?;
        /// let page = Page::new(hub.clone()).key(|_| Some("ada".to_owned())).exclusive(true);
        /// let mut streams = [(); 2].map(|()| block_on(page.respond(Request::new(()))).into_body());
        /// for stream in &mut streams {
        ///     block_on(poll_fn(|cx| Pin::new(&mut *stream).poll_frame(cx))).transpose()?;
        /// }
        /// drop(streams);
        /// assert_eq!(hub.stats().ended.replaced, 1);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        exclusive(bool);

        /// Sets whether `?fps` lowers the rate of a stream: see [`Live::rate_param`]. Default: `true`.
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use mixed_replace::{Page, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("All is well")?)?;
        /// let page = Page::new(hub).rate_param(false);
        /// let response = block_on(page.respond(Request::get("/status?action=stream&fps=fast").body(())?));
        /// assert_eq!(response.status(), 200, "it is ignored");
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        rate_param(bool);

        /// Sets whether `?snapshot` and `?action=snapshot` return one part. Default: `true`.
        ///
        /// If not, the document of a page of pictures opens with a stream in place of one picture.
        ///
        /// # Examples
        ///
        /// ```
        /// use futures::executor::block_on;
        /// use http::Request;
        /// use mixed_replace::{Page, Part, hub};
        ///
        /// let (publisher, hub) = hub::channel();
        /// publisher.publish(Part::text("All is well")?)?;
        /// let page = Page::new(hub).snapshot_param(false);
        /// let response = block_on(page.respond(Request::get("/status?snapshot").body(())?));
        /// assert!(response.headers()["content-type"].as_bytes().starts_with(b"multipart/x-mixed-replace;"));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        snapshot_param(bool);
    }

    /// Returns the page without scripts, once the hub has a part that is fresh enough.
    fn pull(&self, request: &Parts) -> Pending {
        let query = request.uri.query().map(str::to_owned);
        let if_none_match: Vec<HeaderValue> = request.headers.get_all(IF_NONE_MATCH).iter().cloned().collect();
        let snapshot = self.hub.snapshot(snapshot::FRESH_FOR).or_latest_after(self.timeout());
        let settings = self.settings.clone();
        Pending::new(self.hub.clone(), snapshot, move |latest| {
            Ok(Document::new(&settings, query.as_deref(), latest).pull(&if_none_match))
        })
    }

    /// Returns how long a request waits for a newer part. A status may be true for long, so the latest one is enough.
    fn timeout(&self) -> Duration {
        if self.hub.latest().is_some() { Duration::ZERO } else { snapshot::TIMEOUT }
    }

    /// Returns whether a request with these headers gets the page, and not a stream.
    fn is_for_document(&self, headers: &HeaderMap) -> bool {
        let goes_into = |dest: &[u8]| matches!(dest, b"document" | b"embed" | b"frame" | b"iframe" | b"object");
        let wire = Wire::for_request(headers);
        let navigates = match headers.get(SEC_FETCH_DEST) {
            Some(dest) if dest == "image" => false,
            Some(dest) if goes_into(dest.as_bytes()) => true,
            // Java names text/html too, but gets the machine wire.
            _ => wire == Wire::Browser && wire::names(headers, b"text/html"),
        };
        // Only Chromium asks for animated PNG and for signed exchanges.
        let is_chromium =
            || wire::names(headers, b"image/apng") || wire::names(headers, b"application/signed-exchange");
        navigates && wire != Wire::Script && (!self.native || is_chromium())
    }
}

impl Endpoint for Page {
    fn answer(&self, request: &Parts) -> Result<Reply, Rejection> {
        let query = Query::new(request);
        if query.get("client").is_some() {
            return Ok(Reply::Full(ClientScript::response(request)));
        }
        if query.get("pull").is_some() {
            return Ok(Reply::Pending(self.pull(request)));
        }
        if self.live.snapshot_param && query.asks_for_snapshot() {
            // A client that requests an age waits for such a picture.
            let timeout = if query.max_age()?.is_some() { snapshot::TIMEOUT } else { self.timeout() };
            let pending = Snapshot::new(self.hub.clone()).timeout(timeout).pending(request)?;
            let settings = self.settings.clone();
            return Ok(Reply::Pending(pending.map(move |response| settings.guard(response))));
        }
        if !query.asks_for_stream() && self.is_for_document(&request.headers) {
            let document = Document::new(&self.settings, request.uri.query(), self.hub.latest_dated());
            return Ok(Reply::Full(document.live(
                self.live.snapshot_param,
                &ClientScript::tag(),
                self.hub.keep_alive(),
            )));
        }
        self.live.answer(request)
    }
}

/// The error of [`Page::frame_ancestors`].
///
/// # Examples
///
/// ```
/// use mixed_replace::serve::InvalidFrameAncestors;
/// use mixed_replace::{Page, hub};
///
/// let (_publisher, hub) = hub::channel();
/// assert_eq!(Page::new(hub).frame_ancestors("").unwrap_err(), InvalidFrameAncestors::Empty);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InvalidFrameAncestors {
    /// A character ends the directive or the policy, or is not printable ASCII.
    Char(char),
    /// There are none. `'none'` forbids all frames.
    Empty,
}

error_messages! { InvalidFrameAncestors {
    Self::Char(char) => "invalid frame ancestors: contain {char:?}";
    Self::Empty => "invalid frame ancestors: are empty, use 'none' to forbid all frames";
} }

const SEC_FETCH_DEST: &str = "sec-fetch-dest";
