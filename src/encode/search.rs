//! Parts that cannot be sent: the search for the boundary.

use memchr::memmem;

use super::encoder::Encoder;
use super::error::EncodeError;
use super::framing::extra_lines;
use crate::part::stamp::Stamp;
use crate::part::{InvalidPart, Part};
use crate::wire::Wire;

/// The places at which a boundary in a part would be read as a delimiter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Search {
    /// Anywhere, as readers of `multipart/x-mixed-replace` search inside lines too.
    Anywhere,
    /// At line starts, and after a JPEG's EOI. Other readers go by `Content-Length` or by lines, and their fixed
    /// boundaries can be as short as `-`.
    LineStarts,
    /// Nowhere, since the author of the part cannot know the boundary.
    Nowhere,
}

impl Encoder {
    /// Rejects a part that cannot be sent.
    pub(crate) fn check(&self, part: &Part) -> Result<(), EncodeError> {
        part.check_picture().map_err(InvalidPart::from)?;
        self.search(part)
    }

    /// Rejects a part that holds the boundary.
    pub(crate) fn search(&self, part: &Part) -> Result<(), EncodeError> {
        self.search_located(part, None, &self.stamp(part, None))
    }

    pub(super) fn search_located(&self, part: &Part, location: Option<&str>, stamp: &Stamp) -> Result<(), EncodeError> {
        if let Search::Nowhere = self.search {
            return Ok(());
        }
        let (extra, mut digits) = (extra_lines(part, location), itoa::Buffer::new());
        let content_type = part.content_type().as_ref().as_bytes();
        // The browser wire sends no length.
        let length = if self.wire == Wire::Browser { "" } else { digits.format(part.body().len()) };
        let block = self.header_block(content_type, &extra, stamp.as_bytes(), length).concat();
        if self.occurs_in(&block) || self.occurs_in(part.body()) {
            return Err(EncodeError::BoundaryInPart(self.boundary.clone()));
        }
        Ok(())
    }

    /// Returns `true` if a reader could take some of `bytes` for a delimiter.
    fn occurs_in(&self, bytes: &[u8]) -> bool {
        let boundary = self.boundary.as_str().as_bytes();
        match self.search {
            Search::Anywhere => memmem::find(bytes, boundary).is_some(),
            Search::LineStarts => {
                let dash_boundary = [b"--", boundary].concat();
                // Cameras write a delimiter directly after a picture too, or with two more dashes, and readers take it.
                memmem::find_iter(bytes, &dash_boundary).any(|at| {
                    let before = bytes.get(..at).unwrap_or_default();
                    let dashes = before.iter().rev().take(2).take_while(|byte| **byte == b'-').count();
                    matches!(bytes.get(..at - dashes), Some([] | [.., b'\r' | b'\n'] | [.., 0xff, 0xd9]))
                })
            }
            Search::Nowhere => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_fixed_boundary_where_readers_take_it_for_a_delimiter() {
        let encoder = Encoder::for_content_type("multipart/mixed; boundary=id").unwrap();
        for (body, is_refused) in [
            (&b"--id"[..], true),
            (b"a\r\n--id", true),
            (b"a\n--id", true),
            (b"a\xff\xd9--id", true),
            (b"a\r\n---id", true),
            (b"----id", true),
            (b"-----id", false),
            (b"a---id", false),
            (b"a--id", false),
            (b"a\xff--id", false),
            (b"a\xff\xd9-id", false),
        ] {
            let part = Part::new(mime::APPLICATION_OCTET_STREAM, body).unwrap();
            assert_eq!(encoder.encode(&part).is_err(), is_refused, "{}", body.escape_ascii());
        }
    }
}
