//! The sources of pictures: a program, standard input, the test picture.

use std::io::{self, IsTerminal as _, Read as _};
use std::pin::pin;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use mixed_replace::Publisher;
use mixed_replace::jpeg::{self, Pictures, PicturesError, SplitError, Splitter};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::{self, JoinHandle};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, timeout, timeout_at};

use crate::args::{Args, Source};
use crate::camera::{State, Status};
use crate::test_picture::TestPicture;

/// The reason why a source sends no more pictures.
pub(crate) enum End {
    /// `--frames` is reached, or the hub is closed.
    Enough,
    /// The source has ended and cannot be restarted.
    Over(String),
    /// The source has ended or does not work, and can be restarted.
    Lost {
        problem: String,
        /// Only a person can mend it.
        permanent: bool,
    },
}

/// The destination of the pictures, over all starts of the source.
pub(crate) struct Sink<'a> {
    args: &'a Args,
    publisher: &'a Publisher,
    status: &'a watch::Sender<Status>,
    /// The number of pictures left until `--frames`.
    left: u64,
    pace: Pace,
    /// `true` once the source was started.
    again: bool,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(args: &'a Args, publisher: &'a Publisher, status: &'a watch::Sender<Status>) -> Self {
        let (left, pace) = (args.frames.unwrap_or(u64::MAX), Pace::new(args.fps));
        Self { args, publisher, status, left, pace, again: false }
    }

    /// Starts the source and publishes its pictures until it ends.
    pub(crate) async fn run(&mut self, source: &Source) -> End {
        match source {
            Source::Command(words) => command(words, self).await,
            Source::Stdin => stdin(self).await,
            Source::Test => test(self).await,
        }
    }

    /// Publishes a picture. Returns the reason if it is damaged and left out, and `None` if the hub is closed.
    fn publish(&mut self, jpeg: Bytes) -> Option<Result<(), String>> {
        let published = self.publisher.publish_jpeg(jpeg).ok()?;
        let Err(damage) = published else {
            self.left -= 1;
            let is_live = |status: &mut Status| std::mem::replace(&mut status.state, State::Live) != State::Live;
            self.status.send_if_modified(is_live);
            return Some(Ok(()));
        };
        self.leave_out(1);
        Some(Err(damage.to_string()))
    }

    fn leave_out(&self, pictures: u64) {
        self.status.send_modify(|status| status.damaged += pictures);
    }

    /// Publishes the pictures in these bytes until they end or none arrives in time.
    async fn publish_all(&mut self, bytes: impl Stream<Item = io::Result<Bytes>>, endless: bool) -> Result<(), String> {
        let mut pictures = pin!(Pictures::new(bytes, Splitter::new()));
        let mut deadline = Instant::now() + self.args.timeout;
        let (mut broken, mut damage, mut published) = (0, String::new(), false);
        while self.left > 0 {
            let next = timeout_at(deadline, pictures.next()).await;
            let cut_off = pictures.broken() - std::mem::replace(&mut broken, pictures.broken());
            if cut_off > 0 {
                self.leave_out(cut_off);
            }
            match next {
                Ok(Some(Ok(picture))) => {
                    self.pace.keep().await;
                    // UVC webcams omit the Huffman tables.
                    match self.publish(jpeg::with_huffman_tables(picture)) {
                        Some(Ok(())) => {
                            let patience = if endless { FOREVER } else { self.args.timeout };
                            deadline = Instant::now() + patience;
                            damage.clear();
                            published = true;
                        }
                        Some(Err(error)) => damage = format!(", only damaged ones: {error}"),
                        None => break,
                    }
                }
                Ok(Some(Err(PicturesError::Split(SplitError::TooLarge { .. } | SplitError::Truncated { .. })))) => {}
                Ok(Some(Err(error))) => return Err(error.to_string()),
                Ok(None) if published => break,
                Ok(None) => return Err("ended without a picture".into()),
                Err(_) => return Err(format!("no picture for {:?}{damage}", self.args.timeout)),
            }
        }
        Ok(())
    }
}

/// Holds back sources that are faster than any camera, such as a file, which would end before anybody has seen it.
///
/// A camera is never held back, because its pictures would grow old in a queue.
struct Pace {
    period: Duration,
    since: Instant,
    pictures: u32,
    held: Option<Interval>,
}

impl Pace {
    fn new(fps: f64) -> Self {
        Self { period: Duration::from_secs_f64(1.0 / fps), since: Instant::now(), pictures: 0, held: None }
    }

