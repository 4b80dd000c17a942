//! From marker to marker through one picture (T.81 B.1.1), without decoding it.

use std::ops::Range;

use memchr::memchr;

/// Bytes in the two pieces in which they may lie in memory, so that nothing is copied only to be looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    head: &'a [u8],
    tail: &'a [u8],
}

impl<'a> View<'a> {
    pub(super) fn new(head: &'a [u8], tail: &'a [u8]) -> Self {
        Self { head, tail }
    }

    pub(super) fn len(self) -> usize {
        self.head.len() + self.tail.len()
    }

    pub(super) fn get(self, at: usize) -> Option<u8> {
        count(1);
        self.head.get(at).or_else(|| self.tail.get(at.checked_sub(self.head.len())?)).copied()
    }

    /// The next SOI that a marker follows, or else the place from which to look when there is more.
    ///
    /// Every picture begins with these three bytes, and chance makes them once in 16 MiB, not once in 64 KiB.
    pub(super) fn soi(self, mut from: usize) -> Result<usize, usize> {
        while let Some(at) = self.ff(from) {
            match (self.get(at + 1), self.get(at + 2)) {
                (Some(SOI), Some(FF)) => return Ok(at),
                (None, _) | (Some(SOI), None) => return Err(at),
                _ => from = at + 1,
            }
        }
        Err(from.max(self.len()))
    }

    fn ff(self, from: usize) -> Option<usize> {
        let found = self.head.get(from..).and_then(|head| memchr(FF, head)).map(|at| from + at).or_else(|| {
            let from = from.saturating_sub(self.head.len());
            Some(self.head.len() + from + memchr(FF, self.tail.get(from..)?)?)
        });
        count(found.unwrap_or(self.len()).saturating_sub(from));
        found
    }

    pub(super) fn first(self, len: usize) -> Self {
        let head = self.head.get(..len).unwrap_or(self.head);
        Self { head, tail: self.tail.get(..len - head.len()).unwrap_or(self.tail) }
    }
}

/// How far the markers of one picture have been followed; can stop and go on at any byte.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// The next byte to look at. A segment is jumped over, so that this may lie behind what is there.
    at: usize,
    /// The segment passed last, from its length to its end.
    segment: Range<usize>,
    /// Its marker.
    code: u8,
    /// What follows it has not been looked at yet.
    landing: bool,
    in_scan: bool,
    has_frame: bool,
    has_scan: bool,
}

#[derive(Debug)]
pub(super) enum Step {
    /// This is no picture, or no longer.
    Broken,
    /// Behind EOI: the picture is whole.
    End,
    /// Everything there is has been looked at.
    More,
    /// The marker at this place begins a segment.
    Segment { at: usize, code: u8 },
}

