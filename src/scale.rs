//! Smaller pictures of a JPEG. It takes and returns bytes, and uses the processor for some milliseconds.

use std::fmt;

use bytes::Bytes;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use jpeg_encoder_scale::{ColorType, Encoder, SamplingFactor};
use memchr::memmem;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::jpeg;

#[cfg(all(test, not(loom)))]
mod tests;

/// A size and a quality in which a [`Ladder`](crate::Ladder) sends the pictures of a hub.
///
/// # Examples
///
/// ```
/// use mixed_replace::ladder::Rendition;
///
/// let small = Rendition::width(320).quality(50);
/// ```
#[must_use]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rendition {
    pub(crate) width: u16,
    quality: u8,
}

impl Rendition {
    /// Creates a rendition of this width in pixels, at least 1, and of quality 70. The height follows from the picture.
    ///
    /// A picture that is no wider is sent as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::ladder::Rendition;
    ///
    /// assert_eq!(Rendition::width(320), Rendition::width(320).quality(70));
    /// ```
    pub fn width(width: u16) -> Self {
        Self { width: width.max(1), quality: 70 }
    }

    /// Sets the quality of the JPEG, from 1 to 100, as of libjpeg. Values beyond are set to these.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::ladder::Rendition;
    ///
    /// assert_ne!(Rendition::width(320).quality(50), Rendition::width(320));
    /// assert_eq!(Rendition::width(320).quality(255), Rendition::width(320).quality(100));
    /// ```
    pub fn quality(self, quality: u8) -> Self {
        Self { quality: quality.clamp(1, 100), ..self }
    }
}

/// The reason why a picture is not scaled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Unscalable {
    Decode(String),
    Encode(String),
    /// Neither gray nor a color in three components.
    Components(String),
    /// It has no end, so its lower part would be gray.
    CutOff,
    Scans {
        scans: usize,
        width: usize,
        height: usize,
    },
    TooLarge {
        width: usize,
        height: usize,
    },
}

impl fmt::Display for Unscalable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => write!(f, "the picture cannot be decoded: {error}"),
            Self::Encode(error) => write!(f, "the scaled picture cannot be encoded: {error}"),
            Self::Components(components) => {
                write!(f, "a picture in {components} is not scaled, only gray, YCbCr and RGB are")
            }
            Self::CutOff => f.write_str("the picture has no end, so it is not scaled"),
            Self::Scans { scans, width, height } => {
                let most = MAX_SCANNED / (width * height).max(1);
                write!(f, "the picture of {width} x {height} pixels has {scans} scans, at most {most} are decoded")
            }
            Self::TooLarge { width, height } => {
                write!(f, "the picture has {width} x {height} pixels, at most {MAX_PIXELS} are decoded")
            }
        }
    }
}

