//! Names of hubs.

#[cfg(any(feature = "actix-web", feature = "http-body"))]
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::InvalidName;

/// Checks that a path segment can be this name, and that it can be written in a log or a header.
pub(crate) fn check(name: &str) -> Result<(), InvalidName> {
    let invalid = match name {
        "" => InvalidName::Empty,
        "." | ".." => InvalidName::Dots,
        _ if encoded_len(name) > MAX => InvalidName::TooLong { max_bytes: MAX },
        _ => match name.chars().find(|char| *char == '/' || char.is_control()) {
            Some(char) => InvalidName::Char(char),
            None => return Ok(()),
        },
    };
    Err(invalid)
}

/// Returns the number of bytes of the name as one path segment.
fn encoded_len(name: &str) -> usize {
    let stands_for_itself = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes().map(|byte| if stands_for_itself(byte) { 1 } else { 3 }).sum()
}

/// Returns the name as one path segment. Only letters, digits and `-._~` stand for themselves (RFC 3986 §2.3).
#[cfg(any(feature = "actix-web", feature = "http-body"))]
pub(crate) fn percent_encoded(name: &str) -> String {
    utf8_percent_encode(name, &RESERVED).to_string()
}

#[cfg(any(feature = "actix-web", feature = "http-body"))]
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest name in bytes, percent-encoded: ffmpeg reads 127 bytes of a line, and a part of a wall has the line
/// `Content-Location: NAME`.
const MAX: usize = 109;

#[cfg(all(test, any(feature = "actix-web", feature = "http-body")))]
mod tests {
    use super::*;

    #[test]
    fn longest_name_fits_a_line_that_ffmpeg_reads() {
        for (name, fits) in [
            ("x".repeat(109), true),
            ("x".repeat(110), false),
            ("-._~".repeat(27), true),
            ("\u{e4}".repeat(18), true),
            ("\u{e4}".repeat(19), false),
            (" ".repeat(36), true),
            (" ".repeat(37), false),
        ] {
            assert_eq!(encoded_len(&name), percent_encoded(&name).len(), "{name}");
            assert_eq!(check(&name).is_ok(), fits, "{name}");
            assert_eq!(format!("Content-Location: {}", percent_encoded(&name)).len() <= 127, fits, "{name}");
        }
    }
}
