//! Pictures that come in: one as the body of a request, or any number of them as the parts of one that does not end.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, HeaderName};
use axum::http::{StatusCode, Version};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use mixed_replace::decode::{DecodeError, Limits, PartsError};
use mixed_replace::{Decoder, Parts};
use tokio::time::{sleep, timeout};

use crate::picture::{self, MAX_BYTES, no_picture};
use crate::problem::Problem;
use crate::room::{Person, Room};

/// `POST /people/{id}`.
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
    let turn = person.begin();
    let taken = async {
        match essence.as_str() {
            "image/jpeg" => one(&room, &person, &headers, body).await,
            "multipart/mixed" | "multipart/x-mixed-replace" => many(&room, &person, content_type, body).await,
            "" => Err(no_picture("there is no Content-Type")),
            other => Err(no_picture(&format!("this is {other}"))),
        }
    };
    tokio::select! {
        taken = taken => taken.map(|()| StatusCode::NO_CONTENT),
        () = turn.ends() => Err(room.person(id).err().unwrap_or(Problem::Replaced)),
    }
}

/// Who this says to be: the token of `Authorization: Bearer TOKEN`.
pub(crate) fn token(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut words = text(headers, AUTHORIZATION).split_ascii_whitespace();
    let scheme = words.next().filter(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    scheme.and_then(|_| words.next()).ok_or(Problem::NoToken)
}

async fn one(room: &Room, person: &Person, headers: &HeaderMap, mut body: Upload) -> Result<(), Problem> {
    person.may_send().map_err(|wait| Problem::TooFast { wait })?;
    let announced = text(headers, CONTENT_LENGTH).parse().unwrap_or(0);
    if announced > MAX_BYTES {
        return Err(Problem::TooLarge);
    }
    let mut picture = BytesMut::with_capacity(announced);
    let whole = async {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| Problem::Cut)?;
            if picture.len() + chunk.len() > MAX_BYTES {
                return Err(Problem::TooLarge);
            }
            picture.extend_from_slice(&chunk);
        }
        Ok(())
    };
    timeout(PATIENCE, whole).await.map_err(|_| Problem::TooSlow { within: PATIENCE })??;
    room.show(person, picture::of(person.id, picture.freeze())?);
    Ok(())
}

async fn many(room: &Room, person: &Person, content_type: &str, body: Upload) -> Result<(), Problem> {
    let decoder = Decoder::for_content_type(content_type).limits(Limits::new().max_part_bytes(MAX_BYTES));
    let mut parts = Parts::new(body, decoder);
    loop {
        let part = timeout(PATIENCE, parts.next()).await;
        if parts.decoder().skipped() > 0 {
            return Err(no_picture("a part is no picture, although it says so"));
        }
        let part = match part.map_err(|_| Problem::TooSlow { within: PATIENCE })? {
            Some(Ok(part)) => part,
            // Who leaves does not always say so.
            None | Some(Err(PartsError::Decode(DecodeError::Truncated { .. }))) => return Ok(()),
            Some(Err(PartsError::Decode(DecodeError::NoDelimiter { .. } | DecodeError::PartTooLong { .. }))) => {
                return Err(Problem::TooLarge);
            }
            Some(Err(PartsError::Decode(error))) => return Err(Problem::Stream(error)),
            Some(Err(_)) => return Err(Problem::Cut),
        };
        if part.content_type().essence_str() != "image/jpeg" {
            return Err(no_picture(&format!("a part is {}", part.content_type())));
        }
        // Who sends too fast is not read so long, and so slowed down.
        while let Err(wait) = person.may_send() {
            sleep(wait).await;
        }
        // A part that is kept keeps the whole buffer that it was cut from.
        let picture = Bytes::copy_from_slice(part.body());
        room.show(person, picture::of(person.id, picture)?);
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The body of a request. What is left of it when it is dropped is taken in all the same, for a while: a connection that
/// is closed over bytes that nobody read is reset, and its client never sees why it was refused; some, like curl, do not
/// over HTTP/2 either. Only a stream of parts over HTTP/2 is better reset: browsers wait for its end before the response.
struct Upload {
    body: Option<BodyDataStream>,
    ends: bool,
    asked: bool,
}

impl Upload {
    fn new(body: Body, version: Version, headers: &HeaderMap) -> Self {
        // Who waits to be asked for the body (RFC 9110 §10.1.1) need not send it at all.
        let asked = !headers.contains_key(EXPECT);
        let ends = version < Version::HTTP_2 || headers.contains_key(CONTENT_LENGTH);
        Self { body: Some(body.into_data_stream()), ends, asked }
    }
}

impl Stream for Upload {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        this.asked = true;
        let next = Pin::new(body).poll_next(cx);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            this.body = None;
        }
        next
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(mut body) = self.body.take().filter(|_| self.ends && self.asked) {
            tokio::spawn(timeout(LINGER, async move { while let Some(Ok(_)) = body.next().await {} }));
        }
    }
}

/// How long a picture may take.
const PATIENCE: Duration = Duration::from_secs(10);
const LINGER: Duration = Duration::from_secs(5);
