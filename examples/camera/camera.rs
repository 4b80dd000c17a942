//! One source with its hub and its status, shared by both servers.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mixed_replace::ladder::{self, Rendition};
use mixed_replace::source::{self, Monitor, Status};
use mixed_replace::{Hub, Hubs, Ladder, Metrics, Publisher, decode, hub};
use serde::Serialize;
use shared::no_signal;
use shared::test_picture::TestPicture;
use tokio::select;
use tokio::time::sleep;

use crate::args::{Args, Source};

/// A handle to a camera.
#[derive(Clone, Debug)]
pub struct Camera {
    /// The hub of its viewers.
    pub hub: Hub,
    /// The pictures, and smaller ones for viewers on slow lines.
    pub ladder: Ladder,
    source: Arc<str>,
    /// Identifies this run of the server, so that the page notices a restart.
    run: Duration,
    /// Of a program, which is restarted.
    monitor: Option<Monitor>,
    /// Why standard input or the test picture has ended.
    end: Arc<OnceLock<String>>,
}

impl Camera {
    /// Starts the source and waits for its first picture, or returns `None` if `stop` completes before.
    ///
    /// # Errors
    ///
    /// Fails with one line that names the reason if no picture arrives.
    pub async fn start(args: &Args, stop: impl Future<Output = ()>) -> Result<Option<Self>, String> {
        // Longer than the interval of a slow test picture.
        let stale = Duration::from_secs_f64(5.0_f64.max(3.0 / args.fps));
        let (publisher, hub) = hub::builder().name(NAME).stale_after(stale, no_signal::draw()?).build();
        let run = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let smaller = [Rendition::width(640).quality(70), Rendition::width(320).quality(60)];
        let ladder = Ladder::from_hub(hub.clone(), smaller);
        let source = args.source.to_string().into();
        let mut camera = Self { hub, ladder, source, run, monitor: None, end: Arc::default() };
        match &args.source {
            Source::Command(program, arguments) => {
                let program = source::command(program, arguments);
                camera.monitor = Some(program.monitor());
                program.spawn_into(publisher);
            }
            Source::Stdin => camera.on_thread(publisher, stdin),
            Source::Test => {
                let args = args.clone();
                camera.on_thread(publisher, move |publisher| test(&args, publisher));
            }
        }
        select! {
            started = camera.started() => started.map(|()| Some(camera)),
            () = stop => Ok(None),
        }
    }

    fn on_thread(&self, publisher: Publisher, source: impl FnOnce(&Publisher) -> String + Send + 'static) {
        let (end, hub) = (Arc::clone(&self.end), self.hub.clone());
        thread::spawn(move || {
            let why = source(&publisher);
            if hub.latest().is_some() && !hub.is_closed() {
                eprintln!("{why}; viewers keep the last picture");
            }
            // Before the hub closes, so that a page that sees the stream end finds the reason.
            let _ = end.set(why);
            drop(publisher);
        });
    }

    /// Waits for the first picture. A source without any is a mistake on the command line rather than a lost camera.
    async fn started(&self) -> Result<(), String> {
        let lost = async {
            let mut monitor = self.monitor.clone();
            while let Some(monitor) = &mut monitor {
                match monitor.changed().await {
                    // A program of one picture may have ended before its picture is seen.
                    Some(Status::Waiting { error, .. }) if self.hub.latest().is_none() => return error.to_string(),
                    Some(_) => {}
                    None => break,
                }
            }
            std::future::pending().await
        };
        let first = async {
            if self.monitor.is_some() {
                // Demand, which starts the program.
                return self.hub.snapshot(Duration::MAX).await.is_some();
            }
            // No demand: the others publish their first picture by themselves.
            while self.hub.latest().is_none() && !self.hub.is_closed() {
                sleep(Duration::from_millis(10)).await;
            }
            self.hub.latest().is_some()
        };
        select! {
            biased;
            started = first => match started {
                true => Ok(()),
                false => Err(self.end.get().cloned().unwrap_or_default()),
            },
            why = lost => Err(why),
            () = self.say_what_is_awaited() => Ok(()),
        }
    }

