//! The header of a PNG image: the IHDR chunk, and the chunks up to the first IDAT (PNG third edition, 5.3 and 11.2).

use super::check_size;
use super::error::Problem;

/// Checks a body that starts with PNG's signature.
pub(super) fn check(body: &[u8]) -> Result<(), Problem> {
    let header = body.get(SIGNATURE_LEN..SIGNATURE_LEN + IHDR_LEN).ok_or(Problem::Truncated)?;
    let [0, 0, 0, 13, b'I', b'H', b'D', b'R', fields @ ..] = header else {
        return Err("does not begin with an IHDR chunk of 13 bytes".into());
    };
    let &[w0, w1, w2, w3, h0, h1, h2, h3, depth, color, compression, filter, interlace, ..] = fields else {
        return Err(Problem::Truncated);
    };
    let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
    check_size("image", 1..=MAX_SIDE, width as usize, height as usize)?;
    if !matches!((color, depth), (0 | 3, 1 | 2 | 4 | 8) | (0, 16) | (2 | 4 | 6, 8 | 16)) {
        return Err(format!("color type {color} with {depth} bits").into());
    }
    if (compression, filter) != (0, 0) || interlace > 1 {
        return Err(format!("compression {compression}, filter {filter}, interlace {interlace}").into());
    }
    check_crc(header)?;
    let (mut has_palette, mut frames) = (false, 0);
    let mut at = SIGNATURE_LEN + IHDR_LEN;
    for _ in 0..MAX_CHUNKS {
        let Some(&[l0, l1, l2, l3, ref kind @ ..]) = body.get(at..at + CHUNK_HEADER_LEN) else {
            return Err(Problem::Truncated);
        };
        let len = u32::from_be_bytes([l0, l1, l2, l3]);
        if len > MAX_CHUNK || !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(format!("invalid chunk {} of {len} bytes", kind.escape_ascii()).into());
        }
        match kind {
            b"IDAT" if color == PALETTE && !has_palette => return Err("no PLTE chunk before the first IDAT".into()),
            // Whatever the data is: browsers show what they get out of it.
            b"IDAT" => return Ok(()),
            b"IEND" => return Err("no IDAT chunk".into()),
            b"IHDR" => return Err("two IHDR chunks".into()),
            b"PLTE" if len == 0 || len > 768 || (color == PALETTE && len % 3 != 0) => {
                return Err(format!("PLTE chunk of {len} bytes").into());
            }
            b"PLTE" if has_palette => return Err("two PLTE chunks".into()),
            b"PLTE" => {
                let end = at + CHUNK_HEADER_LEN + len as usize + CRC_LEN;
                check_crc(body.get(at..end).ok_or(Problem::Truncated)?)?;
                has_palette = true;
            }
            b"fdAT" => return Err("fdAT chunk before the first IDAT".into()),
            b"fcTL" if len != FCTL_LEN => return Err(format!("fcTL chunk of {len} bytes").into()),
            b"fcTL" => {
                let end = at + CHUNK_HEADER_LEN + len as usize + CRC_LEN;
                let chunk = body.get(at..end).ok_or(Problem::Truncated)?;
                // Decoders ignore one with a wrong CRC.
                if check_crc(chunk).is_ok() {
                    check_frame(chunk, frames, width, height)?;
                    frames += 1;
                }
            }
            // A decoder may not go on without a critical chunk that it does not know (5.4).
            [b'A'..=b'Z', ..] => return Err(format!("unknown critical chunk {}", kind.escape_ascii()).into()),
            _ => {}
        }
        let len = usize::try_from(len).map_err(|_| Problem::Truncated)?;
        at = at.saturating_add(CHUNK_HEADER_LEN + len).saturating_add(CRC_LEN);
    }
    Err(format!("no IDAT chunk within {MAX_CHUNKS} chunks").into())
}

/// Checks the frame that the first IDAT holds: it is the complete image (11.3.6.2).
fn check_frame(chunk: &[u8], sequence: u32, width: u32, height: u32) -> Result<(), Problem> {
    let field = |at: usize| match chunk.get(CHUNK_HEADER_LEN + at..) {
        Some(&[b0, b1, b2, b3, ..]) => Ok(u32::from_be_bytes([b0, b1, b2, b3])),
        _ => Err(Problem::Truncated),
    };
    let byte = |at: usize| chunk.get(CHUNK_HEADER_LEN + at).copied().ok_or(Problem::Truncated);
    if field(0)? != sequence {
        return Err(format!("fcTL chunk of number {}, not {sequence}", field(0)?).into());
    }
    let (frame_width, frame_height, x, y) = (field(4)?, field(8)?, field(12)?, field(16)?);
    if (frame_width, frame_height, x, y) != (width, height, 0, 0) {
        return Err(
            format!("first frame of {frame_width} x {frame_height} pixels at {x}, {y} of {width} x {height}").into()
        );
    }
    let (dispose, blend) = (byte(24)?, byte(25)?);
    if dispose > 2 || blend > 1 {
        return Err(format!("fcTL chunk with dispose {dispose}, blend {blend}").into());
    }
    Ok(())
}

/// Checks the CRC of a complete chunk (5.5).
fn check_crc(chunk: &[u8]) -> Result<(), Problem> {
    let Some((&[_, _, _, _, ref covered @ ..], stored)) = chunk.split_last_chunk::<CRC_LEN>() else {
        return Err(Problem::Truncated);
    };
    let crc = covered.iter().fold(u32::MAX, |crc, byte| {
        let mut crc = crc ^ u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 0 { 0 } else { 0xedb8_8320 };
        }
        crc
    });
    if !crc == u32::from_be_bytes(*stored) {
        return Ok(());
    }
    let kind: String = covered.iter().take(4).map(|byte| byte.escape_ascii().to_string()).collect();
    Err(format!("wrong CRC of the {kind} chunk").into())
}

const SIGNATURE_LEN: usize = 8;
const IHDR_LEN: usize = 8 + 13 + 4;
const CHUNK_HEADER_LEN: usize = 8;
const CRC_LEN: usize = 4;
const FCTL_LEN: u32 = 26;
const PALETTE: u8 = 3;
const MAX_SIDE: usize = 1_000_000;
const MAX_CHUNK: u32 = 0x7fff_ffff;
const MAX_CHUNKS: usize = 65_536;
