//! The error of making a part.

use mime::Mime;

use crate::derive::{error_messages, io_error};
use crate::picture::InvalidPicture;

/// The reason why a body cannot be sent as a part.
///
/// # Examples
///
/// ```
/// use mixed_replace::{InvalidPart, Part};
///
/// assert_eq!(Part::text("").unwrap_err(), InvalidPart::Empty);
/// assert!(matches!(Part::jpeg("no picture"), Err(InvalidPart::Picture(_))));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InvalidPart {
    /// The body is empty: that crashes Chromium's tab and breaks an image for good in WebKitGTK.
    Empty,
    /// The body is not an image of its type, or would end an image stream in browsers.
    Picture(InvalidPicture),
    /// The type is too long for a header line of 127 bytes, not ASCII, or a range such as `image/*`.
    Type(Mime),
}

error_messages! { InvalidPart {
    Self::Empty => "a part cannot have an empty body";
    Self::Picture(error) => "{error}";
    Self::Type(content_type) => "a part cannot have the content type {content_type}";
} }

impl From<InvalidPicture> for InvalidPart {
    fn from(error: InvalidPicture) -> Self {
        Self::Picture(error)
    }
}

io_error!(InvalidPart, InvalidData);
