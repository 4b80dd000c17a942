//! The encoding of a part between nodes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use mime::Mime;
use mixed_replace::Part;

/// A part with its origin and time.
///
/// ```text
/// 1 byte    version, 1
/// 8 bytes   origin: a random number for each start of a node
/// 8 bytes   number of the part at its origin
/// 8 bytes   time of capture, in microseconds since 1970
/// 1 byte    length of the type
/// n bytes   type, such as image/jpeg
/// the rest  body
/// ```
///
/// Numbers are big-endian.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) origin: u64,
    pub(crate) sequence: u64,
    pub(crate) time: SystemTime,
    pub(crate) part: Part,
}

impl Envelope {
    pub(crate) fn encode(&self) -> Bytes {
        let content_type = self.part.content_type().as_ref();
        let mut bytes = BytesMut::with_capacity(FIXED + content_type.len() + self.part.body().len());
        bytes.put_u8(VERSION);
        bytes.put_u64(self.origin);
        bytes.put_u64(self.sequence);
        let time = self.time.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        bytes.put_u64(u64::try_from(time).unwrap_or(u64::MAX));
        // The type of a part fits into a header line of 127 bytes.
        bytes.put_u8(u8::try_from(content_type.len()).unwrap_or_default());
        bytes.put_slice(content_type.as_bytes());
        bytes.put_slice(self.part.body());
        bytes.freeze()
    }

    /// Decodes an envelope without copying the body, or returns `None` if it is invalid.
    ///
    /// Any client of the broker can publish to the topic, so only images pass: other types could run scripts in a browser.
    pub(crate) fn decode(mut bytes: Bytes) -> Option<Self> {
        if bytes.len() < FIXED || bytes.get_u8() != VERSION {
            return None;
        }
        let (origin, sequence, micros) = (bytes.get_u64(), bytes.get_u64(), bytes.get_u64());
        let len = usize::from(bytes.get_u8());
        if bytes.len() < len {
            return None;
        }
        let content_type: Mime = std::str::from_utf8(&bytes.split_to(len)).ok()?.parse().ok()?;
        let picture = [mime::IMAGE_JPEG, mime::IMAGE_PNG].contains(&content_type);
        let part = picture.then(|| Part::new(content_type, bytes))?.ok()?;
        let time = UNIX_EPOCH.checked_add(Duration::from_micros(micros))?;
        Some(Self { origin, sequence, time, part })
    }
}

const VERSION: u8 = 1;
const FIXED: usize = 1 + 3 * 8 + 1;

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = include_bytes!("../../src/picture/dot.jpg");

    fn envelope() -> Envelope {
        let time = UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456);
        let part = Part::jpeg(JPEG).unwrap();
        Envelope { origin: 7, sequence: 0x0102, time, part }
    }

    #[test]
    fn encodes_a_header_and_the_body() {
        let expected = [
            b"\x01".as_slice(),
            b"\0\0\0\0\0\0\0\x07",
            b"\0\0\0\0\0\0\x01\x02",
            b"\x00\x06\x0a\x24\x18\x20\x22\x40",
            b"\x0aimage/jpeg",
            JPEG,
        ]
        .concat();
        assert_eq!(envelope().encode(), expected);
        assert_eq!(Envelope::decode(expected.into()), Some(envelope()));
    }

    #[test]
    fn rejects_truncated_and_foreign_envelopes() {
        let encoded = envelope().encode();
        // A picture is valid with any scan, so the loop ends at its SOS header.
        let scan = encoded.len() - JPEG.len() + JPEG.windows(2).position(|marker| marker == b"\xff\xda").unwrap();
        for len in 0..=scan {
            assert_eq!(Envelope::decode(encoded.slice(..len)), None, "{len}");
        }
        let other = |at: usize, byte: u8| {
            let mut bytes = encoded.to_vec();
            bytes[at] = byte;
            Envelope::decode(bytes.into())
        };
        assert_eq!(other(0, 2), None, "another version");
        assert_eq!(other(25, 255), None, "a type longer than the envelope");
        assert_eq!(other(17, 0xff).map(|_| ()), Some(()), "a distant time is valid");
        let html = Envelope { part: Part::html("<script>").unwrap(), ..envelope() };
        assert_eq!(Envelope::decode(html.encode()), None, "HTML could run scripts");
    }
}
