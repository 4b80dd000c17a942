//! The error of the check.

use std::borrow::Cow;

use bytes::Bytes;
use mime::Mime;

use crate::derive::{Hex, error_messages};

/// An image that no decoder gets through the header of.
///
/// # Examples
///
/// ```
/// use mixed_replace::picture::{self, InvalidPicture};
///
/// let error = picture::check(&mime::IMAGE_JPEG, b"GIF89a").unwrap_err();
/// assert!(matches!(error, InvalidPicture::Signature { .. }));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InvalidPicture {
    /// A field of the header is invalid.
    #[non_exhaustive]
    Header {
        /// The type of the image.
        content_type: Mime,
        /// What is invalid, such as `frame of 0 x 0 pixels`.
        problem: Cow<'static, str>,
    },
    /// The body does not start like an image of its type.
    #[non_exhaustive]
    Signature {
        /// The type that the body was said to have.
        content_type: Mime,
        /// The first bytes of the body, at most four.
        starts_with: Bytes,
    },
    /// The body ends before the part of it that a decoder needs.
    #[non_exhaustive]
    Truncated {
        /// The type of the image.
        content_type: Mime,
        /// The length of the body in bytes.
        bytes: usize,
    },
}

impl InvalidPicture {
    pub(super) fn signature(content_type: &Mime, body: &[u8]) -> Self {
        let starts_with = Bytes::copy_from_slice(body.get(..4).unwrap_or(body));
        Self::Signature { content_type: content_type.clone(), starts_with }
    }
}

error_messages! { InvalidPicture {
    Self::Header { content_type, problem } => "invalid {content_type} header: {problem}";
    Self::Signature { content_type, starts_with } if starts_with.is_empty() => "invalid {content_type} body: empty";
    Self::Signature { content_type, starts_with } => "invalid {content_type} body: starts with{}", Hex(starts_with);
    Self::Truncated { content_type, bytes } => "invalid {content_type} body: incomplete at {bytes} bytes";
} }

/// The same without the type, as the checks of the formats report it.
#[derive(Debug)]
pub(super) enum Problem {
    Header(Cow<'static, str>),
    Truncated,
}

impl Problem {
    pub(super) fn into_error(self, content_type: &Mime, body: &[u8]) -> InvalidPicture {
        let content_type = content_type.clone();
        match self {
            Self::Header(problem) => InvalidPicture::Header { content_type, problem },
            Self::Truncated => InvalidPicture::Truncated { content_type, bytes: body.len() },
        }
    }
}

impl From<&'static str> for Problem {
    fn from(problem: &'static str) -> Self {
        Self::Header(Cow::Borrowed(problem))
    }
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::Header(Cow::Owned(problem))
    }
}
