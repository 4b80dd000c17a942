//! HTTP endpoints: a hub's stream, its latest part, a page, the browser client.
//!
//! An endpoint is a type with its options as methods, and is mounted in one line:
//!
//! | endpoint | axum | actix-web |
//! |---|---|---|
//! | [`Live`]: the stream | `.route_service("/live", Live::new(hub))` | `.route("/live", web::to(Live::new(hub)))` |
//! | [`Live::by_name`]: many hubs | `.nest_service("/cameras", Live::by_name(hubs))` | `.service(web::scope("/cameras").default_service(web::to(Live::by_name(hubs))))` |
//! | [`Live::ladder`]: one picture in several sizes | `.route_service("/live", Live::ladder(ladder))` | `.route("/live", web::to(Live::ladder(ladder)))` |
//! | [`Wall`]: many hubs in one stream | `.route_service("/wall", Wall::new(hubs))` | `.route("/wall", web::to(Wall::new(hubs)))` |
//! | [`Snapshot`]: one part | `.route_service("/snapshot", Snapshot::new(hub))` | `.route("/snapshot", web::to(Snapshot::new(hub)))` |
//! | [`Ingest`]: pictures that are sent in | `.route_service("/in", Ingest::new(publisher))` | `.route("/in", web::to(Ingest::new(publisher)))` |
//! | [`Metrics`]: the counters, for Prometheus | `.route_service("/metrics", Metrics::new(hub))` | `.route("/metrics", web::to(Metrics::new(hub)))` |
//! | [`Page`]: a page that replaces itself | `.route_service("/status", Page::new(hub))` | `.route("/status", web::to(Page::new(hub)))` |
//! | [`ClientScript`]: the browser client | `.route_service("/client.js", ClientScript)` | `.route("/client.js", web::to(ClientScript))` |
//! | [`SendScript`]: the sending side of a page | `.route_service("/send.js", SendScript)` | `.route("/send.js", web::to(SendScript))` |
//!
//! With the feature `tower`, each is a `tower::Service` for any other stack. `Page` and the scripts need the feature
//! `page`.
//!
//! # Query parameters
//!
//! | parameter | endpoint | answer |
//! |---|---|---|
//! | `fps=5` | `Live`, `Page`, `Wall` | at most that many parts a second; off with `rate_param(false)` |
//! | `width=640`, `width=full` | `Live` of a [ladder](Live::ladder), `Wall` | one size, in place of the largest one that the line carries; off with `size_param(false)` |
//! | `of=yard,door` | `Wall` | these tracks; all without it |
//! | `snapshot`, `action=snapshot` | `Live`, `Page` | one part, as from [`Snapshot`]; off with `snapshot_param(false)` |
//! | `snapshot=2` | `Live`, `Page`, `Snapshot` | one that is at most two seconds old; with 0 the next one. [`Snapshot::age_param`] switches it off there |
//! | `action=stream` | `Live`, `Page` | the stream |
//! | `refresh=5` | `Snapshot`, and with `snapshot` | adds a `Refresh` header, so that a browser reloads it every 5 seconds; off with [`Snapshot::refresh_param`] |
//! | `pull`, `client` | `Page` | the page without scripts; the browser client. The page itself refers to both |
//!
//! Values are percent-decoded, in `of` after the commas. `action` is for front ends of mjpg-streamer, such as OctoPrint, Mainsail and Fluidd. Other parameters are ignored.
//!
//! # Statuses
//!
//! The same on every stack. A rejection is plain text, with `Cache-Control: no-store` and
//! `X-Content-Type-Options: nosniff`.
//!
//! | status | when |
//! |---|---|
//! | `304 Not Modified` | the client has this part, page or script: `If-None-Match` names its `ETag` |
//! | `400 Bad Request` | a parameter has a value that cannot be used, or the path a name that cannot be one |
//! | `404 Not Found` | there is no hub of this name; of a wall, with `X-Unknown-Tracks` |
//! | `405 Method Not Allowed` | the method is not one of the endpoint's; with `Allow` |
//! | `406 Not Acceptable` | an `<img>` or a navigation asks for a `Wall` |
//! | `503 Service Unavailable` | the hub is full, has no part yet or none that is new enough ([`Snapshot::strict`]), or cannot be made; with `Retry-After`. The hub was closed before such a part; without |
//!
//! [`Ingest`] has more of them. `HEAD` returns the head of the same response. It starts no stream and wakes no camera, except that
//! of a [strict](Snapshot::strict) snapshot.
//!
//! # From a handler
//!
//! An endpoint can answer from a handler too, for example when the path names the hub. On axum:
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use std::{collections::HashMap, sync::Arc};
//! use axum::{Router, extract::{Path, Request, State}, http::StatusCode, response::IntoResponse, routing::get};
//! use mixed_replace::{Hub, Live};
//!
//! type Hubs = Arc<HashMap<String, Hub>>;
//!
//! async fn camera(
//!     State(hubs): State<Hubs>,
//!     Path(name): Path<String>,
//!     request: Request,
//! ) -> Result<impl IntoResponse, StatusCode> {
//!     let hub = hubs.get(&name).ok_or(StatusCode::NOT_FOUND)?;
//!     Ok(Live::new(hub.clone()).respond(request).await)
//! }
//!
//! let app: Router = Router::new().route("/cameras/{name}", get(camera)).with_state(Hubs::default());
//! ```
//!
//! On actix-web:
//!
#![cfg_attr(feature = "actix-web", doc = "```")]
#![cfg_attr(not(feature = "actix-web"), doc = "```ignore")]
//! use std::collections::HashMap;
//! use actix_web::{App, Handler, HttpRequest, HttpResponse, error::ErrorNotFound, web};
//! use mixed_replace::{Hub, Live};
//!
//! type Hubs = web::Data<HashMap<String, Hub>>;
//!
//! async fn camera(hubs: Hubs, name: web::Path<String>, request: HttpRequest) -> actix_web::Result<HttpResponse> {
//!     let hub = hubs.get(&*name).ok_or_else(|| ErrorNotFound("no such camera"))?;
//!     Ok(Live::new(hub.clone()).call(request).await)
//! }
//!
//! let app = App::new().app_data(Hubs::default()).route("/cameras/{name}", web::to(camera));
//! ```

