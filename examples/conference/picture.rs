//! What counts as a picture: a whole JPEG file that no viewer's browser has to be afraid of.

use axum::http::HeaderValue;
use bytes::Bytes;
use mixed_replace::{Part, jpeg};

use crate::grid::PARTICIPANT;
use crate::problem::Problem;

/// The picture of this participant as a part, if it is one.
pub(crate) fn of(participant: u64, body: Bytes) -> Result<Part, Problem> {
    let mut part = Part::jpeg(body).map_err(|error| no_picture(&error.to_string()))?;
    if !jpeg::is_whole(part.body()) {
        return Err(no_picture("the picture is not whole, or something stands behind it"));
    }
    // A few bytes may claim to be a gigapixel, which each viewer would have to allocate.
    let size = imagesize::blob_size(part.body()).map_err(|error| no_picture(&error.to_string()))?;
    if size.width.max(size.height) > MAX_SIDE || size.width.min(size.height) == 0 {
        return Err(Problem::TooWide { width: size.width, height: size.height });
    }
    part.insert_header(PARTICIPANT, HeaderValue::from(participant)).map_err(|error| no_picture(&error.to_string()))?;
    Ok(part)
}

/// What is wrong with it, as the begin of a sentence.
pub(crate) fn no_picture(what: &str) -> Problem {
    let mut letters = what.chars();
    let first = letters.next().map(char::to_uppercase);
    Problem::NoPicture(first.into_iter().flatten().chain(letters).collect())
}

/// Ten times what a camera picture of 640x480 takes.
pub(crate) const MAX_BYTES: usize = 500_000;
pub(crate) const MAX_SIDE: usize = 1920;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_picture::TestPicture;

    fn claims(width: u16, height: u16) -> Bytes {
        let mut picture = TestPicture::new((64, 64), 1.0).jpeg(1).unwrap().to_vec();
        let frame = picture.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        picture[frame + 5..frame + 9].copy_from_slice(&[height.to_be_bytes(), width.to_be_bytes()].concat());
        picture.into()
    }

    #[test]
    fn a_picture_says_whose_it_is() {
        let part = of(7, claims(64, 64)).unwrap();
        assert_eq!(part.headers()[PARTICIPANT], "7");
        assert_eq!(part.content_type(), &"image/jpeg");
    }

    #[test]
    fn what_is_none_is_refused() {
        let whole = claims(64, 64);
        let with_tail = Bytes::from([&whole[..], b"<script>"].concat());
        for (body, why) in [
            (Bytes::from_static(b"hello"), "Invalid image/jpeg body: starts with 68 65 6c 6c"),
            (Bytes::new(), "A part cannot have an empty body"),
            (whole.slice(..whole.len() - 2), "The picture is not whole, or something stands behind it"),
            (with_tail, "The picture is not whole, or something stands behind it"),
        ] {
            assert_eq!(of(7, body), Err(Problem::NoPicture(why.into())));
        }
        assert_eq!(of(7, claims(20_000, 16_000)), Err(Problem::TooWide { width: 20_000, height: 16_000 }));
        assert!(of(7, claims(64, 0)).is_err());
    }
}
