//! What a client posts: a form or JSON, of limited size.

use std::fmt::Display;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::refusal::{Refusal, quoted};

/// The whole body, if it is not larger than that, and comes in time.
///
/// What is larger is read all the same, up to a point, and thrown away: a client that is still writing reads no answer.
pub(crate) async fn read<E: Display>(
    body: impl Stream<Item = Result<Bytes, E>>,
    most: usize,
) -> Result<Vec<u8>, Refusal> {
    timeout(WITHIN, all(body, most))
        .await
        .unwrap_or_else(|_| Err(Refusal::new(408, format!("the body did not arrive within {} s", WITHIN.as_secs()))))
}

async fn all<E: Display>(body: impl Stream<Item = Result<Bytes, E>>, most: usize) -> Result<Vec<u8>, Refusal> {
    let mut body = pin!(body);
    let (mut kept, mut len) = (Vec::new(), 0);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Refusal::new(400, format!("the body did not arrive: {error}")))?;
        len += chunk.len();
        match len {
            len if len <= most => kept.extend_from_slice(&chunk),
            len if len > PATIENCE => break,
            _ => kept = Vec::new(),
        }
    }
    let size = if len > PATIENCE { format!("more than {PATIENCE}") } else { len.to_string() };
    if len > most {
        Err(Refusal::new(413, format!("the body has {size} bytes; at most {most} are taken")))
    } else {
        Ok(kept)
    }
}

/// What the body says, in either way of saying it.
pub(crate) fn decode<T: DeserializeOwned>(content_type: Option<&str>, body: &[u8]) -> Result<T, Refusal> {
    let of_type = |known: &str| {
        let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(known)
    };
    if of_type(FORM) {
        serde_urlencoded::from_bytes(body).map_err(|error| Refusal::new(400, format!("in the form: {error}")))
    } else if of_type(JSON) {
        serde_json::from_slice(body).map_err(|error| Refusal::new(400, format!("in the JSON: {error}")))
    } else {
        let sent = content_type
            .map_or_else(|| "no Content-Type".to_owned(), |value| format!("Content-Type {}", quoted(value)));
        Err(Refusal::new(415, format!("{sent}: what is taken is {FORM} or {JSON}")))
    }
}

/// A page of another site makes a browser post with the cookies and from the network of whoever looks at it.
pub(crate) fn must_be_from_here(origin: Option<&str>, host: Option<&str>) -> Result<(), Refusal> {
    let Some(origin) = origin else { return Ok(()) };
    let (_, site) = origin.split_once("://").unwrap_or_default();
    if host.is_some_and(|host| host == site) {
        return Ok(());
    }
    Err(Refusal::new(403, format!("a page from {} may not post here", quoted(origin))))
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
/// How many bytes are read of what is too large.
const PATIENCE: usize = 8 << 20;
/// How long a body may take.
const WITHIN: Duration = Duration::from_secs(10);
