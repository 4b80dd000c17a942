//! Boundaries for streams that are sent (RFC 2046 §5.1.1).

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::derive::error_messages;

/// A boundary for a stream that is sent: the string between its parts, without the dashes.
///
/// ```text
/// Content-Type: multipart/x-mixed-replace; boundary=7kKzXq0M3vTqRz5c1LwYpA
///                                                   ^^^^^^^^^^^^^^^^^^^^^^ this
/// ```
///
/// Use [`random`](Self::random) unless a protocol names a boundary. Readers look for it anywhere in a part, so the author
/// of a body who can guess it can end a part early. A string is [parsed](FromStr) into a boundary if it has 16 to 40 letters
/// and digits, which all readers accept. Boundaries that a protocol names, such as `graphql`, are written in the source
/// code: see [`from_static`](Self::from_static).
///
/// For streams that are read, [`Decoder`](crate::Decoder) accepts any string.
///
/// # Examples
///
/// ```
/// use mixed_replace::Boundary;
///
/// const FIXED: Boundary = Boundary::from_static("ThisRandomString");
/// assert_eq!(FIXED.as_str(), "ThisRandomString");
/// assert_ne!(Boundary::random(), Boundary::random());
///
/// let error = "--ThisRandomString".parse::<Boundary>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "invalid boundary: must not start with a dash, or WebKitGTK shows no part"
/// );
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Boundary(Cow<'static, str>);

impl Boundary {
    /// Creates a fixed boundary, for a protocol that names one, such as `graphql` or `-`.
    ///
    /// Accepts 1 to 70 `bchars` of RFC 2046 §5.1.1. The last one must not be a space, and the first one not a dash, except
    /// for `-` itself: WebKitGTK shows no part of a stream whose boundary starts with `--`. Other readers need the 16 to 40
    /// letters and digits of a parsed boundary.
    ///
    /// # Panics
    ///
    /// Panics if `value` is not such a string. In a `const`, this is a compile error.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::Boundary;
    ///
    /// const B: Boundary = Boundary::from_static("graphql");
    /// assert_eq!(B.to_string(), "graphql");
    /// ```
    ///
    /// ```compile_fail
    /// # use mixed_replace::Boundary;
    /// const B: Boundary = Boundary::from_static("--myboundary");
    /// ```
    #[must_use]
    pub const fn from_static(value: &'static str) -> Self {
        match offence(value.as_bytes(), Rules::Fixed) {
            None => Self(Cow::Borrowed(value)),
            Some(Offence::Byte(_)) => panic!("a fixed boundary must hold letters, digits and '()+_,-./:=? only"),
            Some(Offence::LeadingDash) => panic!("a boundary must not start with a dash"),
            Some(Offence::Length(_)) => panic!("a fixed boundary must have 1 to 70 characters"),
            Some(Offence::TrailingSpace) => panic!("a boundary must not end with a space"),
        }
    }

    /// Creates a fixed boundary at run time, by the rules of [`from_static`](Self::from_static).
    pub(crate) fn fixed(value: &str) -> Result<Self, InvalidBoundary> {
        Self::checked(value, Rules::Fixed)
    }

    fn checked(value: &str, rules: Rules) -> Result<Self, InvalidBoundary> {
        match offence(value.as_bytes(), rules) {
            None => Ok(Self(Cow::Owned(value.to_owned()))),
            Some(offence) => Err(InvalidBoundary { offence, rules }),
        }
    }

    /// Creates a boundary of 128 unguessable bits, as 22 letters and digits.
    ///
    /// Uses SipHash in counter mode, under a key that the standard library gets from the operating system once for the
    /// process. So there is no system call for each response.
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
            #[expect(clippy::indexing_slicing, reason = "below 62, the alphabet's length")]
            text.push(char::from(ALPHABET[(bits % 62) as usize]));
            bits /= 62;
        }
        Self(Cow::Owned(text))
    }

    /// Returns the value of the `boundary` parameter, without dashes or quotes.
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

impl AsRef<str> for Boundary {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Parses 16 to 40 letters and digits.
impl FromStr for Boundary {
    type Err = InvalidBoundary;

    fn from_str(value: &str) -> Result<Self, InvalidBoundary> {
        Self::checked(value, Rules::Own)
    }
}

/// Parses 16 to 40 letters and digits.
impl TryFrom<&str> for Boundary {
    type Error = InvalidBoundary;

    fn try_from(value: &str) -> Result<Self, InvalidBoundary> {
        value.parse()
    }
}

/// An error for a string that cannot be sent as a boundary. Its message names the reason.
///
/// # Examples
///
/// ```
/// use mixed_replace::Boundary;
///
/// let error = "a b".parse::<Boundary>().unwrap_err();
/// assert!(error.to_string().starts_with("invalid boundary: "));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidBoundary {
    offence: Offence,
    rules: Rules,
}

