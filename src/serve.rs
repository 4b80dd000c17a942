//! What a request to something mounted asks for, whatever the framework.

#[cfg(feature = "actix-web")]
mod actix;
#[cfg(feature = "axum")]
mod axum;
mod client_script;
pub(crate) mod page;
#[cfg(feature = "tower")]
mod tower;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, IF_NONE_MATCH, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response, StatusCode};

use crate::hub::{Hub, Refused, Snapshot, Subscriber};
use crate::page::Document;
use crate::part::Part;
use crate::still::Still;
use crate::wire::Wire;

#[cfg(feature = "tower")]
pub use self::tower::{Answer, MountedBody};
pub use self::{client_script::ClientJs, page::Page};

/// What matters of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) query: Option<&'a str>,
    /// At least `Accept`, `If-None-Match` and `Sec-Fetch-Dest`.
    pub(crate) headers: &'a HeaderMap,
}

/// What to answer with.
#[derive(Debug)]
pub(crate) enum Asked {
    Live(Subscriber),
    /// A still picture, when it is there.
    Still(Awaited),
    Whole(Response<Bytes>),
}

impl Hub {
    /// `GET` is the stream, `GET …?fps=5` a slower one, `GET …?snapshot` a still picture; `HEAD` starts nothing.
    pub(crate) fn asked(&self, request: &Request<'_>) -> Asked {
        let asked = Query::new(request.query).and_then(|query| self.asked_for(request, &query, Shown::Part, PATIENCE));
        asked.unwrap_or_else(|reason| Asked::Whole(reason.response()))
    }

    fn asked_for(
        &self,
        request: &Request<'_>,
        query: &Query,
        shown: Shown,
        patience: Duration,
    ) -> Result<Asked, NotServed> {
        let wire = Wire::for_request(request.headers);
        let head = is_head(request.method)?;
        if self.is_closed() && self.latest().is_none() {
            return Err(NotServed::Refused(Refused::Closed));
        }
        if query.snapshot {
            let wanted = Wanted::new(query.refresh, shown, request);
            if head {
                return Ok(Asked::Whole(wanted.response(self.snapshot_now().map(|dated| dated.part))));
            }
            let snapshot = self.snapshot(FRESH).or_latest_after(patience);
            return Ok(Asked::Still(Awaited { snapshot, wanted }));
        }
        if head {
            return Ok(Asked::Whole(self.head(wire).map(|()| Bytes::new())));
        }
        let viewer = self.subscribe(wire).map_err(NotServed::Refused)?;
        Ok(Asked::Live(match query.min_interval {
            Some(interval) => viewer.min_interval(interval),
            None => viewer,
        }))
    }
}

impl Page {
    /// What its documentation lists.
    pub(crate) fn asked(&self, request: &Request<'_>) -> Asked {
        let asked = Query::new(request.query).and_then(|query| self.asked_for(request, &query));
        asked.unwrap_or_else(|reason| Asked::Whole(reason.response()))
    }

    fn asked_for(&self, request: &Request<'_>, query: &Query) -> Result<Asked, NotServed> {
        let head = is_head(request.method)?;
        if let Some(tag) = &query.client {
            return Ok(Asked::Whole(ClientJs.for_tag(tag, request.headers)));
        }
        // A status may be true for long: who asks for it is not to wait for the next.
        let patience = if self.hub.latest().is_some() { Duration::ZERO } else { PATIENCE };
        if query.pull {
            let shown = Shown::Page(self.clone(), request.query.map(str::to_owned));
            let wanted = Wanted::new(None, shown, request);
            if head {
                return Ok(Asked::Whole(wanted.response(self.hub.snapshot_now().map(|dated| dated.part))));
            }
            let snapshot = self.hub.snapshot(FRESH).or_latest_after(patience);
            return Ok(Asked::Still(Awaited { snapshot, wanted }));
        }
        if !query.snapshot && self.is_wanted(request.headers) {
            return Ok(Asked::Whole(self.document(request.query)));
        }
        self.hub.asked_for(request, query, Shown::PartOf(self.clone()), patience)
    }
}

impl ClientJs {
    pub(crate) fn asked(self, request: &Request<'_>) -> Asked {
        Asked::Whole(match is_head(request.method) {
            Ok(_) => self.for_request(request.headers),
            Err(reason) => reason.response(),
        })
    }

    /// Asked for by its tag, it never changes.
    fn for_tag(self, tag: &str, headers: &HeaderMap) -> Response<Bytes> {
        let mut response = self.for_request(headers);
        if Self::tag() == tag {
            let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
            response.headers_mut().insert(CACHE_CONTROL, for_ever);
        }
        response
    }
}

/// The answer to come when a hub has a part.
#[derive(Debug)]
pub(crate) struct Awaited {
    snapshot: Snapshot,
    wanted: Wanted,
}

