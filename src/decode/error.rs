//! Why decoding stopped.

use std::fmt;

use bytes::Bytes;

/// Why a stream cannot be decoded any further.
///
/// Every `offset` counts bytes from the beginning of the body. An error is final: the decoder gives the same one for
/// ever after.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The header lines of a part are longer than [`Limits::block`](super::Limits::block).
    BlockTooLong {
        /// The limit, in bytes.
        limit: usize,
        /// Where the block begins.
        offset: u64,
    },
    /// Between two parts, or before the first, is more than [`Limits::junk`](super::Limits::junk) of something else.
    JunkTooLong {
        /// The limit, in bytes.
        limit: usize,
        /// Where it begins.
        offset: u64,
    },
    /// A header line, or what follows a boundary on its line, is longer than [`Limits::line`](super::Limits::line).
    LineTooLong {
        /// The limit, in bytes.
        limit: usize,
        /// Where the line begins.
        offset: u64,
    },
    /// A part without a valid length has reached [`Limits::part`](super::Limits::part), and at least 64 KiB, without a
    /// delimiter.
    ///
    /// So does a stream whose delimiters are not those that its head announces.
    NoDelimiter {
        /// The first bytes of the body, up to 16.
        begins: Bytes,
        /// The delimiter that was looked for, or `None` if no boundary is known.
        delimiter: Option<String>,
        /// The limit, in bytes.
        limit: usize,
        /// Where the body of the part begins.
        offset: u64,
    },
    /// A part is longer, or says that it is, than [`Limits::part`](super::Limits::part).
    PartTooLong {
        /// The limit, in bytes.
        limit: usize,
        /// Where its body begins.
        offset: u64,
    },
    /// A part has more header lines than [`Limits::headers`](super::Limits::headers).
    TooManyHeaders {
        /// The limit, in lines.
        limit: usize,
        /// Where the block begins.
        offset: u64,
    },
    /// The bytes ended without a close-delimiter.
    ///
    /// So do all streams that are meant to be endless; every part that had come whole has been delivered before.
    Truncated {
        /// How many bytes there were.
        offset: u64,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlockTooLong { limit, offset } => {
                write!(f, "the header block at byte {offset} exceeds the limit of {limit} bytes")
            }
            Self::JunkTooLong { limit, offset } => {
                write!(f, "what is no part at byte {offset} exceeds the limit of {limit} bytes")
            }
            Self::LineTooLong { limit, offset } => {
                write!(f, "the line at byte {offset} exceeds the limit of {limit} bytes")
            }
            Self::NoDelimiter { begins, delimiter, limit, offset } => {
                write!(f, "no delimiter ")?;
                if let Some(delimiter) = delimiter {
                    write!(f, "{delimiter:?} ")?;
                }
                write!(f, "within the limit of {limit} bytes of the part at byte {offset}, which starts with")?;
                begins.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
            Self::PartTooLong { limit, offset } => {
                write!(f, "the part at byte {offset} exceeds the limit of {limit} bytes")
            }
            Self::TooManyHeaders { limit, offset } => {
                write!(f, "the header block at byte {offset} exceeds the limit of {limit} lines")
            }
            Self::Truncated { offset } => write!(f, "the stream ended at byte {offset} without a close-delimiter"),
        }
    }
}

impl std::error::Error for DecodeError {}