error_messages! { InvalidBoundary {
    Self { offence: Offence::Byte(byte), .. } => "invalid boundary: must not contain {:?}", char::from(*byte);
    Self { offence: Offence::LeadingDash, .. } =>
        "invalid boundary: must not start with a dash, or WebKitGTK shows no part";
    Self { offence: Offence::Length(len), rules: Rules::Fixed } =>
        "invalid boundary: has {len} characters, must have 1 to {FIXED_MAX}";
    Self { offence: Offence::Length(len), rules: Rules::Own } =>
        "invalid boundary: has {len} characters, must have {OWN_MIN} to {OWN_MAX}";
    Self { offence: Offence::TrailingSpace, .. } => "invalid boundary: must not end with a space";
} }

/// The rules for a boundary.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rules {
    /// For boundaries that a protocol names.
    Fixed,
    /// For all readers: ZoneMinder makes a regular expression of it, go-mjpeg trims dashes, Gecko lags on tiny parts below
    /// 15 characters.
    Own,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Offence {
    Byte(u8),
    LeadingDash,
    Length(usize),
    TrailingSpace,
}

#[expect(clippy::indexing_slicing, reason = "a const fn has no iterators; the index is below the length")]
const fn offence(value: &[u8], rules: Rules) -> Option<Offence> {
    let len = value.len();
    if len > 0 && value[0] == b'-' && (len > 1 || matches!(rules, Rules::Own)) {
        return Some(Offence::LeadingDash);
    }
    let mut i = 0;
    while i < len {
        let allowed = match rules {
            Rules::Fixed => is_bchar(value[i]),
            Rules::Own => value[i].is_ascii_alphanumeric(),
        };
        if !allowed {
            return Some(Offence::Byte(value[i]));
        }
        i += 1;
    }
    let fits = match rules {
        Rules::Fixed => 1 <= len && len <= FIXED_MAX,
        Rules::Own => OWN_MIN <= len && len <= OWN_MAX,
    };
    if !fits {
        return Some(Offence::Length(len));
    }
    if value[len - 1] == b' ' {
        return Some(Offence::TrailingSpace);
    }
    None
}

/// Returns `true` for `bchars` of RFC 2046 §5.1.1.
const fn is_bchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'\'' | b'(' | b')' | b'+' | b'_' | b',' | b'-' | b'.' | b'/' | b':' | b'=' | b'?' | b' ')
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The number of digits of 128 bits, since 62^22 > 2^128.
const RANDOM_LEN: usize = 22;
/// RFC 2046 §5.1.1.
const FIXED_MAX: usize = 70;
const OWN_MIN: usize = 16;
const OWN_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn accepts_letters_and_digits() {
        for good in ["ThisRandomString", "BoundaryOf40LettersWhichIsTheLongestOne1"] {
            assert_eq!(good.parse::<Boundary>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn accepts_fixed_boundaries_that_protocols_name() {
        let seventy = "x".repeat(70);
        for good in ["-", "graphql", "a", "0'()+_,-./:=?", "in ner", "x--", &seventy] {
            assert_eq!(Boundary::fixed(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn error_names_the_reason() {
        let (forty_one, seventy_one) = ("x".repeat(41), "x".repeat(71));
        for (bad, why) in [
            ("", "has 0 characters, must have 16 to 40"),
            ("graphql", "has 7 characters, must have 16 to 40"),
            (forty_one.as_str(), "has 41 characters, must have 16 to 40"),
            ("-", "must not start with a dash, or WebKitGTK shows no part"),
            ("--x", "must not start with a dash, or WebKitGTK shows no part"),
            ("a;b", "must not contain ';'"),
            ("a-b", "must not contain '-'"),
            ("a\r\nb", "must not contain '\\r'"),
        ] {
            let error = Boundary::try_from(bad).unwrap_err().to_string();
            assert_eq!(error, format!("invalid boundary: {why}"));
        }
        for (bad, why) in [
            ("", "has 0 characters, must have 1 to 70"),
            (seventy_one.as_str(), "has 71 characters, must have 1 to 70"),
            ("--", "must not start with a dash, or WebKitGTK shows no part"),
            ("--x", "must not start with a dash, or WebKitGTK shows no part"),
            ("a\0", "must not contain '\\0'"),
            ("ü", "must not contain 'Ã'"),
            ("a ", "must not end with a space"),
        ] {
            let error = Boundary::fixed(bad).unwrap_err().to_string();
            assert_eq!(error, format!("invalid boundary: {why}"));
        }
    }

    #[test]
    #[should_panic(expected = "letters, digits")]
    fn from_static_panics_on_other_characters() {
        let _ = Boundary::from_static("a\"b");
    }

    #[test]
    #[should_panic(expected = "must not start with a dash")]
    fn from_static_panics_on_leading_dashes() {
        let _ = Boundary::from_static("--x");
    }

    #[test]
    fn random_boundaries_differ_and_use_all_letters_and_digits() {
        let all: HashSet<_> = (0..1000).map(|_| Boundary::random()).collect();
        assert_eq!(all.len(), 1000);
        let letters: HashSet<_> = all.iter().flat_map(|b| b.as_str().chars()).collect();
        assert_eq!(letters.len(), 62);
        assert!(all.iter().all(|b| b.as_str().len() == 22 && b.as_str().parse::<Boundary>().is_ok()));
    }
}
