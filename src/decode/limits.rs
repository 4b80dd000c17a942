//! The limits of a decoder.

/// The limits of a [`Decoder`](super::Decoder), each with a finite default.
///
/// | limit | default | error |
/// |---|---|---|
/// | [`max_boundary_bytes`](Self::max_boundary_bytes) | 200 | none: a longer one is no boundary |
/// | [`max_header_bytes`](Self::max_header_bytes) | 16 KiB | [`HeaderTooLong`](super::DecodeError::HeaderTooLong) |
/// | [`max_headers`](Self::max_headers) | 64 | [`TooManyHeaders`](super::DecodeError::TooManyHeaders) |
/// | [`max_junk_bytes`](Self::max_junk_bytes) | 64 KiB | [`JunkTooLong`](super::DecodeError::JunkTooLong) |
/// | [`max_line_bytes`](Self::max_line_bytes) | 8 KiB | [`LineTooLong`](super::DecodeError::LineTooLong) |
/// | [`max_part_bytes`](Self::max_part_bytes) | 16 MiB | [`PartTooLong`](super::DecodeError::PartTooLong), [`NoDelimiter`](super::DecodeError::NoDelimiter) |
///
/// A decoder needs no larger buffer than the longest part, or the longest header block and one line. [`Parts`](super::Parts)
/// allocates at most 64 KiB ahead of the bytes that have come, whatever length a sender announces.
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use mixed_replace::{Decoder, decode::Limits};
///
/// let mut decoder = Decoder::new("x").limits(Limits::new().max_part_bytes(1_000_000));
/// let mut bytes = BytesMut::from("--x\r\nContent-Length: 1000001\r\n\r\n");
/// let error = decoder.decode(&mut bytes).unwrap_err();
/// assert_eq!(error.to_string(), "the part at byte 32 exceeds the limit of 1000000 bytes");
///
/// // For a camera with short headers and no text between its pictures.
/// let strict = Limits::new().max_header_bytes(1024).max_headers(8).max_junk_bytes(256).max_line_bytes(200);
/// let mut decoder = Decoder::new("x").limits(strict);
/// let error = decoder.decode(&mut BytesMut::from(&[b'.'; 300][..])).unwrap_err();
/// assert_eq!(error.to_string(), "no delimiter follows byte 0 within the limit of 256 bytes");
/// ```
#[must_use]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    pub(super) max_boundary_bytes: usize,
    pub(super) max_header_bytes: usize,
    pub(super) max_headers: usize,
    pub(super) max_junk_bytes: usize,
    pub(super) max_line_bytes: usize,
    pub(crate) max_part_bytes: usize,
}

impl Limits {
    /// Creates the default limits.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::decode::Limits;
    ///
    /// const LIMITS: Limits = Limits::new();
    /// assert_eq!(LIMITS, Limits::default());
    /// assert_eq!(LIMITS, Limits::new().max_headers(64));
    /// ```
    pub const fn new() -> Self {
        Self {
            max_boundary_bytes: 200,
            max_header_bytes: 16 * KIB,
            max_headers: 64,
            max_junk_bytes: 64 * KIB,
            max_line_bytes: 8 * KIB,
            max_part_bytes: 16 * KIB * KIB,
        }
    }

    /// Limits a boundary that the body names because the response head names none or another one.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::{Decoder, decode::Limits};
    ///
    /// let mut decoder = Decoder::detect().limits(Limits::new().max_boundary_bytes(3));
    /// decoder.decode(&mut BytesMut::from("--long\r\nContent-Type: text/plain\r\n\r\non\r\n--long--"))?;
    /// assert_eq!(decoder.boundary(), None);
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    pub const fn max_boundary_bytes(self, max: usize) -> Self {
        Self { max_boundary_bytes: max, ..self }
    }

    /// Limits the header block of a part, all its lines together.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    /// use mixed_replace::decode::{DecodeError, Limits};
    ///
    /// let mut decoder = Decoder::new("x").limits(Limits::new().max_header_bytes(20));
    /// let error = decoder.decode(&mut BytesMut::from("--x\r\nContent-Type: text/plain\r\n\r\n")).unwrap_err();
    /// assert!(matches!(error, DecodeError::HeaderTooLong { .. }));
    /// ```
    pub const fn max_header_bytes(self, max: usize) -> Self {
        Self { max_header_bytes: max, ..self }
    }

    /// Limits the number of header lines of a part.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    /// use mixed_replace::decode::{DecodeError, Limits};
    ///
    /// let mut decoder = Decoder::new("x").limits(Limits::new().max_headers(1));
    /// let error = decoder.decode(&mut BytesMut::from("--x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n"));
    /// assert!(matches!(error, Err(DecodeError::TooManyHeaders { .. })));
    /// ```
    pub const fn max_headers(self, max: usize) -> Self {
        Self { max_headers: max, ..self }
    }

    /// Limits the bytes that belong to no part, before the first delimiter or between two parts.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    /// use mixed_replace::decode::{DecodeError, Limits};
    ///
    /// let mut decoder = Decoder::new("x").limits(Limits::new().max_junk_bytes(100));
    /// let error = decoder.decode(&mut BytesMut::from("camera ready\r\n".repeat(10).as_str())).unwrap_err();
    /// assert!(matches!(error, DecodeError::JunkTooLong { .. }));
    /// ```
    pub const fn max_junk_bytes(self, max: usize) -> Self {
        Self { max_junk_bytes: max, ..self }
    }

    /// Limits a header line, or the rest of a delimiter's line.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    /// use mixed_replace::decode::{DecodeError, Limits};
    ///
    /// let mut decoder = Decoder::new("x").limits(Limits::new().max_line_bytes(20));
    /// let error = decoder.decode(&mut BytesMut::from("--x\r\nContent-Type: text/plain\r\n\r\n")).unwrap_err();
    /// assert!(matches!(error, DecodeError::LineTooLong { .. }));
    /// ```
    pub const fn max_line_bytes(self, max: usize) -> Self {
        Self { max_line_bytes: max, ..self }
    }

    /// Limits the body of a part.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    /// use mixed_replace::decode::{DecodeError, Limits};
    ///
    /// let mut decoder = Decoder::new("x").limits(Limits::new().max_part_bytes(4));
    /// let error = decoder.decode(&mut BytesMut::from("--x\r\nContent-Length: 5\r\n\r\n")).unwrap_err();
    /// assert!(matches!(error, DecodeError::PartTooLong { .. }));
    /// ```
    pub const fn max_part_bytes(self, max: usize) -> Self {
        Self { max_part_bytes: max, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

const KIB: usize = 1024;
