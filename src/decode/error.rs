//! Why decoding stopped.

use bytes::Bytes;

use crate::derive::{Hex, error_messages};

/// An error after which a stream cannot be decoded any further.
///
/// Every `offset` is a number of bytes from the beginning of the body. Further calls return the same error.
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use mixed_replace::Decoder;
/// use mixed_replace::decode::{DecodeError, Limits};
///
/// let mut decoder = Decoder::new("b").limits(Limits::new().max_junk_bytes(4));
/// let error = decoder.decode(&mut BytesMut::from("no delimiter")).unwrap_err();
/// assert!(matches!(error, DecodeError::JunkTooLong { max_bytes: 4, .. }));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The header block of a part exceeds [`Limits::max_header_bytes`](super::Limits::max_header_bytes).
    #[non_exhaustive]
    HeaderTooLong {
        /// The limit in bytes.
        max_bytes: usize,
        /// The start of the block.
        offset: u64,
    },
    /// More than [`Limits::max_junk_bytes`](super::Limits::max_junk_bytes) before the first delimiter, or between two
    /// parts, belong to no part.
    #[non_exhaustive]
    JunkTooLong {
        /// The limit in bytes.
        max_bytes: usize,
        /// The start of these bytes.
        offset: u64,
    },
    /// A header line, or the rest of a delimiter's line, exceeds
    /// [`Limits::max_line_bytes`](super::Limits::max_line_bytes).
    #[non_exhaustive]
    LineTooLong {
        /// The limit in bytes.
        max_bytes: usize,
        /// The start of the line.
        offset: u64,
    },
    /// A part without a valid length exceeds [`Limits::max_part_bytes`](super::Limits::max_part_bytes), and is longer
    /// than 64 KiB. Probably the stream has other delimiters than its head announces.
    #[non_exhaustive]
    NoDelimiter {
        /// The expected delimiter, or `None` if no boundary is known.
        delimiter: Option<String>,
        /// The limit in bytes.
        max_bytes: usize,
        /// The start of the body.
        offset: u64,
        /// The first bytes of the body, at most 16.
        starts_with: Bytes,
    },
    /// The body of a part, or the length that it announces, exceeds
    /// [`Limits::max_part_bytes`](super::Limits::max_part_bytes).
    #[non_exhaustive]
    PartTooLong {
        /// The limit in bytes.
        max_bytes: usize,
        /// The start of the body.
        offset: u64,
    },
    /// A part has more header lines than [`Limits::max_headers`](super::Limits::max_headers).
    #[non_exhaustive]
    TooManyHeaders {
        /// The limit in lines.
        max_headers: usize,
        /// The start of the block.
        offset: u64,
    },
    /// The bytes ended without a close-delimiter, as endless streams do.
    ///
    /// Every part that was complete by then has been returned before.
    #[non_exhaustive]
    Truncated {
        /// The length of the stream.
        offset: u64,
    },
}

error_messages! { DecodeError {
    Self::HeaderTooLong { max_bytes, offset } => "the header block at byte {offset} exceeds the limit of {max_bytes} bytes";
    Self::JunkTooLong { max_bytes, offset } => "no delimiter follows byte {offset} within the limit of {max_bytes} bytes";
    Self::LineTooLong { max_bytes, offset } => "the line at byte {offset} exceeds the limit of {max_bytes} bytes";
    Self::NoDelimiter { delimiter, max_bytes, offset, starts_with } =>
        "no delimiter {}within the limit of {max_bytes} bytes of the part at byte {offset}, which starts with{}",
        delimiter.as_ref().map(|delimiter| format!("{delimiter:?} ")).unwrap_or_default(), Hex(starts_with);
    Self::PartTooLong { max_bytes, offset } => "the part at byte {offset} exceeds the limit of {max_bytes} bytes";
    Self::TooManyHeaders { max_headers, offset } =>
        "the header block at byte {offset} exceeds the limit of {max_headers} lines";
    Self::Truncated { offset } => "the stream ended at byte {offset} without a close-delimiter";
} }
