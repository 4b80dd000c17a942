//! What a camera server needs whatever framework it is made with: a socket, a page, a greeting, and an end.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use crate::args::{self, Args, Source};

/// `/`.
pub(crate) const PAGE: &str = include_str!("index.html");

/// How long viewers have to take the end; one that has stopped reading never will.
pub(crate) const GRACE: Duration = Duration::from_secs(4);

/// The socket to serve on. Fails with a line that says what is wrong with the address.
pub(crate) fn listen(args: &Args) -> Result<TcpListener, String> {
    let socket = TcpListener::bind(&args.listen).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    socket.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!("{} is in use by another program; --listen takes another address", args.listen),
        _ => format!("cannot listen on {}: {error}", args.listen),
    })
}

/// Says where it is, and what to try next.
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
A webcam in place of the test picture (with cargo run, put -- before --source):

  Linux         --source \"ffmpeg -f v4l2 -input_format mjpeg -i /dev/video0 -c copy -f mjpeg -\"
  Raspberry Pi  --source \"rpicam-vid -t 0 --codec mjpeg -o -\"
  macOS         --source \"ffmpeg -f avfoundation -framerate 30 -i 0 -f mjpeg -q:v 5 -\""
        );
    }
    println!("\nCtrl-C ends it; viewers keep the last picture.");
}

/// Returns when somebody wants the server to end: Ctrl-C, or SIGTERM as service managers send it.
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

/// What the process leaves behind: its result, and one line if it failed.
pub(crate) fn exit_code(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}: {why}", args::name());
            ExitCode::FAILURE
        }
    }
}
