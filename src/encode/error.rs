//! The error of a part that cannot be sent.

use std::{fmt, io};

use crate::boundary::Boundary;
use crate::part::InvalidPart;

/// The error of a part that cannot be sent, by [`Encoder::encode`](crate::Encoder::encode),
/// [`Writer::write`](crate::Writer::write) and [`Publisher::publish`](crate::Publisher::publish).
///
/// # Examples
///
/// ```
/// use mixed_replace::{Boundary, Encoder, Part, Wire, encode::EncodeError};
///
/// let boundary = Boundary::from_static("ThisRandomString");
/// let encoder = Encoder::new(boundary.clone(), Wire::Machine);
/// let error = encoder.encode(&Part::text("ThisRandomString")?).unwrap_err();
/// assert_eq!(error, EncodeError::BoundaryInPart(boundary));
/// assert_eq!(error.to_string(), "the part holds the boundary \"ThisRandomString\"");
/// # Ok::<(), mixed_replace::InvalidPart>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The part holds this boundary, which is the stream's. A reader would split it in two.
    BoundaryInPart(Boundary),
    /// The part is no valid part: for example a damaged image from a [`Decoder`](crate::Decoder), at which browsers end a
    /// stream.
    InvalidPart(InvalidPart),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BoundaryInPart(boundary) => write!(f, "the part holds the boundary {:?}", boundary.as_str()),
            Self::InvalidPart(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EncodeError {}

impl From<InvalidPart> for EncodeError {
    fn from(error: InvalidPart) -> Self {
        Self::InvalidPart(error)
    }
}

/// `InvalidData`.
impl From<EncodeError> for io::Error {
    fn from(error: EncodeError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}
