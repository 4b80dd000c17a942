//! The states of tracks, and the part that tells them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::encode::{EncodedPart, Encoder};
use crate::part::Part;

/// The state of a track.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signal {
    /// Its hub is closed or was removed.
    Ended,
    Live,
    /// There is no part yet, or the last one is the "no signal" part.
    Waiting,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "ended",
            Self::Live => "live",
            Self::Waiting => "waiting",
        })
    }
}

/// Returns the part that tells these states, and which tracks have several sizes: `{"tracks":{"yard":"live"},"sized":["yard"]}`.
pub(super) fn encoded(states: &BTreeMap<Arc<str>, Signal>, sized: &[Arc<str>], encoder: &Encoder) -> EncodedPart {
    let part = part(states, sized, quoted);
    if encoder.search(&part).is_ok() {
        return encoder.encode_contiguous(&part);
    }
    // Somebody who knows the boundary has made a name of it.
    encoder.encode_contiguous(&self::part(states, sized, escaped))
}

fn part(states: &BTreeMap<Arc<str>, Signal>, sized: &[Arc<str>], write: fn(&str) -> String) -> Part {
    let states = states.iter().map(|(name, signal)| format!("\"{}\":\"{signal}\"", write(name)));
    let mut json = format!("{{\"tracks\":{{{}}}", states.collect::<Vec<_>>().join(","));
    if !sized.is_empty() {
        let names = sized.iter().map(|name| format!("\"{}\"", write(name)));
        json.push_str(&format!(",\"sized\":[{}]", names.collect::<Vec<_>>().join(",")));
    }
    json.push('}');
    Part::json(json).unwrap_or_else(|_| unreachable!("the body is not empty"))
}

/// A name has no control characters, so these two are all that JSON escapes.
fn quoted(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}

fn escaped(name: &str) -> String {
    name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}
