//! One of several servers that show the same: what is published on any of them reaches the viewers of all.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderName, HeaderValue};
use bytes::Bytes;
use mixed_replace::Part;
use mixed_replace::hub::{self, Hub, PublishError, Publisher};
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
    /// How many of these the broker was given: the others came while it was away, or busy with the one before.
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// What came and was no newer picture.
    pub(crate) ignored: u64,
    /// From being published to being here, if both clocks are right.
    pub(crate) transit: Option<Duration>,
    /// Origin and sequence of what came last.
    last: Option<(u64, u64)>,
    sources: Sources,
    /// In bytes, what the broker takes.
    limit: Option<u32>,
    /// What to say of the last part, if it was more.
    too_large: Option<String>,
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
            status.sources.saw(self.origin);
            status.published
        };
        let time = SystemTime::now();
        let envelope = Envelope { origin: self.origin, sequence, time, part: part.clone() };
        // One that this hub refuses is refused by none of the others: their boundaries are others.
        let _ = self.show(part, time);
        self.outbox.send_replace(Some(envelope.encode()));
    }

    pub(crate) fn status(&self) -> Status {
        let mut status = self.lock().clone();
        let mixed = "several nodes publish to this topic, and viewers see them by turns";
        let mixed = status.sources.take_turns().then(|| mixed.to_owned());
        status.problem = status.problem.or_else(|| status.too_large.take()).or(mixed);
        status
    }

    /// Fails if the part holds what separates this hub's parts, or the hub is closed.
    fn show(&self, mut part: Part, time: SystemTime) -> Result<(), PublishError> {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let stamp = format!("{}.{:06}", since.as_secs(), since.subsec_micros());
        if let Ok(stamp) = HeaderValue::try_from(stamp) {
            // A part that has no room for it is shown without.
            let _ = part.insert_header(HeaderName::from_static("x-timestamp"), stamp);
        }
        self.publisher.publish(part)
    }

    /// Hands the latest part to the broker, as often as that takes one.
    async fn send(self, mut latest: watch::Receiver<Option<Bytes>>, client: AsyncClient, topic: String) {
        while latest.changed().await.is_ok() {
            let Some(payload) = latest.borrow_and_update().clone() else { continue };
            if !self.fits(payload.len() + topic.len() + OVERHEAD) {
                continue;
            }
            // Retained, so that a node that comes later has a picture at once; unacknowledged, because the next is better
            // than this one again.
            if client.publish_bytes(&topic, QoS::AtMostOnce, true, payload).await.is_err() {
                return;
            }
            self.lock().sent += 1;
        }
    }

    /// Whether a packet can go to the broker. If not, because that is away: the next connection begins with the latest part.
    fn fits(&self, size: usize) -> bool {
        let mut status = self.lock();
        let limit = status.limit.unwrap_or(MAX_PACKET).min(MAX_PACKET) as usize;
        let too_large = status.connected && size > limit;
        let problem = too_large.then(|| format!("a part of {size} bytes stays here: the broker takes {limit}"));
        if let (Some(problem), None) = (&problem, &status.too_large) {
            eprintln!("{problem}");
        }
        status.too_large = problem;
        status.connected && !too_large
    }

    /// Connects to the broker, again and again.
    async fn receive(self, mut events: EventLoop, topic: String) {
        let mut pauses = Pauses::new();
        loop {
            let begin = Instant::now();
            let problem = self.take_all(&mut events, &topic).await;
            if begin.elapsed() > STEADY {
                pauses.reset();
            }
            if matches!(problem, Some(ConnectionError::ConnectionRefused(_))) {
                pauses.begin_long();
            } else {
                pauses.begin();
            }
            self.is_lost(problem.as_ref());
            sleep_until(pauses.end()).await;
            // A part that was on its way is old by now.
            events.clean();
            events.pending.clear();
        }
    }

    /// Takes whatever the broker sends, at once: what is not taken, it would have to queue or drop. Ends without an error if
    /// the connection hangs.
    async fn take_all(&self, events: &mut EventLoop, topic: &str) -> Option<ConnectionError> {
        loop {
            // Never silent for so long, for there are pings; but the library waits without end to write to a broker that
            // has stopped reading.
            let event = match timeout(SILENCE, events.poll()).await {
                Ok(Ok(event)) => event,
                Ok(Err(error)) => return Some(error),
                Err(_) => return None,
            };
            match event {
                Event::Incoming(Packet::ConnAck(answer)) => {
                    self.is_connected(&answer);
                    let filter = Filter { nolocal: true, ..Filter::new(topic, QoS::AtMostOnce) };
                    events.pending.push_front(Request::Subscribe(Subscribe::new(filter, None)));
                    // The broker may have forgotten what it retained.
                    self.outbox.send_modify(|_| {});
                }
                Event::Incoming(Packet::Publish(message)) => self.take(message),
                Event::Incoming(Packet::SubAck(answer)) => self.is_subscribed(&answer, topic),
                _ => {}
            }
        }
    }

    fn take(&self, message: Publish) {
        if self.accept(message).is_none() {
            self.lock().ignored += 1;
        }
    }

    /// `None` if it is no picture, or none that is new.
    fn accept(&self, message: Publish) -> Option<()> {
        let envelope = Envelope::decode(message.payload)?;
        let (origin, sequence) = (envelope.origin, envelope.sequence);
        // The retained part comes again with each connection.
        let again = message.retain && self.lock().last.is_some_and(|last| last.0 == origin && last.1 >= sequence);
        if again || origin == self.origin {
            return None;
        }
        self.show(envelope.part, envelope.time).ok()?;
        let mut status = self.lock();
        status.last = Some((origin, sequence));
        status.received += 1;
        if !message.retain {
            status.sources.saw(origin);
            status.transit = SystemTime::now().duration_since(envelope.time).ok();
        }
        Some(())
    }

    fn is_connected(&self, answer: &ConnAck) {
        let mut status = self.lock();
        status.connected = true;
        status.problem = None;
        status.limit = answer.properties.as_ref().and_then(|properties| properties.max_packet_size);
        drop(status);
        eprintln!("connected to the broker");
    }

    fn is_subscribed(&self, answer: &SubAck, topic: &str) {
        for code in &answer.return_codes {
            if !matches!(code, SubscribeReasonCode::Success(_)) {
                self.say(format!("the broker does not let us read {topic}: {code:?}"));
            }
        }
    }

    fn is_lost(&self, error: Option<&ConnectionError>) {
        self.lock().connected = false;
        self.say(match error {
            Some(ConnectionError::ConnectionRefused(why)) => format!("the broker refuses us: {why:?}"),
            Some(error) => format!("the broker is away: {error}"),
            None => "the broker is away: it has stopped reading".to_owned(),
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
    options.set_keep_alive(PING);
    options.set_clean_start(true);
    options.set_pending_throttle(Duration::ZERO);
    // The library's own limit of 10 kB is below most pictures, and ends the connection.
    options.set_max_packet_size(Some(MAX_PACKET));
    options
}

/// As much as the largest part that a decoder takes, and what stands before it.
const MAX_PACKET: u32 = 16 * 1024 * 1024 + 1024;
/// More than two pings, of which there is one in [`PING`].
const SILENCE: Duration = Duration::from_secs(12);
const PING: Duration = Duration::from_secs(5);
/// A connection that has lasted for so long was no accident.
const STEADY: Duration = Duration::from_secs(10);
/// MQTT's own header and properties, at most.
const OVERHEAD: usize = 16;
