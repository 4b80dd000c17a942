//! The check of received pictures: a complete JPEG file with limited dimensions.

use bytes::Bytes;
use mixed_replace::{Part, jpeg};

/// Checks a picture and creates its part.
pub(crate) fn of(body: Bytes) -> Result<Part, String> {
    let part = Part::jpeg(body).map_err(|error| error.to_string())?;
    if !jpeg::is_complete(part.body()) {
        return Err("the picture is incomplete, or followed by other data".to_owned());
    }
    // A few bytes can declare a gigapixel, which every viewer would have to allocate.
    let size = imagesize::blob_size(part.body()).map_err(|error| error.to_string())?;
    if size.width.max(size.height) > MAX_SIDE || size.width.min(size.height) == 0 {
        let (width, height) = (size.width, size.height);
        return Err(format!("the picture has {width}x{height} pixels; send at most {MAX_SIDE}x{MAX_SIDE}"));
    }
    Ok(part)
}

/// Ten times the size of a usual camera picture of 640x480.
pub(crate) const MAX_BYTES: usize = 500_000;
const MAX_SIDE: usize = 1920;

#[cfg(test)]
mod tests {
    use shared::test_picture::TestPicture;

    use super::*;

    fn declares(width: u16, height: u16) -> Bytes {
        let mut picture = TestPicture::new((64, 64), 1.0).jpeg(1).unwrap().to_vec();
        let frame = picture.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        picture[frame + 5..frame + 9].copy_from_slice(&[height.to_be_bytes(), width.to_be_bytes()].concat());
        picture.into()
    }

    #[test]
    fn rejects_invalid_pictures() {
        let picture = declares(64, 64);
        assert_eq!(of(picture.clone()).unwrap().content_type(), &"image/jpeg");
        let with_tail = Bytes::from([&picture[..], b"<script>"].concat());
        for (body, reason) in [
            (Bytes::from_static(b"hello"), "invalid image/jpeg body: starts with 68 65 6c 6c"),
            (Bytes::new(), "a part cannot have an empty body"),
            (picture.slice(..picture.len() - 2), "the picture is incomplete, or followed by other data"),
            (with_tail, "the picture is incomplete, or followed by other data"),
        ] {
            assert_eq!(of(body), Err(reason.to_owned()));
        }
        let too_wide = "the picture has 20000x16000 pixels; send at most 1920x1920";
        assert_eq!(of(declares(20_000, 16_000)), Err(too_wide.to_owned()));
        assert!(of(declares(64, 0)).is_err());
    }
}
