//! A program that writes pictures to its standard output.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_core::Stream;
use tokio::io::{AsyncRead as _, AsyncReadExt as _, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::error::without_logins;
use super::open::{Item, Open};
use super::received::Received;
use super::{Error, Source};
use crate::decode::{AnyParts, Limits, SenderClock};
use crate::derive::setters;

/// Creates a source that runs a program while the hub is watched, and publishes the pictures that it writes to its standard
/// output.
///
/// The output is JPEG pictures one after another (`ffmpeg -f mjpeg -`, `rpicam-vid --codec mjpeg -o -`, GStreamer's
/// `jpegenc ! fdsink`), to which the Huffman tables are added that webcams omit, or a `multipart` stream
/// (`ffmpeg -f mpjpeg -`). The first bytes tell which.
///
/// The program runs without a shell and without input. On Unix it leads a process group, so that Ctrl-C does not reach it,
/// and that its children end with it. To end it, the group gets SIGTERM, and SIGKILL if a process of it
/// is left after the [grace](Source::grace). It is always reaped. Its standard error is drained; the last line becomes part of the error if the program fails, without
/// the user and the password of a URL in it.
///
/// # Examples
///
/// ```no_run
/// use mixed_replace::source;
///
/// # async fn app() {
/// // A webcam on Linux, whose pictures are passed on as they are.
/// let webcam = source::command("ffmpeg", ["-f", "v4l2", "-input_format", "mjpeg", "-i", "/dev/video0", "-c", "copy", "-f", "mjpeg", "-"]);
/// let hub = webcam.spawn();
/// # }
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "process")))]
pub fn command<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = A>) -> Source<Command> {
    let program = program.as_ref();
    let name = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
    let mut command = tokio::process::Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let command = Command { name: name.clone(), command, grace: Duration::from_secs(1), limits: Limits::new() };
    Source::new(name, command)
}

/// A program to run, from [`command`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mixed_replace::source::{self, Command, Source};
///
/// let camera: Source<Command> = source::command("ffmpeg", ["-f", "v4l2", "-i", "/dev/video0", "-f", "mpjpeg", "-"])
///     .env("AV_LOG_FORCE_NOCOLOR", "1")
///     .grace(Duration::from_secs(2));
/// # drop(camera);
/// ```
pub struct Command {
    name: String,
    command: tokio::process::Command,
    grace: Duration,
    limits: Limits,
}

impl Source<Command> {
    /// Sets the folder in which the program runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::source::{self, Status};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let camera = source::command("./camera", ["--mjpeg"]).current_dir("/no/such/folder");
    /// let mut monitor = camera.monitor();
    /// let hub = camera.always(true).spawn();
    /// while monitor.changed().await.is_some_and(|status| !matches!(status, Status::Waiting { .. })) {}
    /// let error = monitor.stats().last_error.map(|error| error.to_string());
    /// assert_eq!(error.as_deref(), Some("./camera cannot be started: folder /no/such/folder does not exist"));
    /// # }
    /// ```
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.open.command.current_dir(folder);
        self
    }

    /// Sets an environment variable of the program.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::source::{self, Status};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let camera = source::command("sh", ["-c", "echo no camera at $DEVICE >&2; exit 1"]).env("DEVICE", "/dev/video7");
    /// let mut monitor = camera.monitor();
    /// let hub = camera.always(true).spawn();
    /// while monitor.changed().await.is_some_and(|status| !matches!(status, Status::Waiting { .. })) {}
    /// let error = monitor.stats().last_error.map(|error| error.to_string());
    /// assert!(error.is_some_and(|error| error.contains("no camera at /dev/video7")));
    /// # }
    /// ```
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.open.command.env(name, value);
        self
    }

    setters! {
        /// Sets how long the program and its children may take to exit after SIGTERM, before SIGKILL. One second by
        /// default.
        ///
        /// A program that has closed its output gets this time to exit by itself.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use mixed_replace::source;
        ///
        /// # async fn app() {
        /// // A recorder that closes its file when it is told to end.
        /// let recorder = source::command("ffmpeg", ["-i", "rtsp://10.0.0.7/live", "-f", "mjpeg", "-", "yard.mkv"]);
        /// let hub = recorder.grace(Duration::from_secs(10)).spawn();
        /// # }
        /// ```
        grace(Duration) => open.grace;

        /// Sets the limits of the output. A picture is limited by [`max_part_bytes`](Limits::max_part_bytes).
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::{decode::Limits, source};
        ///
        /// # async fn app() {
        /// let camera = source::command("rpicam-vid", ["-t", "0", "--codec", "mjpeg", "-o", "-"]);
        /// let hub = camera.limits(Limits::new().max_part_bytes(1_000_000)).spawn();
        /// # }
        /// ```
        limits(Limits) => open.limits;
    }
}

