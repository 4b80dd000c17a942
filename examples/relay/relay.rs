//! One camera for any number of viewers: a hub that is fed over one connection, while somebody watches.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mixed_replace::hub::{self, Hub, PublishError, Publisher};
use mixed_replace::part::InvalidPart;
use mixed_replace::{Part, jpeg};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::address::Address;
use crate::connect::{self, Item, Problem};
use crate::pauses::Pauses;

/// A camera, and how it is doing.
#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) name: Arc<str>,
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
    /// Pictures that were left out because they are damaged.
    pub(crate) damaged: u64,
    /// Parts that were left out because they are no pictures.
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
    pub(crate) fn start(camera: Address, no_signal: Part) -> Self {
        let (publisher, hub) = hub::builder().stale_after(STALE, no_signal).build();
        let status = Status { state: State::Asleep, problem: None, connections: 0, damaged: 0, refused: 0 };
        let relay = Self { name: camera.name.as_str().into(), hub, status: Arc::new(Mutex::new(status)) };
        tokio::spawn(relay.clone().run(camera, publisher));
        relay
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().clone()
    }

    /// Connected from when the first viewer comes until the last has been gone for the hub's linger.
    async fn run(self, camera: Address, publisher: Publisher) {
        let demand = publisher.demand();
        let mut pauses = Pauses::new();
        while demand.wanted().await {
            tokio::select! {
                // Dropping the other branch closes the connection.
                () = demand.unwanted() => self.lock().state = State::Asleep,
                never = self.feed(&camera, &publisher, &mut pauses) => match never {},
            }
        }
    }

    async fn feed(&self, camera: &Address, publisher: &Publisher, pauses: &mut Pauses) -> Infallible {
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
            let Err(problem) = self.once(camera, publisher).await;
            // Once it gave pictures, it is well: a camera that closes its stream every few seconds is asked again at once.
            if self.lock().state == State::Live {
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
    async fn once(&self, camera: &Address, publisher: &Publisher) -> Result<Infallible, Problem> {
        let stalled = format!("no picture for {} seconds", PATIENCE.as_secs());
        let opening = timeout(PATIENCE, connect::open(camera)).await;
        let mut input = opening.map_err(|_| Problem::passing(&*stalled))??;
        // From picture to picture, not from byte to byte: a camera that drips is no better than one that is silent.
        let mut deadline = Instant::now() + PATIENCE;
        let mut instead = None;
        loop {
            let item = timeout_at(deadline.min(Instant::now() + COUNT), input.next()).await;
            let skipped = input.skipped();
            if skipped > 0 {
                self.leaves_out(skipped, None);
                instead = Some("it sends damaged pictures only".to_owned());
            }
            let item = match item {
                Ok(Some(item)) => item?,
                Ok(None) => return Err(Problem::passing("its stream has ended")),
                Err(_) if Instant::now() < deadline => continue,
                Err(_) => return Err(Problem::passing(instead.unwrap_or(stalled))),
            };
            let picture = match allowed(item) {
                Ok(picture) => picture,
                Err(Refused::Damaged(error)) => {
                    instead = Some(format!("it sends damaged pictures only: {error}"));
                    self.leaves_out(1, Some(error));
                    continue;
                }
                Err(Refused::NoPicture(content_type)) => {
                    self.lock().refused += 1;
                    instead = Some(format!("it sends {content_type} and no pictures"));
                    continue;
                }
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

    /// Counts damaged pictures, and writes the first and each tenfold to the log.
    fn leaves_out(&self, pictures: u64, error: Option<InvalidPart>) {
        let mut status = self.lock();
        let before = status.damaged;
        status.damaged += pictures;
        let now = status.damaged;
        drop(status);
        if before == 0 || before.ilog10() < now.ilog10() {
            let reason = error.map(|error| format!(": {error}")).unwrap_or_default();
            eprintln!(
                "{}: {now} damaged {} left out{reason}",
                self.name,
                if now == 1 { "picture" } else { "pictures" }
            );
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

/// Why something is not passed on.
#[derive(Debug, PartialEq)]
enum Refused {
    Damaged(InvalidPart),
    /// Something of this type.
    NoPicture(String),
}

/// Returns what is passed on: the picture and its time. A camera is not trusted with the viewers' browsers, so neither other
/// types nor other header fields are. What counts is what a body is, not what it is said to be.
fn allowed(item: Item) -> Result<Part, Refused> {
    let part = match item {
        // Webcams leave the tables out.
        Item::Jpeg(jpeg) => return Part::jpeg(jpeg::with_huffman_tables(jpeg)).map_err(Refused::Damaged),
        Item::Part(part) => part,
    };
    let body = part.body().clone();
    let kind = part.content_type().essence_str();
    let picture = if body.starts_with(b"\x89PNG") {
        Part::png(body)
    } else if body.starts_with(b"\xff\xd8") || kind == "image/jpeg" {
        Part::jpeg(jpeg::with_huffman_tables(body))
    } else {
        return Err(Refused::NoPicture(kind.to_owned()));
    };
    let mut picture = picture.map_err(Refused::Damaged)?;
    for name in ALLOWED {
        if let Some((name, value)) = part.headers().iter().find(|(given, _)| given.as_str() == name) {
            // A header that cannot be sent on is left out.
            let _ = picture.insert_header(name.clone(), value.clone());
        }
    }
    Ok(picture)
}

const ALLOWED: [&str; 1] = ["x-timestamp"];
/// A camera that has sent no picture for so long is given up.
const PATIENCE: Duration = Duration::from_secs(15);
/// Viewers keep the last picture for so long, then they see that there is no signal.
const STALE: Duration = Duration::from_secs(5);
/// How often damaged pictures are counted when nothing else comes.
const COUNT: Duration = Duration::from_secs(1);

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
        let passed = allowed(Item::Part(part.clone())).unwrap();
        assert_eq!(passed.content_type(), &"image/png");
        let fields: Vec<_> = passed.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(fields, [("x-timestamp", &b"12.5"[..])]);
        assert_eq!(passed.body(), part.body());
    }

    #[test]
    fn a_picture_is_told_by_its_bytes() {
        let part = decoded("Content-Type: application/octet-stream", include_bytes!("../../src/picture/dot.jpg"));
        let passed = allowed(Item::Part(part)).unwrap();
        assert_eq!(passed.content_type(), &"image/jpeg");
    }

    #[test]
    fn what_runs_in_a_browser_does_not_pass() {
        for active in ["text/html", "image/svg+xml", "application/xml", "application/pdf", "text/plain", "image/x-none"]
        {
            let part = decoded(&format!("Content-Type: {active}"), b"<script>");
            assert_eq!(allowed(Item::Part(part)), Err(Refused::NoPicture(active.to_owned())));
        }
    }
}
