//! Solid pictures to send, in colours that differ from empty pages and broken images.

use std::fmt;
use std::path::Path;

use bytes::Bytes;
use jpeg_encoder::{ColorType, Encoder};
use mixed_replace::Part;

use crate::browsers::gif;

/// A colour of the [`PALETTE`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Colour {
    name: &'static str,
    rgb: [u8; 3],
}

/// Ten colours that differ clearly from each other and from the test pages.
pub const PALETTE: [Colour; 10] = [
    Colour { name: "red", rgb: [220, 20, 20] },
    Colour { name: "green", rgb: [20, 160, 20] },
    Colour { name: "blue", rgb: [20, 20, 220] },
    Colour { name: "yellow", rgb: [230, 230, 20] },
    Colour { name: "magenta", rgb: [230, 20, 230] },
    Colour { name: "cyan", rgb: [20, 230, 230] },
    Colour { name: "orange", rgb: [240, 130, 20] },
    Colour { name: "violet", rgb: [110, 20, 150] },
    Colour { name: "pink", rgb: [240, 150, 190] },
    Colour { name: "lime", rgb: [130, 240, 60] },
];

/// The grey of the test pages.
pub const PAGE: [u8; 3] = [90, 90, 90];

impl Colour {
    /// Returns `true` if a pixel has this colour, up to the changes by JPEG and the screen.
    #[must_use]
    pub fn is(self, pixel: [u8; 3]) -> bool {
        self.rgb.iter().zip(pixel).all(|(expected, found)| expected.abs_diff(found) <= 8)
    }

    /// Creates a JPEG part of 320 x 240 pixels.
    ///
    /// # Panics
    ///
    /// Never, like the other functions: the bodies are pictures.
    pub fn jpeg(self) -> Part {
        let mut file = Vec::new();
        let encoded = Encoder::new(&mut file, 95).encode(&self.rgb.repeat(320 * 240), 320, 240, ColorType::Rgb);
        encoded.expect("a picture of this size");
        Part::jpeg(file).expect("a JPEG file")
    }

    /// Creates a JPEG part of 320 x 240 pixels, and about 10 kB as a camera's: noise, with corners of this colour.
    pub fn scene(self) -> Part {
        self.scene_of(320, 240)
    }

    /// Creates a [scene](Self::scene) of another size.
    pub fn scene_of(self, width: u16, height: u16) -> Part {
        let [columns, rows] = [width, height].map(usize::from);
        let mut pixels = self.rgb.repeat(columns * rows);
        let mut random = 1_u32;
        for (at, value) in pixels.iter_mut().enumerate() {
            let (x, y) = (at / 3 % columns, at / 3 / columns);
            if (columns * 3 / 16..columns * 13 / 16).contains(&x) && (rows * 5 / 24..rows * 19 / 24).contains(&y) {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *value = 90 + u8::try_from((random >> 24) % 64).unwrap_or_default();
            }
        }
        let mut file = Vec::new();
        let encoded = Encoder::new(&mut file, 50).encode(&pixels, width, height, ColorType::Rgb);
        encoded.expect("a picture of this size");
        Part::jpeg(file).expect("a JPEG file")
    }

    /// Creates a PNG part of 320 x 240 pixels.
    pub fn png(self) -> Part {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 320, 240);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().expect("writing to memory succeeds");
        writer.write_image_data(&self.rgb.repeat(320 * 240)).expect("the announced number of pixels");
        writer.finish().expect("writing to memory succeeds");
        Part::png(file).expect("a PNG file")
    }

    /// Creates a document with this background and some text.
    pub fn html(self) -> Part {
        let [r, g, b] = self.rgb;
        let style = format!("background: rgb({r}, {g}, {b})");
        let page = format!("<!doctype html><title>{self}</title><body style='{style}'><p>{}", letters());
        Part::html(page).expect("a body that is not empty")
    }

    /// Creates a GIF part of one pixel and exactly 300 bytes.
    pub fn tiny_gif(self) -> Part {
        self.gif(300)
    }

    /// Creates a GIF part of one pixel and exactly `len` bytes.
    pub fn gif(self, len: usize) -> Part {
        Part::new(mime::IMAGE_GIF, Bytes::from(gif::one_pixel(self.rgb, len))).expect("a GIF file")
    }
}

/// Returns the files of `tests/frames` whose names start with `prefix`, sorted by name: type, name and bytes.
///
/// # Panics
///
/// If there are no such files.
#[must_use]
pub fn files(prefix: &str) -> Vec<(mime::Mime, String, Bytes)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../frames");
    let entries = std::fs::read_dir(&folder).expect("a folder of frames");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a file").path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let kind = match path.extension()?.to_str()? {
                "gif" => mime::IMAGE_GIF,
                "jpg" => mime::IMAGE_JPEG,
                "png" => mime::IMAGE_PNG,
                "webp" => "image/webp".parse().expect("a type"),
                _ => return None,
            };
            let file = std::fs::read(&path).expect("a file");
            name.starts_with(prefix).then(|| (kind, name, Bytes::from(file)))
        })
        .collect();
    files.sort_by(|one, other| one.1.cmp(&other.1));
    assert!(!files.is_empty(), "there is no {prefix}* in {}", folder.display());
    files
}

/// Returns more than 200 letters. WebKit may not draw a document until it has 200 letters or a picture or is complete,
/// and a page with a stream is never complete.
#[must_use]
pub fn letters() -> String {
    "All work and no play makes Jack a dull boy. ".repeat(6)
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_not_confused() {
        for colour in PALETTE {
            let alike = PALETTE.iter().filter(|other| other.is(colour.rgb)).count();
            assert_eq!(alike, 1, "{colour}");
            assert!(![[0; 3], [255; 3], PAGE].iter().any(|pixel| colour.is(*pixel)), "{colour}");
        }
    }

    #[test]
    fn tiny_gif_has_300_bytes() {
        assert_eq!(PALETTE[0].tiny_gif().body().len(), 300);
    }
}