    /// Waits until the next picture is due.
    async fn keep(&mut self) {
        if let Some(held) = &mut self.held {
            held.tick().await;
            return;
        }
        // A network camera's buffer may send some seconds of pictures at once.
        if self.since.elapsed() > Duration::from_secs(3) {
            (self.since, self.pictures) = (Instant::now(), 0);
        }
        self.pictures += 1;
        if self.pictures > 360 {
            self.held = Some(every(self.period));
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut clock = interval(period);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    clock
}

/// Draws the test picture while somebody watches, and the first one at once.
async fn test(sink: &mut Sink<'_>) -> End {
    let mut picture = TestPicture::new(sink.args.size, sink.args.fps);
    let mut clock = every(sink.pace.period);
    let demand = sink.publisher.demand();
    let mut number = 0;
    while sink.left > 0 {
        if number > 0 && !demand.wanted().await {
            break;
        }
        clock.tick().await;
        number += 1;
        let drawing = task::spawn_blocking(move || {
            let jpeg = picture.jpeg(number);
            (picture, jpeg)
        });
        let jpeg;
        (picture, jpeg) = match drawing.await {
            Ok(drawn) => drawn,
            Err(error) => return End::Over(error.to_string()),
        };
        match jpeg.map(|jpeg| sink.publish(jpeg)) {
            Ok(Some(Ok(()))) => {}
            Ok(None) => break,
            Ok(Some(Err(error))) | Err(error) => return End::Over(error),
        }
    }
    End::Enough
}

/// Reads standard input even if nobody watches: a blocked writer would send old pictures later.
async fn stdin(sink: &mut Sink<'_>) -> End {
    if io::stdin().is_terminal() {
        return End::Over("--source stdin needs JPEG pictures from a pipe, but standard input is a terminal".into());
    }
    let (chunks, mut read) = mpsc::channel(4);
    // Not `spawn_blocking`: at its shutdown a runtime waits for the read, which may never return.
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut chunk = vec![0; CHUNK];
            let result = stdin.read(&mut chunk).map(|len| {
                chunk.truncate(len);
                Bytes::from(chunk)
            });
            if matches!(&result, Ok(chunk) if chunk.is_empty()) || chunks.blocking_send(result).is_err() {
                return;
            }
        }
    });
    match sink.publish_all(stream::poll_fn(|cx| read.poll_recv(cx)), true).await {
        Ok(()) => End::Over(format!("{} has ended", Source::Stdin)),
        Err(error) => End::Over(format!("{}: {error}", Source::Stdin)),
    }
}

/// Runs a program while somebody watches and reads its standard output.
async fn command(words: &[String], sink: &mut Sink<'_>) -> End {
    let demand = sink.publisher.demand();
    loop {
        // The first run lasts until the page can be opened.
        let at_least = if sink.again { Duration::ZERO } else { sink.args.timeout };
        if std::mem::replace(&mut sink.again, true) && !demand.wanted().await {
            return End::Enough;
        }
        let mut program = match Program::start(words) {
            Ok(program) => program,
            Err(problem) => return End::Lost { problem, permanent: true },
        };
        let unwanted = async {
            sleep(at_least).await;
            demand.unwanted().await;
        };
        let result = tokio::select! {
            result = sink.publish_all(program.bytes(), false) => Some(result),
            () = unwanted => None,
        };
        match result {
            Some(_) if sink.left == 0 || sink.publisher.is_closed() => {
                program.kill().await;
                return End::Enough;
            }
            Some(result) => return End::Lost { problem: program.end(result).await, permanent: false },
            None => program.kill().await,
        }
    }
}

/// A running program. Dropping it kills the program and its children.
struct Program {
    name: String,
    child: Child,
    message: JoinHandle<String>,
    #[cfg(unix)]
    group: Option<nix::unistd::Pid>,
}

impl Program {
    fn start(words: &[String]) -> Result<Self, String> {
        let (name, arguments) = words.split_first().ok_or("no command")?;
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C must not reach the program, which stops after the viewers.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("{name} is neither a source nor an installed program; --help lists the sources")
            }
            _ => format!("{name} cannot be started: {error}"),
        })?;
        let stderr = child.stderr.take();
        let message = tokio::spawn(async { last_line(stderr).await });
        #[cfg(unix)]
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(nix::unistd::Pid::from_raw);
        Ok(Self {
            name: name.clone(),
            child,
            message,
            #[cfg(unix)]
            group,
        })
    }

    fn bytes(&mut self) -> impl Stream<Item = io::Result<Bytes>> {
        stream::try_unfold(self.child.stdout.as_mut(), |stdout| async {
            let Some(stdout) = stdout else { return Ok(None) };
            let mut chunk = BytesMut::with_capacity(CHUNK);
            let len = stdout.read_buf(&mut chunk).await?;
            Ok((len > 0).then(|| (chunk.freeze(), Some(stdout))))
        })
    }

    /// Kills the program and returns the reason for its end: its exit status and last message, or the error in its output.
    async fn end(mut self, result: Result<(), String>) -> String {
        // A failed program exits by itself; one that hangs or sends junk does not.
        let status = timeout(Duration::from_secs(1), self.child.wait()).await;
        self.kill().await;
        let status = match (status, result) {
            (Ok(Ok(status)), _) if !status.success() => status,
            (_, Err(error)) => return format!("{}: {error}", self.name),
            (Ok(_), Ok(())) => return format!("{} has ended", self.name),
            (Err(_), Ok(())) => return format!("{} has closed its output", self.name),
        };
        let message = match timeout(Duration::from_secs(1), &mut self.message).await {
            // The last message of a killed program is unrelated to its end.
            Ok(Ok(line)) if status.code().is_some() && !line.is_empty() => format!(": {line}"),
            _ => String::new(),
        };
        format!("{} has stopped, {status}{message}", self.name)
    }

    /// Kills the program and its children, and waits for its exit.
    async fn kill(&mut self) {
        self.kill_group();
        let _ = self.child.kill().await;
    }

    /// Kills a shell's children too, which would keep the device open.
    fn kill_group(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.group.take() {
            // None may be left.
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill_group();
        self.message.abort();
    }
}

/// Returns the last line that is not blank, short and without control characters.
async fn last_line(bytes: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut bytes) = bytes else { return String::new() };
    let mut tail = BytesMut::new();
    while matches!(bytes.read_buf(&mut tail).await, Ok(1..)) {
        tail.advance(tail.len().saturating_sub(4096));
    }
    let text = String::from_utf8_lossy(&tail);
    let line = text.split(['\r', '\n']).map(str::trim).rfind(|line| !line.is_empty());
    line.unwrap_or_default().chars().filter(|c| !c.is_control()).take(LINE).collect()
}

/// The size of a read in bytes, that of a pipe's buffer.
const CHUNK: usize = 64 * 1024;

/// The timeout of standard input, which cannot be restarted.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The maximum length of a program's message in characters.
const LINE: usize = 200;
