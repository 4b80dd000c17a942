//! One of several servers that show the same: what is published on any of them reaches the viewers of all.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderName, HeaderValue};
use bytes::Bytes;
use mixed_replace::Part;
use mixed_replace::hub::{self, Hub, Publisher};
use rumqttc::NetworkOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, Filter, Packet, Publish, Subscribe};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Request};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::broker::Broker;
use crate::envelope::Envelope;
use crate::pauses::Pauses;

#[derive(Clone)]
pub(crate) struct Node {
    /// Where viewers come to.
    pub(crate) hub: Hub,
    publisher: Arc<Publisher>,
    /// The last part that was published here, for the broker. One, not a queue: when the broker is slow or away, only the
    /// latest is worth sending.
    outbox: watch::Sender<Option<Bytes>>,
    origin: u64,
    status: Arc<Mutex<Status>>,
}

/// What an app shows beside the picture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(crate) connected: bool,
    /// What went wrong last.
    pub(crate) problem: Option<String>,
    pub(crate) published: u64,
    pub(crate) received: u64,
    /// What came and was no newer picture.
    pub(crate) ignored: u64,
    /// From being published to being here, if both clocks are right.
    pub(crate) transit: Option<Duration>,
    /// Origin and sequence of what came last.
    last: Option<(u64, u64)>,
    /// In bytes, what the broker takes.
    limit: Option<u32>,
}

impl Node {
    /// Connects, now and whenever it has to.
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

    /// Shows a part to the viewers of all nodes; to those of this one also while the broker is away.
    pub(crate) fn publish(&self, part: Part) {
        let sequence = {
            let mut status = self.lock();
            status.published += 1;
            status.published
        };
        let time = SystemTime::now();
        let envelope = Envelope { origin: self.origin, sequence, time, part: part.clone() };
        self.show(part, time);
        self.outbox.send_replace(Some(envelope.encode()));
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().clone()
    }

    fn show(&self, part: Part, time: SystemTime) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let stamp = format!("{}.{:06}", since.as_secs(), since.subsec_micros());
        let stamp = HeaderValue::try_from(stamp).ok();
        let stamped = stamp.and_then(|stamp| part.clone().header(HeaderName::from_static("x-timestamp"), stamp).ok());
        // A closed hub has no viewers left to be sorry for.
        let _ = self.publisher.publish(stamped.unwrap_or(part));
    }

    /// Hands the latest part to the broker, as often as that takes one.
    async fn send(self, mut latest: watch::Receiver<Option<Bytes>>, client: AsyncClient, topic: String) {
        while latest.changed().await.is_ok() {
            let Some(payload) = latest.borrow_and_update().clone() else { continue };
            let limit = self.lock().limit.unwrap_or(MAX_PACKET).min(MAX_PACKET) as usize;
            let size = payload.len() + topic.len() + OVERHEAD;
            if size > limit {
                self.say(format!("a part of {size} bytes stays here: the broker takes {limit}"));
                continue;
            }
            // Retained, so that a node that comes later has a picture at once; unacknowledged, because the next is better
            // than this one again.
            if client.publish_bytes(&topic, QoS::AtMostOnce, true, payload).await.is_err() {
                return;
            }
        }
    }

    /// Takes whatever the broker sends, at once: what is not taken, it would have to queue or drop.
    async fn receive(self, mut events: EventLoop, topic: String) {
        let mut pauses = Pauses::new();
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(answer))) => {
                    pauses.reset();
                    self.is_connected(&answer);
                    let filter = Filter { nolocal: true, ..Filter::new(&topic, QoS::AtMostOnce) };
                    events.pending.push_front(Request::Subscribe(Subscribe::new(filter, None)));
                    // The broker may have forgotten what it retained.
                    self.outbox.send_modify(|_| {});
                }
                Ok(Event::Incoming(Packet::Publish(message))) => self.take(message),
                Ok(_) => {}
                Err(error) => {
                    let refused = matches!(error, ConnectionError::ConnectionRefused(_));
                    self.is_lost(&error);
                    sleep(if refused { pauses.long_pause() } else { pauses.pause() }).await;
                }
            }
        }
    }

    fn take(&self, message: Publish) {
        let Some(envelope) = Envelope::decode(message.payload) else {
            self.lock().ignored += 1;
            return;
        };
        {
            let mut status = self.lock();
            let (origin, sequence) = (envelope.origin, envelope.sequence);
            // The retained part comes again with each connection.
            let known = status.last.is_some_and(|last| last.0 == origin && last.1 >= sequence);
            if known || origin == self.origin {
                status.ignored += 1;
                return;
            }
            status.last = Some((origin, sequence));
            status.received += 1;
            status.transit = SystemTime::now().duration_since(envelope.time).ok();
        }
        self.show(envelope.part, envelope.time);
    }

    fn is_connected(&self, answer: &ConnAck) {
        let mut status = self.lock();
        status.connected = true;
        status.problem = None;
        status.limit = answer.properties.as_ref().and_then(|properties| properties.max_packet_size);
        drop(status);
        eprintln!("connected to the broker");
    }

    fn is_lost(&self, error: &ConnectionError) {
        self.lock().connected = false;
        self.say(match error {
            ConnectionError::ConnectionRefused(why) => format!("the broker refuses us: {why:?}"),
            error => format!("the broker is away: {error}"),
        });
    }

    /// What does not change is said once.
    fn say(&self, problem: String) {
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
    // Else the end of a part may wait for an acknowledgement of its begin.
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    options.set_keep_alive(Duration::from_secs(5));
    options.set_clean_start(true);
    options.set_pending_throttle(Duration::ZERO);
    // The library's own limit of 10 kB is below most pictures, and ends the connection.
    options.set_max_packet_size(Some(MAX_PACKET));
    options
}

/// As much as the largest part that a decoder takes, and what stands before it.
const MAX_PACKET: u32 = 16 * 1024 * 1024 + 1024;
/// MQTT's own header and properties, at most.
const OVERHEAD: usize = 16;
