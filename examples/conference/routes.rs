//! The routes.

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Json, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use mixed_replace::{ClientScript, Live, Metrics, SendScript, Wall};
use serde::{Deserialize, Serialize};

use crate::post::{self as upload, token};
use crate::problem::Problem;
use crate::room::Room;

pub(crate) fn app(room: Room) -> Router {
    let file = |content_type, file: &'static str| get(async move || ([(CONTENT_TYPE, content_type)], file));
    let script = |name| file("text/javascript; charset=utf-8", name);
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("page/index.html")))
        .route("/conference.css", file("text/css; charset=utf-8", include_str!("page/conference.css")))
        .route("/conference.js", script(include_str!("page/conference.js")))
        .route("/participant.js", script(include_str!("page/participant.js")))
        .route("/source.js", script(include_str!("page/source.js")))
        .route_service("/client.js", ClientScript)
        .route_service("/send.js", SendScript)
        .route("/people", post(join).layer(DefaultBodyLimit::max(1000)))
        .route("/people/{id}", get(one).post(upload::pictures).delete(leave))
        .route_service("/metrics", Metrics::by_name(room.hubs.clone()))
        // The list of participants and all pictures, as tracks of one response.
        .route_service("/watch", Wall::new(room.hubs.clone()))
        .with_state(room)
        .layer(map_response(guard))
}

#[derive(Deserialize)]
struct Join {
    name: String,
}

/// The id of a participant, and the token for sending.
#[derive(Serialize)]
struct Seat {
    id: u64,
    token: String,
}

/// Handles `POST /people`: adds a participant.
async fn join(
    State(room): State<Room>,
    request: Result<Json<Join>, JsonRejection>,
) -> Result<(StatusCode, Json<Seat>), Problem> {
    let Json(join) = request.map_err(|_| Problem::BadName)?;
    let (id, token) = room.join(&join.name)?;
    Ok((StatusCode::CREATED, Json(Seat { id, token })))
}

/// Handles `DELETE /people/{id}`: removes a participant.
async fn leave(State(room): State<Room>, Path(id): Path<u64>, headers: HeaderMap) -> Result<StatusCode, Problem> {
    let person = room.sender(id, token(&headers)?)?;
    room.leave(&person);
    Ok(StatusCode::NO_CONTENT)
}

/// Handles `GET /people/{id}`: one participant's pictures, for an `<img>` or a program. Supports `?snapshot` and `?fps=5`, as
/// every `Live` does.
async fn one(State(room): State<Room>, Path(id): Path<u64>, request: Request) -> Result<Response, Problem> {
    let hub = room.person(id)?.hub.clone();
    Ok(Live::new(hub).respond(request).await.into_response())
}

/// Keeps other sites from embedding the pictures, and the page from loading foreign content.
async fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    response
}

const POLICY: &str =
    "default-src 'self'; img-src 'self' blob: data:; worker-src blob:; object-src 'none'; frame-ancestors 'none'";
