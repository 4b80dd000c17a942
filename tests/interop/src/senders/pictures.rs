//! Pictures of which no two are equal, as bytes and as files.

use std::path::{Path, PathBuf};
use std::{fs, iter};

use jpeg_encoder::{ColorType, Encoder};
use tempfile::TempDir;

/// A number of JPEG pictures.
#[derive(Debug)]
pub struct Pictures {
    folder: TempDir,
    bytes: Vec<Vec<u8>>,
}

impl Pictures {
    /// Creates this number of pictures of many sizes.
    #[must_use]
    pub fn new(count: u16) -> Self {
        Self::of((0..count).map(|number| picture(number, 32 + 8 * (number % 50), 96)).collect())
    }

    /// Creates this number of pictures, all of 320x240.
    #[must_use]
    pub fn of_one_size(count: u16) -> Self {
        Self::of((0..count).map(|number| picture(number, 320, 240)).collect())
    }

    fn of(bytes: Vec<Vec<u8>>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (number, picture) in bytes.iter().enumerate() {
            fs::write(folder.path().join(format!("{number:03}.jpg")), picture).expect("room for a picture");
        }
        Self { folder, bytes }
    }

    /// Returns their bytes.
    #[must_use]
    pub fn bytes(&self) -> &[Vec<u8>] {
        &self.bytes
    }

    /// Returns the folder of `000.jpg` and so on.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of the files in the notation of `printf`.
    #[must_use]
    pub fn pattern(&self) -> PathBuf {
        self.folder.path().join("%03d.jpg")
    }
}

/// Creates a picture of noise, so that it contains every byte.
fn picture(number: u16, width: u16, height: u16) -> Vec<u8> {
    let mut state = u32::from(number) + 1;
    let noise = iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    let pixels: Vec<u8> = noise.take(3 * usize::from(width) * usize::from(height)).collect();
    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, 70).encode(&pixels, width, height, ColorType::Rgb).expect("pixels of a complete picture");
    jpeg
}
