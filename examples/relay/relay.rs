//! One camera for any number of viewers: a hub that is fed over one connection, while somebody watches.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use mixed_replace::hub::{self, Hub, PublishError, Publisher};
use mixed_replace::{Part, jpeg};
use reqwest::Client;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::address::Address;
use crate::connect::{self, Problem, cause};
use crate::pauses::Pauses;

/// A camera, and how it is doing.
#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) name: Arc<str>,
    /// Where viewers come to.
    pub(crate) hub: Hub,
    status: Arc<Mutex<Status>>,
}

/// What an app shows beside the picture.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// What went wrong last, until pictures come again.
    pub(crate) problem: Option<String>,
    /// Connections that were begun so far.
    pub(crate) connections: u64,
    /// Parts that were not passed on.
    pub(crate) refused: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    /// Nobody watches, so there is no connection.
    Asleep,
    Connecting,
    Live,
    /// Until the next attempt.
    Waiting {
        until: Instant,
    },
}

impl Relay {
    /// Begins to wait for the first viewer. Ends with [`Hub::close`].
    pub(crate) fn start(camera: Address, client: Client, no_signal: Part) -> Self {
        let (publisher, hub) = hub::builder().stale_after(STALE, no_signal).build();
        let status = Status { state: State::Asleep, problem: None, connections: 0, refused: 0 };
        let relay = Self { name: camera.name.as_str().into(), hub, status: Arc::new(Mutex::new(status)) };
        tokio::spawn(relay.clone().run(camera, client, publisher));
        relay
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().clone()
    }

    /// Connected from when the first viewer comes until the last has been gone for the hub's linger.
    async fn run(self, camera: Address, client: Client, publisher: Publisher) {
        let demand = publisher.demand();
        let mut pauses = Pauses::new();
        while demand.wanted().await {
            tokio::select! {
                // Dropping the other branch closes the connection.
                () = demand.unwanted() => self.lock().state = State::Asleep,
                never = self.feed(&camera, &client, &publisher, &mut pauses) => match never {},
            }
        }
    }

    async fn feed(&self, camera: &Address, client: &Client, publisher: &Publisher, pauses: &mut Pauses) -> Infallible {
        loop {
            // Also what is left of one that began before the last viewer left: pages that are loaded again and again are no
            // reason to ask a camera that often.
            if pauses.end() > Instant::now() {
                self.lock().state = State::Waiting { until: pauses.end() };
                sleep_until(pauses.end()).await;
            }
            {
                let mut status = self.lock();
                status.state = State::Connecting;
                status.connections += 1;
            }
            let begin = Instant::now();
            let Err(problem) = self.once(camera, client, publisher).await;
            if begin.elapsed() > STEADY && self.lock().state == State::Live {
                pauses.reset();
            }
            if problem.stubborn {
                pauses.begin_long()
            } else {
                pauses.begin()
            }
            self.is_lost(problem.text);
        }
    }

    /// One connection, until it fails.
    async fn once(&self, camera: &Address, client: &Client, publisher: &Publisher) -> Result<Infallible, Problem> {
        let stalled = format!("no picture for {} seconds", PATIENCE.as_secs());
        let opening = timeout(PATIENCE, connect::open(client, camera)).await;
        let mut parts = opening.map_err(|_| Problem::passing(&*stalled))??;
        // From picture to picture, not from byte to byte: a camera that drips is no better than one that is silent.
        let mut deadline = Instant::now() + PATIENCE;
        let mut instead = None;
        loop {
            let part = match timeout_at(deadline, parts.next()).await {
                Ok(Some(Ok(part))) => part,
                Ok(Some(Err(error))) => return Err(Problem::passing(cause(&error))),
                Ok(None) => return Err(Problem::passing("its stream has ended")),
                Err(_) => return Err(Problem::passing(instead.unwrap_or(stalled))),
            };
            let Some(picture) = allowed(&part) else {
                self.lock().refused += 1;
                instead = Some(format!("it sends {} and no pictures", part.content_type().essence_str()));
                continue;
            };
            match publisher.publish(picture) {
                Ok(()) => {}
                Err(PublishError::Closed) => std::future::pending().await,
                Err(_) => {
                    self.lock().refused += 1;
                    continue;
                }
            }
            deadline = Instant::now() + PATIENCE;
            instead = None;
            self.is_live();
        }
    }

    fn is_live(&self) {
        let mut status = self.lock();
        if status.state != State::Live {
            status.state = State::Live;
            status.problem = None;
            drop(status);
            eprintln!("{}: live", self.name);
        }
    }

    fn is_lost(&self, problem: String) {
        let mut status = self.lock();
        // What does not change is said once.
        if status.problem.as_ref() != Some(&problem) {
            eprintln!("{}: {problem}", self.name);
            status.problem = Some(problem);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of a camera's part is passed on: the picture and its time. A camera is not trusted with the viewers' browsers, so
/// neither other types nor other header fields are. What counts is what a body is, not what it is said to be.
fn allowed(part: &Part) -> Option<Part> {
    // Webcams leave the tables out.
    let picture = Part::jpeg(jpeg::with_huffman_tables(part.body().clone()));
    let mut picture = picture.or_else(|_| Part::png(part.body().clone())).ok()?;
    for name in ALLOWED {
        if let Some((name, value)) = part.headers().iter().find(|(given, _)| given.as_str() == name) {
            picture = picture.clone().header(name.clone(), value.clone()).unwrap_or(picture);
        }
    }
    Some(picture)
}

const ALLOWED: [&str; 1] = ["x-timestamp"];
/// A camera that has sent no picture for so long is given up.
const PATIENCE: Duration = Duration::from_secs(15);
/// Viewers keep the last picture for so long, then they see that there is no signal.
const STALE: Duration = Duration::from_secs(5);
/// A connection that has lasted for so long was no accident.
const STEADY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use mixed_replace::Decoder;

    use super::*;

    fn decoded(headers: &str, body: &[u8]) -> Part {
        let mut bytes = BytesMut::from(format!("--x\r\n{headers}\r\n\r\n").as_bytes());
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(b"\r\n--x--");
        Decoder::detect().decode(&mut bytes).unwrap().unwrap()
    }

    #[test]
    fn passes_the_picture_and_its_time_and_nothing_else() {
        let headers = "Content-Type: image/png\r\nX-Timestamp: 12.5\r\nX-Camera: Yard\r\nSet-Cookie: a=b\r\nRefresh: 0";
        let part = decoded(headers, include_bytes!("../../src/picture/dot.png"));
        let passed = allowed(&part).unwrap();
        assert_eq!(passed.content_type(), &"image/png");
        let fields: Vec<_> = passed.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(fields, [("x-timestamp", &b"12.5"[..])]);
        assert_eq!(passed.body(), part.body());
    }

    #[test]
    fn a_picture_is_told_by_its_bytes() {
        let passed =
            allowed(&decoded("Content-Type: application/octet-stream", include_bytes!("../../src/picture/dot.jpg")))
                .unwrap();
        assert_eq!(passed.content_type(), &"image/jpeg");
    }

    #[test]
    fn what_runs_in_a_browser_does_not_pass() {
        for active in ["text/html", "image/svg+xml", "application/xml", "application/pdf", "text/plain", "image/x-none"]
        {
            assert_eq!(allowed(&decoded(&format!("Content-Type: {active}"), b"<script>")), None, "{active}");
        }
    }
}
