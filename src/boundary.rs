//! Which strings are boundaries (RFC 2046 §5.1.1).

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The string that separates parts, without its dashes.
///
/// ```text
/// Content-Type: multipart/x-mixed-replace; boundary=7kKzXq0M3vTqRz5c1LwYpA
///                                                   ^^^^^^^^^^^^^^^^^^^^^^ this
/// ```
///
/// 1 to 70 of the characters that RFC 2046 §5.1.1 calls `bchars`, the last one no space. For sending,
/// [`random`](Self::random) is the right choice nearly always: readers look for the boundary anywhere in a part, so whoever
/// can guess it can end a part early. A fixed one is for bodies that you trust, and best has 16 to 40 letters and digits:
/// other lengths and characters each trip some consumer.
///
/// One that was read from a sender ([`from_content_type`](Self::from_content_type), [`Decoder`](crate::Decoder)) may hold any
/// printable characters and be longer: do not send with it. Whether it could be sent, `boundary.as_str().parse::<Boundary>()`
/// tells.
///
/// # Examples
///
/// ```
/// use mixed_replace::Boundary;
///
/// const FIXED: Boundary = Boundary::from_static("ThisRandomString");
/// assert_eq!(FIXED.as_str(), "ThisRandomString");
/// assert_ne!(Boundary::random(), Boundary::random());
/// assert!("not;a;boundary".parse::<Boundary>().is_err());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Boundary(Cow<'static, str>);

impl Boundary {
    /// A boundary known when the program is compiled.
    ///
    /// # Panics
    ///
    /// If `value` is no boundary; in a `const`, that is a compile error.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Boundary;
    ///
    /// const B: Boundary = Boundary::from_static("gc0p4Jq0M2Yt08jU534c0p");
    /// assert_eq!(B.to_string(), "gc0p4Jq0M2Yt08jU534c0p");
    /// ```
    #[must_use]
    pub const fn from_static(value: &'static str) -> Self {
        match offence(value.as_bytes()) {
            None => Self(Cow::Borrowed(value)),
            Some(Offence::Empty) => panic!("a boundary has at least 1 character"),
            Some(Offence::TooLong) => panic!("a boundary has at most 70 characters"),
            Some(Offence::TrailingSpace) => panic!("a boundary ends in no space"),
            Some(Offence::Byte(_) | Offence::Missing) => {
                panic!("a boundary holds letters, digits and '()+_,-./:=? only")
            }
        }
    }

    /// 128 unguessable bits, as 22 letters and digits.
    ///
    /// SipHash in counter mode, under a key that the standard library takes from the operating system once for the
    /// process: no system call for each response.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Boundary;
    ///
    /// let boundary = Boundary::random();
    /// assert_eq!(boundary.as_str().len(), 22);
    /// assert!(boundary.as_str().bytes().all(|b| b.is_ascii_alphanumeric()));
    /// ```
    #[must_use]
    pub fn random() -> Self {
        static KEY: OnceLock<RandomState> = OnceLock::new();
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let key = KEY.get_or_init(RandomState::new);
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut bits = u128::from(key.hash_one((count, 0_u8))) << 64 | u128::from(key.hash_one((count, 1_u8)));
        let mut text = String::with_capacity(RANDOM_LEN);
        for _ in 0..RANDOM_LEN {
            let digit = usize::try_from(bits % 62).unwrap_or_default();
            text.extend(ALPHABET.get(digit).map(|letter| char::from(*letter)));
            bits /= 62;
        }
        Self(Cow::Owned(text))
    }

    /// The boundary that a `Content-Type` value names, read as leniently as what cameras send requires.
    ///
    /// Takes `boundary = x`, `;;boundary=x`, quoted values with escapes, any case of the name, stray CRs, and values that
    /// RFC 2046 would refuse, up to 200 printable characters. It does not look at the type before the parameters. Takes
    /// any bytes, because a [`HeaderValue`](http::HeaderValue) cannot hold all that cameras send.
    ///
    /// # Errors
    ///
    /// When there is no `boundary` parameter, or its value is empty, too long, or holds control characters.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::HeaderValue;
    /// use mixed_replace::Boundary;
    ///
    /// let value = HeaderValue::from_static("multipart/x-mixed-replace;; Boundary = \"--myboundary\"");
    /// assert_eq!(Boundary::from_content_type(&value)?.as_str(), "--myboundary");
    /// assert_eq!(Boundary::from_content_type("multipart/mixed; boundary=x\r")?.as_str(), "x");
    /// assert!(Boundary::from_content_type("image/jpeg").is_err());
    /// # Ok::<(), mixed_replace::boundary::InvalidBoundary>(())
    /// ```
    pub fn from_content_type(value: impl AsRef<[u8]>) -> Result<Self, InvalidBoundary> {
        let value = parameter(value.as_ref()).ok_or(InvalidBoundary(Offence::Missing))?;
        Self::lenient(&value, LENIENT_MAX)
    }

    /// Any printable characters, as a sender may have chosen them.
    pub(crate) fn lenient(value: &[u8], max: usize) -> Result<Self, InvalidBoundary> {
        match value.iter().find(|b| !(0x20..0x7f).contains(*b)) {
            _ if value.is_empty() => Err(InvalidBoundary(Offence::Empty)),
            _ if value.len() > max => Err(InvalidBoundary(Offence::TooLong)),
            Some(byte) => Err(InvalidBoundary(Offence::Byte(*byte))),
            None => Ok(Self(Cow::Owned(String::from_utf8_lossy(value).into_owned()))),
        }
    }