/// Returns a JPEG in each of these sizes. `None` for a size that it does not exceed.
///
/// It is decoded once, or not at all. An ICC profile and the orientation of EXIF are kept, so that a viewer shows the smaller
/// picture as it shows the large one.
pub(crate) fn scaled(picture: Bytes, renditions: &[Rendition]) -> Result<Vec<Option<Vec<u8>>>, Unscalable> {
    let complete = jpeg::complete_len(&picture).is_some();
    // Webcams leave them out.
    let jpeg = &*jpeg::with_huffman_tables(picture);
    let options = DecoderOptions::default().set_max_width(MAX_SIDE).set_max_height(MAX_SIDE).set_strict_mode(false);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().map_err(|error| Unscalable::Decode(error.to_string()))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| Unscalable::Decode("it has no size".to_owned()))?;
    let orientation = decoder.exif().and_then(|exif| orientation(exif)).filter(|orientation| *orientation > 1);
    // On its side, the width that is shown is the height.
    let on_its_side = orientation.is_some_and(|orientation| orientation >= 5);
    let (size, profile) = ((width, height), decoder.icc_profile());
    let components = decoder.info().map(|info| info.components);
    let shown = if on_its_side { height } else { width };
    if renditions.iter().all(|rendition| shown <= usize::from(rendition.width)) {
        return Ok(vec![None; renditions.len()]);
    }
    if !complete {
        return Err(Unscalable::CutOff);
    }
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(Unscalable::TooLarge { width, height });
    }
    // Each scan of a progressive picture is a pass over all of it, however few bytes it has.
    let scans = memmem::find_iter(jpeg, b"\xff\xda").count();
    if scans.saturating_mul(width * height) > MAX_SCANNED {
        return Err(Unscalable::Scans { scans, width, height });
    }
    let (space, pixel, color) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, PixelType::U8, ColorType::Luma),
        // Without a conversion to RGB and back.
        Some(ColorSpace::YCbCr) => (ColorSpace::YCbCr, PixelType::U8x3, ColorType::Ycbcr),
        Some(ColorSpace::RGB) => (ColorSpace::RGB, PixelType::U8x3, ColorType::Rgb),
        // Of Adobe's APP14 with transform 0. The decoder finds out later that three components are RGB.
        Some(ColorSpace::CMYK) if components == Some(3) => (ColorSpace::RGB, PixelType::U8x3, ColorType::Rgb),
        other => return Err(Unscalable::Components(format!("{other:?}"))),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let pixels = decoder.decode().map_err(|error| Unscalable::Decode(error.to_string()))?;
    let image = image(size, &pixels, pixel).map_err(|error| Unscalable::Decode(error.to_string()))?;
    let scaled = renditions.iter().map(|rendition| {
        if shown <= usize::from(rendition.width) {
            return Ok(None);
        }
        let size = scaled_size(size, rendition.width, on_its_side);
        let mut smaller = Image::new(u32::from(size.0), u32::from(size.1), pixel);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
        let resized = Resizer::new().resize(&image, &mut smaller, &options);
        resized.map_err(|error| Unscalable::Encode(error.to_string()))?;
        let encoded = encode(smaller.buffer(), size, color, rendition.quality, profile.as_deref(), orientation);
        encoded.map(Some).map_err(|error| Unscalable::Encode(error.to_string()))
    });
    scaled.collect()
}

fn image(
    (width, height): (usize, usize),
    pixels: &[u8],
    pixel: PixelType,
) -> Result<ImageRef<'_>, Box<dyn std::error::Error>> {
    Ok(ImageRef::new(u32::try_from(width)?, u32::try_from(height)?, pixels, pixel)?)
}

/// Returns the width and the height of the pixels, for the width that is shown.
fn scaled_size((width, height): (usize, usize), shown: u16, on_its_side: bool) -> (u16, u16) {
    let (along, across) = if on_its_side { (height, width) } else { (width, height) };
    let across = (across * usize::from(shown) + along / 2) / along.max(1);
    let across = u16::try_from(across).unwrap_or(u16::MAX).max(1);
    if on_its_side { (across, shown) } else { (shown, across) }
}

fn encode(
    pixels: &[u8],
    (width, height): (u16, u16),
    color: ColorType,
    quality: u8,
    profile: Option<&[u8]>,
    orientation: Option<u8>,
) -> Result<Vec<u8>, jpeg_encoder_scale::EncodingError> {
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    if let Some(orientation) = orientation {
        let mut exif = EXIF.to_vec();
        exif.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0, 0]);
        encoder.add_app_segment(1, &exif)?;
    }
    if let Some(profile) = profile {
        encoder.add_icc_profile(profile)?;
    }
    encoder.encode(pixels, width, height, color)?;
    Ok(jpeg)
}

/// Returns the orientation from 1 to 8 (EXIF 2.32, tag 0x0112 of the first directory).
fn orientation(tiff: &[u8]) -> Option<u8> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let bytes = tiff.get(4..8)?.try_into().ok()?;
    let first = usize::try_from(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }).ok()?;
    let entries = usize::from(u16_at(first)?);
    let mut entries = (0..entries).map_while(|entry| first.checked_add(2 + 12 * entry));
    let entry = entries.find(|entry| u16_at(*entry) == Some(ORIENTATION))?;
    u8::try_from(u16_at(entry.checked_add(8)?)?).ok().filter(|orientation| (1..=8).contains(orientation))
}

const ORIENTATION: u16 = 0x0112;
/// EXIF with one entry, a 16-bit number, up to its value.
const EXIF: &[u8] = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
/// 4096 x 4096. Decoded, they take 50 MB, and 100 more if the picture is progressive.
const MAX_PIXELS: usize = 1 << 24;
const MAX_SIDE: usize = 16_384;
/// The pixels of all scans. libjpeg's progressive pictures have ten scans.
const MAX_SCANNED: usize = 16 * MAX_PIXELS;
