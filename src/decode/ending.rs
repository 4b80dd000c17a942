//! The end of an image by its own bytes: JPEG, PNG, GIF, WebP.

use super::scan::{bytes_from, bytes_to, line_ends};
use crate::jpeg::{Step, Walk};
use crate::picture;
use crate::picture::gif::table_len;
use crate::picture::marker::{SOS, View};

/// A walk from block to block of an image, which stops and goes on at any byte.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    /// Whether line ends in front of the image are skipped.
    skips: bool,
    /// The start of the image in the body, once its first bytes have come.
    start: usize,
    format: Format,
}

#[derive(Clone, Debug)]
enum Format {
    Gif(Gif),
    Jpeg(Walk),
    /// No image, one of another format, or a damaged one.
    None,
    /// The start of the next chunk.
    Png(usize),
    /// Too few bytes have come.
    Unknown,
    WebP,
}

impl Ending {
    /// Creates a walk through a body, past a few line ends in front of the image if `skips`.
    pub(super) fn new(skips: bool) -> Self {
        Self { skips, start: 0, format: Format::Unknown }
    }

    /// Creates a walk that finds nothing, for a body that is no image.
    pub(super) fn none() -> Self {
        Self { skips: false, start: 0, format: Format::None }
    }

    /// Returns `true` if more bytes may show an end.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.format, Format::None)
    }

    /// Returns the end of the image at the beginning of the body, if that has come.
    pub(super) fn find(&mut self, body: &[u8]) -> Option<usize> {
        if let Format::Unknown = self.format {
            self.start = if self.skips { line_ends(body) } else { 0 };
            self.format = format(bytes_from(body, self.start));
        }
        let image = bytes_from(body, self.start);
        let end = match &mut self.format {
            Format::Gif(gif) => gif.find(image),
            Format::Jpeg(walk) => jpeg_end(walk, image),
            Format::None | Format::Unknown => End::Later,
            Format::Png(chunk) => png_end(chunk, image),
            Format::WebP => webp_end(image),
        };
        match end {
            End::At(len) => Some(self.start + len),
            End::Later => None,
            End::Never => {
                self.format = Format::None;
                None
            }
        }
    }
}

/// An answer to whether an image ends where its body does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Complete {
    No,
    /// The body is no image, or one of a format without a known end.
    Unknown,
    Yes,
}

/// Returns whether the image that is this body has its end, perhaps padded.
///
/// Looks at the last bytes, and at the header, so that an image cut short right after its thumbnail is not complete.
pub(super) fn is_complete(body: &[u8], skips: bool) -> Complete {
    let image = bytes_from(body, if skips { line_ends(body) } else { 0 });
    let padding = image.iter().rev().take(PADDING_MAX).take_while(|byte| **byte == 0 || byte.is_ascii_whitespace());
    let trimmed = bytes_to(image, image.len() - padding.count());
    let has_end = match format(image) {
        Format::Gif(mut gif) => trimmed.ends_with(&[GIF_TRAILER]) && !gif.goes_on_after(trimmed),
        Format::Jpeg(_) => trimmed.ends_with(JPEG_END) && !ends_in_thumbnail(trimmed),
        Format::None => return Complete::Unknown,
        Format::Unknown => false,
        Format::Png(_) => trimmed.ends_with(PNG_END),
        Format::WebP => matches!(webp_end(image), End::At(len) if trimmed.len() <= len),
    };
    if has_end { Complete::Yes } else { Complete::No }
}

enum End {
    At(usize),
    /// More bytes are needed.
    Later,
    /// The image is damaged.
    Never,
}

fn format(image: &[u8]) -> Format {
    match picture::Format::sniff(image) {
        Some(picture::Format::Gif) => Format::Gif(Gif { at: 0, in_image: false, in_blocks: false }),
        Some(picture::Format::Jpeg) => Format::Jpeg(Walk::new()),
        Some(picture::Format::Png) => Format::Png(8),
        Some(picture::Format::WebP) => Format::WebP,
        None if SIGNATURES.iter().any(|signature| is_begun(signature, image)) => Format::Unknown,
        None => Format::None,
    }
}

/// Returns `true` if these bytes are the beginning of a signature, in which a zero stands for any byte.
fn is_begun(signature: &[u8], image: &[u8]) -> bool {
    image.len() < signature.len() && image.iter().zip(signature).all(|(byte, sign)| byte == sign || *sign == 0)
}

fn jpeg_end(walk: &mut Walk, image: &[u8]) -> End {
    loop {
        match walk.step(View::new(image, &[])) {
            Step::Segment { .. } => {}
            Step::End => return End::At(walk.at()),
            Step::Broken | Step::Next => return End::Never,
            Step::More => return End::Later,
        }
    }
}

/// Returns `true` if the last EOI of a JPEG image is that of a thumbnail, in a segment before the first scan.
fn ends_in_thumbnail(image: &[u8]) -> bool {
    let view = View::new(image, &[]);
    let mut walk = Walk::new();
    let mut last = None;
    loop {
        match walk.step(view) {
            Step::Segment { code: SOS, .. } | Step::Broken | Step::End | Step::Next => return false,
            Step::Segment { at, .. } => last = Some(at),
            Step::More => return last.is_some_and(|at| view.soi(at + 2).is_ok()),
        }
    }
}

