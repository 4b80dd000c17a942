//! Names of hubs.

use super::error::InvalidName;

/// Checks that a path segment can be this name, and that it can be written in a log or a header.
pub(super) fn check(name: &str) -> Result<(), InvalidName> {
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

/// The longest name in bytes: that of a file on most systems.
const MAX: usize = 255;
