//! The page, and the lines in the terminal.

use std::net::SocketAddr;

use crate::args::{Args, Source};

/// The page for `/`.
pub const PAGE: &str = include_str!("index.html");

/// Prints the address and commands to try.
pub fn greet(args: &Args, address: SocketAddr) {
    let what = match &args.source {
        Source::Test => format!("a test picture of {}x{}, {} times a second", args.size.0, args.size.1, args.fps),
        source => source.to_string(),
    };
    println!(
        "\
Live at http://{address}/  ({what})

  watch   ffplay http://{address}/live
  record  ffmpeg -use_wallclock_as_timestamps 1 -i http://{address}/live -t 10 -c copy camera.mkv
  still   curl -o still.jpg http://{address}/snapshot.jpg"
    );
    if args.source == Source::Test {
        println!(
            "
A webcam instead of the test picture (with cargo run, put -- before --source):

  Linux         --source \"ffmpeg -f v4l2 -input_format mjpeg -i /dev/video0 -c copy -f mjpeg -\"
  Raspberry Pi  --source \"rpicam-vid -t 0 --codec mjpeg -o -\"
  macOS         --source \"ffmpeg -f avfoundation -framerate 30 -i 0 -f mjpeg -q:v 5 -\""
        );
    }
    println!("\nCtrl-C stops it; viewers keep the last picture.");
}
