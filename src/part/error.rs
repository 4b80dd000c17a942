//! The error of making a part.

use std::{fmt, io};

use mime::Mime;

use crate::picture::InvalidPicture;

/// The reason why a body cannot be sent as a part.
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

impl fmt::Display for InvalidPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a part cannot have an empty body"),
            Self::Picture(error) => error.fmt(f),
            Self::Type(content_type) => {
                write!(f, "a part cannot have the content type {content_type}")
            }
        }
    }
}

impl std::error::Error for InvalidPart {}

impl From<InvalidPicture> for InvalidPart {
    fn from(error: InvalidPicture) -> Self {
        Self::Picture(error)
    }
}

/// `InvalidData`.
impl From<InvalidPart> for io::Error {
    fn from(error: InvalidPart) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}
