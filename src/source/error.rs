//! Why a source is lost.

use std::fmt;
use std::sync::Arc;

/// The reason why a source sends no parts. Its message is one line that holds neither a user nor a password.
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
/// assert!(!Error::transient("connection reset").is_permanent());
/// ```
#[derive(Clone)]
pub struct Error(Arc<Reason>);

struct Reason {
    message: String,
    permanent: bool,
    ended: bool,
}

impl Error {
    /// Creates an error of a source that may be back soon.
    pub fn transient(message: impl fmt::Display) -> Self {
        Self::new(&message, false, false)
    }

    /// Creates an error that only a person can mend. The source is tried again after the longest pause: some cameras lock
    /// out clients that retry often.
    pub fn permanent(message: impl fmt::Display) -> Self {
        Self::new(&message, true, false)
    }

    /// Creates the error of a stream that has ended.
    pub(super) fn ended() -> Self {
        Self::new(&"the stream has ended", false, true)
    }

    fn new(message: &dyn fmt::Display, permanent: bool, ended: bool) -> Self {
        let message = message.to_string().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        Self(Arc::new(Reason { message, permanent, ended }))
    }

    /// Creates an error from any other, which may be one of these.
    pub(super) fn from_any(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::transient(cause(&*error)),
        }
    }

    /// Creates the error of a program that has exited with success.
    #[cfg(feature = "process")]
    pub(super) fn exited(message: impl fmt::Display) -> Self {
        Self::new(&message, false, true)
    }

    /// Returns `true` if only a person can mend the problem.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.0.permanent
    }

    /// Returns `true` if the source ended without a fault: its stream is over, or its program has exited with success.
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

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("message", &self.0.message).field("permanent", &self.0.permanent).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

/// By message and kind.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.0.message == other.0.message && self.0.permanent == other.0.permanent
    }
}

impl Eq for Error {}

/// The longest message in characters.
const LONGEST: usize = 400;
