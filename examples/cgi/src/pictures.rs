//! Where the pictures come from: a file, as often as it changes, or a test picture.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mixed_replace::Part;

use crate::test_picture::TestPicture;

pub(crate) enum Pictures {
    File {
        path: PathBuf,
        shown: Option<Version>,
    },
    Test {
        picture: TestPicture,
        begin: Instant,
        /// The number of the last one.
        number: u64,
    },
}

/// What is another when a file has been replaced, or written again.
type Version = (u64, i64, i64, u64);

impl Pictures {
    pub(crate) fn new() -> Self {
        match std::env::var_os("CAMERA_FILE").filter(|path| !path.is_empty()) {
            Some(path) => Self::File { path: path.into(), shown: None },
            None => Self::Test { picture: TestPicture::new(SIZE, FPS), begin: Instant::now(), number: 0 },
        }
    }

    /// Waits for a picture that has not been shown yet, the newest one. `None` if there is none in time.
    pub(crate) fn next(&mut self, within: Duration) -> io::Result<Option<Part>> {
        match self {
            Self::File { path, shown } => {
                let deadline = Instant::now() + within;
                loop {
                    if let Some(part) = changed(path, shown)? {
                        return Ok(Some(part));
                    }
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(None);
                    }
                    sleep(LOOK.min(left));
                }
            }
            Self::Test { picture, begin, number } => {
                // A viewer who is slow misses pictures; they are made when they are due, and none waits for it.
                let due = begin.elapsed().mul_f64(FPS).as_secs() + 1;
                let wait = Duration::from_secs(due).div_f64(FPS).saturating_sub(begin.elapsed());
                sleep(wait.min(within));
                if wait > within {
                    return Ok(None);
                }
                *number = due;
                let jpeg = picture.jpeg(*number).map_err(io::Error::other)?;
                Part::jpeg(jpeg).map(Some).map_err(io::Error::other)
            }
        }
    }
}

/// The picture in the file, if there is another and it is whole.
///
/// Who moves a new file over the old one (`mv new.jpg camera.jpg`) never shows half of one; who writes it in place is
/// waited for until the picture has its end.
fn changed(path: &PathBuf, shown: &mut Option<Version>) -> io::Result<Option<Part>> {
    let version = match fs::metadata(path) {
        Ok(file) => version(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if *shown == Some(version) {
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
    *shown = Some(version);
    Ok(Part::new(content_type, picture).ok())
}

fn version(file: &Metadata) -> Version {
    (file.ino(), file.mtime(), file.mtime_nsec(), file.len())
}

const SIZE: (u16, u16) = (640, 480);
const FPS: f64 = 15.0;
/// From one look at the file to the next.
const LOOK: Duration = Duration::from_millis(10);
