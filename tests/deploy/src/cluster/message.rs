//! Messages from other clients of the broker.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rumqttc::{Client, Event, MqttOptions, Outgoing, Packet, QoS};

use crate::cluster::{Broker, TOPIC};

/// Sends a message to the topic of the nodes. Returns after its acknowledgement.
///
/// # Panics
///
/// If the broker cannot be reached, or does not accept the message.
pub fn send(broker: &Broker, retain: bool, payload: &[u8]) {
    let mut options = MqttOptions::new("somebody-else", "127.0.0.1", broker.port());
    options.set_max_packet_size(usize::MAX, usize::MAX);
    let (client, mut connection) = Client::new(options, 10);
    client.publish(TOPIC, QoS::AtLeastOnce, retain, payload).expect("a running client");
    for event in connection.iter() {
        match event.expect("a broker that accepts the message") {
            // Not before: the next client of this name would make the broker drop what it has not read of this one.
            Event::Incoming(Packet::PubAck(_)) => client.disconnect().expect("a running client"),
            Event::Outgoing(Outgoing::Disconnect) => return,
            _ => {}
        }
    }
}

/// Encodes a part as `docs/cluster.md` specifies.
#[must_use]
pub fn envelope(origin: u64, sequence: u64, content_type: &str, body: &[u8]) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(Duration::ZERO, |now| now);
    let micros = u64::try_from(now.as_micros()).unwrap_or_default();
    let numbers = [origin, sequence, micros].map(u64::to_be_bytes).concat();
    let length = u8::try_from(content_type.len()).expect("a short type");
    [&[1][..], &numbers, &[length], content_type.as_bytes(), body].concat()
}
