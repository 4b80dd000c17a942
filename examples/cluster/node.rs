//! One of several servers with the same picture: a part published on one node reaches the viewers of every node.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderName, HeaderValue};
use bytes::Bytes;
use mixed_replace::hub::PublishError;
use mixed_replace::{Hub, Part, Publisher, hub};
use rumqttc::NetworkOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, Filter, Packet, Publish, SubAck, Subscribe, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Request};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::broker::Broker;
use crate::envelope::Envelope;
use crate::pauses::Pauses;
use crate::sources::Sources;

#[derive(Clone)]
pub(crate) struct Node {
    /// The hub of this node's viewers.
    pub(crate) hub: Hub,
    publisher: Arc<Publisher>,
    /// The latest part published here, for the broker. Not a queue: when the broker is slow or unreachable, only the latest
    /// part is worth sending.
    outbox: watch::Sender<Option<Bytes>>,
    origin: u64,
    status: Arc<Mutex<Status>>,
}

/// The state of a node, for display.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(crate) connected: bool,
    /// The last problem.
    pub(crate) problem: Option<String>,
    pub(crate) published: u64,
    /// Published parts that were sent to the broker. The others were replaced while it was slow or unreachable.
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Messages that were not a newer picture.
    pub(crate) ignored: u64,
    /// The time from publishing to receiving the last part, if both clocks are right.
    pub(crate) transit: Option<Duration>,
    /// Origin and sequence of the last received part.
    last: Option<(u64, u64)>,
    sources: Sources,
    /// The largest packet that the broker accepts, in bytes.
    limit: Option<u32>,
    /// The message about the last part if it was larger.
    too_large: Option<String>,
}

impl Node {
    /// Connects to the broker, and reconnects after each loss.
    pub(crate) fn start(broker: &Broker, topic: &str) -> Self {
        let (publisher, hub) = hub::channel();
        let (outbox, latest) = watch::channel(None);
        let origin = RandomState::new().hash_one(0_u8);
        let status = Arc::default();
        let node = Self { hub, publisher: Arc::new(publisher), outbox, origin, status };
        let (client, events) = AsyncClient::new(options(broker, origin), 1);
        tokio::spawn(node.clone().send(latest, client, topic.to_owned()));
        tokio::spawn(node.clone().receive(events, topic.to_owned()));
        node
    }

    /// Publishes a part to the viewers of every node. While the broker is unreachable, only those of this node get it.
    pub(crate) fn publish(&self, part: Part) {
        let sequence = {
            let mut status = self.lock();
            status.published += 1;
            status.sources.observe(self.origin);
            status.published
        };
        let time = SystemTime::now();
        let envelope = Envelope { origin: self.origin, sequence, time, part: part.clone() };
        // A part that this hub refuses passes on the other nodes, whose boundaries differ.
        let _ = self.publish_here(part, time);
        self.outbox.send_replace(Some(envelope.encode()));
    }

    pub(crate) fn status(&self) -> Status {
        let mut status = self.lock().clone();
        let mixed = "several nodes publish to this topic; stop all but one of them";
        let mixed = status.sources.alternate().then(|| mixed.to_owned());
        status.problem = status.problem.or_else(|| status.too_large.take()).or(mixed);
        status
    }

    /// Publishes a part to the viewers of this node. Fails if the part contains this hub's boundary, or the hub is closed.
    fn publish_here(&self, mut part: Part, time: SystemTime) -> Result<(), PublishError> {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let stamp = format!("{}.{:06}", since.as_secs(), since.subsec_micros());
        if let Ok(stamp) = HeaderValue::try_from(stamp) {
            // A part without room for the field is published without it.
            let _ = part.insert_header(HeaderName::from_static("x-timestamp"), stamp);
        }
        self.publisher.publish(part)
    }

    /// Sends the latest part to the broker whenever the broker accepts one.
    async fn send(self, mut latest: watch::Receiver<Option<Bytes>>, client: AsyncClient, topic: String) {
        while latest.changed().await.is_ok() {
            let Some(payload) = latest.borrow_and_update().clone() else { continue };
            if !self.fits(payload.len() + topic.len() + OVERHEAD) {
                continue;
            }
            // Retained, so that a later node has a picture at once. Unacknowledged, because the next part is better than a
            // repeated one.
            if client.publish_bytes(&topic, QoS::AtMostOnce, true, payload).await.is_err() {
                return;
            }
            self.lock().sent += 1;
        }
    }

    /// Returns `true` if a packet can be sent. If the broker is unreachable, the next connection starts with the latest part.
    fn fits(&self, size: usize) -> bool {
        let mut status = self.lock();
        let limit = status.limit.unwrap_or(MAX_PACKET).min(MAX_PACKET) as usize;
        let too_large = status.connected && size > limit;
        let problem =
            too_large.then(|| format!("a part of {size} bytes stays on this node: the broker accepts at most {limit}"));
        if let (Some(problem), None) = (&problem, &status.too_large) {
            eprintln!("{problem}");
        }
        status.too_large = problem;
        status.connected && !too_large
    }

