//! The header of a JPEG image: SOI to the first SOS (T.81 B.2), by the rules of libjpeg-turbo's `jpeg_read_header`, which
//! Chromium and WebKit call.
//!
//! The checks are those of that function. Errors that decoders find later pass: missing tables and damaged scans leave a
//! gray or torn image, and the next one is shown.

use super::check_size;
use super::error::Problem;
use super::marker::{
    APP0, APP15, COM, DAC, DHT, DNL, DQT, DRI, EOI, RST0, RST7, SOF0, SOF1, SOF2, SOF9, SOF10, SOI, SOS, View,
    is_frame_header,
};

/// Checks a body that starts with `ff d8 ff`.
pub(super) fn check(body: &[u8]) -> Result<(), Problem> {
    let picture = View::new(body, &[]);
    let mut frame = None;
    let (mut at, mut budget) = (SOI_LEN, BUDGET);
    loop {
        let (marker, code) = picture
            .first(at.saturating_add(budget))
            .marker(at, false)
            .map_err(|end| if end < picture.len() { no_scan() } else { Problem::Truncated })?;
        budget = budget.checked_sub(marker - at + MARKER_LEN).ok_or_else(no_scan)?;
        match code {
            RST0..=RST7 => {
                at = marker + MARKER_LEN;
                continue;
            }
            SOI => return Err("SOI within the header".into()),
            EOI => return Err("ends without a scan".into()),
            DAC | DHT | DNL | DQT..=DRI | SOS | APP0..=APP15 | COM => {}
            code if is_frame_header(code) => {}
            code => return Err(format!("unknown marker ff {code:02x}").into()),
        }
        let segment = Segment::new(picture, marker).ok_or(Problem::Truncated)?;
        at = match code {
            // They may be shorter than their own length.
            APP0..=APP15 | COM | DNL => segment.end.max(segment.start),
            _ => segment.complete()?,
        };
        match code {
            APP0..=APP15 | COM | DNL => {}
            SOF0 | SOF1 | SOF2 | SOF9 | SOF10 if frame.is_none() => frame = Some(Frame::new(segment)?),
            DHT => huffman_tables(segment, &mut budget)?,
            DAC => arithmetic_conditions(segment, &mut budget)?,
            DQT => quantization_tables(segment)?,
            DRI if segment.len() != 2 => return Err("restart interval of an invalid length".into()),
            DRI => {}
            SOS => return frame.ok_or(Problem::from("scan without a frame"))?.check_scan(segment),
            _ if frame.is_some() => return Err("two frames".into()),
            code => return Err(format!("unsupported frame type ff {code:02x}").into()),
        }
    }
}

/// Returns the width in the frame header.
pub(super) fn width(body: &[u8]) -> Option<u32> {
    let picture = View::new(body, &[]);
    let mut at = SOI_LEN;
    loop {
        let (marker, code) = picture.first(at.saturating_add(BUDGET)).marker(at, false).ok()?;
        let segment = Segment::new(picture, marker)?;
        if is_frame_header(code) {
            return segment.u16(3).ok().map(u32::from);
        }
        if code == SOS || code == EOI {
            return None;
        }
        at = segment.end.max(segment.start);
    }
}

fn no_scan() -> Problem {
    "no scan within 256 KiB that cannot be stepped over".into()
}

/// What follows a marker and the length of its segment.
#[derive(Clone, Copy)]
struct Segment<'a> {
    picture: View<'a>,
    start: usize,
    end: usize,
}

impl<'a> Segment<'a> {
    fn new(picture: View<'a>, marker: usize) -> Option<Self> {
        let range = picture.segment(marker)?;
        Some(Self { picture, start: range.start + LENGTH_LEN, end: range.end })
    }

    /// Returns its end if all of it is there.
    fn complete(self) -> Result<usize, Problem> {
        if self.end < self.start {
            return Err(format!("segment of {} bytes", self.end + LENGTH_LEN - self.start).into());
        }
        if self.end > self.picture.len() {
            return Err(Problem::Truncated);
        }
        Ok(self.end)
    }

    fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Returns the byte at this place, for a segment that is complete.
    fn byte(self, at: usize) -> Result<u8, Problem> {
        if at >= self.len() {
            return Err("segment shorter than its contents".into());
        }
        self.picture.get(self.start + at).ok_or(Problem::Truncated)
    }

    fn u16(self, at: usize) -> Result<u16, Problem> {
        Ok(u16::from_be_bytes([self.byte(at)?, self.byte(at + 1)?]))
    }
}

