//! Why something was not published.

use std::error::Error;
use std::{fmt, io};

use crate::encode::BoundaryInPart;
use crate::part::InvalidPart;

/// The error of [`Publisher::publish`](super::Publisher::publish).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PublishError {
    /// The part holds the hub's boundary.
    BoundaryInPart(BoundaryInPart),
    /// The hub is closed.
    Closed,
}

impl PublishError {
    /// Returns `true` if the hub is closed, so that a loop may end. After any other error the next part may be published.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, hub};
    ///
    /// let (publisher, hub) = hub::channel();
    /// hub.close();
    /// assert!(publisher.publish(Part::text("on")?).unwrap_err().is_closed());
    /// # Ok::<(), mixed_replace::part::InvalidPart>(())
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BoundaryInPart(_) => f.write_str("the part cannot be sent to this hub's viewers"),
            Self::Closed => Closed(()).fmt(f),
        }
    }
}

impl Error for PublishError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::BoundaryInPart(source) => Some(source),
            Self::Closed => None,
        }
    }
}

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

/// The error of publishing to a hub that was closed, by [`Hub::close`](super::Hub::close).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Closed(pub(super) ());

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the hub is closed")
    }
}

impl Error for Closed {}

/// `BrokenPipe`.
impl From<Closed> for io::Error {
    fn from(error: Closed) -> Self {
        Self::new(io::ErrorKind::BrokenPipe, error)
    }
}

/// The reason why [`Publisher::publish_jpeg`](super::Publisher::publish_jpeg) skipped a frame.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InvalidFrame {
    /// The frame holds the hub's boundary.
    BoundaryInPart(BoundaryInPart),
    /// The frame is empty, damaged, or no JPEG.
    Part(InvalidPart),
}

impl fmt::Display for InvalidFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BoundaryInPart(error) => error.fmt(f),
            Self::Part(error) => error.fmt(f),
        }
    }
}

/// `Display` says all that its variants say, so the source is theirs.
impl Error for InvalidFrame {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::BoundaryInPart(error) => error.source(),
            Self::Part(error) => error.source(),
        }
    }
}

/// `InvalidData`.
impl From<InvalidFrame> for io::Error {
    fn from(error: InvalidFrame) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use io::ErrorKind::{BrokenPipe, InvalidData};

    use super::*;

    #[test]
    fn converts_into_io_errors_with_the_same_message() {
        let empty = || InvalidFrame::Part(InvalidPart::Empty);
        for (error, kind, said) in [
            (io::Error::from(Closed(())), BrokenPipe, "the hub is closed".to_owned()),
            (PublishError::Closed.into(), BrokenPipe, "the hub is closed".to_owned()),
            (empty().into(), InvalidData, empty().to_string()),
        ] {
            assert_eq!((error.kind(), error.to_string()), (kind, said));
        }
    }
}