    /// Connects to the broker and receives, reconnecting after a pause.
    async fn receive(self, mut events: EventLoop, topic: String) {
        let mut pauses = Pauses::new();
        loop {
            let start = Instant::now();
            let problem = self.receive_all(&mut events, &topic).await;
            if start.elapsed() > STEADY {
                pauses.reset();
            }
            if matches!(problem, Some(ConnectionError::ConnectionRefused(_))) {
                pauses.begin_long();
            } else {
                pauses.begin();
            }
            self.on_lost(problem.as_ref());
            sleep_until(pauses.end()).await;
            // Unsent parts are out of date by now.
            events.clean();
            events.pending.clear();
        }
    }

    /// Receives messages without delay, because the broker would have to queue or drop them. Returns `None` if the connection
    /// stalls.
    async fn receive_all(&self, events: &mut EventLoop, topic: &str) -> Option<ConnectionError> {
        loop {
            // Pings keep a live connection from being silent for this long. Without the timeout, the library waits for ever
            // to write to a broker that has stopped reading.
            let event = match timeout(SILENCE, events.poll()).await {
                Ok(Ok(event)) => event,
                Ok(Err(error)) => return Some(error),
                Err(_) => return None,
            };
            match event {
                Event::Incoming(Packet::ConnAck(answer)) => {
                    self.on_connected(&answer);
                    let filter = Filter { nolocal: true, ..Filter::new(topic, QoS::AtMostOnce) };
                    events.pending.push_front(Request::Subscribe(Subscribe::new(filter, None)));
                    // The broker may have lost the retained part.
                    self.outbox.send_modify(|_| {});
                }
                Event::Incoming(Packet::Publish(message)) => self.on_message(message),
                Event::Incoming(Packet::SubAck(answer)) => self.on_subscribed(&answer, topic),
                _ => {}
            }
        }
    }

    fn on_message(&self, message: Publish) {
        if self.accept(message).is_none() {
            self.lock().ignored += 1;
        }
    }

    /// Publishes a received picture, or returns `None` if the message is not a new picture.
    fn accept(&self, message: Publish) -> Option<()> {
        let envelope = Envelope::decode(message.payload)?;
        let (origin, sequence) = (envelope.origin, envelope.sequence);
        // The broker sends the retained part again on each connection.
        let repeated = message.retain && self.lock().last.is_some_and(|last| last.0 == origin && last.1 >= sequence);
        if repeated || origin == self.origin {
            return None;
        }
        self.publish_here(envelope.part, envelope.time).ok()?;
        let mut status = self.lock();
        status.last = Some((origin, sequence));
        status.received += 1;
        if !message.retain {
            status.sources.observe(origin);
            status.transit = SystemTime::now().duration_since(envelope.time).ok();
        }
        Some(())
    }

    fn on_connected(&self, answer: &ConnAck) {
        let mut status = self.lock();
        status.connected = true;
        status.problem = None;
        status.limit = answer.properties.as_ref().and_then(|properties| properties.max_packet_size);
        drop(status);
        eprintln!("connected to the broker");
    }

    fn on_subscribed(&self, answer: &SubAck, topic: &str) {
        for code in &answer.return_codes {
            if !matches!(code, SubscribeReasonCode::Success(_)) {
                self.report(format!("the broker refuses the subscription to {topic}: {code:?}"));
            }
        }
    }

    fn on_lost(&self, error: Option<&ConnectionError>) {
        self.lock().connected = false;
        self.report(match error {
            Some(ConnectionError::ConnectionRefused(code)) => format!("the broker refuses the connection: {code:?}"),
            Some(error) => format!("the broker is unreachable: {error}"),
            None => "the broker is unreachable: it has stopped reading".to_owned(),
        });
    }

    /// Logs a problem once until it changes.
    fn report(&self, problem: String) {
        let mut status = self.lock();
        if status.problem.as_ref() != Some(&problem) {
            eprintln!("{problem}");
            status.problem = Some(problem);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn options(broker: &Broker, origin: u64) -> MqttOptions {
    let mut options = MqttOptions::new(format!("mixed-replace-{origin:016x}"), &broker.host, broker.port);
    if let Some((user, password)) = &broker.login {
        options.set_credentials(user, password);
    }
    let mut network = NetworkOptions::new();
    // Otherwise the end of a part may wait for the acknowledgement of its start.
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    options.set_keep_alive(PING);
    options.set_clean_start(true);
    options.set_pending_throttle(Duration::ZERO);
    // The library's default of 10 kB is smaller than most pictures, and exceeding it ends the connection.
    options.set_max_packet_size(Some(MAX_PACKET));
    options
}

/// The largest part that a decoder accepts by default, and its envelope.
const MAX_PACKET: u32 = 16 * 1024 * 1024 + 1024;
/// More than two ping intervals.
const SILENCE: Duration = Duration::from_secs(12);
const PING: Duration = Duration::from_secs(5);
/// A connection that has lasted this long counts as stable.
const STEADY: Duration = Duration::from_secs(10);
/// The largest size of MQTT's header and properties.
const OVERHEAD: usize = 16;
