//! Where the pictures come from.

use std::io::{self, IsTerminal as _, Read as _};
use std::pin::pin;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use mixed_replace::jpeg::{self, Pictures, PicturesError, SplitError, Splitter};
use mixed_replace::{Part, Publisher};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::{self, JoinHandle};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, timeout};

use crate::args::{Args, Source};
use crate::test_picture::TestPicture;

/// Publishes pictures until there are no more of them.
///
/// Fails with a line that says why the source is lost.
pub(crate) async fn run(args: &Args, publisher: &Publisher) -> Result<(), String> {
    let mut out = Out { publisher, left: args.frames.unwrap_or(u64::MAX), pace: Pace::new(args.fps) };
    match &args.source {
        Source::Command(words) => command(words, &mut out).await,
        Source::Stdin => stdin(&mut out).await,
        Source::Test => test(args, &mut out).await,
    }
}

/// Where the pictures go to, and how many may still.
struct Out<'a> {
    publisher: &'a Publisher,
    left: u64,
    pace: Pace,
}

impl Out<'_> {
    fn publish(&mut self, jpeg: Bytes) -> Result<(), String> {
        let part = Part::jpeg(jpeg).map_err(|error| error.to_string())?;
        self.publisher.publish(part).map_err(|error| error.to_string())?;
        self.left -= 1;
        Ok(())
    }

    /// Publishes every picture in these bytes.
    async fn publish_all(&mut self, bytes: impl Stream<Item = io::Result<Bytes>>) -> Result<(), String> {
        let mut pictures = pin!(Pictures::new(bytes, Splitter::new()));
        while self.left > 0 {
            match pictures.next().await {
                Some(Ok(picture)) => {
                    self.pace.keep().await;
                    // Webcams leave the tables out.
                    self.publish(jpeg::with_huffman_tables(picture))?;
                }
                Some(Err(PicturesError::Split(SplitError::TooLarge { .. } | SplitError::Truncated { .. }))) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => break,
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
async fn test(args: &Args, out: &mut Out<'_>) -> Result<(), String> {
    let mut picture = TestPicture::new(args.size, args.fps);
    let mut clock = every(out.pace.period);
    let demand = out.publisher.demand();
    let mut number = 0;
    while out.left > 0 {
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
        (picture, jpeg) = drawing.await.map_err(|error| error.to_string())?;
        out.publish(jpeg?)?;
    }
    Ok(())
}

/// Standard input, watched or not: whoever writes it would be held up, and later show what is long past.
async fn stdin(out: &mut Out<'_>) -> Result<(), String> {
    if io::stdin().is_terminal() {
        return Err("--source stdin wants JPEG pictures from a pipe, and standard input is a terminal".into());
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
    out.publish_all(stream::poll_fn(|cx| read.poll_recv(cx))).await
}

/// A program's standard output. The program runs while somebody watches.
async fn command(words: &[String], out: &mut Out<'_>) -> Result<(), String> {
    let demand = out.publisher.demand();
    // Whoever starts the server opens the page next.
    let mut at_least = PATIENCE;
    loop {
        let mut program = Program::start(words)?;
        let unwanted = async {
            sleep(at_least).await;
            demand.unwanted().await;
        };
        tokio::select! {
            result = out.publish_all(program.bytes()) => return program.end(result, out.left == 0).await,
            () = unwanted => drop(program),
        }
        if !demand.wanted().await {
            return Ok(());
        }
        at_least = Duration::ZERO;
    }
}

/// A program that runs, and is killed when this is dropped.
struct Program {
    name: String,
    child: Child,
    complaint: JoinHandle<String>,
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
        Ok(Self { name: name.clone(), child, complaint })
    }

    fn bytes(&mut self) -> impl Stream<Item = io::Result<Bytes>> {
        stream::try_unfold(self.child.stdout.as_mut(), |stdout| async {
            let Some(stdout) = stdout else { return Ok(None) };
            let mut chunk = BytesMut::with_capacity(CHUNK);
            let len = stdout.read_buf(&mut chunk).await?;
            Ok((len > 0).then(|| (chunk.freeze(), Some(stdout))))
        })
    }

    /// Why there are no more pictures: what the program says itself, or what was wrong with what it sent.
    async fn end(mut self, result: Result<(), String>, enough: bool) -> Result<(), String> {
        if enough {
            return result;
        }
        let status = match timeout(Duration::from_secs(2), self.child.wait()).await {
            Ok(Ok(status)) if !status.success() => status,
            _ => return result.map_err(|error| format!("{}: {error}", self.name)),
        };
        let complaint = match timeout(Duration::from_secs(1), self.complaint).await {
            // What a program said last has nothing to do with its being killed.
            Ok(Ok(line)) if status.code().is_some() && !line.is_empty() => format!(": {line}"),
            _ => String::new(),
        };
        Err(format!("{} has stopped, {status}{complaint}", self.name))
    }
}

/// The last line with something on it.
async fn last_line(bytes: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut bytes) = bytes else { return String::new() };
    let mut tail = BytesMut::new();
    while matches!(bytes.read_buf(&mut tail).await, Ok(1..)) {
        tail.advance(tail.len().saturating_sub(4096));
    }
    let text = String::from_utf8_lossy(&tail);
    let line = text.split(['\r', '\n']).map(str::trim).rfind(|line| !line.is_empty());
    line.unwrap_or_default().to_owned()
}

/// How long the first picture may take; a network camera behind ffmpeg needs a few seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// What is read at once, as much as a pipe holds.
const CHUNK: usize = 64 * 1024;
