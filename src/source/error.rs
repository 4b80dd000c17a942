//! Why a source is lost.

use std::fmt;
use std::sync::Arc;

use crate::derive::error_messages;

/// The reason why a source sends no parts. Its message is one line, in which the user, the password and the query of a URL
/// are replaced by `…`.
///
/// A function of [`from_fn`](super::from_fn) may return any error. It returns this one to say that only a person can mend
/// the problem.
///
/// # Examples
///
/// ```
/// use mixed_replace::source::Error;
///
/// let error = Error::permanent("the token has expired");
/// assert!(error.is_permanent());
/// assert_eq!(error.to_string(), "the token has expired");
/// let error = Error::transient("rtsp://user:password@10.0.0.7/live: Connection refused");
/// assert_eq!(error.to_string(), "rtsp://…@10.0.0.7/live: Connection refused");
/// assert!(!Error::transient("connection reset").is_permanent());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error(Arc<Reason>);

#[derive(Debug, Eq, PartialEq)]
struct Reason {
    message: String,
    permanent: bool,
    ended: bool,
}

impl Error {
    /// Creates an error of a source that may be back soon.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::source::Error;
    ///
    /// let error = Error::transient("rtsp://user:password@10.0.0.7/live: Connection refused");
    /// assert_eq!(error.to_string(), "rtsp://…@10.0.0.7/live: Connection refused");
    /// assert!(!error.is_permanent());
    /// ```
    pub fn transient(message: impl fmt::Display) -> Self {
        Self::new(&message, false, false)
    }

    /// Creates an error that only a person can mend. The source is tried again after the longest pause: some cameras lock
    /// out clients that retry often.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::source::Error;
    ///
    /// assert!(Error::permanent("the token has expired").is_permanent());
    /// ```
    pub fn permanent(message: impl fmt::Display) -> Self {
        Self::new(&message, true, false)
    }

    /// Creates the error of a stream that has ended.
    pub(super) fn ended() -> Self {
        Self::new(&"the stream has ended", false, true)
    }

    fn new(message: &dyn fmt::Display, permanent: bool, ended: bool) -> Self {
        let message: String = message.to_string().chars().filter(|c| !c.is_control()).collect();
        let message = without_logins(&message).chars().take(LONGEST).collect();
        Self(Arc::new(Reason { message, permanent, ended }))
    }

    /// Creates an error from any other, which may be one of these.
    pub(super) fn from_any(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::transient(cause(&*error)),
        }
    }

    /// Creates the error of a stream that has ended, or of a program that has exited with success.
    pub(super) fn ended_as(message: impl fmt::Display) -> Self {
        Self::new(&message, false, true)
    }

    /// Returns `true` if only a person can mend the problem.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::source::Error;
    ///
    /// fn advice(error: &Error) -> &str {
    ///     if error.is_permanent() { "check the settings" } else { "wait" }
    /// }
    /// assert_eq!(advice(&Error::transient("connection reset")), "wait");
    /// ```
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.0.permanent
    }

    /// Returns `true` if the source ended without a fault: its stream is over, or its program has exited with success.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::stream;
    /// use mixed_replace::source::{self, Status};
    /// use mixed_replace::Part;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let once = source::from_fn(async || Ok::<_, source::Error>(stream::iter([Part::text("on")])));
    /// let mut monitor = once.monitor();
    /// let hub = once.always(true).spawn();
    /// while monitor.changed().await.is_some_and(|status| !matches!(status, Status::Waiting { .. })) {}
    /// assert!(monitor.stats().last_error.is_some_and(|error| error.is_end()));
    /// # }
    /// ```
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.0.ended
    }
}

/// Returns the message of the innermost error. Outer ones say only that a request failed, and may name its URL.
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Replaces the user, the password and the query of each URL. Programs report their arguments: ffmpeg the complete URL of a
/// camera. Many cameras take a login in the query.
///
/// A user, a password or a query may hold an `@`, so the last one of a word ends it.
pub(super) fn without_logins(text: &str) -> String {
    let word = |word: &str| {
        let (start, rest) = word.split_once("://")?;
        let (login, host) = rest.rsplit_once('@').map_or(("", rest), |(_, host)| ("…@", host));
        let Some((host, query)) = host.split_once('?') else { return Some(format!("{start}://{login}{host}")) };
        // What follows the URL in its word, such as a colon or a quotation mark, and the space.
        let end = query
            .trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '\'' | '"' | ')' | ',' | '.' | ';'));
        Some(format!("{start}://{login}{host}?…{}", query.split_at(end.len()).1))
    };
    text.split_inclusive(char::is_whitespace).map(|text| word(text).unwrap_or_else(|| text.to_owned())).collect()
}

error_messages! { Error { Self(reason) => "{}", reason.message; } }

/// As its message.
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl serde::Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.message)
    }
}

/// The longest message in characters.
const LONGEST: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_hides_the_logins_of_urls() {
        for (message, hidden) in [
            (
                "rtsp://admin:s3cret@127.0.0.1:1/live: Connection refused",
                "rtsp://…@127.0.0.1:1/live: Connection refused",
            ),
            ("from http://a:s3@cret@b/?c@d to 'rtsp://s3cret@e'", "from http://…@d to 'rtsp://…@e'"),
            ("[tcp @ 0x5] tcp://10.0.0.7:554 failed", "[tcp @ 0x5] tcp://10.0.0.7:554 failed"),
            ("rtsp://u:s3\tcret@b", "rtsp://…@b"),
            ("a mail to me@home", "a mail to me@home"),
            ("http://cam/v?user=a&pwd=s3cret: refused", "http://cam/v?…: refused"),
            ("'http://u:s3cret@cam/v?pwd=s3cret' failed?", "'http://…@cam/v?…' failed?"),
            ("http://cam/v?pwd=s3@cret", "http://…@cret"),
            ("http://cam/v? s", "http://cam/v?… s"),
        ] {
            assert_eq!(Error::transient(message).to_string(), hidden);
            assert_eq!(Error::permanent(hidden).to_string(), hidden);
        }
        // Neither in a message that is cut in a password.
        let long = format!("{}rtsp://u:s3cret{}@b", "x ".repeat(LONGEST / 2 - 7), "x".repeat(LONGEST));
        assert!(!Error::transient(long).to_string().contains("s3"));
    }
}
