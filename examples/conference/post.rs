//! Received pictures: one as the body of a request, or many as the parts of one request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, HeaderName};
use axum::http::{StatusCode, Version};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use mixed_replace::Decoder;
use mixed_replace::decode::{DecodeError, Limits, Parts, PartsError};
use tokio::time::{sleep, timeout};

use crate::picture::{self, MAX_BYTES, invalid};
use crate::problem::Problem;
use crate::room::{Person, Room};

/// Handles `POST /people/{id}`: receives pictures of a participant.
pub(crate) async fn pictures(
    State(room): State<Room>,
    Path(id): Path<u64>,
    version: Version,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let body = Upload::new(body, version, &headers);
    let person = room.sender(id, token(&headers)?)?;
    let content_type = text(&headers, CONTENT_TYPE);
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let turn = person.start_turn();
    let received = async {
        match essence.as_str() {
            "image/jpeg" => one(&room, &person, &headers, body).await,
            "multipart/mixed" | "multipart/x-mixed-replace" => many(&room, &person, content_type, body).await,
            "" => Err(invalid("missing Content-Type")),
            other => Err(invalid(format!("unsupported Content-Type {other}"))),
        }
    };
    tokio::select! {
        received = received => received.map(|()| StatusCode::NO_CONTENT),
        () = turn.ends() => Err(room.person(id).err().unwrap_or(Problem::Replaced)),
    }
}

/// Returns the token of `Authorization: Bearer TOKEN`.
pub(crate) fn token(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut words = text(headers, AUTHORIZATION).split_ascii_whitespace();
    let scheme = words.next().filter(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    scheme.and_then(|_| words.next()).ok_or(Problem::NoToken)
}

async fn one(room: &Room, person: &Person, headers: &HeaderMap, mut body: Upload) -> Result<(), Problem> {
    person.may_send().map_err(|wait| Problem::TooFast { wait })?;
    let declared = text(headers, CONTENT_LENGTH).parse().unwrap_or(0);
    if declared > MAX_BYTES {
        return Err(Problem::TooLarge);
    }
    let mut picture = BytesMut::with_capacity(declared);
    let complete = async {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| Problem::Truncated)?;
            if picture.len() + chunk.len() > MAX_BYTES {
                return Err(Problem::TooLarge);
            }
            picture.extend_from_slice(&chunk);
        }
        Ok(())
    };
    timeout(TIMEOUT, complete).await.map_err(|_| Problem::TooSlow { timeout: TIMEOUT })??;
    room.publish(person, picture::of(person.id, picture.freeze())?);
    Ok(())
}

async fn many(room: &Room, person: &Person, content_type: &str, body: Upload) -> Result<(), Problem> {
    let decoder = Decoder::for_content_type(content_type).limits(Limits::new().max_part_bytes(MAX_BYTES));
    let mut parts = Parts::new(body, decoder);
    loop {
        let part = timeout(TIMEOUT, parts.next()).await;
        if parts.decoder().skipped() > 0 {
            return Err(invalid("a part of type image/jpeg is not a JPEG picture"));
        }
        let part = match part.map_err(|_| Problem::TooSlow { timeout: TIMEOUT })? {
            Some(Ok(part)) => part,
            // A client may disconnect without an end.
            None | Some(Err(PartsError::Decode(DecodeError::Truncated { .. }))) => return Ok(()),
            Some(Err(PartsError::Decode(DecodeError::NoDelimiter { .. } | DecodeError::PartTooLong { .. }))) => {
                return Err(Problem::TooLarge);
            }
            Some(Err(PartsError::Decode(error))) => return Err(Problem::Stream(error)),
            Some(Err(_)) => return Err(Problem::Truncated),
        };
        if part.content_type().essence_str() != "image/jpeg" {
            return Err(invalid(format!("unsupported type {} of a part", part.content_type())));
        }
        // A client over the rate limit is read more slowly.
        while let Err(wait) = person.may_send() {
            sleep(wait).await;
        }
        // A copy, because a part shares the decoder's complete buffer.
        let picture = Bytes::copy_from_slice(part.body());
        room.publish(person, picture::of(person.id, picture)?);
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The body of a request. Dropping it reads and discards the rest for a while.
///
/// Otherwise the connection is closed with unread bytes, which resets it, and the client never reads the response. Some
/// clients, such as curl, do not read it over HTTP/2 either. A stream of parts over HTTP/2 is reset instead, because browsers
/// wait for the end of the request before they read the response.
struct Upload {
    body: Option<BodyDataStream>,
    ends: bool,
    requested: bool,
}

impl Upload {
    fn new(body: Body, version: Version, headers: &HeaderMap) -> Self {
        // A client that expects 100 (Continue) sends no body before that (RFC 9110 §10.1.1).
        let requested = !headers.contains_key(EXPECT);
        let ends = version < Version::HTTP_2 || headers.contains_key(CONTENT_LENGTH);
        Self { body: Some(body.into_data_stream()), ends, requested }
    }
}

impl Stream for Upload {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        this.requested = true;
        let next = Pin::new(body).poll_next(cx);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            this.body = None;
        }
        next
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(mut body) = self.body.take().filter(|_| self.ends && self.requested) {
            tokio::spawn(timeout(LINGER, async move { while let Some(Ok(_)) = body.next().await {} }));
        }
    }
}

/// The time limit for a complete picture.
const TIMEOUT: Duration = Duration::from_secs(10);
const LINGER: Duration = Duration::from_secs(5);