/// A frame header (B.2.2).
#[derive(Clone, Copy)]
struct Frame<'a> {
    segment: Segment<'a>,
    components: usize,
}

impl<'a> Frame<'a> {
    fn new(segment: Segment<'a>) -> Result<Self, Problem> {
        let (height, width) = (segment.u16(1)?, segment.u16(3)?);
        let components = usize::from(segment.byte(5)?);
        match segment.byte(0)? {
            8 => {}
            bits => return Err(format!("samples of {bits} bits").into()),
        }
        check_size("frame", 1..=MAX_SIDE, width.into(), height.into())?;
        // The colors of two components are undefined.
        if !matches!(components, 1 | 3 | 4) {
            return Err(format!("frame of {components} components").into());
        }
        if segment.len() != 6 + 3 * components {
            return Err(format!("frame of {components} components in {} bytes", segment.len()).into());
        }
        for component in 0..components {
            let factors = segment.byte(6 + 3 * component + 1)?;
            let (horizontal, vertical) = (factors >> 4, factors & 15);
            if !(1..=4).contains(&horizontal) || !(1..=4).contains(&vertical) {
                return Err(format!("component {component} is sampled {horizontal} x {vertical}").into());
            }
        }
        Ok(Self { segment, components })
    }

    /// Checks the header of its first scan (B.2.3).
    fn check_scan(self, scan: Segment<'_>) -> Result<(), Problem> {
        let components = usize::from(scan.byte(0)?);
        if !(1..=4).contains(&components) || scan.len() != 4 + 2 * components {
            return Err(format!("scan of {components} components in {} bytes", scan.len()).into());
        }
        let mut seen = [false; 4];
        for component in 0..components {
            let id = scan.byte(1 + 2 * component)?;
            let mut found = false;
            for (at, seen) in seen.iter_mut().enumerate().take(self.components) {
                if !*seen && self.segment.byte(6 + 3 * at)? == id {
                    (*seen, found) = (true, true);
                    break;
                }
            }
            if !found {
                return Err(format!("scan of component {id}, which the frame lacks").into());
            }
        }
        Ok(())
    }
}

/// Checks the Huffman tables of a segment (B.2.4.2).
fn huffman_tables(segment: Segment<'_>, budget: &mut usize) -> Result<(), Problem> {
    let mut at = 0;
    while segment.len() - at >= 17 {
        let id = segment.byte(at)?;
        if id & !0x13 != 0 {
            return Err(format!("Huffman table with the id {id:02x}").into());
        }
        let mut codes = 0;
        for bits in 1..=16 {
            codes += usize::from(segment.byte(at + bits)?);
        }
        at += 17 + codes;
        *budget = budget.checked_sub(17).ok_or_else(no_scan)?;
        if codes > 256 || at > segment.len() {
            return Err(format!("Huffman table {id:02x} of {codes} codes").into());
        }
    }
    if at == segment.len() { Ok(()) } else { Err("Huffman tables of an invalid length".into()) }
}

/// Checks the conditioning of an arithmetic coder (B.2.4.3).
fn arithmetic_conditions(segment: Segment<'_>, budget: &mut usize) -> Result<(), Problem> {
    *budget = budget.checked_sub(segment.len()).ok_or_else(no_scan)?;
    for at in (0..segment.len()).step_by(2) {
        let (id, value) = (segment.byte(at)?, segment.byte(at + 1)?);
        if id >= 32 || (id < 16 && value & 15 > value >> 4) {
            return Err(format!("arithmetic conditioning {id:02x} {value:02x}").into());
        }
    }
    Ok(())
}

/// Checks the quantization tables of a segment (B.2.4.1).
fn quantization_tables(segment: Segment<'_>) -> Result<(), Problem> {
    let mut at = 0;
    while at < segment.len() {
        let id = segment.byte(at)?;
        if id & 15 > 3 {
            return Err(format!("quantization table with the id {id:02x}").into());
        }
        at += if id >> 4 == 0 { 1 + 64 } else { 1 + 128 };
    }
    if at == segment.len() { Ok(()) } else { Err("quantization tables of an invalid length".into()) }
}

const SOI_LEN: usize = 2;
const MARKER_LEN: usize = 2;
const LENGTH_LEN: usize = 2;
/// The longest side that libjpeg accepts.
const MAX_SIDE: usize = 65_500;
/// Bytes that may be looked at. Real headers need a few hundred; a hostile one has an end.
const BUDGET: usize = 256 << 10;
