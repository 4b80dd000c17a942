//! Posted bodies: a form or JSON, of limited size.

use std::fmt::Display;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::refusal::{Refusal, quoted};

/// Reads a body of at most `limit` bytes, with a timeout.
///
/// A larger body is read and discarded up to 8 MiB, because most clients read the response only after writing the body.
///
/// # Errors
///
/// Fails with 400, 408 or 413.
pub async fn read<E: Display>(body: impl Stream<Item = Result<Bytes, E>>, limit: usize) -> Result<Vec<u8>, Refusal> {
    timeout(TIMEOUT, read_all(body, limit))
        .await
        .unwrap_or_else(|_| Err(Refusal::new(408, format!("the body is incomplete after {} s", TIMEOUT.as_secs()))))
}

async fn read_all<E: Display>(body: impl Stream<Item = Result<Bytes, E>>, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut body = pin!(body);
    let (mut read, mut len) = (Vec::new(), 0);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Refusal::new(400, format!("cannot read the body: {error}")))?;
        len += chunk.len();
        match len {
            len if len <= limit => read.extend_from_slice(&chunk),
            len if len > MAX_DISCARDED => break,
            _ => read = Vec::new(),
        }
    }
    let size = if len > MAX_DISCARDED { format!("more than {MAX_DISCARDED}") } else { len.to_string() };
    if len > limit {
        Err(Refusal::new(413, format!("the body has {size} bytes; the limit is {limit}")))
    } else {
        Ok(read)
    }
}

/// Decodes a form or JSON, by its content type.
///
/// # Errors
///
/// Fails with 400 or 415.
pub fn decode<T: DeserializeOwned>(content_type: Option<&str>, body: &[u8]) -> Result<T, Refusal> {
    let of_type = |known: &str| {
        let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(known)
    };
    if of_type(FORM) {
        serde_urlencoded::from_bytes(body).map_err(|error| Refusal::new(400, format!("invalid form: {error}")))
    } else if of_type(JSON) {
        serde_json::from_slice(body).map_err(|error| Refusal::new(400, format!("invalid JSON: {error}")))
    } else {
        let sent = content_type.map_or_else(
            || "missing Content-Type".to_owned(),
            |value| format!("unsupported Content-Type {}", quoted(value)),
        );
        Err(Refusal::new(415, format!("{sent}; send {FORM} or {JSON}")))
    }
}

/// Rejects a form of another site, which a browser posts with the user's cookies and from the user's network.
///
/// # Errors
///
/// Fails with 403.
pub fn must_be_same_origin(origin: Option<&str>, host: Option<&str>) -> Result<(), Refusal> {
    let Some(origin) = origin else { return Ok(()) };
    let (_, site) = origin.split_once("://").unwrap_or_default();
    if host.is_some_and(|host| host == site) {
        return Ok(());
    }
    Err(Refusal::new(403, format!("cross-origin request from {}; post from a page of this server", quoted(origin))))
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
/// Bytes of a too large body that are read and discarded.
const MAX_DISCARDED: usize = 8 << 20;
/// The time limit for a complete body.
const TIMEOUT: Duration = Duration::from_secs(10);
