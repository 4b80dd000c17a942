//! The listening socket, the page, the greeting and the signals that stop a server, for any framework.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use crate::args::{self, Args, Source};

/// The page for `/`.
pub(crate) const PAGE: &str = include_str!("index.html");

/// The time that viewers get to read the end of their streams. A stalled viewer never reads it.
pub(crate) const GRACE: Duration = Duration::from_secs(4);

/// Opens the socket to serve on.
///
/// # Errors
///
/// Fails with one line that names the address.
pub(crate) fn listen(args: &Args) -> Result<TcpListener, String> {
    let socket = TcpListener::bind(&args.listen).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    socket.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!("{} is in use by another program; --listen takes another address", args.listen),
        _ => format!("cannot listen on {}: {error}", args.listen),
    })
}

/// Prints the address and commands to try.
pub(crate) fn greet(args: &Args, listener: &TcpListener) {
    let address = listener.local_addr().map_or_else(|_| args.listen.clone(), |address| address.to_string());
    let what = match &args.source {
        Source::Test => format!("a test picture of {}x{}, {} times a second", args.size.0, args.size.1, args.fps),
        source => source.to_string(),
    };
    println!(
        "\
Live at http://{address}/  ({what})

  watch   ffplay http://{address}/stream
  record  ffmpeg -use_wallclock_as_timestamps 1 -i http://{address}/stream -t 10 -c copy camera.mkv
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

/// Waits for Ctrl-C, or for SIGTERM, which service managers send.
pub(crate) async fn asked_to_stop() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = ctrl_c => {}
        () = terminate => {}
    }
}

/// Returns the exit code, after one line that names the error.
pub(crate) fn exit_code(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}: {why}", args::name());
            ExitCode::FAILURE
        }
    }
}