    async fn say_what_is_awaited(&self) {
        sleep(Duration::from_secs(2)).await;
        eprintln!("waiting for the first picture of {}", self.source);
        std::future::pending().await
    }

    /// Returns the counters for Prometheus, of each size.
    ///
    /// # Panics
    ///
    /// Never.
    pub fn metrics(&self) -> Metrics {
        let sizes = Hubs::new();
        for hub in self.ladder.hubs() {
            sizes.insert(hub.name().unwrap_or(NAME), hub.clone()).expect("a valid name");
        }
        let metrics = Metrics::by_name(sizes);
        match &self.monitor {
            Some(monitor) => metrics.source(NAME, monitor.clone()),
            None => metrics,
        }
    }

    /// Returns the status as JSON, for the page.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "counters are valid JSON")]
    pub fn state(&self) -> String {
        let (state, note, again_in) = match self.monitor.as_ref().map(Monitor::status) {
            _ if self.hub.is_closed() => ("ended", self.end.get().cloned().unwrap_or_default(), Duration::ZERO),
            Some(Status::Waiting { until, error, .. }) => {
                ("lost", error.to_string(), until.saturating_duration_since(Instant::now()))
            }
            _ => ("live", String::new(), Duration::ZERO),
        };
        let state = State {
            run: self.run.as_secs_f64(),
            source: &self.source,
            state,
            note,
            again_in: again_in.as_secs_f64(),
            hub: self.hub.stats(),
            skipped: self.ladder.hubs().map(|hub| skipped(&hub.stats())).sum(),
            ladder: self.ladder.stats(),
            program: self.monitor.as_ref().map(Monitor::stats),
        };
        serde_json::to_string_pretty(&state).expect("counters are valid JSON")
    }
}

/// The status, for the page.
#[derive(Serialize)]
struct State<'a> {
    run: f64,
    source: &'a str,
    state: &'static str,
    note: String,
    /// The seconds until a lost source is opened again.
    again_in: f64,
    hub: hub::Stats,
    /// The pictures that slow viewers were not sent, in every size.
    skipped: u64,
    ladder: ladder::Stats,
    program: Option<source::Stats>,
}

/// Returns how many pictures viewers were not sent because they were slow.
fn skipped(stats: &hub::Stats) -> u64 {
    stats.parts_skipped.saturating_sub(stats.parts_limited)
}

/// The name of the hub, in events and metrics.
const NAME: &str = "camera";

/// Publishes the pictures on standard input even if nobody watches: a blocked writer would send old pictures later.
fn stdin(publisher: &Publisher) -> String {
    if io::stdin().is_terminal() {
        return "--source stdin needs JPEG pictures from a pipe, but standard input is a terminal".into();
    }
    let mut pictures = 0_u64;
    for picture in decode::Reader::new(io::stdin().lock()) {
        match picture.map(|picture| publisher.publish(picture)) {
            Ok(Err(error)) if error.is_closed() => break,
            Ok(_) => pictures += 1,
            Err(error) => return format!("standard input: {error}"),
        }
    }
    if pictures > 0 { "standard input has ended".into() } else { "standard input: ended without a picture".into() }
}

/// Draws the first test picture, and further ones while somebody watches.
fn test(args: &Args, publisher: &Publisher) -> String {
    let picture = TestPicture::new(args.size, args.fps);
    let (demand, period) = (publisher.demand(), Duration::from_secs_f64(1.0 / args.fps));
    let mut due = Instant::now();
    for number in 1..=args.frames.unwrap_or(u64::MAX) {
        if number > 1 && !demand.blocking_wanted() {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due = (due + period).max(Instant::now());
        match picture.jpeg(number).map(|jpeg| publisher.publish_jpeg(jpeg)) {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => break,
            Err(error) => return error,
        }
    }
    "the test picture has ended".into()
}
