//! A hub that is fed over one connection to a camera while somebody watches.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mixed_replace::hub::PublishError;
use mixed_replace::{Hub, InvalidPart, Part, Publisher, hub, jpeg};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::address::Address;
use crate::connect::{self, Item, Problem};
use crate::pauses::Pauses;

/// A camera with its hub and its status.
#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) name: Arc<str>,
    pub(crate) hub: Hub,
    status: Arc<Mutex<Status>>,
}

/// The status of a camera, to be shown next to its picture.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// The last error. `None` once pictures arrive again.
    pub(crate) problem: Option<String>,
    /// The number of connections opened so far.
    pub(crate) connections: u64,
    /// The number of damaged pictures, which are left out.
    pub(crate) damaged: u64,
    /// The number of parts that are neither JPEG nor PNG, which are left out.
    pub(crate) refused: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    /// Nobody watches, so the camera is not connected.
    Asleep,
    Connecting,
    Live,
    /// The connection failed; the next attempt follows at `until`.
    Waiting {
        until: Instant,
    },
}

impl Relay {
    /// Starts a relay, which connects when the first viewer arrives. [`Hub::close`] stops it.
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

    /// Stays connected from the first viewer until the hub's linger after the last one.
    async fn run(self, camera: Address, publisher: Publisher) {
        let demand = publisher.demand();
        let mut pauses = Pauses::new();
        while demand.wanted().await {
            tokio::select! {
                // Dropping `feed` closes the connection.
                () = demand.unwanted() => self.lock().state = State::Asleep,
                never = self.feed(&camera, &publisher, &mut pauses) => match never {},
            }
        }
    }

    async fn feed(&self, camera: &Address, publisher: &Publisher, pauses: &mut Pauses) -> Infallible {
        loop {
            // A pause outlives its viewers, so that a page that is reloaded often does not contact the camera as often.
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
            // Some cameras close their stream every few seconds; they are asked again at once.
            if self.lock().state == State::Live {
                pauses.reset();
            }
            if problem.permanent {
                pauses.begin_long()
            } else {
                pauses.begin()
            }
            self.set_problem(problem.text);
        }
    }

    /// Publishes the pictures of one connection until it fails.
    async fn once(&self, camera: &Address, publisher: &Publisher) -> Result<Infallible, Problem> {
        let stalled = format!("no picture for {} seconds", PATIENCE.as_secs());
        let opening = timeout(PATIENCE, connect::open(camera)).await;
        let mut input = opening.map_err(|_| Problem::transient(&*stalled))??;
        // Measured between pictures rather than bytes, so that a camera that drips bytes is given up too.
        let mut deadline = Instant::now() + PATIENCE;
        let mut received_instead = None;
        loop {
            let item = timeout_at(deadline.min(Instant::now() + COUNT), input.next()).await;
            let skipped = input.skipped();
            if skipped > 0 {
                self.leave_out(skipped, None);
                received_instead = Some("it sends only damaged pictures".to_owned());
            }
            let item = match item {
                Ok(Some(item)) => item?,
                Ok(None) => return Err(Problem::transient("its stream has ended")),
                Err(_) if Instant::now() < deadline => continue,
                Err(_) => return Err(Problem::transient(received_instead.unwrap_or(stalled))),
            };
            let picture = match allowed(item) {
                Ok(picture) => picture,
                Err(Refused::Damaged(error)) => {
                    received_instead = Some(format!("it sends only damaged pictures: {error}"));
                    self.leave_out(1, Some(error));
                    continue;
                }
                Err(Refused::NoPicture(content_type)) => {
                    self.lock().refused += 1;
                    received_instead = Some(format!("it sends {content_type} instead of JPEG or PNG pictures"));
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
            received_instead = None;
            self.set_live();
        }
    }

    /// Counts damaged pictures and logs the 1st, the 10th, the 100th and so on.
    fn leave_out(&self, pictures: u64, error: Option<InvalidPart>) {
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

    fn set_live(&self) {
        let mut status = self.lock();
        if status.state != State::Live {
            status.state = State::Live;
            status.problem = None;
            drop(status);
            eprintln!("{}: live", self.name);
        }
    }

    fn set_problem(&self, problem: String) {
        let mut status = self.lock();
        // A problem that persists is logged once.
        if status.problem.as_ref() != Some(&problem) {
            eprintln!("{}: {problem}", self.name);
            status.problem = Some(problem);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason why an item is not published.
#[derive(Debug, PartialEq)]
enum Refused {
    Damaged(InvalidPart),
    /// The item is neither JPEG nor PNG but of this type.
    NoPicture(String),
}

/// Returns the part to publish: the picture and its time.
///
/// A camera is not trusted with the viewers' browsers. No other type and no other header field passes, and the type is told
/// by the body and not by `Content-Type`.
fn allowed(item: Item) -> Result<Part, Refused> {
    let part = match item {
        // UVC webcams omit the Huffman tables.
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
/// The time without a picture after which a connection is given up.
const PATIENCE: Duration = Duration::from_secs(15);
/// The time without a picture after which viewers see "no signal".
const STALE: Duration = Duration::from_secs(5);
/// The interval at which damaged pictures are counted while no picture arrives.
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
    fn passes_only_the_picture_and_its_time() {
        let headers = "Content-Type: image/png\r\nX-Timestamp: 12.5\r\nX-Camera: Yard\r\nSet-Cookie: a=b\r\nRefresh: 0";
        let part = decoded(headers, include_bytes!("../../src/picture/dot.png"));
        let passed = allowed(Item::Part(part.clone())).unwrap();
        assert_eq!(passed.content_type(), &"image/png");
        let fields: Vec<_> = passed.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(fields, [("x-timestamp", &b"12.5"[..])]);
        assert_eq!(passed.body(), part.body());
    }

    #[test]
    fn type_is_told_by_the_bytes() {
        let part = decoded("Content-Type: application/octet-stream", include_bytes!("../../src/picture/dot.jpg"));
        let passed = allowed(Item::Part(part)).unwrap();
        assert_eq!(passed.content_type(), &"image/jpeg");
    }

    #[test]
    fn rejects_active_types() {
        for active in ["text/html", "image/svg+xml", "application/xml", "application/pdf", "text/plain", "image/x-none"]
        {
            let part = decoded(&format!("Content-Type: {active}"), b"<script>");
            assert_eq!(allowed(Item::Part(part)), Err(Refused::NoPicture(active.to_owned())));
        }
    }
}
