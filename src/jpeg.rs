//! JPEG markers: splits a run of pictures, finds the end of a picture, and adds the tables that webcams omit.
//!
//! The output of `ffmpeg -f mjpeg -`, `rpicam-vid --codec mjpeg -o -` or GStreamer's `jpegenc ! fdsink` has no framing:
//! one picture follows the other. [`Pictures`] turns a stream of such bytes into a stream of pictures, [`Splitter`] does
//! the same without I/O. Both follow the markers of T.81 Annex B and never decode a picture.
//!
//! # Examples
//!
//! ```
//! use bytes::BytesMut;
//! use mixed_replace::jpeg::Splitter;
//!
//! const PICTURE: &[u8] = b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff\xd9";
//! let mut buffer = BytesMut::from(&[PICTURE, PICTURE].concat()[..]);
//! let mut splitter = Splitter::new();
//! assert_eq!(splitter.split(&mut buffer)?.as_deref(), Some(PICTURE));
//! assert_eq!(buffer, PICTURE);
//! # Ok::<(), mixed_replace::jpeg::SplitError>(())
//! ```

mod error;
mod huffman;
mod pictures;
mod walk;

use bytes::{Buf as _, Bytes, BytesMut};

use self::error::Junk;
pub use self::error::SplitError;
pub use self::huffman::with_huffman_tables;
pub use self::pictures::{Pictures, PicturesError};
pub(crate) use self::walk::{Step, Walk};
use crate::derive::setters;
use crate::picture::marker::View;

/// Cuts a run of bytes into JPEG pictures.
///
/// ```text
/// …4f 2a | ff d8 ff e1 … ff da … ff 00 … ff d0 … ff d9 | 00 00 | ff d8 ff …
/// junk     SOI   APP1    SOS     data     RST0    EOI    junk    the next picture
/// ```
///
/// A picture runs from SOI to EOI. Segments are stepped over by their length, so a thumbnail, a comment or application
/// data cannot end it early. Stuffed bytes, restart markers and several scans cannot either. A picture needs a frame header
/// and a scan: a "tables only" stream (B.5) is not a picture.
///
/// The caller owns the buffer and only appends to it. Each picture is split off, not copied. The buffer holds at most
/// [`max_picture_bytes`](Self::max_picture_bytes) bytes and the last read; junk is removed at once. Work is linear in the bytes,
/// whatever they are and however few arrive at a time.
///
/// Some cameras write no EOI. Such a picture ends at the SOI of the next one, and EOI is added to it. A picture that was cut
/// short in its scan looks the same. So the first is returned only after two in a row without EOI, and none is returned once
/// there was a picture with EOI.
///
/// Faults that a camera recovers from are skipped and counted: junk between pictures ([`skipped`](Self::skipped)), and a
/// picture that is cut off by the next one or has an impossible marker ([`broken`](Self::broken)). The next picture is
/// found even if it starts inside a segment of the broken one. A thumbnail does not replace its picture, unless the bytes
/// before it are missing or damaged.
///
/// # Examples
///
/// Any blocking reader; with tokio, `reader.read_buf(&mut buffer).await?` takes the place of the four lines from `let len` on.
///
/// ```
/// use std::io::Read;
///
/// use bytes::BytesMut;
/// use mixed_replace::jpeg::Splitter;
///
/// const PICTURE: &[u8] = b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff\xd9";
/// let mut reader = &[PICTURE, b"\0\0", PICTURE].concat()[..];
///
/// let (mut splitter, mut buffer, mut pictures) = (Splitter::new(), BytesMut::new(), Vec::new());
/// loop {
///     while let Some(picture) = splitter.split(&mut buffer)? {
///         pictures.push(picture);
///     }
///     let len = buffer.len();
///     buffer.resize(len + 64 * 1024, 0);
///     let read = reader.read(&mut buffer[len..])?;
///     buffer.truncate(len + read);
///     if read == 0 {
///         break;
///     }
/// }
/// assert_eq!(splitter.split_eof(&mut buffer)?, None);
/// assert_eq!(pictures, [PICTURE, PICTURE]);
/// assert_eq!(splitter.skipped(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Splitter {
    max_picture: usize,
    max_junk: usize,
    state: State,
    /// A picture that ends before this place was a part of a broken one.
    fence: usize,
    /// Whether this camera ends its pictures with EOI. Unknown until the first that has one, or two in a row that lack it.
    writes_eoi: Option<bool>,
    /// The length of a picture without EOI in front of the current one, while that is unknown.
    unended: usize,
    skipped: u64,
    broken: u64,
    /// What came instead of the first picture; none once there was one.
    unproven: Option<Junk>,
}

