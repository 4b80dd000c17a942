//! One source with its hub and its status, shared by both servers.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mixed_replace::{Hub, Publisher, hub};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::args::{Args, OnExit, Source};
use crate::no_signal;
use crate::pauses::Pauses;
use crate::source::{End, Sink};

#[derive(Clone)]
pub(crate) struct Camera {
    pub(crate) hub: Hub,
    source: Arc<str>,
    /// Identifies this run of the server, so that the page notices a restart.
    run: Duration,
    status: watch::Sender<Status>,
}

/// The status of the source.
#[derive(Clone)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// The last error.
    problem: String,
    /// The number of damaged pictures, which are left out.
    pub(crate) damaged: u64,
    /// The number of times that the source was restarted.
    restarts: u64,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum State {
    /// No picture has arrived yet.
    Starting,
    Live,
    /// The source is restarted at `until`, or later when somebody watches.
    Lost {
        until: Instant,
    },
    /// The source has ended as expected.
    Ended,
    /// The source has failed and is not restarted.
    Failed,
}

impl Camera {
    /// Starts the source and waits for its first picture, or returns `None` if `stop` completes before.
    ///
    /// # Errors
    ///
    /// Fails with one line that names the reason if no picture arrives.
    pub(crate) async fn start(args: &Args, stop: impl Future<Output = ()>) -> Result<Option<Self>, String> {
        let no_signal = args.no_signal.as_deref().map_or_else(no_signal::draw, no_signal::read)?;
        let (publisher, hub) = hub::builder().stale_after(stale_after(args), no_signal).build();
        let run = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let status = Status { state: State::Starting, problem: String::new(), damaged: 0, restarts: 0 };
        let camera = Self { hub, source: args.source.to_string().into(), run, status: watch::Sender::new(status) };
        let running = tokio::spawn(camera.clone().run(args.clone(), publisher));
        let is_stopped = select! {
            () = camera.started() => false,
            () = stop => true,
        };
        if is_stopped {
            // Drops the source, which kills its program and the children of that.
            running.abort();
            let _ = running.await;
            return Ok(None);
        }
        if camera.hub.latest().is_none() { Err(camera.status().problem) } else { Ok(Some(camera)) }
    }

    /// Waits for the first picture, or for the end of the source. Prints a line if that takes long.
    async fn started(&self) {
        let started = || self.once(|status| status.state != State::Starting);
        if timeout(QUIET, started()).await.is_err() {
            eprintln!("waiting for the first picture of {}", self.source);
            started().await;
        }
    }

    /// Waits until the source has failed for good and returns the reason.
    pub(crate) async fn failed(&self) -> String {
        self.once(|status| status.state == State::Failed).await;
        self.status().problem
    }

    /// Publishes the source's pictures and restarts it.
    async fn run(self, args: Args, publisher: Publisher) {
        let mut sink = Sink::new(&args, &publisher, &self.status);
        let mut pauses = Pauses::new();
        let (state, problem) = loop {
            let end = sink.run(&args.source).await;
            if publisher.is_closed() {
                return;
            }
            match end {
                End::Enough => break (State::Ended, format!("{} has ended", self.source)),
                End::Over(problem) if args.on_exit == OnExit::Restart && self.hub.latest().is_some() => {
                    break (State::Ended, problem);
                }
                // A source without any picture is a mistake on the command line rather than a lost camera.
                End::Lost { problem, permanent } if args.on_exit == OnExit::Restart && self.hub.latest().is_some() => {
                    if self.status().state == State::Live {
                        pauses.reset();
                    }
                    if permanent {
                        pauses.begin_long();
                    } else {
                        pauses.begin();
                    }
                    self.set_lost(problem, pauses.end());
                    sleep_until(pauses.end()).await;
                }
                End::Over(problem) | End::Lost { problem, .. } => break (State::Failed, problem),
            }
        };
        if state == State::Ended {
            eprintln!("{problem}; viewers keep the last picture");
        }
        self.status.send_modify(|status| (status.state, status.problem) = (state, problem));
        // After the status, so that a page that sees the stream end finds the reason.
        drop(publisher);
    }

    fn set_lost(&self, problem: String, until: Instant) {
        self.status.send_modify(|status| {
            // A problem that persists is logged once.
            if status.problem != problem {
                eprintln!("{problem}; restarting");
            }
            status.state = State::Lost { until };
            status.problem = problem;
            status.restarts += 1;
        });
    }

    fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    async fn once(&self, fits: impl FnMut(&Status) -> bool) {
        let mut status = self.status.subscribe();
        // The channel cannot close: `self` holds its sender.
        let _ = status.wait_for(fits).await;
    }

    /// Returns the status as JSON, for the page.
    pub(crate) fn state(&self) -> String {
        let Status { state, problem, damaged, restarts } = self.status();
        let (state, again_in) = match state {
            State::Starting | State::Live => ("live", Duration::ZERO),
            State::Lost { until } => ("lost", until.saturating_duration_since(Instant::now())),
            State::Ended => ("ended", Duration::ZERO),
            State::Failed => ("failed", Duration::ZERO),
        };
        let stats = self.hub.stats();
        format!(
            r#"{{
  "run": {},
  "source": {},
  "state": "{state}",
  "note": {},
  "again_in": {:.1},
  "restarts": {restarts},
  "damaged": {damaged},
  "published": {},
  "bytes_published": {},
  "viewers": {},
  "viewers_peak": {},
  "bytes_delivered": {},
  "skipped": {}
}}
"#,
            self.run.as_millis(),
            json(&self.source),
            json(if state == "live" { "" } else { &problem }),
            again_in.as_secs_f64(),
            stats.parts_published,
            stats.bytes_published,
            stats.viewers,
            stats.viewers_peak,
            stats.bytes_delivered,
            stats.parts_skipped,
        )
    }
}

/// Returns the time after which viewers see "no signal", which is longer than a slow source's interval.
fn stale_after(args: &Args) -> Duration {
    let least = if args.source == Source::Test { 3.0 / args.fps } else { 0.0 };
    (args.timeout / 3).max(Duration::from_secs_f64(least))
}

/// Returns a JSON string.
fn json(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The time that the first picture may take before a line says that it is awaited.
const QUIET: Duration = Duration::from_secs(2);
