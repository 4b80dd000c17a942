//! The error of a part that cannot be sent.

use crate::boundary::Boundary;
use crate::derive::{error_messages, io_error};
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

error_messages! { EncodeError {
    Self::BoundaryInPart(boundary) => "the part holds the boundary {:?}", boundary.as_str();
    Self::InvalidPart(error) => "{error}";
} }

impl EncodeError {
    pub(crate) fn is_of_boundary(&self) -> bool {
        matches!(self, Self::BoundaryInPart(_))
    }
}

impl From<InvalidPart> for EncodeError {
    fn from(error: InvalidPart) -> Self {
        Self::InvalidPart(error)
    }
}

io_error!(EncodeError, InvalidData);
