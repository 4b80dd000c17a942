//! The header of a GIF image: the blocks up to the first image's data (GIF89a specification, 17 to 22).

use super::MAX_PIXELS;
use super::error::Problem;

/// Checks a body that starts with `GIF87a` or `GIF89a`.
pub(super) fn check(body: &[u8]) -> Result<(), Problem> {
    let byte = |at: usize| body.get(at).copied().ok_or(Problem::Truncated);
    let u16_at = |at: usize| Ok::<_, Problem>(u32::from(u16::from_le_bytes([byte(at)?, byte(at + 1)?])));
    let (width, height) = (u16_at(SCREEN_WIDTH)?, u16_at(SCREEN_WIDTH + 2)?);
    let mut at = SCREEN_END + table_len(byte(SCREEN_FLAGS)?);
    for _ in 0..MAX_BLOCKS {
        match byte(at)? {
            IMAGE => {
                // Decoders enlarge the screen to its first image.
                let width = width.max(u16_at(at + 1)? + u16_at(at + 5)?);
                let height = height.max(u16_at(at + 3)? + u16_at(at + 7)?);
                if width == 0 || height == 0 || u64::from(width) * u64::from(height) >= u64::from(MAX_PIXELS) {
                    return Err(format!("image of {width} x {height} pixels").into());
                }
                let code_size_at = at + IMAGE_LEN + table_len(byte(at + IMAGE_FLAGS)?);
                let (code_size, block) = (byte(code_size_at)?, byte(code_size_at + 1)?);
                if !(1..=11).contains(&code_size) {
                    return Err(format!("LZW codes of {code_size} bits").into());
                }
                if block == 0 {
                    return Err("image without data".into());
                }
                return byte(code_size_at + 2).map(drop);
            }
            EXTENSION => {
                if byte(at + 1)? == GRAPHIC_CONTROL && byte(at + 2)? != 4 {
                    return Err("graphic control extension of an invalid length".into());
                }
                at += 2;
                loop {
                    let len = usize::from(byte(at)?);
                    at += 1 + len;
                    if len == 0 {
                        break;
                    }
                }
            }
            TRAILER => return Err("no image".into()),
            // Padding, which some encoders write between blocks.
            0 => at += 1,
            block => return Err(format!("unknown block {block:02x}").into()),
        }
    }
    Err("no image within 4096 blocks".into())
}

/// Returns the length of the color table that these flags announce.
fn table_len(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

const SCREEN_WIDTH: usize = 6;
const SCREEN_FLAGS: usize = 10;
const SCREEN_END: usize = 13;
const EXTENSION: u8 = 0x21;
const GRAPHIC_CONTROL: u8 = 0xf9;
const IMAGE: u8 = 0x2c;
const IMAGE_FLAGS: usize = 9;
const IMAGE_LEN: usize = 10;
const TRAILER: u8 = 0x3b;
const MAX_BLOCKS: usize = 4096;
