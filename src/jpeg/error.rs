//! The error of a splitter.

use std::fmt;

use bytes::Bytes;

use crate::picture::marker::View;

/// An error of a [`Splitter`](super::Splitter).
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SplitError {
    /// The bytes hold no picture: the [limit](super::Splitter::max_junk) was exceeded, or they ended.
    NoPicture {
        /// The number of bytes without a picture.
        bytes: u64,
        /// The first of them, at most 8.
        begins: Bytes,
    },
    /// A picture is longer than [`Splitter::max_picture`](super::Splitter::max_picture).
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The bytes end in the middle of a picture.
    Truncated {
        /// The number of bytes of the picture.
        bytes: usize,
    },
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPicture { bytes, begins } => {
                write!(f, "no JPEG picture in {bytes} bytes that begin with")?;
                begins.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
            Self::TooLarge { limit } => write!(f, "a JPEG picture exceeds {limit} bytes"),
            Self::Truncated { bytes } => write!(f, "the stream ends {bytes} bytes into a JPEG picture"),
        }
    }
}

impl std::error::Error for SplitError {}

/// The bytes in front of the first picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Junk {
    pub(super) bytes: u64,
    begins: Vec<u8>,
}

impl Junk {
    pub(super) fn add(&mut self, bytes: View<'_>, len: usize) {
        self.bytes += len as u64;
        let room = BEGINS.saturating_sub(self.begins.len());
        self.begins.extend((0..len.min(room)).filter_map(|at| bytes.get(at)));
    }

    pub(super) fn into_error(self) -> SplitError {
        SplitError::NoPicture { bytes: self.bytes, begins: self.begins.into() }
    }
}

const BEGINS: usize = 8;
