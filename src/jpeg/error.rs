//! The error of a splitter.

use bytes::Bytes;

use crate::derive::{Hex, error_messages};
use crate::picture::marker::View;

/// An error of a [`Splitter`](super::Splitter).
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use mixed_replace::jpeg::{SplitError, Splitter};
///
/// let mut splitter = Splitter::new().max_junk_bytes(4);
/// let error = splitter.split(&mut BytesMut::from("no picture")).unwrap_err();
/// assert!(matches!(error, SplitError::NoPicture { .. }));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SplitError {
    /// The bytes hold no picture: [`Splitter::max_junk_bytes`](super::Splitter::max_junk_bytes) was exceeded, or they ended.
    #[non_exhaustive]
    NoPicture {
        /// The number of bytes without a picture.
        bytes: u64,
        /// The first of them, at most 8.
        starts_with: Bytes,
    },
    /// A picture is longer than [`Splitter::max_picture_bytes`](super::Splitter::max_picture_bytes).
    #[non_exhaustive]
    TooLarge {
        /// The limit in bytes.
        max_bytes: usize,
    },
    /// The bytes end in the middle of a picture.
    #[non_exhaustive]
    Truncated {
        /// The number of bytes of the picture.
        bytes: usize,
    },
}

error_messages! { SplitError {
    Self::NoPicture { bytes, starts_with } => "no JPEG picture in {bytes} bytes that start with{}", Hex(starts_with);
    Self::TooLarge { max_bytes } => "a JPEG picture exceeds the limit of {max_bytes} bytes";
    Self::Truncated { bytes } => "the stream ends {bytes} bytes into a JPEG picture";
} }

/// The bytes in front of the first picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Junk {
    pub(super) bytes: u64,
    starts_with: Vec<u8>,
}

impl Junk {
    pub(super) fn add(&mut self, bytes: View<'_>, len: usize) {
        self.bytes += len as u64;
        let room = STARTS_WITH.saturating_sub(self.starts_with.len());
        self.starts_with.extend((0..len.min(room)).filter_map(|at| bytes.get(at)));
    }

    pub(super) fn into_error(self) -> SplitError {
        SplitError::NoPicture { bytes: self.bytes, starts_with: self.starts_with.into() }
    }
}

const STARTS_WITH: usize = 8;
