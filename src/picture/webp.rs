//! A WebP image: its chunks up to its RIFF length, and the headers of the image or of each frame (RFC 9649 2.3 to 2.7).
//!
//! Browsers open it with libwebp's demuxer (`demux.c`), which the check follows where the specification asks for more.

use super::check_size;
use super::error::Problem;

/// Checks a body that starts with `RIFF....WEBP`.
pub(super) fn check(body: &[u8]) -> Result<(), Problem> {
    let len = little_endian(body, 4, 4)?;
    let file = body.get(..len.saturating_add(8)).ok_or(Problem::Truncated)?;
    let first = Chunk::at(file, FIRST_CHUNK)?.ok_or("no image")?;
    match first.kind {
        b"VP8X" => extended(file, &first),
        b"VP8 " | b"VP8L" => simple(file, first),
        _ => Err(first.invalid()),
    }
}

/// Checks an image without an extended header.
fn simple(file: &[u8], image: Chunk<'_>) -> Result<(), Problem> {
    let (mut at, _) = bitstream(file, image)?;
    for _ in 0..MAX_CHUNKS {
        match Chunk::at(file, at)? {
            None => return Ok(()),
            Some(chunk) if chunk.kind == b"VP8X" => return Err(chunk.invalid()),
            Some(chunk) => at = chunk.end,
        }
    }
    Err(too_many_chunks())
}

/// Checks a still or an animation with an extended header.
fn extended(file: &[u8], header: &Chunk<'_>) -> Result<(), Problem> {
    let (flags, canvas) = header.canvas()?;
    let animated = flags & ANIMATION != 0;
    let (mut at, mut has_animation, mut has_image) = (header.end, false, false);
    for _ in 0..MAX_CHUNKS {
        let Some(chunk) = Chunk::at(file, at)? else {
            return if has_image { Ok(()) } else { Err("no image".into()) };
        };
        at = chunk.end;
        match chunk.kind {
            b"VP8X" => return Err(chunk.invalid()),
            b"ALPH" | b"VP8 " | b"VP8L" if animated || has_animation => {
                return Err("animation with an image outside of its frames".into());
            }
            b"ALPH" | b"VP8 " | b"VP8L" if has_image => return Err("two images".into()),
            b"ALPH" | b"VP8 " | b"VP8L" => {
                let (end, size) = bitstream(file, chunk)?;
                if size != canvas {
                    return Err(misplaced(size, (0, 0), canvas));
                }
                (at, has_image) = (end, true);
            }
            b"ANIM" if chunk.end - chunk.start < ANIMATION_LEN => return Err(chunk.invalid()),
            b"ANIM" => has_animation = true,
            b"ANMF" if !has_animation => return Err("frame before the ANIM chunk".into()),
            b"ANMF" => {
                let offset = chunk.offset()?;
                // The chunks of a frame are followed by the next ones, wherever the frame is said to end.
                at = chunk.start + FRAME_HEADER_LEN;
                let Some(image @ Chunk { kind: b"ALPH" | b"VP8 " | b"VP8L", .. }) = Chunk::at(file, at)? else {
                    continue;
                };
                let (end, size) = bitstream(file, image)?;
                if end > chunk.end {
                    return Err("frame shorter than its image".into());
                }
                if offset.0 + size.0 > canvas.0 || offset.1 + size.1 > canvas.1 {
                    return Err(misplaced(size, offset, canvas));
                }
                at = end;
                has_image |= animated;
            }
            _ => {}
        }
    }
    Err(too_many_chunks())
}

/// Checks an image, which may have an ALPH chunk in front, and returns its end and its size.
fn bitstream(file: &[u8], first: Chunk<'_>) -> Result<(usize, Pair), Problem> {
    let has_alpha = first.kind == b"ALPH";
    let image = if has_alpha { Chunk::at(file, first.end)? } else { Some(first) };
    match image {
        Some(Chunk { kind: b"VP8 ", data, end, .. }) => Ok((end, lossy(data)?)),
        Some(Chunk { kind: b"VP8L", data, end, .. }) if !has_alpha => Ok((end, lossless(data)?)),
        _ => Err("ALPH chunk without a VP8 chunk".into()),
    }
}

/// Width and height, or x and y.
type Pair = (usize, usize);

/// A chunk (RFC 9649 2.3).
#[derive(Clone, Copy, Debug)]
struct Chunk<'a> {
    kind: &'a [u8],
    data: &'a [u8],
    /// Where the data begin.
    start: usize,
    /// Where the next chunk begins.
    end: usize,
}

