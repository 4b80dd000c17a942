//! MQTT 5: messages are retained, with QoS 0.

use std::time::Duration;

use bytes::Bytes;
use rumqttc::NetworkOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, Subscribe, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, ConnectionError, Event as Incoming, EventLoop, MqttOptions, Request};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::backplane::{self, Event, Lost, MAX_MESSAGE, PING, SILENCE};
use crate::broker::Broker;

pub(crate) struct Outlet(AsyncClient);

pub(crate) struct Session {
    events: EventLoop,
    topic: String,
}

pub(crate) fn session(broker: &Broker, topic: &str, origin: u64) -> (Outlet, Session) {
    let (client, events) = AsyncClient::new(options(broker, origin), 1);
    (Outlet(client), Session { events, topic: topic.to_owned() })
}

impl Outlet {
    pub(crate) async fn send(&mut self, topic: &str, payload: Bytes) -> bool {
        // Retained, so that a later node has a picture at once. Unacknowledged, because the next part is better than a
        // repeated one.
        self.0.publish_bytes(topic, QoS::AtMostOnce, true, payload).await.is_ok()
    }
}

impl backplane::Session for Session {
    async fn run(&mut self, events: &mpsc::Sender<Event>) -> Lost {
        // Unsent parts of an earlier connection are out of date by now.
        self.events.clean();
        self.events.pending.clear();
        loop {
            // Pings keep a live connection from being silent for this long. Without the timeout, the library waits for ever
            // to write to a broker that has stopped reading.
            let event = match timeout(SILENCE, self.events.poll()).await {
                Ok(Ok(event)) => event,
                Ok(Err(ConnectionError::ConnectionRefused(code))) => {
                    return Lost { problem: format!("the broker refuses the connection: {code:?}"), refused: true };
                }
                Ok(Err(error)) => {
                    return Lost { problem: format!("the broker is unreachable: {error}"), refused: false };
                }
                Err(_) => {
                    return Lost {
                        problem: "the broker is unreachable: it has stopped reading".to_owned(),
                        refused: false,
                    };
                }
            };
            let event = match event {
                Incoming::Incoming(Packet::ConnAck(answer)) => {
                    let filter = Filter { nolocal: true, ..Filter::new(&self.topic, QoS::AtMostOnce) };
                    self.events.pending.push_front(Request::Subscribe(Subscribe::new(filter, None)));
                    let limit = answer.properties.as_ref().and_then(|properties| properties.max_packet_size);
                    Event::Connected { limit }
                }
                Incoming::Incoming(Packet::Publish(message)) => Event::Part {
                    name: String::from_utf8_lossy(&message.topic).into_owned(),
                    payload: message.payload,
                    retained: message.retain,
                },
                Incoming::Incoming(Packet::SubAck(answer)) => {
                    let refused = |code: &&SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
                    let Some(code) = answer.return_codes.iter().find(refused) else { continue };
                    Event::Problem(format!("the broker refuses the subscription to {}: {code:?}", self.topic))
                }
                _ => continue,
            };
            if events.send(event).await.is_err() {
                return Lost { problem: "the node has ended".to_owned(), refused: false };
            }
        }
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
    options.set_max_packet_size(Some(MAX_MESSAGE));
    options
}