impl Future for Awaited {
    type Output = Response<Bytes>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Bytes>> {
        let part = ready!(Pin::new(&mut self.snapshot).poll(cx)).map(|dated| dated.part);
        Poll::Ready(self.wanted.response(part))
    }
}

/// How a still picture is wanted.
#[derive(Debug)]
struct Wanted {
    refresh: Option<Duration>,
    shown: Shown,
    if_none_match: Vec<HeaderValue>,
}

/// As what the part is shown.
#[derive(Debug)]
enum Shown {
    /// In this page, asked for with this query.
    Page(Page, Option<String>),
    /// By itself.
    Part,
    /// By itself, under the policy of this page.
    PartOf(Page),
}

impl Wanted {
    fn new(refresh: Option<Duration>, shown: Shown, request: &Request<'_>) -> Self {
        Self { refresh, shown, if_none_match: request.headers.get_all(IF_NONE_MATCH).iter().cloned().collect() }
    }

    fn response(&self, part: Option<Part>) -> Response<Bytes> {
        if let Shown::Page(page, query) = &self.shown {
            return Document::new(page, query.as_deref(), part).pull(&self.if_none_match);
        }
        let Some(part) = part else { return NotServed::NoPart.response() };
        let still = Still::new(part);
        let still = match self.refresh {
            Some(period) => still.refresh(period),
            None => still,
        };
        let response = still.for_if_none_match(&self.if_none_match);
        match &self.shown {
            Shown::PartOf(page) => page.guard(response),
            _ => response,
        }
    }
}

/// Why there is no answer but an error.
#[derive(Debug)]
pub(crate) enum NotServed {
    /// `fps` is no number, or not positive.
    Fps(String),
    /// Neither `GET` nor `HEAD`.
    Method,
    /// There is no part yet.
    NoPart,
    /// `refresh` is no number of seconds.
    Refresh(String),
    Refused(Refused),
}

impl NotServed {
    pub(crate) fn response(&self) -> Response<Bytes> {
        let (status, field, text) = match self {
            Self::Fps(fps) => (StatusCode::BAD_REQUEST, None, format!("fps={fps:?} is no positive number")),
            Self::Method => {
                let allow = (ALLOW, HeaderValue::from_static("GET, HEAD"));
                (StatusCode::METHOD_NOT_ALLOWED, Some(allow), "only GET and HEAD".to_owned())
            }
            Self::NoPart => (StatusCode::SERVICE_UNAVAILABLE, Some(retry_after(1)), "no picture yet".to_owned()),
            Self::Refresh(refresh) => {
                (StatusCode::BAD_REQUEST, None, format!("refresh={refresh:?} is no number of seconds from 1 to 86400"))
            }
            Self::Refused(refused) => {
                let retry_after = refused.retry_after_secs().map(retry_after);
                (StatusCode::SERVICE_UNAVAILABLE, retry_after, refused.to_string())
            }
        };
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = status;
        response.headers_mut().extend([
            (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ]);
        response.headers_mut().extend(field);
        response
    }
}

fn retry_after(seconds: u64) -> (http::HeaderName, HeaderValue) {
    (RETRY_AFTER, HeaderValue::from(seconds))
}

/// What a query asks of a hub. What it does not know is another's.
#[derive(Debug, Default)]
struct Query {
    /// The tag of the client that is asked for.
    client: Option<String>,
    /// From `fps`.
    min_interval: Option<Duration>,
    pull: bool,
    refresh: Option<Duration>,
    snapshot: bool,
}

impl Query {
    fn new(query: Option<&str>) -> Result<Self, NotServed> {
        let mut asked = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let quoted = || value.chars().take(20).collect();
            match name {
                "client" => asked.client = Some(value.to_owned()),
                "pull" => asked.pull = true,
                "fps" => {
                    let rate = value.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
                    let rate = rate.ok_or_else(|| NotServed::Fps(quoted()))?;
                    asked.min_interval = Some(Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX));
                }
                "refresh" => {
                    let seconds = value.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
                    asked.refresh = Some(Duration::from_secs(seconds.ok_or_else(|| NotServed::Refresh(quoted()))?));
                }
                "snapshot" => asked.snapshot = true,
                _ => {}
            }
        }
        Ok(asked)
    }
}

/// Whether the method is `HEAD` and not `GET`.
fn is_head(method: &str) -> Result<bool, NotServed> {
    match method {
        method if method == Method::GET.as_str() => Ok(false),
        method if method == Method::HEAD.as_str() => Ok(true),
        _ => Err(NotServed::Method),
    }
}

/// A still picture is at most that old, unless the camera is slow to start.
const FRESH: Duration = Duration::from_secs(1);
/// Then it is the latest one, whatever its age.
const PATIENCE: Duration = Duration::from_secs(5);
