//! A WebP image: its chunks up to its RIFF length, and the header of the image (RFC 9649 2.3 to 2.7).

use super::{MAX_PIXELS, error::Problem};

/// Checks a body that starts with `RIFF....WEBP`.
pub(super) fn check(body: &[u8]) -> Result<(), Problem> {
    let len = little_endian(body, 4, 4)?;
    let file = body.get(..len.saturating_add(8)).ok_or(Problem::Truncated)?;
    let (mut at, mut flags, mut has_image) = (FIRST_CHUNK, None, false);
    for _ in 0..MAX_CHUNKS {
        let Some(kind) = file.get(at..at + 4) else { break };
        let len = little_endian(file, at + 4, 4)?;
        let chunk = file
            .get(at + 8..)
            .filter(|rest| rest.len() >= len.saturating_add(len % 2))
            .and_then(|rest| rest.get(..len));
        let invalid = || Problem::from(format!("chunk {} of {len} bytes", kind.escape_ascii()));
        let chunk = chunk.ok_or_else(invalid)?;
        match kind {
            b"VP8X" if at == FIRST_CHUNK => flags = Some(extended(chunk)?),
            b"VP8X" => return Err(invalid()),
            _ if has_image => {}
            b"VP8 " | b"VP8L" => {
                if flags.is_some_and(|flags| flags & ANIMATION != 0) {
                    return Err("animation without frames".into());
                }
                if kind == b"VP8 " {
                    lossy(chunk)?
                } else {
                    lossless(chunk)?
                }
                has_image = true;
            }
            b"ANMF" if flags.is_some() && len > 16 => has_image = true,
            _ if flags.is_some() => {}
            _ => return Err(invalid()),
        }
        at = at.saturating_add(8).saturating_add(len).saturating_add(len % 2);
    }
    if !has_image {
        return Err("no image".into());
    }
    if at == file.len() { Ok(()) } else { Err("bytes after the last chunk".into()) }
}

/// Checks the extended header (RFC 9649 2.7) and returns its flags.
fn extended(chunk: &[u8]) -> Result<u8, Problem> {
    let &[flags, ..] = chunk else { return Err("VP8X chunk of 0 bytes".into()) };
    let field = |at| little_endian(chunk, at, 3).map_err(|_| Problem::from("VP8X chunk of fewer than 10 bytes"));
    let (width, height) = (field(4)? + 1, field(7)? + 1);
    if width.saturating_mul(height) >= MAX_PIXELS as usize {
        return Err(format!("image of {width} x {height} pixels").into());
    }
    Ok(flags)
}

/// Checks the header of a key frame (RFC 6386 9.1).
fn lossy(chunk: &[u8]) -> Result<(), Problem> {
    let &[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = chunk else {
        return Err("VP8 chunk without a key frame".into());
    };
    let (width, height) = (u16::from_le_bytes([w0, w1]) & 0x3fff, u16::from_le_bytes([h0, h1]) & 0x3fff);
    // Not a key frame, an unknown profile, or not shown.
    if tag & 1 != 0 || tag >> 1 & 7 > 3 || tag >> 4 & 1 == 0 {
        return Err(format!("VP8 frame with the tag {tag:02x}").into());
    }
    if width == 0 || height == 0 {
        return Err(format!("image of {width} x {height} pixels").into());
    }
    if little_endian(chunk, 0, 3)? >> 5 > chunk.len() - 10 {
        return Err("VP8 partition longer than its chunk".into());
    }
    Ok(())
}

/// Checks the header of a lossless image (RFC 9649 3.4).
fn lossless(chunk: &[u8]) -> Result<(), Problem> {
    match chunk {
        [0x2f, _, _, _, flags, ..] if flags >> 5 == 0 => Ok(()),
        _ => Err("VP8L chunk without its signature".into()),
    }
}

fn little_endian(bytes: &[u8], at: usize, len: usize) -> Result<usize, Problem> {
    let field = bytes.get(at..at + len).ok_or(Problem::Truncated)?;
    Ok(field.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

const FIRST_CHUNK: usize = 12;
const ANIMATION: u8 = 2;
/// More than any animation needs that is a part of a stream.
const MAX_CHUNKS: usize = 4096;
