//! Hubs by name: the last segment of a request's path names one.

use std::borrow::Cow;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::rejection::Rejection;
use super::reply::{Reply, uncached};
use crate::hubs::member::Member;
use crate::hubs::{Hubs, InvalidName, Listing};

/// The path of a request below the address where its endpoint is mounted, if the request's URI has the complete path.
#[cfg(feature = "actix-web")]
#[derive(Clone, Debug)]
pub(super) struct MountedPath(pub(super) String);

/// Returns the reply of `answer` for the hub or the ladder of a request. For the address where the endpoint is mounted, it is
/// the list of all, if it `lists` them.
pub(super) fn reply(
    hubs: &Hubs,
    lists: bool,
    request: &Parts,
    answer: impl FnOnce(&Member) -> Result<Reply, Rejection>,
) -> Result<Reply, Rejection> {
    match below_mount(request) {
        "" if lists => Ok(Reply::Full(json(&hubs.list()))),
        "" => Err(Rejection::UnknownName),
        path if path.contains('/') => Err(Rejection::UnknownName),
        segment => hubs.with(&percent_decoded(segment)?, answer)?,
    }
}

/// Returns the path of a request below the address where its endpoint is mounted.
pub(super) fn below_mount(request: &Parts) -> &str {
    mounted_path(request).unwrap_or(request.uri.path()).trim_start_matches('/')
}

/// Returns whether a request is known to be for an address below that where its endpoint is mounted.
pub(super) fn is_below_mount(request: &Parts) -> bool {
    mounted_path(request).is_some_and(|path| !path.trim_matches('/').is_empty())
}

#[cfg(feature = "actix-web")]
fn mounted_path(request: &Parts) -> Option<&str> {
    request.extensions.get().map(|MountedPath(path)| path.as_str())
}

/// Other frameworks remove the mount from the URI.
#[cfg(not(feature = "actix-web"))]
fn mounted_path(_: &Parts) -> Option<&str> {
    None
}

pub(super) fn percent_decoded(segment: &str) -> Result<String, InvalidName> {
    // A percent sign that encodes nothing stands for itself, as in browsers.
    let decoded = percent_decode_str(segment).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| InvalidName::Encoding)
}

fn json(list: &[Listing]) -> Response<Bytes> {
    let hub = |Listing { name, activity, viewers, age }: &Listing| {
        let age = age.map_or_else(|| "null".to_owned(), |age| format!("{:.3}", age.as_secs_f64()));
        // A name has no control characters, so these two are all that JSON escapes.
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        format!(r#"{{"name":"{name}","state":"{activity}","viewers":{viewers},"age":{age}}}"#)
    };
    let body = format!("[{}]", list.iter().map(hub).collect::<Vec<_>>().join(","));
    uncached("application/json", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_percent_decoded_once() {
        for (segment, name) in [
            ("yard", Ok("yard")),
            ("a%20b", Ok("a b")),
            ("a+b", Ok("a+b")),
            ("%2541", Ok("%41")),
            ("100%", Ok("100%")),
            ("%4", Ok("%4")),
            ("%zz%41", Ok("%zzA")),
            ("%c3%A4", Ok("\u{e4}")),
            ("%2f", Ok("/")),
            ("%ff", Err(InvalidName::Encoding)),
        ] {
            assert_eq!(percent_decoded(segment), name.map(str::to_owned), "{segment}");
        }
    }
}
