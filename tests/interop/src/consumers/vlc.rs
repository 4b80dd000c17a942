//! VLC's `mjpeg` demuxer, without a window. It writes the pictures as they came.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use test_support::{Children, eventually, must_be_installed};

use crate::consumers::run::{run, said};

/// Reads up to the end of the stream or a number of pictures. Returns the bytes of each.
///
/// # Panics
///
/// If it fails.
#[must_use]
pub fn pictures(url: &str, take: Option<usize>) -> Vec<Vec<u8>> {
    must_be_installed("vlc");
    let home = tempfile::tempdir().expect("a temporary directory");
    let file = home.path().join("pictures");
    let root = run(Command::new("id").arg("-u"), Duration::from_secs(5)).stdout == b"0\n";
    let mut command = Command::new(if root { "setpriv" } else { "vlc" });
    if root {
        // It refuses to run as root, so `nobody` runs it.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).expect("a directory of this process");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "vlc"]);
    }
    command.env("HOME", home.path()).args(["--intf=dummy", "--no-audio", "--demux=mjpeg"]);
    let output = format!("--sout=#std{{access=file,mux=dummy,dst={}}}", file.display());
    command.args([&output, url, "vlc://quit"]);
    if let Some(take) = take {
        // Its own limit, `--run-time`, does not end a stream without an end.
        let _vlc = Children::start(&command, Stdio::null(), Stdio::inherit());
        let enough = || Some(written(&file)).filter(|pictures| pictures.len() >= take);
        let mut pictures = eventually(AT_MOST, enough).expect("VLC writes so many pictures");
        pictures.truncate(take);
        return pictures;
    }
    let output = run(&command, AT_MOST);
    assert!(output.status.success(), "{command:?}: {}: {}", output.status, said(&output));
    written(&file)
}

/// Returns the complete pictures in a file.
fn written(file: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(file).unwrap_or_default();
    // The camera's pictures contain no thumbnails, so each ends at the first end marker.
    let ends = bytes.windows(2).enumerate().filter(|(_, marker)| marker == b"\xff\xd9").map(|(at, _)| at + 2);
    let mut start = 0;
    ends.map(|end| bytes[std::mem::replace(&mut start, end)..end].to_vec()).collect()
}

const AT_MOST: Duration = Duration::from_secs(60);