#[cfg(feature = "actix-web")]
mod actix;
#[cfg(feature = "axum")]
mod axum;
pub(crate) mod ingest;
pub(crate) mod live;
mod metrics;
mod named;
#[cfg(feature = "page")]
pub(crate) mod page;
mod query;
mod rejection;
mod reply;
#[cfg(feature = "http-body")]
mod response;
pub(crate) mod snapshot;
#[cfg(feature = "tower")]
mod tower;
pub(crate) mod wall;

use http::Method;
use http::request::Parts;

#[cfg(feature = "page")]
pub(crate) use self::page::{Page, client_script::ClientScript, send_script::SendScript};
use self::rejection::Rejection;
use self::reply::Reply;
pub(crate) use self::{ingest::Ingest, live::Live, snapshot::Snapshot, wall::Wall};
pub(crate) use crate::metrics::Metrics;

#[cfg(feature = "page")]
#[cfg_attr(docsrs, doc(cfg(feature = "page")))]
pub use self::page::InvalidFrameAncestors;
#[cfg(feature = "http-body")]
pub use self::response::{ResponseBody, ResponseFuture};

/// A type that answers requests.
///
/// Each endpoint implements this in its file and is listed in [`endpoints`]; the frameworks' adapters are generic. An
/// endpoint sees the head of a request only. [`Ingest`] reads the body, and each adapter has an entry for that.
trait Endpoint {
    /// The methods that it answers, as `Allow` lists them.
    const METHODS: &'static str = "GET, HEAD";

    /// Returns the reply to a `GET`, or to another method of [`METHODS`](Self::METHODS). A `HEAD` gets its head.
    fn answer(&self, request: &Parts) -> Result<Reply, Rejection>;
}

/// Calls a macro with the list of all endpoints, as paths from a module of this one.
macro_rules! endpoints {
    ($implement:ident) => {
        $implement! { Live, Metrics, Snapshot, Wall }
        #[cfg(feature = "page")]
        $implement! { ClientScript, Page, SendScript }
    };
}
use endpoints;

/// Returns the reply of an endpoint to any request.
fn reply(endpoint: &impl Endpoint, request: &Parts) -> Reply {
    reply_or_rejection(endpoint, request).unwrap_or_else(|rejection| Reply::Full(rejection.response()))
}

fn reply_or_rejection<E: Endpoint>(endpoint: &E, request: &Parts) -> Result<Reply, Rejection> {
    if !E::METHODS.split(", ").any(|method| method == request.method.as_str()) {
        return Err(Rejection::Method { allow: E::METHODS });
    }
    let reply = endpoint.answer(request)?;
    if request.method == Method::HEAD { reply.into_head() } else { Ok(reply) }
}
