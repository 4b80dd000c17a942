//! How much a decoder takes before it gives up.

/// What a [`Decoder`](super::Decoder) takes from a sender before it gives up: finite by default, each settable.
///
/// | limit | default | of what |
/// |---|---|---|
/// | [`block`](Self::block) | 16 KiB | all header lines of a part together |
/// | [`boundary`](Self::boundary) | 200 bytes | a boundary that the body teaches |
/// | [`headers`](Self::headers) | 64 | header lines of a part |
/// | [`junk`](Self::junk) | 64 KiB | what means nothing, in one piece: before the first delimiter or between two parts |
/// | [`line`](Self::line) | 8 KiB | a header line, or what follows a boundary on its line |
/// | [`part`](Self::part) | 16 MiB | the body of a part |
///
/// A decoder asks for no more bytes than the part, or the block and one line, takes. No length that a sender merely
/// announces is ever allocated ahead of the bytes, beyond 64 KiB.
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use mixed_replace::decode::{Decoder, Limits};
///
/// let mut decoder = Decoder::new("x").limits(Limits::new().part(1_000_000));
/// let mut bytes = BytesMut::from("--x\r\nContent-Length: 1000001\r\n\r\n");
/// let error = decoder.decode(&mut bytes).unwrap_err();
/// assert_eq!(error.to_string(), "the part at byte 32 exceeds the limit of 1000000 bytes");
///
/// // A camera that is known to send short headers, and no text between its pictures.
/// let strict = Limits::new().block(1024).headers(8).junk(256).line(200);
/// let mut decoder = Decoder::new("x").limits(strict);
/// let error = decoder.decode(&mut BytesMut::from(&[b'.'; 300][..])).unwrap_err();
/// assert!(error.to_string().contains("256 bytes"), "{error}");
/// ```
#[must_use]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    pub(super) block: usize,
    pub(super) boundary: usize,
    pub(super) headers: usize,
    pub(super) junk: usize,
    pub(super) line: usize,
    pub(super) part: usize,
}

impl Limits {
    /// The defaults.
    pub const fn new() -> Self {
        Self { block: 16 * KIB, boundary: 200, headers: 64, junk: 64 * KIB, line: 8 * KIB, part: 16 * KIB * KIB }
    }

    /// All header lines of a part together, in bytes.
    pub const fn block(self, bytes: usize) -> Self {
        Self { block: bytes, ..self }
    }

    /// A boundary that the body teaches because the header named none or another, in bytes.
    pub const fn boundary(self, bytes: usize) -> Self {
        Self { boundary: bytes, ..self }
    }

    /// Header lines of a part.
    pub const fn headers(self, lines: usize) -> Self {
        Self { headers: lines, ..self }
    }

    /// What means nothing, in one piece, in bytes.
    pub const fn junk(self, bytes: usize) -> Self {
        Self { junk: bytes, ..self }
    }

    /// A header line, or what follows a boundary on its line, in bytes.
    pub const fn line(self, bytes: usize) -> Self {
        Self { line: bytes, ..self }
    }

    /// The body of a part, in bytes.
    pub const fn part(self, bytes: usize) -> Self {
        Self { part: bytes, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

const KIB: usize = 1024;
