//! Checks whether a browser can open an image.
//!
//! One image whose header a decoder cannot get through ends an image stream in Chromium and WebKit: the `<img>` stays
//! broken, shows no later part and fires no `error`. [`check`] finds such an image by its header. [`Part`](crate::Part)'s
//! constructors reject it. Publishers, encoders, bodies and writers reject it in a part received by a
//! [`Decoder`](crate::Decoder).
//!
//! | type | checked |
//! |---|---|
//! | `image/jpeg` | SOI to the first SOS, by the rules of libjpeg-turbo |
//! | `image/png`, `image/apng` | the IHDR, PLTE and fcTL chunks, and the others up to the head of the first IDAT |
//! | `image/gif` | the blocks up to the first image descriptor |
//! | `image/webp` | the RIFF length, the chunks, and the headers of the image or of each frame |
//!
//! Damage after these headers passes: browsers show as much of the image as they can and go on. Missing quantization and
//! Huffman tables pass as well. Other types are not checked.
//!
//! The cost depends on the header and not on the size of the image: segments and chunks are stepped over by their
//! lengths. A header may have at most 256 KiB that cannot be stepped over.
//!
//! # Examples
//!
//! ```
//! use mixed_replace::picture;
//!
//! let cut = b"\xff\xd8\xff\xe0\x00\x10JFIF";
//! assert_eq!(picture::sniff(cut), Some(mime::IMAGE_JPEG));
//! assert!(picture::check(&mime::IMAGE_JPEG, cut).is_err());
//! ```

mod error;
pub(crate) mod gif;
mod jpeg;
pub(crate) mod marker;
mod png;
mod webp;

use std::ops::RangeInclusive;

use mime::Mime;

pub use self::error::InvalidPicture;
use self::error::Problem;

/// Checks that a browser can open an image of this type.
///
/// Other types than those of the [table](self) pass.
///
/// # Errors
///
/// - [`InvalidPicture::Signature`] if the body does not start like an image of its type.
/// - [`InvalidPicture::Truncated`] if the body ends within its header, or a WebP image before its RIFF length.
/// - [`InvalidPicture::Header`] if the header has a field that no decoder accepts.
///
/// # Examples
///
/// ```
/// use mixed_replace::picture;
///
/// // What a webcam may send first.
/// let error = picture::check(&mime::IMAGE_JPEG, b"\xff\xd8\xff\xd9").unwrap_err();
/// assert_eq!(error.to_string(), "invalid image/jpeg header: ends without a scan");
///
/// let error = picture::check(&mime::IMAGE_JPEG, b"GIF89a").unwrap_err();
/// assert_eq!(error.to_string(), "invalid image/jpeg body: starts with 47 49 46 38");
///
/// assert!(picture::check(&mime::TEXT_PLAIN, b"12:00").is_ok());
/// ```
pub fn check(content_type: &Mime, body: &[u8]) -> Result<(), InvalidPicture> {
    let Some(format) = Format::of(content_type) else { return Ok(()) };
    if Format::sniff(body) != Some(format) {
        return Err(InvalidPicture::signature(content_type, body));
    }
    let checked = match format {
        Format::Gif => gif::check(body),
        Format::Jpeg => jpeg::check(body),
        Format::Png => png::check(body),
        Format::WebP => webp::check(body),
    };
    checked.map_err(|problem| problem.into_error(content_type, body))
}

/// Returns the type of an image by its first bytes: JPEG, PNG, GIF or WebP.
///
/// Browsers go by these bytes as well, whatever type they are told.
///
/// # Examples
///
/// ```
/// use mixed_replace::picture;
///
/// assert_eq!(picture::sniff(b"\xff\xd8\xff\xe0"), Some(mime::IMAGE_JPEG));
/// assert_eq!(picture::sniff(b"<svg/>"), None);
/// ```
#[must_use]
pub fn sniff(body: &[u8]) -> Option<Mime> {
    Some(match Format::sniff(body)? {
        Format::Gif => mime::IMAGE_GIF,
        Format::Jpeg => mime::IMAGE_JPEG,
        Format::Png => mime::IMAGE_PNG,
        Format::WebP => "image/webp".parse().ok()?,
    })
}

