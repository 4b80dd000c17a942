//! Tests of the beginning of a buffer that may be too short for an answer.

use crate::part::is_token;

/// An answer to whether a buffer begins with something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Begins {
    /// The buffer is too short.
    Maybe,
    No,
    /// It does, with this number of bytes.
    Yes(usize),
}

impl Begins {
    /// Returns the final answer if no more bytes will come.
    pub(super) fn settled(self, eof: bool) -> Self {
        match self {
            Self::Maybe if eof => Self::No,
            answer => answer,
        }
    }

    /// Returns this answer unless it is `No`, or else the other one.
    pub(super) fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => other(),
            answer => answer,
        }
    }

    /// Adds a number of bytes before these.
    pub(super) fn after(self, len: usize) -> Self {
        match self {
            Self::Yes(own) => Self::Yes(len + own),
            answer => answer,
        }
    }
}

pub(super) fn begins(src: &[u8], with: &[u8]) -> Begins {
    match (src.get(..with.len()), with.get(..src.len())) {
        (Some(start), _) if start == with => Begins::Yes(with.len()),
        (None, Some(start)) if start == src => Begins::Maybe,
        _ => Begins::No,
    }
}

/// Returns whether the line is one of the two with which a header block begins if its delimiter is missing.
pub(super) fn begins_part(src: &[u8]) -> Begins {
    let begins = |name: &[u8]| match src.get(..name.len()) {
        Some(start) if start.eq_ignore_ascii_case(name) => Begins::Yes(name.len()),
        None if name.get(..src.len()).is_some_and(|start| start.eq_ignore_ascii_case(src)) => Begins::Maybe,
        _ => Begins::No,
    };
    begins(b"content-type:").or_else(|| begins(b"content-length:"))
}

/// Returns whether the line is a header field of any name.
pub(super) fn begins_field(src: &[u8]) -> Begins {
    let name = src.iter().take(NAME_MAX).take_while(|byte| is_token(**byte)).count();
    match src.get(name) {
        Some(b':') if name > 0 => Begins::Yes(name + 1),
        None => Begins::Maybe,
        _ => Begins::No,
    }
}

/// Returns the end of the line at the beginning of `src`.
///
/// A line ends in CRLF, LF, a bare CR, or CRCRLF, which a server that translates line ends makes of CRLF.
pub(super) fn line_end(src: &[u8], eof: bool) -> LineEnd {
    let Some(len) = memchr::memchr2(b'\r', b'\n', src) else { return LineEnd::Missing { len: src.len() } };
    match bytes_from(src, len) {
        [b'\r'] | [b'\r', b'\r'] if !eof => LineEnd::Missing { len },
        [b'\r', b'\r', b'\n', ..] => LineEnd::Found { len, next: len + 3 },
        [b'\r', b'\n', ..] => LineEnd::Found { len, next: len + 2 },
        _ => LineEnd::Found { len, next: len + 1 },
    }
}

/// Returns the bytes from a position on. None if the caller has shortened the buffer since the position was found.
pub(super) fn bytes_from(src: &[u8], at: usize) -> &[u8] {
    src.get(at..).unwrap_or(&[])
}

/// Returns the bytes up to a position.
#[expect(clippy::indexing_slicing, reason = "positions come from searches of the same bytes in the same call")]
pub(super) fn bytes_to(src: &[u8], at: usize) -> &[u8] {
    &src[..at]
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LineEnd {
    Found {
        len: usize,
        next: usize,
    },
    /// The line has at least this number of bytes.
    Missing {
        len: usize,
    },
}

/// Returns the number of bytes of line ends at the beginning of `src`, up to a few.
pub(super) fn line_ends(src: &[u8]) -> usize {
    src.iter().take(LINE_ENDS_MAX).take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// The longest name of a header field.
const NAME_MAX: usize = 64;
/// Dahua sends CRLFCRLF after a body, then another CRLF.
pub(super) const LINE_ENDS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_all_bytes_of_a_line_end() {
        for (src, found) in [
            (&b"ab\r\nc"[..], Some((2, 4))),
            (b"ab\nc", Some((2, 3))),
            (b"ab\rc", Some((2, 3))),
            (b"ab\r\r\nc", Some((2, 5))),
            (b"ab\r\rc", Some((2, 3))),
            (b"\n", Some((0, 1))),
            (b"ab\r", None),
            (b"ab\r\r", None),
            (b"ab", None),
        ] {
            let expected = found.map_or(LineEnd::Missing { len: 2 }, |(len, next)| LineEnd::Found { len, next });
            assert_eq!(line_end(src, false), expected, "{}", src.escape_ascii());
        }
        assert_eq!(line_end(b"ab\r", true), LineEnd::Found { len: 2, next: 3 });
    }

    #[test]
    fn recognizes_a_header_by_its_beginning() {
        assert_eq!(begins_part(b"content-TYPE: x"), Begins::Yes(13));
        assert_eq!(begins_part(b"Content-L"), Begins::Maybe);
        assert_eq!(begins_part(b"Content-Disposition"), Begins::No);
        assert_eq!(begins_field(b"X-Time: 1"), Begins::Yes(7));
        assert_eq!(begins_field(b"X-Time"), Begins::Maybe);
        assert_eq!(begins_field(b": 1"), Begins::No);
        assert_eq!(begins_field(b"two words: 1"), Begins::No);
        assert_eq!(begins_field(&[b'x'; 64]), Begins::Maybe);
        assert_eq!(begins_field(&[b'x'; 65]), Begins::No);
    }
}
