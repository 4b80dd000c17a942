//! The markers of a JPEG image (T.81 B.1.1), one after the other.

use std::ops::Range;

use memchr::memchr;

/// Bytes in the two pieces in which they may lie in memory, so that nothing is copied only to be looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    head: &'a [u8],
    tail: &'a [u8],
}

impl<'a> View<'a> {
    pub(crate) fn new(head: &'a [u8], tail: &'a [u8]) -> Self {
        Self { head, tail }
    }

    pub(crate) fn len(self) -> usize {
        self.head.len() + self.tail.len()
    }

    pub(crate) fn get(self, at: usize) -> Option<u8> {
        count(1);
        self.head.get(at).or_else(|| self.tail.get(at.checked_sub(self.head.len())?)).copied()
    }

    pub(crate) fn get_u16(self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes([self.get(at)?, self.get(at + 1)?]))
    }

    /// Returns the place of the next marker and its code, or the place to go on from when there are more bytes.
    ///
    /// Steps over fill bytes (B.1.1.2), TEM and `ff 00`, and over all other bytes in front of a marker. In a scan they are
    /// entropy-coded data, and so are its restart markers. Elsewhere nothing may stand between segments, but it does
    /// (Logitech C270: 1 byte before DQT), and every decoder and browser steps over it.
    pub(crate) fn marker(self, mut from: usize, in_scan: bool) -> Result<(usize, u8), usize> {
        loop {
            let at = self.ff(from).ok_or(from.max(self.len()))?;
            match self.get(at + 1).ok_or(at)? {
                FF => from = at + 1,
                STUFFED | TEM => from = at + 2,
                RST0..=RST7 if in_scan => from = at + 2,
                code => return Ok((at, code)),
            }
        }
    }

    /// Returns the range of the segment of the marker at this place, from its length to its end, which may lie after the
    /// end of the view.
    pub(crate) fn segment(self, marker: usize) -> Option<Range<usize>> {
        let len = usize::from(self.get_u16(marker + 2)?);
        Some(marker + 2..marker + 2 + len)
    }

    /// Returns the next SOI that a marker follows, or else the place from which to look when there are more bytes.
    ///
    /// Every picture begins with these three bytes, and chance makes them once in 16 MiB, not once in 64 KiB.
    pub(crate) fn soi(self, mut from: usize) -> Result<usize, usize> {
        while let Some(at) = self.ff(from) {
            match (self.get(at + 1), self.get(at + 2)) {
                (Some(SOI), Some(FF)) => return Ok(at),
                (None, _) | (Some(SOI), None) => return Err(at),
                _ => from = at + 1,
            }
        }
        Err(from.max(self.len()))
    }

    pub(crate) fn ff(self, from: usize) -> Option<usize> {
        let found = self.head.get(from..).and_then(|head| memchr(FF, head)).map(|at| from + at).or_else(|| {
            let from = from.saturating_sub(self.head.len());
            Some(self.head.len() + from + memchr(FF, self.tail.get(from..)?)?)
        });
        count(found.unwrap_or(self.len()).saturating_sub(from));
        found
    }

    /// Returns the view without this number of bytes at its beginning. Empty if it has fewer.
    pub(crate) fn after(self, len: usize) -> Self {
        let tail = self.tail.get(len.saturating_sub(self.head.len())..).unwrap_or(&[]);
        Self { head: self.head.get(len..).unwrap_or(&[]), tail }
    }

    pub(crate) fn first(self, len: usize) -> Self {
        let head = self.head.get(..len).unwrap_or(self.head);
        Self { head, tail: self.tail.get(..len - head.len()).unwrap_or(self.tail) }
    }
}

/// May hold a picture of its own: application data, an extension, a comment.
pub(crate) fn is_opaque(code: u8) -> bool {
    (APP0..=COM).contains(&code)
}

/// SOF0 to SOF15: DHT, JPG and DAC stand among them.
pub(crate) fn is_frame_header(code: u8) -> bool {
    matches!(code, SOF0..=SOF15 if !matches!(code, DHT | JPG | DAC))
}

// Table B.1.
pub(crate) const SOF0: u8 = 0xc0;
pub(crate) const SOF1: u8 = 0xc1;
pub(crate) const SOF2: u8 = 0xc2;
pub(crate) const DHT: u8 = 0xc4;
pub(crate) const JPG: u8 = 0xc8;
pub(crate) const SOF9: u8 = 0xc9;
pub(crate) const SOF10: u8 = 0xca;
pub(crate) const DAC: u8 = 0xcc;
pub(crate) const SOF15: u8 = 0xcf;
pub(crate) const RST0: u8 = 0xd0;
pub(crate) const RST7: u8 = 0xd7;
pub(crate) const SOI: u8 = 0xd8;
pub(crate) const EOI: u8 = 0xd9;
pub(crate) const SOS: u8 = 0xda;
pub(crate) const DQT: u8 = 0xdb;
pub(crate) const DNL: u8 = 0xdc;
pub(crate) const DRI: u8 = 0xdd;
pub(crate) const APP0: u8 = 0xe0;
pub(crate) const APP15: u8 = 0xef;
pub(crate) const COM: u8 = 0xfe;
pub(crate) const FF: u8 = 0xff;
const STUFFED: u8 = 0x00;
const TEM: u8 = 0x01;

/// For the tests that work grows with the bytes of a stream, and with the header of a picture only, which no clock shows
/// reliably.
fn count(_bytes: usize) {
    #[cfg(test)]
    EXAMINED.with(|examined| examined.set(examined.get() + _bytes));
}

#[cfg(test)]
thread_local! {
    pub(crate) static EXAMINED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