    /// The value as it stands in the `boundary` parameter, without dashes or quotes.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Boundary;
    ///
    /// assert_eq!(Boundary::from_static("frame").as_str(), "frame");
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Boundary {
    type Err = InvalidBoundary;

    fn from_str(value: &str) -> Result<Self, InvalidBoundary> {
        match offence(value.as_bytes()) {
            None => Ok(Self(Cow::Owned(value.to_owned()))),
            Some(offence) => Err(InvalidBoundary(offence)),
        }
    }
}

impl TryFrom<&str> for Boundary {
    type Error = InvalidBoundary;

    fn try_from(value: &str) -> Result<Self, InvalidBoundary> {
        value.parse()
    }
}

/// Why a string is no boundary.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidBoundary(Offence);

impl fmt::Display for InvalidBoundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Offence::Byte(byte) => write!(f, "a boundary cannot hold the byte {:?}", char::from(byte)),
            Offence::Empty => f.write_str("a boundary cannot be empty"),
            Offence::Missing => f.write_str("the content type has no boundary parameter"),
            Offence::TooLong => f.write_str("the boundary is too long"),
            Offence::TrailingSpace => f.write_str("a boundary cannot end in a space"),
        }
    }
}

impl std::error::Error for InvalidBoundary {}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Offence {
    Byte(u8),
    Empty,
    Missing,
    TooLong,
    TrailingSpace,
}

#[expect(clippy::indexing_slicing, reason = "a const fn has no iterators; the index is below the length")]
const fn offence(value: &[u8]) -> Option<Offence> {
    if value.is_empty() {
        return Some(Offence::Empty);
    }
    if value.len() > STRICT_MAX {
        return Some(Offence::TooLong);
    }
    let mut i = 0;
    while i < value.len() {
        if !is_bchar(value[i]) {
            return Some(Offence::Byte(value[i]));
        }
        i += 1;
    }
    if value[value.len() - 1] == b' ' {
        return Some(Offence::TrailingSpace);
    }
    None
}

/// `bchars` of RFC 2046 §5.1.1.
const fn is_bchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'\'' | b'(' | b')' | b'+' | b'_' | b',' | b'-' | b'.' | b'/' | b':' | b'=' | b'?' | b' ')
}

/// The raw value of the `boundary` parameter, unquoted and unescaped.
fn parameter(content_type: &[u8]) -> Option<Vec<u8>> {
    let mut rest = content_type;
    while let Some(at) = memchr::memchr3(b';', b',', b'"', rest) {
        let (_, found) = rest.split_at_checked(at)?;
        if let Some(text) = found.strip_prefix(b"\"") {
            // Another parameter's value: nothing in it is ours.
            (_, rest) = quoted(text);
            continue;
        }
        rest = found.get(1..)?.trim_ascii_start();
        let Some((name, after_name)) = rest.split_at_checked(NAME.len()) else { continue };
        let Some(value) = after_name.trim_ascii_start().strip_prefix(b"=") else { continue };
        if name.eq_ignore_ascii_case(NAME) {
            let mut value = unquoted(value.trim_ascii());
            value.retain(|byte| *byte != b'\r');
            return Some(value);
        }
    }
    None
}

fn unquoted(value: &[u8]) -> Vec<u8> {
    if let Some(text) = value.strip_prefix(b"\"") {
        return quoted(text).0;
    }
    let end = memchr::memchr2(b';', b',', value).unwrap_or(value.len());
    value.get(..end).unwrap_or_default().trim_ascii_end().to_vec()
}

/// The content of a quoted string whose opening quote is off already, and what follows its closing quote.
fn quoted(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut content = Vec::new();
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => content.extend(bytes.next()),
            byte => content.push(*byte),
        }
    }
    (content, bytes.as_slice())
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const NAME: &[u8] = b"boundary";
/// 62^22 > 2^128.
const RANDOM_LEN: usize = 22;
const STRICT_MAX: usize = 70;
const LENIENT_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn accepts_bchars_up_to_seventy() {
        let seventy = "x".repeat(70);
        for good in ["a", "0'()+_,-./:=?", "in ner", "--x", &seventy] {
            assert_eq!(good.parse::<Boundary>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn names_what_is_wrong() {
        let seventy_one = "x".repeat(71);
        for (bad, why) in [
            ("", "cannot be empty"),
            (seventy_one.as_str(), "too long"),
            ("a;b", "';'"),
            ("a\r\nb", "'\\r'"),
            ("a\0", "'\\0'"),
            ("ü", "cannot hold"),
            ("a ", "end in a space"),
        ] {
            let error = Boundary::try_from(bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad:?}: {error}");
        }
    }

    #[test]
    #[should_panic(expected = "letters, digits")]
    fn from_static_panics_on_a_bad_literal() {
        let _ = Boundary::from_static("a\"b");
    }

    #[test]
    fn random_ones_differ_and_use_the_whole_alphabet() {
        let all: HashSet<_> = (0..1000).map(|_| Boundary::random()).collect();
        assert_eq!(all.len(), 1000);
        let letters: HashSet<_> = all.iter().flat_map(|b| b.as_str().chars()).collect();
        assert_eq!(letters.len(), 62);
        assert!(all.iter().all(|b| b.as_str().len() == 22 && b.as_str().parse::<Boundary>().is_ok()));
    }

    #[test]
    fn reads_what_cameras_send() {
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
            let read = Boundary::from_content_type(value);
            assert_eq!(read.unwrap().as_str(), boundary, "{value}");
        }
    }

    #[test]
    fn refuses_a_content_type_without_a_usable_boundary() {
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
            assert!(Boundary::from_content_type(value).is_err(), "{value:?}");
        }
    }
}