impl<'a> Chunk<'a> {
    /// Returns the chunk at this place, or `None` if the file ends there.
    fn at(file: &'a [u8], at: usize) -> Result<Option<Self>, Problem> {
        if at == file.len() {
            return Ok(None);
        }
        let start = at.saturating_add(8);
        let (Some(kind), Ok(len)) = (file.get(at..at.saturating_add(4)), little_endian(file, at.saturating_add(4), 4))
        else {
            return Err("bytes after the last chunk".into());
        };
        let end = start.saturating_add(len).saturating_add(len % 2);
        match file.get(start..end).and_then(|padded| padded.get(..len)) {
            Some(data) => Ok(Some(Self { kind, data, start, end })),
            None => Err(format!("chunk {} of {len} bytes", kind.escape_ascii()).into()),
        }
    }

    fn invalid(&self) -> Problem {
        format!("chunk {} of {} bytes", self.kind.escape_ascii(), self.data.len()).into()
    }

    /// Checks the extended header (RFC 9649 2.7) and returns its flags and the size of the canvas.
    fn canvas(&self) -> Result<(u8, Pair), Problem> {
        let &[flags, ..] = self.data else { return Err(self.invalid()) };
        let field = |at| little_endian(self.data, at, 3).map_err(|_| self.invalid());
        let (width, height) = (field(4)? + 1, field(7)? + 1);
        if flags & RESERVED != 0 {
            return Err(format!("VP8X chunk with the flags {flags:02x}").into());
        }
        check_size("image", 1..=usize::MAX, width, height)?;
        Ok((flags, (width, height)))
    }

    /// Checks the header of a frame (RFC 9649 2.7.1.1) and returns the place of the frame on the canvas.
    fn offset(&self) -> Result<Pair, Problem> {
        if self.data.len() < FRAME_HEADER_LEN {
            return Err(self.invalid());
        }
        let (width, height) = (little_endian(self.data, 6, 3)? + 1, little_endian(self.data, 9, 3)? + 1);
        check_size("frame", 1..=usize::MAX, width, height)?;
        Ok((2 * little_endian(self.data, 0, 3)?, 2 * little_endian(self.data, 3, 3)?))
    }
}

fn misplaced((width, height): Pair, (x, y): Pair, (canvas_width, canvas_height): Pair) -> Problem {
    format!("image of {width} x {height} pixels at {x}, {y} on a canvas of {canvas_width} x {canvas_height}").into()
}

fn too_many_chunks() -> Problem {
    format!("more than {MAX_CHUNKS} chunks").into()
}

/// Checks the header of a key frame (RFC 6386 9.1) and returns its size.
fn lossy(chunk: &[u8]) -> Result<Pair, Problem> {
    let &[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = chunk else {
        return Err("VP8 chunk without a key frame".into());
    };
    let [width, height] = [[w0, w1], [h0, h1]].map(|side| usize::from(u16::from_le_bytes(side) & 0x3fff));
    // Not a key frame, an unknown profile, or not shown.
    if tag & 1 != 0 || tag >> 1 & 7 > 3 || tag >> 4 & 1 == 0 {
        return Err(format!("VP8 frame with the tag {tag:02x}").into());
    }
    check_size("image", 1..=usize::MAX, width, height)?;
    if little_endian(chunk, 0, 3)? >> 5 > chunk.len() - 10 {
        return Err("VP8 partition longer than its chunk".into());
    }
    Ok((width, height))
}

/// Checks the header of a lossless image (RFC 9649 3.4) and returns its size.
fn lossless(chunk: &[u8]) -> Result<Pair, Problem> {
    let &[0x2f, ref fields @ ..] = chunk else { return Err("VP8L chunk without its signature".into()) };
    match little_endian(fields, 0, 4) {
        Ok(fields) if fields >> 29 == 0 => Ok(((fields & 0x3fff) + 1, (fields >> 14 & 0x3fff) + 1)),
        _ => Err("VP8L chunk without its signature".into()),
    }
}

fn little_endian(bytes: &[u8], at: usize, len: usize) -> Result<usize, Problem> {
    let field = bytes.get(at..at + len).ok_or(Problem::Truncated)?;
    Ok(field.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

const FIRST_CHUNK: usize = 12;
const ANIMATION_LEN: usize = 6;
const FRAME_HEADER_LEN: usize = 16;
const ANIMATION: u8 = 0x02;
const RESERVED: u8 = 0xc1;
/// More than any animation needs that is a part of a stream.
const MAX_CHUNKS: usize = 65_536;
