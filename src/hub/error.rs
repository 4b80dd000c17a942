//! Errors of a hub.

use std::io;
use std::time::Duration;

use crate::derive::{error_messages, io_error};
use crate::encode::EncodeError;

/// The error of [`Publisher::publish`](crate::Publisher::publish).
///
/// # Examples
///
/// ```
/// use mixed_replace::hub::PublishError;
/// use mixed_replace::{Part, hub};
///
/// let (publisher, hub) = hub::channel();
/// hub.close();
/// match publisher.publish(Part::text("on")?) {
///     Err(PublishError::Closed) => {} // ends the loop
///     Err(error) => eprintln!("{error}"), // the next part may be good
///     Ok(_) => unreachable!(),
/// }
/// # Ok::<(), mixed_replace::InvalidPart>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PublishError {
    /// The hub is closed.
    Closed,
    /// The part cannot be sent: it holds the hub's boundary, or is a damaged image from a
    /// [`Decoder`](crate::Decoder).
    Encode(EncodeError),
}

impl PublishError {
    /// Returns `true` if the hub is closed, which should end a loop. After any other error the next
    /// part may be published.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// hub.close();
    /// assert!(publisher.publish(Part::text("on")?).unwrap_err().is_closed());
    /// # Ok::<(), mixed_replace::InvalidPart>(())
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

error_messages! { PublishError {
    Self::Closed => "{}", Closed(());
    Self::Encode(_) => "the part cannot be sent to this hub's viewers";
} sources { Encode } }

impl From<Closed> for PublishError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// `BrokenPipe` if the hub is closed, otherwise `InvalidData`.
impl From<PublishError> for io::Error {
    fn from(error: PublishError) -> Self {
        let kind = if error.is_closed() { io::ErrorKind::BrokenPipe } else { io::ErrorKind::InvalidData };
        Self::new(kind, error)
    }
}

/// The error of publishing to a hub that was closed, by [`Hub::close`](crate::Hub::close).
///
/// # Examples
///
/// ```
/// use mixed_replace::hub;
///
/// let (publisher, hub) = hub::channel();
/// hub.close();
/// assert_eq!(publisher.publish_jpeg(vec![0xff, 0xd8]).unwrap_err().to_string(), "the hub is closed");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Closed(pub(super) ());

error_messages! { Closed {
    Self(()) => "the hub is closed";
} }

io_error!(Closed, BrokenPipe);

/// The error of [`Hub::subscribe`](crate::Hub::subscribe).
///
/// As a response on axum and actix-web it is `503 Service Unavailable`, with `Retry-After` unless
/// the hub is closed.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mixed_replace::{Wire, hub};
///
/// let (_publisher, hub) = hub::builder().max_subscribers(1).retry_after(Duration::from_secs(5)).build();
/// let viewer = hub.subscribe(Wire::Browser)?;
/// let refused = hub.subscribe(Wire::Browser).unwrap_err();
/// assert_eq!(refused.retry_after(), Some(Duration::from_secs(5)));
/// # drop(viewer);
/// # Ok::<(), hub::Refused>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refused {
    /// The hub was closed before its first part, so it will never have one to send.
    Closed,
    /// The hub already has [`max_subscribers`](super::Builder::max_subscribers) viewers.
    #[non_exhaustive]
    TooManyViewers {
        /// The hub's [`retry_after`](super::Builder::retry_after).
        retry_after: Duration,
    },
}

impl Refused {
    /// Returns how long to wait before trying again. `None` for a closed hub, which stays closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use mixed_replace::{Wire, hub};
    ///
    /// let (publisher, hub) = hub::builder().max_subscribers(0).build();
    /// let refused = hub.subscribe(Wire::Browser).unwrap_err();
    /// assert_eq!(refused.retry_after(), Some(Duration::from_secs(5)));
    /// assert_eq!(hub::Refused::Closed.retry_after(), None);
    /// ```
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Closed => None,
            Self::TooManyViewers { retry_after } => Some(*retry_after),
        }
    }

    /// Returns the value of `Retry-After` in seconds, rounded up (RFC 9110 §10.2.3).
    pub(crate) fn retry_after_secs(&self) -> Option<u64> {
        self.retry_after().map(full_seconds)
    }
}

fn full_seconds(retry_after: Duration) -> u64 {
    let up = u64::from(retry_after.subsec_nanos() > 0);
    retry_after.as_secs().saturating_add(up).max(1)
}

error_messages! { Refused {
    Self::Closed => "the hub was closed before its first part";
    Self::TooManyViewers { retry_after } => "too many viewers, try again in {} s", full_seconds(*retry_after);
} }

/// `BrokenPipe` if the hub is closed, `ResourceBusy` if it has too many viewers.
impl From<Refused> for io::Error {
    fn from(error: Refused) -> Self {
        let kind = match error {
            Refused::Closed => io::ErrorKind::BrokenPipe,
            Refused::TooManyViewers { .. } => io::ErrorKind::ResourceBusy,
        };
        Self::new(kind, error)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use io::ErrorKind::{BrokenPipe, InvalidData, ResourceBusy};

    use super::*;
    use crate::part::InvalidPart;

    #[test]
    fn converts_into_io_errors_with_the_same_message() {
        let empty = || PublishError::Encode(InvalidPart::Empty.into());
        let full = || Refused::TooManyViewers { retry_after: Duration::ZERO };
        for (error, kind, said) in [
            (io::Error::from(Closed(())), BrokenPipe, "the hub is closed".to_owned()),
            (PublishError::Closed.into(), BrokenPipe, "the hub is closed".to_owned()),
            (empty().into(), InvalidData, empty().to_string()),
            (Refused::Closed.into(), BrokenPipe, Refused::Closed.to_string()),
            (full().into(), ResourceBusy, full().to_string()),
        ] {
            assert_eq!((error.kind(), error.to_string()), (kind, said));
        }
    }
}