/// Without the arguments and the environment, which may hold secrets.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("name", &self.name).field("grace", &self.grace).finish_non_exhaustive()
    }
}

impl Open for Command {
    type Items = Output;

    async fn open(&mut self) -> Result<Output, Error> {
        let spawned = self.command.spawn();
        let mut child = spawned.map_err(|error| {
            let program = self.command.as_std().get_program().to_string_lossy();
            let folder = self.command.as_std().get_current_dir().filter(|folder| !folder.is_dir());
            match (error.kind(), folder) {
                (_, Some(folder)) => {
                    let folder = folder.display();
                    Error::permanent(format_args!("{program} cannot be started: folder {folder} does not exist"))
                }
                (io::ErrorKind::NotFound, None) if program.contains('/') => {
                    Error::permanent(format_args!("{program} does not exist"))
                }
                (io::ErrorKind::NotFound, None) => Error::permanent(format_args!("{program} is not installed")),
                _ => Error::permanent(format_args!("{program} cannot be started: {error}")),
            }
        })?;
        let stdout = child.stdout.take();
        let messages = child.stderr.take().map(|stderr| tokio::spawn(tail(stderr)));
        let bytes = Chunks { stdout, buffer: BytesMut::new() };
        let items = Received::new(AnyParts::new(bytes, self.limits), false, SenderClock::default());
        Ok(Output { items, pictures: false, program: Program::new(child, messages, self.grace) })
    }

    async fn close(&mut self, output: Output) {
        // A program that is blocked by a full pipe would not react to SIGTERM.
        drop(output.items);
        output.program.stop().await;
    }

    /// Ends the program. If it has failed, the reason is its exit status and last message rather than its output.
    async fn reason(&mut self, output: Output, end: Error) -> Error {
        let Output { items, pictures, mut program } = output;
        let name = &self.name;
        // A failed program exits by itself; one that hangs or sends junk does not.
        let status = if end.is_end() { program.exit(self.grace).await } else { program.exit(Duration::ZERO).await };
        drop(items);
        let messages = program.stop().await;
        let error = match status {
            // A program dies of SIGPIPE when its output was closed because it is not usable.
            Some(status) if !status.success() && (end.is_end() || status.code().is_some()) => {
                // The last message of a killed program is unrelated to its end.
                let line = messages.last().filter(|_| status.code().is_some());
                let line = line.map(|line| format!(": {line}")).unwrap_or_default();
                Error::transient(format_args!("{name} has stopped, {status}{line}"))
            }
            _ if !end.is_end() => Error::transient(format_args!("{name}: {end}")),
            Some(_) if !pictures => Error::ended_as(format_args!("{name}: ended without a picture")),
            Some(_) => Error::ended_as(format_args!("{name} has ended")),
            None => Error::transient(format_args!("{name} has closed its output")),
        };
        #[cfg(feature = "tracing")]
        if !messages.is_empty() {
            tracing::debug!(source = &*self.name, "last messages: {}", messages.join(" | "));
        }
        error
    }
}

/// A running program and the pictures in its output.
pub(super) struct Output {
    items: Received<Chunks>,
    /// There was a picture.
    pictures: bool,
    program: Program,
}

impl Stream for Output {
    type Item = Result<Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = Pin::new(&mut self.items).poll_next(cx);
        self.pictures |= matches!(item, Poll::Ready(Some(Ok(Item::Part(_)))));
        item
    }
}

/// The standard output of a program.
struct Chunks {
    stdout: Option<ChildStdout>,
    buffer: BytesMut,
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { stdout, buffer } = &mut *self;
        let Some(stdout) = stdout else { return Poll::Ready(None) };
        if buffer.len() < CHUNK / 4 {
            *buffer = BytesMut::zeroed(CHUNK);
        }
        let mut read = ReadBuf::new(buffer);
        if let Err(error) = ready!(Pin::new(stdout).poll_read(cx, &mut read)) {
            return Poll::Ready(Some(Err(error)));
        }
        let len = read.filled().len();
        Poll::Ready((len > 0).then(|| Ok(buffer.split_to(len).freeze())))
    }
}

/// A process and its group. Dropping it ends both in the background.
struct Program(Option<Running>);

struct Running {
    child: Child,
    #[cfg(unix)]
    group: Option<nix::unistd::Pid>,
    messages: Option<JoinHandle<Vec<String>>>,
    grace: Duration,
}

impl Program {
    fn new(child: Child, messages: Option<JoinHandle<Vec<String>>>, grace: Duration) -> Self {
        #[cfg(unix)]
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(nix::unistd::Pid::from_raw);
        Self(Some(Running {
            child,
            #[cfg(unix)]
            group,
            messages,
            grace,
        }))
    }