/// Returns the type as which an image can be passed on: the one of its first bytes, whatever type it was said to have.
pub(crate) fn correct(content_type: Mime, body: &[u8]) -> Result<Mime, InvalidPicture> {
    let Some(claimed) = Format::of(&content_type) else { return Ok(content_type) };
    match Format::sniff(body) {
        Some(format) if format == claimed => Ok(content_type),
        _ => sniff(body).ok_or_else(|| InvalidPicture::signature(&content_type, body)),
    }
}

/// Returns whether senders name a JPEG by this media type, in lower case.
pub(crate) fn names_jpeg(media_type: &str) -> bool {
    matches!(media_type, "image/jpeg" | "image/jpg" | "image/pjpeg")
}

/// Returns whether senders name a run of JPEGs by this media type, in lower case, or bytes of any kind.
pub(crate) fn names_jpegs(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/octet-stream" | "image/mjpeg" | "video/mjpeg" | "video/x-mjpeg" | "video/x-motion-jpeg"
    )
}

/// Returns the width of a JPEG, PNG or GIF image in pixels. `None` if it is another one, or damaged.
pub(crate) fn width(body: &[u8]) -> Option<u32> {
    match Format::sniff(body)? {
        Format::Gif => Some(u32::from(u16::from_le_bytes([*body.get(6)?, *body.get(7)?]))),
        Format::Jpeg => jpeg::width(body),
        Format::Png => Some(u32::from_be_bytes(body.get(16..20)?.try_into().ok()?)),
        Format::WebP => None,
    }
}

/// Returns `true` if images of this type are checked.
pub(crate) fn is_checked(content_type: &Mime) -> bool {
    Format::of(content_type).is_some()
}

/// Checks that an image or a frame has sides of these lengths, and fewer pixels than decoders refuse.
fn check_size(noun: &str, sides: RangeInclusive<usize>, width: usize, height: usize) -> Result<(), Problem> {
    if sides.contains(&width) && sides.contains(&height) && width.saturating_mul(height) < MAX_PIXELS {
        return Ok(());
    }
    Err(format!("{noun} of {width} x {height} pixels").into())
}

/// The pixels from which on an image ends a stream: 23,170 x 23,170. WebKit has no room for them, at 4 bytes each, and
/// Chromium crashes from 2^29 on.
const MAX_PIXELS: usize = 23_170 * 23_170;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Gif,
    Jpeg,
    Png,
    WebP,
}

impl Format {
    fn of(content_type: &Mime) -> Option<Self> {
        if content_type.type_() != mime::IMAGE {
            return None;
        }
        match content_type.essence_str() {
            "image/gif" => Some(Self::Gif),
            essence if names_jpeg(essence) => Some(Self::Jpeg),
            "image/apng" | "image/png" => Some(Self::Png),
            "image/webp" => Some(Self::WebP),
            _ => None,
        }
    }

    pub(crate) fn sniff(body: &[u8]) -> Option<Self> {
        match body {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::marker::EXAMINED;
    use super::*;

    #[test]
    fn check_reads_equally_many_bytes_of_large_and_small_pictures() {
        let header = include_bytes!("picture/dot.jpg");
        let examined = [2_000, 2_000_000].map(|len| {
            let body: Vec<u8> = header.iter().chain([0xff, 0x00].iter().cycle()).copied().take(len).collect();
            EXAMINED.set(0);
            check(&mime::IMAGE_JPEG, &body).unwrap();
            EXAMINED.get()
        });
        assert_eq!(examined[0], examined[1]);
        assert!((1..1_000).contains(&examined[0]), "{examined:?}");
    }
}
