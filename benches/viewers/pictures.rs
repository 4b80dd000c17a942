//! Pictures that contain the time of their creation.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Precedes the time in every picture, and occurs nowhere else in it.
pub(crate) const MARK: &[u8; 16] = b"\xff\xd8\xff\xfe\x00\x1cmade at --";
pub(crate) const TIME: usize = 8;

#[derive(Debug)]
pub(crate) struct Pictures {
    blank: Vec<u8>,
}

impl Pictures {
    pub(crate) fn new(size: usize) -> Self {
        let mut blank = MARK.to_vec();
        // The rest of the comment, then a real header.
        blank.resize(4 + 0x1c, 0x55);
        blank.extend(&include_bytes!("../../src/picture/dot.jpg")[2..]);
        blank.resize(size.max(blank.len() + 2), 0x55);
        blank.splice(blank.len() - 2.., *b"\xff\xd9");
        Self { blank }
    }

    /// Creates a picture with the current time, in newly allocated memory as from a JPEG encoder.
    pub(crate) fn next(&self) -> Vec<u8> {
        let mut picture = self.blank.clone();
        picture[MARK.len()..MARK.len() + TIME].copy_from_slice(&now().to_le_bytes());
        picture
    }
}

/// Returns nanoseconds since 1970, a clock that the server and the viewers share.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

/// Calls `publish` at an even pace. Never returns.
pub(crate) fn pace(fps: f64, size: usize, mut publish: impl FnMut(Vec<u8>)) {
    let pictures = Pictures::new(size);
    let start = Instant::now();
    for number in 1_u32.. {
        publish(pictures.next());
        let due = start + Duration::from_secs_f64(f64::from(number) / fps);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
