//! Names of hubs.

#[cfg(any(feature = "actix-web", feature = "http-body"))]
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::InvalidName;

/// Checks that a path segment can be this name, and that it can be written in a log or a header.
pub(crate) fn check(name: &str) -> Result<(), InvalidName> {
    let invalid = match name {
        "" => InvalidName::Empty,
        "." | ".." => InvalidName::Dots,
        _ if name.len() > MAX => InvalidName::TooLong { max_bytes: MAX },
        _ => match name.chars().find(|char| *char == '/' || char.is_control()) {
            Some(char) => InvalidName::Char(char),
            None => return Ok(()),
        },
    };
    Err(invalid)
}

/// Returns the name as one path segment. Only letters, digits and `-._~` stand for themselves (RFC 3986 §2.3).
#[cfg(any(feature = "actix-web", feature = "http-body"))]
pub(crate) fn percent_encoded(name: &str) -> String {
    utf8_percent_encode(name, &RESERVED).to_string()
}

#[cfg(any(feature = "actix-web", feature = "http-body"))]
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest name in bytes: that of a file on most systems.
const MAX: usize = 255;
