//! One address for everyone: a page for people, a stream for `<img>`, scripts and programs.

use std::time::Duration;

use http::header::{HeaderMap, IF_NONE_MATCH};

use crate::hub::Hub;
use crate::page::Document;
use crate::wire::{self, Wire};

/// A hub of status pages (HTML, text, SVG, JSON, pictures) on one address, for whoever asks.
///
/// Browsers differ in what they make of such parts: Firefox and WebKit replace a document, Chromium shows nothing. So what
/// is answered follows from the request:
///
/// | request | answer |
/// |---|---|
/// | a navigation, an `<iframe>` (`Accept: text/html`) | a page that holds the latest part and replaces it by itself |
/// | `<img>` | the browser wire |
/// | a script (`Accept: multipart/mixed`) | the script wire |
/// | `curl`, ffmpeg and the rest | the machine wire |
/// | `?snapshot`, `?snapshot&refresh=5` | the latest part alone, under a policy that lets no script run: [`Still`](crate::Still) |
/// | `?pull` | the page without scripts, which asks again by `Refresh`; the page refers to it in a `<noscript>` |
/// | `?client` | [`ClientJs`](crate::ClientJs) |
///
/// It serves itself where it is mounted: on axum `.route_service("/status", Page::new(hub))`, on actix
/// `.route("/status", web::to(Page::new(hub)))`.
///
/// The page has a Content-Security-Policy under which no script runs but its own, and HTML comes into a sandboxed frame,
/// where it cannot navigate the page either, open windows or send forms: parts may hold what strangers wrote. Left to them
/// are pictures and links of your own site: a click may take the frame there until the next part comes, or with `ping`
/// tell an address of it. [`trusted`](Self::trusted) takes the frame away. Who may see the page is the app's to check, once
/// for all that the address answers with.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mixed_replace::{Page, Part, hub};
///
/// let (publisher, hub) = hub::channel();
/// publisher.publish(Part::html("<!doctype html><title>Status</title><h1>All is well</h1>")?)?;
/// let page = Page::new(hub).trusted(true).show_age(true).refresh(Duration::from_secs(10));
/// let asked = http::HeaderMap::new();
/// let pulled = page.pull(None, &asked);
/// assert_eq!(pulled.headers()["refresh"], "10");
/// assert!(pulled.body().ends_with(b"<h1>All is well</h1>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Page {
    pub(crate) hub: Hub,
    pub(crate) title: String,
    pub(crate) refresh: Duration,
    pub(crate) trusted: bool,
    native: bool,
    pub(crate) show_age: bool,
}

impl Page {
    /// A page for this hub's parts.
    pub fn new(hub: Hub) -> Self {
        let (title, refresh) = ("Status".to_owned(), Duration::from_secs(5));
        Self { hub, title, refresh, trusted: false, native: false, show_age: false }
    }

    /// The title of the page, and what its frame or picture is called for those who do not see it. `Status` unless set.
    ///
    /// A trusted HTML part brings its own.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// How often a browser without scripts asks for the page, in whole seconds. 5 unless set.
    ///
    /// While nothing changes, the answer is `304 Not Modified`.
    pub fn refresh(mut self, period: Duration) -> Self {
        self.refresh = Duration::from_secs(period.as_secs().max(1));
        self
    }

    /// The page says how old the latest part is, in the language of the document: "3 minutes ago". Off unless set.
    ///
    /// For readers who wonder whether a quiet page still lives. What repeats the last part makes it no younger.
    pub fn show_age(mut self, show_age: bool) -> Self {
        self.show_age = show_age;
        self
    }

    /// HTML parts are not put into a frame of the page: they are the page.
    ///
    /// For parts of which you wrote each tag. What others wrote has to be escaped in them, as in any page. Their scripts
    /// do not run all the same; they may have links, forms and styles. Off unless set.
    pub fn trusted(mut self, trusted: bool) -> Self {
        self.trusted = trusted;
        self
    }

    /// Browsers that replace documents by themselves (Firefox, WebKit) get the stream and no script; Chromium still gets
    /// the page.
    ///
    /// For trusted parts only: each is a document of your origin in which scripts run. Off unless set.
    pub fn native(mut self, native: bool) -> Self {
        self.native = native;
        self
    }

    /// The page, as the response to a navigation with this query. For stacks where it does not serve itself.
    #[must_use]
    pub fn document(&self, query: Option<&str>) -> http::Response<bytes::Bytes> {
        Document::new(self, query, self.hub.latest()).live()
    }

    /// The page without scripts, `?pull`; `304 Not Modified` if the client behind these request headers has it.
    #[must_use]
    pub fn pull(&self, query: Option<&str>, headers: &HeaderMap) -> http::Response<bytes::Bytes> {
        Document::new(self, query, self.hub.latest()).pull(headers.get_all(IF_NONE_MATCH))
    }

    /// Whether a request with these headers is to be answered with the page, and not with a stream.
    #[must_use]
    pub fn is_wanted(&self, headers: &HeaderMap) -> bool {
        let goes_into = |dest: &[u8]| matches!(dest, b"document" | b"embed" | b"frame" | b"iframe" | b"object");
        let navigates = match headers.get(SEC_FETCH_DEST) {
            Some(dest) if dest == "image" => false,
            Some(dest) if goes_into(dest.as_bytes()) => true,
            _ => wire::names(headers, b"text/html"),
        };
        // Only Chromium asks for animated PNG and for signed exchanges.
        let is_chromium =
            || wire::names(headers, b"image/apng") || wire::names(headers, b"application/signed-exchange");
        navigates && Wire::for_request(headers) != Wire::Script && (!self.native || is_chromium())
    }
}

pub(crate) const SEC_FETCH_DEST: &str = "sec-fetch-dest";
