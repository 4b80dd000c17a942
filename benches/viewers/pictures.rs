//! Pictures that tell when they were made.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Stands before the time in every picture, and nowhere else in it.
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

    /// A picture made now, in memory of its own as an encoder gives it.
    pub(crate) fn next(&self) -> Vec<u8> {
        let mut picture = self.blank.clone();
        picture[MARK.len()..MARK.len() + TIME].copy_from_slice(&now().to_le_bytes());
        picture
    }
}

/// Nanoseconds since 1970: the server and the load have that clock in common.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

/// Calls `publish` at an even pace, for ever.
pub(crate) fn pace(fps: f64, size: usize, mut publish: impl FnMut(Vec<u8>)) {
    let pictures = Pictures::new(size);
    let begin = Instant::now();
    for beat in 1_u32.. {
        publish(pictures.next());
        let due = begin + Duration::from_secs_f64(f64::from(beat) / fps);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
