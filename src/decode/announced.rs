//! Boundaries of streams that are read.

use crate::part::parameter;

/// A boundary that a sender announces: any printable ASCII characters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Announced(String);

impl Announced {
    /// Creates a boundary, or returns `None` if `value` is empty, longer than `max` bytes, or not printable.
    pub(super) fn new(value: impl AsRef<[u8]>, max: usize) -> Option<Self> {
        let value = value.as_ref();
        let is_boundary = (1..=max).contains(&value.len()) && value.iter().all(|byte| (0x20..0x7f).contains(byte));
        is_boundary.then(|| Self(String::from_utf8_lossy(value).into_owned()))
    }

    /// Returns the boundary that a `Content-Type` value names, and the longer one that it may name instead.
    ///
    /// Accepts `boundary = x`, `;;boundary=x`, quoted values with escapes, any case of the name, and stray CRs. Ignores the
    /// type in front of the parameters. An unquoted value ends at a comma, since heads are joined with commas
    /// (RFC 9110 §5.3), or contains it, as in `boundary=a,b`. The body shows which of the two it is.
    pub(super) fn of_content_type(value: &[u8]) -> (Option<Self>, Option<Self>) {
        let Some(value) = parameter::find(value, b"boundary") else { return (None, None) };
        let value_bytes: Vec<u8> = value.content.iter().copied().filter(|byte| *byte != b'\r').collect();
        match memchr::memchr(b',', &value_bytes).and_then(|comma| value_bytes.get(..comma)) {
            Some(cut) if !value.was_quoted => (Self::new(cut.trim_ascii_end(), MAX), Self::new(&value_bytes, MAX)),
            _ => (Self::new(&value_bytes, MAX), None),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

pub(super) const MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_boundaries_that_cameras_announce() {
        for (value, boundary) in [
            ("multipart/x-mixed-replace; boundary=frame", "frame"),
            ("multipart/x-mixed-replace;boundary=--frame", "--frame"),
            ("multipart/x-mixed-replace;;boundary=x", "x"),
            ("multipart/x-mixed-replace; BOUNDARY=\"a b\\\"c\"; charset=x", "a b\"c"),
            ("multipart/x-mixed-replace; boundary = x ; a=b", "x"),
            ("multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0", "graphql"),
            ("multipart/x-mixed-replace, boundary=x", "x"),
            ("multipart/x-mixed-replace; xboundary=y; boundary=x", "x"),
            ("multipart/x-mixed-replace; boundary=a@b", "a@b"),
            ("multipart/x-mixed-replace; boundary=\"unclosed", "unclosed"),
            ("multipart/x-mixed-replace; boundary=stray\r", "stray"),
            ("multipart/x-mixed-replace; boundary=\"stray\r\"\r", "stray"),
            ("multipart/x-mixed-replace;\tboundary\t=\tx\t", "x"),
            ("multipart/related; start=\"a;boundary=\\\"b\"; boundary=x", "x"),
        ] {
            let read = Announced::of_content_type(value.as_bytes());
            assert_eq!(read, (Announced::new(boundary, MAX), None), "{value}");
        }
    }

    #[test]
    fn keeps_both_boundaries_of_a_value_with_a_comma() {
        for (value, cut, uncut) in [
            ("multipart/x-mixed-replace; boundary=a,b", "a", "a,b"),
            ("multipart/x-mixed-replace; boundary=,", "", ","),
            ("multipart/x-mixed-replace; boundary=x , charset=utf-8; y", "x", "x , charset=utf-8"),
        ] {
            let read = Announced::of_content_type(value.as_bytes());
            assert_eq!(read, (Announced::new(cut, MAX), Announced::new(uncut, MAX)), "{value}");
        }
        let quoted = Announced::of_content_type(b"multipart/mixed; boundary=\"a,b\"");
        assert_eq!(quoted, (Announced::new("a,b", MAX), None));
    }

    #[test]
    fn rejects_content_type_without_usable_boundary() {
        let long = format!("multipart/mixed; boundary={}", "x".repeat(201));
        for value in [
            "image/jpeg",
            "multipart/mixed; boundary=",
            "multipart/mixed; boundary=\"\"",
            "multipart/mixed; boundary=\r",
            "multipart/mixed; boundary=a\nb",
            &long,
            "",
            "boundary",
        ] {
            assert_eq!(Announced::of_content_type(value.as_bytes()), (None, None), "{value:?}");
        }
    }
}
