//! The source of the pictures: a file that changes, or a test picture.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mixed_replace::Part;
use shared::test_picture::TestPicture;

pub(crate) enum Pictures {
    File {
        path: PathBuf,
        sent: Option<Version>,
    },
    Test {
        picture: TestPicture,
        start: Instant,
        /// The number of the last picture.
        number: u64,
    },
}

/// Inode, modification time and size: changes when a file is replaced or rewritten.
type Version = (u64, i64, i64, u64);

impl Pictures {
    pub(crate) fn new() -> Self {
        match std::env::var_os("CAMERA_FILE").filter(|path| !path.is_empty()) {
            Some(path) => Self::File { path: path.into(), sent: None },
            None => Self::Test { picture: TestPicture::new(SIZE, FPS), start: Instant::now(), number: 0 },
        }
    }

    /// Waits for a new picture and returns the newest one, or `None` after `timeout`.
    pub(crate) fn next(&mut self, timeout: Duration) -> io::Result<Option<Part>> {
        match self {
            Self::File { path, sent } => {
                let deadline = Instant::now() + timeout;
                loop {
                    if let Some(part) = changed(path, sent)? {
                        return Ok(Some(part));
                    }
                    let remaining = deadline.saturating_duration_since(Instant::now());
                    if remaining.is_zero() {
                        return Ok(None);
                    }
                    sleep(POLL_INTERVAL.min(remaining));
                }
            }
            Self::Test { picture, start, number } => {
                // Pictures are drawn when due and never queued, so a slow viewer skips some.
                let due = start.elapsed().mul_f64(FPS).as_secs() + 1;
                let wait = Duration::from_secs(due).div_f64(FPS).saturating_sub(start.elapsed());
                sleep(wait.min(timeout));
                if wait > timeout {
                    return Ok(None);
                }
                *number = due;
                let jpeg = picture.jpeg(*number).map_err(io::Error::other)?;
                Part::jpeg(jpeg).map(Some).map_err(io::Error::other)
            }
        }
    }
}

/// Returns the picture in the file if it has changed and is complete.
///
/// Moving a new file over the old one (`mv new.jpg camera.jpg`) replaces the picture at once. A file that is written in
/// place is not sent until the end of the image is there.
fn changed(path: &PathBuf, sent: &mut Option<Version>) -> io::Result<Option<Part>> {
    let version = match fs::metadata(path) {
        Ok(file) => version(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if *sent == Some(version) {
        return Ok(None);
    }
    let picture = fs::read(path)?;
    let (content_type, end) = match picture.as_slice() {
        [0xff, 0xd8, ..] => (mime::IMAGE_JPEG, &b"\xff\xd9"[..]),
        [0x89, b'P', b'N', b'G', ..] => (mime::IMAGE_PNG, &b"IEND\xae\x42\x60\x82"[..]),
        [b'G', b'I', b'F', ..] => (mime::IMAGE_GIF, &b"\x3b"[..]),
        _ => return Ok(None),
    };
    if !picture.ends_with(end) {
        return Ok(None);
    }
    *sent = Some(version);
    Ok(Part::new(content_type, picture).ok())
}

fn version(file: &Metadata) -> Version {
    (file.ino(), file.mtime(), file.mtime_nsec(), file.len())
}

const SIZE: (u16, u16) = (640, 480);
const FPS: f64 = 15.0;
/// The time between two checks of the file.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