    /// Waits until the process exits by itself. `None` if it runs on.
    async fn exit(&mut self, within: Duration) -> Option<ExitStatus> {
        let running = self.0.as_mut()?;
        if within.is_zero() {
            return running.child.try_wait().ok()?;
        }
        timeout(within, running.child.wait()).await.ok()?.ok()
    }

    /// Ends the process and its group, and reaps it. Returns the last lines of its standard error.
    async fn stop(mut self) -> Vec<String> {
        match self.0.take() {
            Some(running) => running.stop().await,
            None => Vec::new(),
        }
    }
}

impl Running {
    async fn stop(mut self) -> Vec<String> {
        let grace = self.grace;
        self.terminate();
        let end = async {
            let _ = self.child.wait().await;
            // Its children may still write their last file or release a device.
            while self.group_exists() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        if timeout(grace, end).await.is_err() {
            #[cfg(feature = "tracing")]
            tracing::debug!("a program is killed: it did not exit on SIGTERM within {grace:?}");
        }
        // Children that are left would keep the device open.
        self.kill_group();
        let _ = self.child.kill().await;
        // A child that has left the group may hold the pipe.
        let Some(messages) = &mut self.messages else { return Vec::new() };
        timeout(Duration::from_secs(1), messages).await.ok().and_then(Result::ok).unwrap_or_default()
    }

    fn terminate(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.group {
            // None may be left.
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGTERM);
        }
        #[cfg(not(unix))]
        let _ = self.child.start_kill();
    }

    /// Returns whether a process of the group is left. If not, its id may become that of another group.
    #[cfg(unix)]
    fn group_exists(&mut self) -> bool {
        self.group = self.group.filter(|group| nix::sys::signal::killpg(*group, None).is_ok());
        self.group.is_some()
    }

    #[cfg(not(unix))]
    fn group_exists(&mut self) -> bool {
        false
    }

    fn kill_group(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.group.take() {
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let Some(running) = self.0.take() else { return };
        // Without a runtime, dropping it kills the group.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(running.stop()));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_group();
        if let Some(messages) = &self.messages {
            messages.abort();
        }
    }
}

/// Returns the last lines that are not blank, each short and without control characters and logins.
async fn tail(mut stderr: ChildStderr) -> Vec<String> {
    let mut tail = BytesMut::new();
    let mut is_cut = false;
    while matches!(stderr.read_buf(&mut tail).await, Ok(1..)) {
        is_cut |= tail.len() > TAIL;
        tail.advance(tail.len().saturating_sub(TAIL));
    }

    last_lines(&String::from_utf8_lossy(&tail), is_cut)
}

fn last_lines(text: &str, is_cut: bool) -> Vec<String> {
    // The first word may be the end of a URL.
    let word = text.split(char::is_whitespace).next().filter(|_| is_cut).unwrap_or_default();
    let (_, text) = text.split_at(word.rfind('@').map_or(0, |at| at + 1));
    let lines = text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty());
    let short = |line: &str| {
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        without_logins(&line).chars().take(LINE).collect()
    };
    let mut lines: Vec<_> = lines.rev().take(LINES).map(short).collect();
    lines.reverse();
    lines
}

/// The size of a read in bytes, that of a pipe's buffer.
const CHUNK: usize = 64 * 1024;
/// The longest message in characters.
const LINE: usize = 200;
/// The number of messages that are kept.
const LINES: usize = 10;
/// The number of bytes of messages that are kept.
const TAIL: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_lines_are_short_and_without_logins() {
        for (text, is_cut, lines) in [
            ("", false, &[][..]),
            ("a\r\n\n b \rc\x07", false, &["a", "b", "c"]),
            ("in\nrtsp://u:s3cret@b: refused", false, &["in", "rtsp://…@b: refused"]),
            ("n:s3cret@b: refused at x@y", true, &["b: refused at x@y"]),
            ("n:s3cret@b: refused", false, &["n:s3cret@b: refused"]),
        ] {
            assert_eq!(last_lines(text, is_cut), lines, "{text:?}");
        }
        let long = format!("{}rtsp://u:s3cret{}@b", "x".repeat(LINE - 12), "x".repeat(LINE));
        assert!(!last_lines(&long, false).concat().contains("s3"));
        assert_eq!(last_lines(&"x\n".repeat(50), false).len(), LINES);
    }

    #[test]
    fn debug_output_holds_no_arguments() {
        let Source { open, .. } = command("ffmpeg", ["rtsp://u:s3cret@b"]).env("TOKEN", "s3cret");
        assert_eq!(format!("{open:?}"), "Command { name: \"ffmpeg\", grace: 1s, .. }");
    }
}