impl Walk {
    /// For a view that begins with SOI.
    pub(super) fn new() -> Self {
        Self { at: 2, segment: 2..2, code: SOI, landing: false, in_scan: false, has_frame: false, has_scan: false }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes on to the next segment or the end. The view may only have grown since the last step.
    pub(super) fn step(&mut self, picture: View<'_>) -> Step {
        loop {
            // In a scan everything up to the next marker is entropy-coded data. Elsewhere nothing may stand between
            // segments, but it does (Logitech C270: 1 byte before DQT), and every decoder and browser steps over it.
            let Some(at) = picture.ff(self.at) else {
                self.at = self.at.max(picture.len());
                return Step::More;
            };
            self.at = at;
            if self.landing && self.hides_a_picture(picture) {
                return Step::Broken;
            }
            self.landing = false;
            match picture.get(at + 1) {
                None => return Step::More,
                // Fill bytes (B.1.1.2).
                Some(FF) => self.at += 1,
                Some(TEM) => self.at += 2,
                Some(STUFFED | RST0..=RST7) if self.in_scan => self.at += 2,
                Some(EOI) if self.has_scan => {
                    self.at += 2;
                    return Step::End;
                }
                Some(SOS) if self.has_frame => {
                    // No byte of the scan header is FF, so it passes for entropy-coded data; not jumping over it
                    // shows when the picture was cut short in it.
                    self.in_scan = true;
                    self.has_scan = true;
                    self.at += 2;
                    return Step::Segment { at, code: SOS };
                }
                Some(RST0..=SOS) => return Step::Broken,
                // Two frames in one picture are two pictures run together, or the hierarchical mode that nobody decodes.
                Some(code) if is_frame_header(code) && self.has_frame => return Step::Broken,
                Some(code @ SOF0..=COM) => {
                    let (Some(high), Some(low)) = (picture.get(at + 2), picture.get(at + 3)) else {
                        return Step::More;
                    };
                    let len = usize::from(u16::from_be_bytes([high, low]));
                    if len < 2 || (len > LONGEST_TABLES && !is_opaque(code)) {
                        return Step::Broken;
                    }
                    self.segment = at + 2..at + 2 + len;
                    self.at = self.segment.end;
                    self.code = code;
                    self.landing = true;
                    self.in_scan = false;
                    self.has_frame |= is_frame_header(code);
                    return Step::Segment { at, code };
                }
                // Reserved (table B.1), or a stuffed byte where there is no scan.
                Some(_) => return Step::Broken,
            }
        }
    }

    /// Where a picture may begin that this one, once broken, has swallowed.
    pub(super) fn resume(&self) -> usize {
        if self.in_scan { self.at } else { self.segment.start }
    }

    /// A whole picture that ends before this place was part of the broken one: its thumbnail.
    pub(super) fn fence(&self, picture: View<'_>) -> usize {
        let trusted = !self.in_scan && is_opaque(self.code) && !self.has_soi_before(self.segment.start + 2, picture);
        if trusted { self.segment.end } else { 0 }
    }

    /// Whether the next picture begins in the segment just passed, because this one was cut short there.
    ///
    /// A segment that a marker follows at once is believed, whatever it holds, but for Huffman tables, which cannot
    /// hold an SOI. Where none does, either the camera miscounted or the segment ended early.
    fn hides_a_picture(&self, picture: View<'_>) -> bool {
        (self.at != self.segment.end || self.code == DHT) && self.has_soi_before(self.at, picture)
    }

    fn has_soi_before(&self, end: usize, picture: View<'_>) -> bool {
        picture.first(end + 2).soi(self.segment.start).is_ok()
    }
}

/// The longest tables are eight Huffman tables of 17 + 256 bytes; a longer segment has a damaged length.
const LONGEST_TABLES: usize = 2 + 8 * (17 + 256);

/// May hold a picture of its own: application data, an extension, a comment.
fn is_opaque(code: u8) -> bool {
    (APP0..=COM).contains(&code)
}

/// SOF0 to SOF15: DHT, JPG and DAC stand among them.
fn is_frame_header(code: u8) -> bool {
    matches!(code, SOF0..=0xcf if !matches!(code, DHT | 0xc8 | 0xcc))
}

// Table B.1.
pub(super) const SOF0: u8 = 0xc0;
pub(super) const DHT: u8 = 0xc4;
pub(super) const SOS: u8 = 0xda;
const FF: u8 = 0xff;
const STUFFED: u8 = 0x00;
const TEM: u8 = 0x01;
const RST0: u8 = 0xd0;
const RST7: u8 = 0xd7;
const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const APP0: u8 = 0xe0;
const COM: u8 = 0xfe;

/// For the test that work grows with the bytes alone, which no clock shows reliably.
fn count(_bytes: usize) {
    #[cfg(test)]
    tests::EXAMINED.with(|examined| examined.set(examined.get() + _bytes));
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use bytes::BytesMut;

    use super::super::Splitter;

    thread_local! {
        pub(super) static EXAMINED: Cell<usize> = const { Cell::new(0) };
    }

    fn examined(stream: &[u8], chunk: usize) -> usize {
        EXAMINED.set(0);
        let mut splitter = Splitter::new().max_garbage(usize::MAX);
        let mut buffer = BytesMut::new();
        for chunk in stream.chunks(chunk) {
            buffer.extend_from_slice(chunk);
            while splitter.split(&mut buffer).unwrap().is_some() {}
        }
        while splitter.split_eof(&mut buffer).is_ok_and(|picture| picture.is_some()) {}
        EXAMINED.get()
    }

    /// Each of these makes a splitter that scans from the beginning again, or goes back too far, look at some bytes
    /// thousands of times.
    #[test]
    fn work_grows_with_the_bytes_alone() {
        const LEN: usize = 256 << 10;
        let header = b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02";
        for (hostile, head, unit) in [
            ("data", &header[..], &b"x"[..]),
            ("stuffing", header, b"\xff\0"),
            ("fill bytes", header, b"\xff"),
            ("fill bytes before the next segment", b"\xff\xd8\xff\xdb\xff\xff", b"\xff"),
            ("bytes between segments", b"\xff\xd8\xff\xdb\x00\x02", b"x"),
            ("small segments", b"\xff\xd8", b"\xff\xe0\x00\x02"),
            ("large segments", b"\xff\xd8", b"\xff\xe0\xff\xf0"),
            ("SOI after SOI", b"", b"\xff\xd8"),
            ("beginnings", b"", b"\xff\xd8\xff"),
            ("segments that hide each other", b"", b"\xff\xd8\xff\xe0\xff\xf0"),
            ("tables that hide each other", b"", b"\xff\xd8\xff\xdb\xff\xf0"),
            ("chains that hide each other", b"", b"\xff\xd8\xff\xe0\x00\x08\xff\xd8\xff\xe0"),
            ("garbage", b"", b"\0"),
            ("erased flash", b"", b"\xff"),
        ] {
            let stream: Vec<u8> = head.iter().chain(unit.iter().cycle()).copied().take(LEN).collect();
            for chunk in [1, 1000, LEN] {
                let times = examined(&stream, chunk) / LEN;
                assert!(times <= 8, "{hostile}, {chunk} at a time: each byte looked at {times} times");
            }
        }
    }
}
