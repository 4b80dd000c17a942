//! The header of a GIF image: the blocks up to the first image descriptor (GIF89a specification, 17 to 25).
//!
//! The rest passes, as in browsers: codes of any size, blocks that no specification knows, and an image without data.

use super::check_size;
use super::error::Problem;

/// Checks a body that starts with `GIF87a` or `GIF89a`.
pub(super) fn check(body: &[u8]) -> Result<(), Problem> {
    let byte = |at: usize| body.get(at).copied().ok_or(Problem::Truncated);
    let u16_at = |at: usize| Ok::<_, Problem>(usize::from(u16::from_le_bytes([byte(at)?, byte(at + 1)?])));
    let (width, height) = (u16_at(SCREEN_WIDTH)?, u16_at(SCREEN_WIDTH + 2)?);
    check_size("image", 0..=usize::MAX, width, height)?;
    let mut at = SCREEN_END + table_len(byte(SCREEN_FLAGS)?);
    let mut sub_blocks = 0;
    for _ in 0..MAX_BLOCKS {
        match byte(at)? {
            IMAGE => {
                byte(at + IMAGE_LEN - 1)?;
                // Decoders enlarge the screen to its first image.
                let width = width.max(u16_at(at + 1)? + u16_at(at + 5)?);
                let height = height.max(u16_at(at + 3)? + u16_at(at + 7)?);
                return check_size("image", 1..=usize::MAX, width, height);
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
                    sub_blocks += 1;
                    if sub_blocks > MAX_SUB_BLOCKS {
                        return Err(format!("no image within {MAX_SUB_BLOCKS} data sub-blocks").into());
                    }
                }
            }
            // The trailer, or a block that ends the image like the trailer.
            _ => return Ok(()),
        }
    }
    Err(format!("no image within {MAX_BLOCKS} blocks").into())
}

/// Returns the length of the color table that these flags announce.
pub(crate) fn table_len(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

const SCREEN_WIDTH: usize = 6;
const SCREEN_FLAGS: usize = 10;
const SCREEN_END: usize = 13;
const EXTENSION: u8 = 0x21;
const GRAPHIC_CONTROL: u8 = 0xf9;
const IMAGE: u8 = 0x2c;
const IMAGE_LEN: usize = 10;
const MAX_BLOCKS: usize = 65_536;
/// 16 MiB of XMP or an ICC profile, in sub-blocks of 255 bytes.
const MAX_SUB_BLOCKS: usize = 65_536;
