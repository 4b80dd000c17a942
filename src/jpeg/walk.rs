//! A walk over the markers of one picture (T.81 B.1.1), without decoding it.

use std::ops::Range;

use crate::picture::marker::{COM, EOI, FF, RST0, SOF0, SOI, SOS, View, is_frame_header, is_opaque};

/// A walk over the markers of one picture, which can pause at any byte.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// The next byte to look at. Segments are stepped over, so it may be beyond the bytes that have arrived.
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
pub(crate) enum Step {
    /// The bytes are not, or no longer, a picture.
    Broken,
    /// After EOI: the picture is complete.
    End,
    /// All bytes that have arrived have been looked at.
    More,
    /// At the SOI of the next picture, in a scan of this one: it has no EOI, or it was cut short in the scan.
    Next,
    /// The marker at this place begins a segment.
    Segment { at: usize, code: u8 },
}

impl Walk {
    /// For a view that begins with SOI.
    pub(crate) fn new() -> Self {
        Self { at: 2, segment: 2..2, code: SOI, landing: false, in_scan: false, has_frame: false, has_scan: false }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_in_scan(&self) -> bool {
        self.in_scan
    }

    /// Goes on to the next segment or the end. The view may only have grown since the last step.
    pub(crate) fn step(&mut self, picture: View<'_>) -> Step {
        if self.landing {
            let Some(at) = picture.ff(self.at) else {
                self.at = self.at.max(picture.len());
                return Step::More;
            };
            self.at = at;
            if self.hides_a_picture(picture) {
                return Step::Broken;
            }
            self.landing = false;
        }
        let (at, code) = match picture.marker(self.at, self.in_scan) {
            Ok(marker) => marker,
            Err(at) => {
                self.at = at;
                return Step::More;
            }
        };
        self.at = at;
        match code {
            EOI if self.has_scan => {
                self.at += 2;
                Step::End
            }
            SOS if self.has_frame => {
                // No byte of the scan header is FF, so it passes for entropy-coded data; not jumping over it
                // shows when the picture was cut short in it.
                self.in_scan = true;
                self.has_scan = true;
                self.at += 2;
                Step::Segment { at, code: SOS }
            }
            SOI if self.in_scan => match picture.get(at + 2) {
                Some(FF) => Step::Next,
                Some(_) => Step::Broken,
                None => Step::More,
            },
            RST0..=SOS => Step::Broken,
            // Two frames in one picture are two pictures run together, or the hierarchical mode, which no decoder supports.
            code if is_frame_header(code) && self.has_frame => Step::Broken,
            SOF0..=COM => {
                let Some(segment) = picture.segment(at) else { return Step::More };
                if segment.len() < 2 || (segment.len() > LONGEST_TABLES && !is_opaque(code)) {
                    return Step::Broken;
                }
                self.segment = segment;
                self.at = self.segment.end;
                self.code = code;
                self.landing = true;
                self.in_scan = false;
                self.has_frame |= is_frame_header(code);
                Step::Segment { at, code }
            }
            // Reserved (table B.1).
            _ => Step::Broken,
        }
    }

    /// Returns where a picture may start within this one, if this one is broken.
    pub(super) fn resume(&self) -> usize {
        if self.in_scan { self.at } else { self.segment.start }
    }

    /// Returns the place before which a complete picture is the thumbnail of the broken one.
    pub(super) fn fence(&self, picture: View<'_>) -> usize {
        let trusted = !self.in_scan && is_opaque(self.code) && !self.has_soi_before(self.segment.start + 2, picture);
        if trusted { self.segment.end } else { 0 }
    }

    /// Whether the next picture begins in the segment just passed, because this one was cut short there.
    ///
    /// Application data that a marker follows at once is believed, whatever it holds. Tables and frame headers hold no SOI
    /// that a marker follows: a height of 65,496 is none, and no camera quantizes by 255, 216, 255. Where no marker follows,
    /// either the camera miscounted or the segment ended early.
    fn hides_a_picture(&self, picture: View<'_>) -> bool {
        (self.at != self.segment.end || !is_opaque(self.code)) && self.has_soi_before(self.at, picture)
    }

    fn has_soi_before(&self, end: usize, picture: View<'_>) -> bool {
        picture.first(end + 2).soi(self.segment.start).is_ok()
    }
}

/// The longest tables are eight Huffman tables of 17 + 256 bytes; a longer segment has a damaged length.
const LONGEST_TABLES: usize = 2 + 8 * (17 + 256);

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::super::Splitter;
    use crate::picture::marker::EXAMINED;

    fn examined(stream: &[u8], chunk: usize) -> usize {
        EXAMINED.set(0);
        let mut splitter = Splitter::new().max_junk_bytes(usize::MAX);
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
    fn work_grows_linearly_with_the_bytes() {
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
            ("junk", b"", b"\0"),
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
