//! ffmpeg's `mpjpeg` demuxer, selected in three ways.

use std::process::Command;
use std::time::Duration;

use crate::consumers::run::{run, said};

/// The way to select the demuxer.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a test covers all there are")]
pub enum Mode {
    /// No option: ffmpeg detects the format from the response.
    Guess,
    /// `-f mpjpeg`: any line that starts with `--` is a delimiter.
    Mpjpeg,
    /// `-f mpjpeg -strict_mime_boundary 1`: only the boundary in the response head is accepted.
    StrictBoundary,
}

impl Mode {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Guess, Self::Mpjpeg, Self::StrictBoundary];
}

/// Decodes up to the end of the stream or a number of pictures.
///
/// # Panics
///
/// If it fails or prints an error.
#[must_use]
pub fn pictures(url: &str, mode: Mode, take: Option<usize>) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-loglevel", "warning"]);
    match mode {
        Mode::Guess => &mut command,
        Mode::Mpjpeg => command.args(["-f", "mpjpeg"]),
        Mode::StrictBoundary => command.args(["-f", "mpjpeg", "-strict_mime_boundary", "1"]),
    };
    // Pass each picture through, without repeats or skips for a constant rate.
    command.args(["-i", url, "-fps_mode", "passthrough"]);
    if let Some(take) = take {
        command.args(["-frames:v", &take.to_string()]);
    }
    let output = run(command.args(["-f", "framemd5", "-"]), Duration::from_secs(60));
    // At the end of any stream, the demuxer reports that a further part is missing.
    let end = format!("{url}: Invalid data found when processing input");
    let said = said(&output);
    let complaints: Vec<_> = said.lines().filter(|line| take.is_some() || *line != end).collect();
    assert!(output.status.success() && complaints.is_empty(), "{command:?}: {}: {complaints:?}", output.status);
    let hashes = String::from_utf8_lossy(&output.stdout);
    // Comments, then a line for each picture that ends with its MD5.
    let pictures = hashes.lines().filter(|line| !line.starts_with('#'));
    pictures.filter_map(|line| Some(line.rsplit_once(' ')?.1.to_owned())).collect()
}
