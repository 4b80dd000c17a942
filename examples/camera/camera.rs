//! The camera as both servers see it: one source, its hub, and how it is doing.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mixed_replace::hub::{self, Hub, Publisher};
use tokio::time::{sleep, timeout};

use crate::args::Args;
use crate::source::{self, PATIENCE};

#[derive(Clone)]
pub(crate) struct Camera {
    pub(crate) hub: Hub,
    source: Arc<str>,
    /// Lets the page tell another run of the server.
    run: Duration,
    end: Arc<OnceLock<End>>,
}

/// Why there are no more pictures.
struct End {
    state: &'static str,
    note: String,
}

impl Camera {
    /// Starts the source and waits for its first picture.
    ///
    /// Fails, with a line that says why, if none comes.
    pub(crate) async fn start(args: &Args) -> Result<Self, String> {
        let (publisher, hub) = hub::channel();
        let run = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let camera = Self { hub, source: args.source.to_string().into(), run, end: Arc::default() };
        tokio::spawn(camera.clone().run(args.clone(), publisher));
        let begun = async {
            while camera.hub.latest().is_none() && camera.end.get().is_none() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        if timeout(PATIENCE, begun).await.is_err() {
            return Err(format!("no picture came from {} in {} seconds", camera.source, PATIENCE.as_secs()));
        }
        match camera.end.get() {
            Some(end) if camera.hub.latest().is_none() => Err(end.note.clone()),
            _ => Ok(camera),
        }
    }

    /// To the last picture. The publisher goes last, so that whoever sees the streams end finds the reason.
    async fn run(self, args: Args, publisher: Publisher) {
        let ended = source::run(&args, &publisher).await;
        if publisher.is_closed() {
            return;
        }
        let shown = self.hub.latest().is_some();
        let end = match ended {
            Ok(()) if shown => End { state: "ended", note: format!("{} has ended", self.source) },
            Ok(()) => End { state: "failed", note: format!("no picture came from {}", self.source) },
            Err(note) => End { state: "failed", note },
        };
        if shown {
            eprintln!("{}; viewers keep the last picture", end.note);
        }
        let _ = self.end.set(end);
        drop(publisher);
    }

    /// What the page shows beside the picture, as JSON.
    pub(crate) fn state(&self) -> String {
        let (state, note) = self.end.get().map_or(("live", ""), |end| (end.state, &end.note));
        let stats = self.hub.stats();
        format!(
            r#"{{
  "run": {},
  "source": {},
  "state": "{state}",
  "note": {},
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
            json(note),
            stats.parts_published,
            stats.bytes_published,
            stats.viewers,
            stats.viewers_peak,
            stats.bytes_delivered,
            stats.parts_skipped,
        )
    }
}

/// A JSON string.
fn json(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
