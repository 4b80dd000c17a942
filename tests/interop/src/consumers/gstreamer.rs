//! GStreamer's `multipartdemux` after its HTTP source.

use std::process::Command;
use std::time::Duration;

use crate::consumers::run::run_quiet;

/// Decodes up to the end of the stream or a number of pictures.
///
/// # Panics
///
/// If it fails or prints an error.
#[must_use]
pub fn pictures(url: &str, take: Option<usize>) -> Vec<String> {
    // It ends instead of decoding the last of them.
    let take = take.map_or("-1".to_owned(), |take| (take + 1).to_string());
    let mut command = Command::new("gst-launch-1.0");
    command.args(["--quiet", "souphttpsrc", &format!("location={url}"), "!", "multipartdemux", "!", "jpegdec", "!"]);
    command.args(["identity", &format!("eos-after={take}"), "!", "checksumsink", "hash=md5", "sync=false"]);
    // A line for each picture, with its time and its MD5.
    let hashes = run_quiet(&command, Duration::from_secs(60));
    hashes.lines().filter_map(|line| Some(line.split_once(' ')?.1.to_owned())).collect()
}
