//! Where the pictures come from.

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

/// Why a source gives no more pictures.
pub(crate) enum End {
    /// There were as many as were asked for, or the hub is closed.
    Enough,
    /// It has ended, and cannot be started again.
    Over(String),
    /// It has ended or does not work, and can be started again.
    Lost {
        problem: String,
        /// It takes a person to change that.
        stubborn: bool,
    },
}

/// Where the pictures go to, over all starts of the source.
pub(crate) struct Sink<'a> {
    args: &'a Args,
    publisher: &'a Publisher,
    status: &'a watch::Sender<Status>,
    /// How many pictures may still come.
    left: u64,
    pace: Pace,
    /// Whether the source was started before.
    again: bool,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(args: &'a Args, publisher: &'a Publisher, status: &'a watch::Sender<Status>) -> Self {
        let (left, pace) = (args.frames.unwrap_or(u64::MAX), Pace::new(args.fps));
        Self { args, publisher, status, left, pace, again: false }
    }

    /// Starts the source, and publishes its pictures until there are no more of them.
    pub(crate) async fn run(&mut self, source: &Source) -> End {
        match source {
            Source::Command(words) => command(words, self).await,
            Source::Stdin => stdin(self).await,
            Source::Test => test(self).await,
        }
    }

    /// Publishes a picture, or leaves it out if it is damaged; then the reason is returned. `None` if the hub is closed.
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

    /// Publishes every picture in these bytes, as long as they come in time.
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
                    // Webcams leave the tables out.
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

/// Holds back what is faster than any camera: a file or a generator, which would be over before anybody has seen it.
///
/// A camera is never held back, or its pictures would grow old on their way here.
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

    /// Returns when the next picture is due.
    async fn keep(&mut self) {
        if let Some(held) = &mut self.held {
            held.tick().await;
            return;
        }
        // Some seconds of pictures may come at once, from a network camera's buffer.
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

/// The test picture, while somebody watches. The first one is made at once, so that there always is a picture.
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

/// Standard input, watched or not: whoever writes it would be held up, and later show what is long past.
async fn stdin(sink: &mut Sink<'_>) -> End {
    if io::stdin().is_terminal() {
        return End::Over("--source stdin wants JPEG pictures from a pipe, and standard input is a terminal".into());
    }
    let (chunks, mut read) = mpsc::channel(4);
    // A thread of its own and not the runtime's: a runtime waits at its end for a read that may never return.
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
        // Enough, or ended: there is no difference to anybody.
        Ok(()) => End::Over(format!("{} has ended", Source::Stdin)),
        Err(error) => End::Over(format!("{}: {error}", Source::Stdin)),
    }
}

/// A program's standard output. The program runs while somebody watches.
async fn command(words: &[String], sink: &mut Sink<'_>) -> End {
    let demand = sink.publisher.demand();
    loop {
        // Whoever starts the server opens the page next.
        let at_least = if sink.again { Duration::ZERO } else { sink.args.timeout };
        if std::mem::replace(&mut sink.again, true) && !demand.wanted().await {
            return End::Enough;
        }
        let mut program = match Program::start(words) {
            Ok(program) => program,
            Err(problem) => return End::Lost { problem, stubborn: true },
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
            Some(result) => return End::Lost { problem: program.end(result).await, stubborn: false },
            None => program.kill().await,
        }
    }
}

/// A program that runs. It is killed when this is dropped, with all that it has started.
struct Program {
    name: String,
    child: Child,
    complaint: JoinHandle<String>,
    #[cfg(unix)]
    group: Option<nix::unistd::Pid>,
}

impl Program {
    fn start(words: &[String]) -> Result<Self, String> {
        let (name, arguments) = words.split_first().ok_or("no command")?;
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is for us; the program is ended when the viewers have been.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("{name} is neither a source nor a program that is installed; --help lists the sources")
            }
            _ => format!("{name} cannot be started: {error}"),
        })?;
        let stderr = child.stderr.take();
        let complaint = tokio::spawn(async { last_line(stderr).await });
        #[cfg(unix)]
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(nix::unistd::Pid::from_raw);
        Ok(Self {
            name: name.clone(),
            child,
            complaint,
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

    /// Ends it, and says why there are no more pictures: what the program says itself, or what was wrong with what it sent.
    async fn end(mut self, result: Result<(), String>) -> String {
        // One that hangs or sends junk does not end by itself, but one that has failed does.
        let status = timeout(Duration::from_secs(1), self.child.wait()).await;
        self.kill().await;
        let status = match (status, result) {
            (Ok(Ok(status)), _) if !status.success() => status,
            (_, Err(error)) => return format!("{}: {error}", self.name),
            (Ok(_), Ok(())) => return format!("{} has ended", self.name),
            (Err(_), Ok(())) => return format!("{} has closed its output", self.name),
        };
        let complaint = match timeout(Duration::from_secs(1), &mut self.complaint).await {
            // What a program said last has nothing to do with its being killed.
            Ok(Ok(line)) if status.code().is_some() && !line.is_empty() => format!(": {line}"),
            _ => String::new(),
        };
        format!("{} has stopped, {status}{complaint}", self.name)
    }

    /// Kills it with all that it has started, and waits until it is gone.
    async fn kill(&mut self) {
        self.kill_group();
        let _ = self.child.kill().await;
    }

    /// A shell's children too: one that hangs would keep the device for itself.
    fn kill_group(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.group.take() {
            // There may be none of them left.
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill_group();
        self.complaint.abort();
    }
}

/// Returns the last line with something on it, as it may be shown.
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

/// What is read at once, as much as a pipe holds.
const CHUNK: usize = 64 * 1024;

/// Of standard input nothing else can be had.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The longest complaint of a program that is passed on.
const LINE: usize = 200;