fn png_end(chunk: &mut usize, image: &[u8]) -> End {
    loop {
        let Some(&[a, b, c, d, ref name @ ..]) = image.get(*chunk..*chunk + 8) else { return End::Later };
        let len = u32::from_be_bytes([a, b, c, d]);
        let Ok(len) = usize::try_from(len & 0x7fff_ffff) else { return End::Never };
        if !name.iter().all(u8::is_ascii_alphabetic) {
            return End::Never;
        }
        let end = *chunk + 12 + len;
        if name == b"IEND" {
            return if end <= image.len() { End::At(end) } else { End::Later };
        }
        *chunk = end;
    }
}

fn webp_end(image: &[u8]) -> End {
    let Some(&[a, b, c, d]) = image.get(4..8) else { return End::Later };
    let len = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok();
    match len.and_then(|len| len.checked_add(8)) {
        None => End::Never,
        Some(end) if end <= image.len() => End::At(end),
        Some(_) => End::Later,
    }
}

/// A walk through the blocks of a GIF image (GIF89a, appendix A).
#[derive(Clone, Copy, Debug)]
struct Gif {
    /// The start of the next block or data sub-block.
    at: usize,
    /// An image descriptor has come.
    in_image: bool,
    /// The next one is a data sub-block.
    in_blocks: bool,
}

impl Gif {
    fn find(&mut self, image: &[u8]) -> End {
        loop {
            // A block may end after the bytes that have come.
            let rest = bytes_from(image, self.at);
            let (len, in_blocks) = match (self.in_blocks, rest) {
                _ if self.at == 0 => match rest.get(10) {
                    Some(flags) => (13 + table_len(*flags), false),
                    None => return End::Later,
                },
                (_, []) => return End::Later,
                (true, [len, ..]) => (1 + usize::from(*len), *len > 0),
                (false, [0x21, ..]) => (2, true),
                (false, [0x2c, ..]) => match rest.get(9) {
                    Some(flags) => {
                        self.in_image = true;
                        (11 + table_len(*flags), true)
                    }
                    None => return End::Later,
                },
                (false, [GIF_TRAILER, ..]) => return End::At(self.at + 1),
                (false, _) => return End::Never,
            };
            self.at += len;
            self.in_blocks = in_blocks;
        }
    }

    /// Returns `true` if the last of these bytes, a trailer's, is part of an image's data.
    fn goes_on_after(&mut self, image: &[u8]) -> bool {
        matches!(self.find(image), End::Later) && self.in_image
    }
}

const GIF_TRAILER: u8 = 0x3b;
const JPEG_END: &[u8] = b"\xff\xd9";
const PNG_END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
/// The longest padding.
const PADDING_MAX: usize = 64 * 1024;
const SIGNATURES: [&[u8]; 4] = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8\0a", b"RIFF\0\0\0\0WEBP"];

#[cfg(test)]
mod tests {
    use super::*;

    fn png() -> Vec<u8> {
        [&b"\x89PNG\r\n\x1a\n"[..], b"\0\0\0\x0dIHDR", &[1; 17], b"\0\0\0\x04IDAT", &[2; 8], PNG_END].concat()
    }

    fn gif() -> Vec<u8> {
        let header = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff";
        let image = b",\0\0\0\0\x01\0\x01\0\0\x02\x02;\x01\0;";
        [&header[..], b"!\xf9\x04\0\0\0\0\0", image].concat()
    }

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\x00\x08\xff\xd8\xff\xe0\xff\xd9\xff\xc0\x00\x02\xff\xda\x00\x02..\xff\xd9";
    const WEBP: &[u8] = b"RIFF\x0c\0\0\0WEBPVP8 ....";

    #[test]
    fn finds_the_end_with_its_last_byte() {
        for image in [&png()[..], &gif(), JPEG, WEBP] {
            for (skips, before) in [(false, &b""[..]), (true, b""), (true, b"\r\n"), (true, b"\r\n\r\n")] {
                let body = [before, image, b"\0more"].concat();
                let end = before.len() + image.len();
                let mut ending = Ending::new(skips);
                let found = (0..=body.len()).find_map(|len| Some((len, ending.find(&body[..len])?)));
                assert_eq!(found, Some((end, end)), "{}", body.escape_ascii());
                assert_eq!(Ending::new(skips).find(&body), Some(end));
            }
        }
    }

    #[test]
    fn image_cut_short_at_any_byte_is_not_complete() {
        for image in [&png()[..], &gif(), JPEG, WEBP] {
            for len in 0..image.len() {
                let complete = is_complete(&image[..len], false);
                assert_eq!(complete, Complete::No, "{}", image[..len].escape_ascii());
            }
            assert_eq!(is_complete(image, false), Complete::Yes, "{}", image.escape_ascii());
            assert_eq!(is_complete(&[b"\r\n", image, b"\0\0\0\r\n"].concat(), true), Complete::Yes);
        }
        assert_eq!(is_complete(b"\xff\xd8\xff\xe0one\xff\xd9\0\0\0", false), Complete::Yes);
        assert_eq!(is_complete(b"GIF89a one;", false), Complete::Yes);
        assert_eq!(is_complete(b"ftypavif", false), Complete::Unknown);
    }

    #[test]
    fn damaged_image_has_no_end() {
        for image in
            [&b"\xff\xd8\xff\xd8"[..], b"\x89PNG\r\n\x1a\n\0\0\0\0\0\0\0\0", b"GIF89a.......?", b"no image at all"]
        {
            let mut ending = Ending::new(false);
            assert_eq!(ending.find(image), None);
            assert!(!ending.is_open(), "{}", image.escape_ascii());
        }
    }
}
