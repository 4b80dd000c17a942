//! One of several servers with the same picture: a part published on one node reaches the viewers of every node.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use mixed_replace::hub::PublishError;
use mixed_replace::{Hub, Part, Publisher, hub};
use tokio::sync::{mpsc, watch};

use crate::backplane::{self, Event, MAX_MESSAGE, Outlet};
use crate::broker::Broker;
use crate::envelope::Envelope;
use crate::sources::Sources;

/// A handle to a node.
#[derive(Clone, Debug)]
pub struct Node {
    /// The hub of this node's viewers.
    pub hub: Hub,
    publisher: Arc<Publisher>,
    /// The latest part published here, for the broker. Not a queue: when the broker is slow or unreachable, only the latest
    /// part is worth sending.
    outbox: watch::Sender<Option<Bytes>>,
    origin: u64,
    status: Arc<Mutex<Status>>,
}

/// The state of a node, for display.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Whether the broker is connected.
    pub connected: bool,
    /// The last problem.
    pub problem: Option<String>,
    /// The number of parts published on this node.
    pub published: u64,
    /// Published parts that were sent to the broker. The others were replaced while it was slow or unreachable.
    pub sent: u64,
    /// The number of newer parts received from other nodes.
    pub received: u64,
    /// Messages that were not a newer picture.
    pub ignored: u64,
    /// The time from publishing to receiving the last part, if both clocks are right.
    pub transit: Option<Duration>,
    /// Origin and sequence of the last received part.
    last: Option<(u64, u64)>,
    sources: Sources,
    /// The largest packet that the broker accepts, in bytes.
    limit: Option<u32>,
    /// The message about the last part if it was larger.
    too_large: Option<String>,
}

impl Status {
    /// Logs a problem once until it changes.
    fn report(&mut self, problem: String) {
        if self.problem.as_ref() != Some(&problem) {
            eprintln!("{problem}");
            self.problem = Some(problem);
        }
    }
}

impl Node {
    /// Connects to the broker, and reconnects after each loss.
    #[must_use]
    pub fn start(broker: &Broker, topic: &str) -> Self {
        let (publisher, hub) = hub::builder().name(topic).build();
        let (outbox, latest) = watch::channel(None);
        let origin = RandomState::new().hash_one(0_u8);
        let status = Arc::default();
        let node = Self { hub, publisher: Arc::new(publisher), outbox, origin, status };
        let (outlet, events) = backplane::connect(broker, topic, origin);
        tokio::spawn(node.clone().send(latest, outlet, topic.to_owned()));
        tokio::spawn(node.clone().receive(events, topic.to_owned()));
        node
    }

    /// Publishes a part to the viewers of every node. While the broker is unreachable, only those of this node get it.
    pub fn publish(&self, part: Part) {
        let sequence = {
            let mut status = self.lock();
            status.published += 1;
            status.sources.observe(self.origin);
            status.published
        };
        let time = part.captured().unwrap_or_else(SystemTime::now);
        let envelope = Envelope { origin: self.origin, sequence, time, part };
        let encoded = envelope.encode();
        // A part that this hub refuses passes on the other nodes, whose boundaries differ.
        let _ = self.publish_here(envelope);
        self.outbox.send_replace(Some(encoded));
    }

    /// Returns the state, for display.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut status = self.lock().clone();
        let mixed = "several nodes publish to this topic; stop all but one of them";
        let mixed = status.sources.alternate().then(|| mixed.to_owned());
        status.problem = status.problem.or_else(|| status.too_large.take()).or(mixed);
        status
    }

    /// Publishes a part to the viewers of this node. Fails if the part contains this hub's boundary, or the hub is closed.
    fn publish_here(&self, envelope: Envelope) -> Result<(), PublishError> {
        self.publisher.publish(envelope.part.captured_at(envelope.time).with_sequence(envelope.sequence))
    }

    /// Sends the latest part to the broker whenever the broker accepts one.
    async fn send(self, mut latest: watch::Receiver<Option<Bytes>>, mut outlet: Outlet, topic: String) {
        while latest.changed().await.is_ok() {
            let Some(payload) = latest.borrow_and_update().clone() else { continue };
            if !self.fits(payload.len() + topic.len() + OVERHEAD) {
                continue;
            }
            if outlet.send(&topic, payload).await {
                self.lock().sent += 1;
            }
        }
    }

    /// Returns `true` if a packet can be sent. If the broker is unreachable, the next connection starts with the latest part.
    fn fits(&self, size: usize) -> bool {
        let mut status = self.lock();
        let limit = status.limit.unwrap_or(MAX_MESSAGE).min(MAX_MESSAGE) as usize;
        let too_large = status.connected && size > limit;
        let problem =
            too_large.then(|| format!("a part of {size} bytes stays on this node: the broker accepts at most {limit}"));
        if let (Some(problem), None) = (&problem, &status.too_large) {
            eprintln!("{problem}");
        }
        status.too_large = problem;
        status.connected && !too_large
    }

    /// Handles what comes from the broker.
    async fn receive(self, mut events: mpsc::Receiver<Event>, topic: String) {
        while let Some(event) = events.recv().await {
            match event {
                Event::Connected { limit } => self.on_connected(limit),
                Event::Lost(problem) => {
                    let mut status = self.lock();
                    status.connected = false;
                    status.report(problem);
                }
                Event::Problem(problem) => self.lock().report(problem),
                Event::Part { name, payload, retained } => {
                    if name != topic || self.accept(payload, retained).is_none() {
                        self.lock().ignored += 1;
                    }
                }
            }
        }
    }

    /// Publishes a received picture, or returns `None` if the message is not a new picture.
    fn accept(&self, payload: Bytes, retained: bool) -> Option<()> {
        let envelope = Envelope::decode(payload)?;
        let (origin, sequence) = (envelope.origin, envelope.sequence);
        // Redis returns a node's own messages to it.
        if origin == self.origin && !retained {
            return Some(());
        }
        // The broker sends the retained part again on each connection.
        let repeated = retained && self.lock().last.is_some_and(|last| last.0 == origin && last.1 >= sequence);
        if repeated || origin == self.origin {
            return None;
        }
        let time = envelope.time;
        self.publish_here(envelope).ok()?;
        let mut status = self.lock();
        status.last = Some((origin, sequence));
        status.received += 1;
        if !retained {
            status.sources.observe(origin);
            status.transit = SystemTime::now().duration_since(time).ok();
        }
        Some(())
    }

    fn on_connected(&self, limit: Option<u32>) {
        let mut status = self.lock();
        status.connected = true;
        status.problem = None;
        status.limit = limit;
        drop(status);
        eprintln!("connected to the broker");
        // The broker may have lost the latest part.
        self.outbox.send_modify(|_| {});
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The largest size of MQTT's header and properties.
const OVERHEAD: usize = 16;