impl Splitter {
    /// Creates a splitter for pictures of up to 16 MiB, with up to 4 MiB of junk in front of the first one.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::jpeg::Splitter;
    ///
    /// let mut buffer = BytesMut::from(&b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff\xd9"[..]);
    /// assert_eq!(Splitter::new().split(&mut buffer)?.map(|picture| picture.len()), Some(15));
    /// # Ok::<(), mixed_replace::jpeg::SplitError>(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self {
            max_picture: MAX_PICTURE,
            max_junk: MAX_JUNK,
            state: State::Between { from: 0 },
            fence: 0,
            writes_eoi: None,
            unended: 0,
            skipped: 0,
            broken: 0,
            unproven: Some(Junk::default()),
        }
    }

    setters! {
        /// Limits the length of a picture in bytes. The default is 16 MiB, several times what a 4K camera sends at its
        /// best quality.
        ///
        /// # Examples
        ///
        /// ```
        /// use bytes::BytesMut;
        /// use mixed_replace::jpeg::Splitter;
        ///
        /// let mut buffer = BytesMut::from(&b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff\xd9"[..]);
        /// let error = Splitter::new().max_picture_bytes(14).split(&mut buffer).unwrap_err();
        /// assert_eq!(error.to_string(), "a JPEG picture exceeds the limit of 14 bytes");
        /// ```
        #[must_use]
        max_picture_bytes(usize) => max_picture;

        /// Limits the junk in front of the first picture, in bytes. The default is 4 MiB.
        ///
        /// Bytes without a picture up to here are not a JPEG stream. The default leaves room for the rest of a large
        /// picture, because a reader may start in the middle of one; for the output of a child process much less is
        /// enough. After the first picture junk is skipped and counted without a limit.
        ///
        /// # Examples
        ///
        /// ```
        /// use bytes::BytesMut;
        /// use mixed_replace::jpeg::Splitter;
        ///
        /// let mut buffer = BytesMut::from(&b"\0\0\0\x01\x67\x64\0\x28"[..]);
        /// let error = Splitter::new().max_junk_bytes(7).split(&mut buffer).unwrap_err();
        /// assert_eq!(error.to_string(), "no JPEG picture in 8 bytes that start with 00 00 00 01 67 64 00 28");
        /// ```
        #[must_use]
        max_junk_bytes(usize) => max_junk;
    }

    /// Returns the next picture, from SOI to EOI, if `src` holds all of it.
    ///
    /// Returns `None` if more bytes are needed at the end of `src`.
    ///
    /// # Errors
    ///
    /// - [`SplitError::TooLarge`] if the picture exceeds [`max_picture_bytes`](Self::max_picture_bytes).
    /// - [`SplitError::NoPicture`] if [`max_junk_bytes`](Self::max_junk_bytes) is exceeded.
    ///
    /// Neither is final: the next call continues at the next SOI. After `NoPicture` the count of junk starts at zero. After
    /// `TooLarge`, as after a first picture, junk is not limited.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::jpeg::Splitter;
    ///
    /// let mut splitter = Splitter::new();
    /// let mut buffer = BytesMut::from(&b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff"[..]);
    /// assert_eq!(splitter.split(&mut buffer)?, None);
    /// buffer.extend_from_slice(b"\xd9\xff\xd8");
    /// let picture = splitter.split(&mut buffer)?;
    /// assert_eq!(picture.as_deref(), Some(&b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff\xd9"[..]));
    /// assert_eq!(buffer[..], *b"\xff\xd8");
    /// # Ok::<(), mixed_replace::jpeg::SplitError>(())
    /// ```
    pub fn split(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, SplitError> {
        loop {
            match self.find(View::new(src, &[]))? {
                Found::Junk(len) => src.advance(len),
                Found::More => return Ok(None),
                Found::Picture(len) => return Ok(Some(src.split_to(len).freeze())),
                Found::Unended(len) => return Ok(Some(with_eoi(&src.split_to(len)))),
            }
        }
    }

    /// Returns the next picture at the end of the bytes. Call it until it returns `None`.
    ///
    /// # Errors
    ///
    /// [`Truncated`](SplitError::Truncated) if the bytes end within a picture, [`NoPicture`](SplitError::NoPicture) if
    /// there were bytes and never a picture, and the errors of [`split`](Self::split). An empty input is not an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::jpeg::{SplitError, Splitter};
    ///
    /// let mut splitter = Splitter::new();
    /// let mut buffer = BytesMut::from(&b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02..."[..]);
    /// assert!(matches!(splitter.split_eof(&mut buffer), Err(SplitError::Truncated { bytes: 13, .. })));
    /// assert_eq!(splitter.split_eof(&mut buffer), Ok(None));
    /// ```
    pub fn split_eof(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, SplitError> {
        let mut cut = None;
        loop {
            let picture = self.split(src)?;
            if picture.is_some() {
                return Ok(picture);
            }
            let State::Within(walk) = &self.state else { break };
            let (len, from, fence) = match std::mem::take(&mut self.unended) {
                0 => (walk.at().min(src.len()), walk.resume(), walk.fence(View::new(src, &[]))),
                len => {
                    if walk.is_in_scan() {
                        self.writes_eoi = Some(false);
                    }
                    (len, len, 0)
                }
            };
            if walk.is_in_scan() && self.writes_eoi == Some(false) {
                self.state = State::Between { from: 0 };
                return Ok(Some(with_eoi(&src.split_to(len))));
            }
            self.give_up(from, fence);
            cut = cut.or(Some(src.len()));
        }
        self.skip(View::new(src, &[]), src.len());
        src.clear();
        self.state = State::Between { from: 0 };
        let junk = self.unproven.as_mut().map(std::mem::take).unwrap_or_default();
        match cut {
            Some(bytes) => Err(SplitError::Truncated { bytes }),
            None if junk.bytes > 0 => Err(junk.into_error()),
            None => Ok(None),
        }
    }

    /// Returns the number of bytes that were skipped: junk, and pictures that were given up.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::jpeg::Splitter;
    ///
    /// let mut splitter = Splitter::new();
    /// assert_eq!(splitter.split(&mut BytesMut::from("\r\n--frame")), Ok(None));
    /// assert_eq!(splitter.skipped(), 9);
    /// ```
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns the number of pictures that were given up: cut short, with an invalid marker, or over the limit.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use mixed_replace::jpeg::Splitter;
    ///
    /// let (cut, complete) = (b"\xff\xd8\xff\xdb\x00\x43..", b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff\xd9");
    /// let mut splitter = Splitter::new();
    /// let picture = splitter.split_eof(&mut BytesMut::from(&[&cut[..], complete].concat()[..]))?;
    /// assert_eq!(picture.as_deref(), Some(&complete[..]));
    /// assert_eq!((splitter.broken(), splitter.skipped()), (1, 8));
    /// # Ok::<(), mixed_replace::jpeg::SplitError>(())
    /// ```
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// Returns the first find in these bytes, which start where the last find ended.
    fn find(&mut self, bytes: View<'_>) -> Result<Found, SplitError> {
        if let Some(junk) = self.unproven.as_mut().filter(|junk| junk.bytes > self.max_junk as u64) {
            return Err(std::mem::take(junk).into_error());
        }
        loop {
            match &mut self.state {
                State::Between { from } => match bytes.soi(*from) {
                    Ok(0) => self.state = State::Within(Walk::new()),
                    Ok(at) | Err(at) => {
                        let len = at.min(bytes.len());
                        *from = at - len;
                        self.skip(bytes, len);
                        return Ok(if len == 0 { Found::More } else { Found::Junk(len) });
                    }
                },
                State::Within(walk) => match walk.step(bytes.first(self.max_picture).after(self.unended)) {
                    Step::Segment { .. } => {}
                    Step::More if bytes.len().max(self.unended + walk.at()) <= self.max_picture => {
                        return Ok(Found::More);
                    }
                    // The one in front has an end if this one has none either; else it was cut short.
                    Step::Next if self.writes_eoi != Some(true) => {
                        let len = if self.unended > 0 { self.unended } else { walk.at() };
                        if self.unended > 0 {
                            self.writes_eoi = Some(false);
                        }
                        self.unended = 0;
                        if self.writes_eoi.is_none() {
                            self.unended = len;
                            self.state = State::Within(Walk::new());
                            continue;
                        }
                        self.state = State::Between { from: 0 };
                        self.fence = 0;
                        self.unproven = None;
                        return Ok(Found::Unended(len));
                    }
                    _ if self.unended > 0 => {
                        let from = std::mem::take(&mut self.unended);
                        self.give_up(from, 0);
                    }
                    Step::More => {
                        let from = walk.at();
                        self.give_up(from, 0);
                        self.unproven = None;
                        return Err(SplitError::TooLarge { max_bytes: self.max_picture });
                    }
                    Step::End if walk.at() <= self.fence => self.state = State::Between { from: walk.at() },
                    Step::End => {
                        let len = walk.at();
                        self.state = State::Between { from: 0 };
                        self.fence = 0;
                        self.unproven = None;
                        self.writes_eoi = Some(true);
                        return Ok(Found::Picture(len));
                    }
                    Step::Broken | Step::Next => {
                        let (from, fence) = (walk.resume(), walk.fence(bytes));
                        self.give_up(from, fence);
                    }
                },
            }
        }
    }

    fn give_up(&mut self, from: usize, fence: usize) {
        self.broken += 1;
        self.fence = self.fence.max(fence);
        self.state = State::Between { from };
    }

    fn skip(&mut self, bytes: View<'_>, len: usize) {
        self.skipped += len as u64;
        self.fence = self.fence.saturating_sub(len);
        if let Some(junk) = &mut self.unproven {
            junk.add(bytes, len);
        }
    }
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns `true` if these bytes are exactly one complete picture.
///
/// Looks at the markers only and does not decode the data between them.
///
/// # Examples
///
/// ```
/// use mixed_replace::jpeg::is_complete;
///
/// let picture = b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff\xd9";
/// assert!(is_complete(picture));
/// assert!(!is_complete(&picture[..14]));
/// assert!(!is_complete(&[&picture[..], b"\0"].concat()));
/// ```
#[must_use]
pub fn is_complete(picture: &[u8]) -> bool {
    complete_len(picture) == Some(picture.len())
}

/// Returns the length of the picture that these bytes start with, or `None` if it is not complete.
///
/// Anything may follow the picture, such as the zeros with which some cameras pad it.
///
/// # Examples
///
/// ```
/// use mixed_replace::jpeg::complete_len;
///
/// let padded = b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02...\xff\xd9\0\0\0";
/// assert_eq!(complete_len(padded), Some(15));
/// assert_eq!(complete_len(&padded[..14]), None);
/// ```
#[must_use]
pub fn complete_len(bytes: &[u8]) -> Option<usize> {
    let picture = View::new(bytes, &[]);
    picture.soi(0).ok().filter(|at| *at == 0)?;
    let mut walk = Walk::new();
    loop {
        match walk.step(picture) {
            Step::Segment { .. } => {}
            Step::End => return Some(walk.at()),
            Step::Broken | Step::More | Step::Next => return None,
        }
    }
}

/// Returns a copy of a picture with the EOI that it lacks.
pub(crate) fn with_eoi(picture: &[u8]) -> Bytes {
    Bytes::from([picture, b"\xff\xd9"].concat())
}

#[derive(Clone, Debug)]
enum State {
    /// Searching for SOI from this place, which may be beyond the bytes that have arrived.
    Between {
        from: usize,
    },
    Within(Walk),
}

/// A find, with its length in bytes.
enum Found {
    Junk(usize),
    More,
    Picture(usize),
    /// A picture that needs an EOI.
    Unended(usize),
}

const MAX_JUNK: usize = 4 << 20;
const MAX_PICTURE: usize = 16 << 20;
