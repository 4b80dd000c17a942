//! GIF files of one pixel and any size.

/// Creates a GIF file of one pixel and exactly `len` bytes, most of them a comment.
///
/// # Panics
///
/// If `len` is too small for the picture.
#[must_use]
pub fn one_pixel([r, g, b]: [u8; 3], len: usize) -> Vec<u8> {
    let mut file = Vec::with_capacity(len);
    // One pixel by one pixel; a global table of two colours.
    file.extend(b"GIF89a\x01\0\x01\0\x80\0\0");
    file.extend([r, g, b, r, g, b]);
    // The comment, in blocks of a length and up to 255 bytes.
    file.extend([0x21, 0xfe]);
    let mut missing = len.checked_sub(file.len() + 1 + PICTURE.len()).expect("room for the picture");
    while missing > 0 {
        let text = u8::try_from(missing - 1).unwrap_or(u8::MAX);
        assert!(text > 0, "a block of a comment is not empty");
        file.push(text);
        file.extend(std::iter::repeat_n(b'.', usize::from(text)));
        missing -= 1 + usize::from(text);
    }
    file.push(0);
    file.extend(PICTURE);
    file
}

/// The picture at (0, 0), its LZW data (clear, colour 0, end), and the trailer.
const PICTURE: &[u8] = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";
