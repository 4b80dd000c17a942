//! Pictures whose bytes are derived from their number, so that torn pictures are detected.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mixed_replace::Part;

/// A received picture.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Picture {
    /// The number, starting with 1.
    pub number: u64,
    /// The time between publishing and complete receipt.
    pub age: Duration,
    /// The size in bytes.
    pub size: usize,
}

impl Picture {
    /// Creates a picture of this size with the current time.
    ///
    /// # Panics
    ///
    /// If the size is too small for a number and a time.
    pub fn part(number: u64, size: usize) -> Part {
        let mut body = Vec::with_capacity(size);
        body.extend_from_slice(&number.to_be_bytes());
        body.extend_from_slice(&now().to_be_bytes());
        body.extend_from_slice(filling(number, size - HEAD));
        Part::new(mime::APPLICATION_OCTET_STREAM, body).expect("a body that is not empty")
    }

    /// Reads a picture from the body of a part.
    ///
    /// # Panics
    ///
    /// If the body is no picture or is torn.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let (number, rest) = body.split_first_chunk().expect("a number");
        let (at, filled) = rest.split_first_chunk().expect("a time");
        let number = u64::from_be_bytes(*number);
        assert!(filled == filling(number, filled.len()), "picture {number} is torn");
        let size = body.len();
        Self { number, size, age: Duration::from_nanos(now().saturating_sub(u64::from_be_bytes(*at))) }
    }
}

/// Returns a piece of noise that differs between adjacent numbers.
fn filling(number: u64, len: usize) -> &'static [u8] {
    let offset = usize::try_from(number % 4096).expect("a small number") * 61;
    NOISE.get(offset..offset + len).expect("a picture of at most 3 MB")
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

/// Returns the time of the clock that all processes of a machine share.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

const HEAD: usize = 16;
