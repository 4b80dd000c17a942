//! Received pictures, and who may send them.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use crate::picture::MAX_BYTES;
use crate::problem::Problem;
use crate::room::Room;

/// Handles `POST /people/{id}`: receives pictures of a participant.
pub(crate) async fn pictures(
    State(room): State<Room>,
    Path(id): Path<u64>,
    request: Request,
) -> Result<Response, Problem> {
    let person = match token(request.headers()).and_then(|token| room.sender(id, token)) {
        Ok(person) => person,
        Err(problem) => {
            // A connection that is closed with unread bytes is reset, and the client never reads the response (RFC 9112 §9.6).
            let _ = timeout(DRAINED_FOR, to_bytes(request.into_body(), MAX_BYTES)).await;
            return Err(problem);
        }
    };
    let sending = person.start_sending();
    tokio::select! {
        response = person.ingest.respond(request) => Ok(response.into_response()),
        () = sending.ends() => Err(Problem::NotFound),
    }
}

/// Returns the token of `Authorization: Bearer TOKEN`.
pub(crate) fn token(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut words = value.split_ascii_whitespace();
    let scheme = words.next().filter(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    scheme.and_then(|_| words.next()).ok_or(Problem::NoToken)
}

const DRAINED_FOR: Duration = Duration::from_secs(1);
