//! A WebP image: all of it by its RIFF length, and the header of its first chunk (RFC 9649 2.3 to 2.7).

use super::error::Problem;

/// Checks a body that starts with `RIFF....WEBP`.
pub(super) fn check(body: &[u8]) -> Result<(), Problem> {
    let len = little_endian(body, 4, 4)?;
    let file = body.get(..len.saturating_add(8)).ok_or(Problem::Truncated)?;
    let mut at = 12;
    let extended = file.get(at..at + 4) == Some(b"VP8X");
    for _ in 0..MAX_CHUNKS {
        let kind = file.get(at..at + 4).ok_or(Problem::from("no image"))?;
        let len = little_endian(file, at + 4, 4)?;
        let chunk = file.get(at + 8..).and_then(|rest| rest.get(..len));
        let chunk = chunk.ok_or_else(|| Problem::from(format!("chunk {} of {len} bytes", kind.escape_ascii())))?;
        match kind {
            b"VP8 " => return lossy(chunk),
            b"VP8L" => return lossless(chunk),
            b"VP8X" if at == 12 && len >= 10 => {}
            b"ANMF" if extended && len > 16 => return Ok(()),
            _ if extended && kind != b"VP8X" => {}
            kind => return Err(format!("chunk {} of {len} bytes", kind.escape_ascii()).into()),
        }
        at = at.saturating_add(8).saturating_add(len).saturating_add(len % 2);
    }
    Err("no image within 4096 chunks".into())
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

const MAX_CHUNKS: usize = 4096;
