//! ffmpeg's `mpjpeg` demuxer, in the three ways to get there.

use std::process::Command;
use std::time::Duration;

use crate::run::{run, said};

/// How ffmpeg is told what it reads.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a test covers all there are")]
pub enum Mode {
    /// Not at all: it looks at the response.
    Guess,
    /// `-f mpjpeg`: any line that begins with `--` is a delimiter.
    Mpjpeg,
    /// `-f mpjpeg -strict_mime_boundary 1`: only the boundary that the response's head names.
    StrictBoundary,
}

impl Mode {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Guess, Self::Mpjpeg, Self::StrictBoundary];
}

/// Decodes to the end of the stream or so many pictures.
///
/// # Panics
///
/// If it fails or complains.
#[must_use]
pub fn pictures(url: &str, mode: Mode, take: Option<usize>) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-loglevel", "warning"]);
    match mode {
        Mode::Guess => &mut command,
        Mode::Mpjpeg => command.args(["-f", "mpjpeg"]),
        Mode::StrictBoundary => command.args(["-f", "mpjpeg", "-strict_mime_boundary", "1"]),
    };
    // Each picture as it comes: none doubled or left out for the sake of an even rate.
    command.args(["-i", url, "-fps_mode", "passthrough"]);
    if let Some(take) = take {
        command.args(["-frames:v", &take.to_string()]);
    }
    let output = run(command.args(["-f", "framemd5", "-"]), Duration::from_secs(60));
    // At the end of a stream, whoever sent it, its demuxer misses a further part.
    let end = format!("{url}: Invalid data found when processing input");
    let said = said(&output);
    let complaints: Vec<_> = said.lines().filter(|line| take.is_some() || *line != end).collect();
    assert!(output.status.success() && complaints.is_empty(), "{command:?}: {}: {complaints:?}", output.status);
    let hashes = String::from_utf8_lossy(&output.stdout);
    // Comments, then a line for each picture that ends in its MD5.
    let pictures = hashes.lines().filter(|line| !line.starts_with('#'));
    pictures.filter_map(|line| Some(line.rsplit_once(' ')?.1.to_owned())).collect()
}
