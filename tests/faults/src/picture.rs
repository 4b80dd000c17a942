//! Pictures of which every byte follows from the number, so that none can be torn without being noticed.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mixed_replace::Part;

/// One picture, as a viewer got it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Picture {
    /// From 1.
    pub number: u64,
    /// From its publishing until the viewer had all of it.
    pub age: Duration,
}

impl Picture {
    /// A picture of so many bytes, published now.
    ///
    /// # Panics
    ///
    /// If that are fewer bytes than a number and a time take.
    pub fn part(number: u64, size: usize) -> Part {
        let mut body = Vec::with_capacity(size);
        body.extend_from_slice(&number.to_be_bytes());
        body.extend_from_slice(&now().to_be_bytes());
        body.extend_from_slice(filling(number, size - HEAD));
        Part::new(mime::APPLICATION_OCTET_STREAM, body).expect("it is not empty")
    }

    /// What the body of a part shows.
    ///
    /// # Panics
    ///
    /// If it is no picture, or not one picture: it was torn.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let (number, rest) = body.split_first_chunk().expect("a number");
        let (at, filled) = rest.split_first_chunk().expect("a time");
        let number = u64::from_be_bytes(*number);
        assert!(filled == filling(number, filled.len()), "picture {number} is torn");
        Self { number, age: Duration::from_nanos(now().saturating_sub(u64::from_be_bytes(*at))) }
    }
}

/// A piece of noise that no other number near by has.
fn filling(number: u64, len: usize) -> &'static [u8] {
    let begin = usize::try_from(number % 4096).expect("that fits") * 61;
    NOISE.get(begin..begin + len).expect("a picture of at most 3 MB")
}

static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::from_fn(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state)
    });
    words.take(400_000).flat_map(u64::to_le_bytes).collect()
});

/// Of the one clock that all processes of a machine share.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

const HEAD: usize = 16;
