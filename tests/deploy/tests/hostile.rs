//! An attacker that can write to the broker.

use std::time::Duration;

use deploy_tests::cluster::{Broker, envelope, node, send};
use test_support::{Server, Viewer, eventually};

#[test]
#[ignore = "needs mosquitto"]
fn ignores_and_counts_messages_that_are_no_picture() {
    let broker = Broker::start("");
    let other = listening(&broker);
    let jpeg = JPEG.to_vec();
    let good = |body: &[u8]| envelope(7, 1, "image/jpeg", body);
    // A response starts with its first part.
    send(&broker, false, &good(OTHER_JPEG));
    let mut viewer = Viewer::open(&other.url("/live"));
    assert_eq!(&viewer.next(Duration::from_secs(10)).expect("the first part").body()[..], OTHER_JPEG);
    let mut payloads = vec![
        Vec::new(),
        b"no envelope".to_vec(),
        vec![1],
        vec![0xff; 100_000],
        good(b"")[..26].to_vec(),
        good(b""),
        good(b"<script>alert(1)</script>"),
        envelope(7, 1, "image/png", &jpeg),
        envelope(7, 1, "", &jpeg),
    ];
    let active = ["text/html", "text/html; charset=utf-8", "image/svg+xml", "application/xml", "image/jpeg\r\nX: y"];
    payloads.extend(active.map(|active| envelope(7, 1, active, b"<script>alert(1)</script>")));
    // A viewer knows the boundary.
    let delimiter = format!("\r\n--{}\r\nContent-Type: text/html\r\n\r\n<script>", viewer.boundary());
    payloads.push(good(&[&jpeg[..], delimiter.as_bytes()].concat()));
    payloads.push({
        let mut other_version = good(&jpeg);
        other_version[0] = 2;
        other_version
    });
    for payload in &payloads {
        send(&broker, false, payload);
    }
    let state = other.state_when(Duration::from_secs(5), |state| state["ignored"] == 1 + payloads.len());
    assert_eq!(state["received"], 1);
    assert!(viewer.next(Duration::from_millis(300)).is_none());

    send(&broker, false, &good(&jpeg));
    let part = viewer.next(Duration::from_secs(10)).expect("the good part");
    assert_eq!(part.body(), &jpeg);
    assert!(other.state()["broker"] == true && other.state()["problem"].is_null(), "{}", other.state());
}

#[test]
#[ignore = "needs mosquitto"]
fn forged_sequence_number_does_not_stop_pictures() {
    let broker = Broker::start("");
    let other = listening(&broker);
    send(&broker, true, &envelope(7, u64::MAX, "image/jpeg", JPEG));
    let mut viewer = Viewer::open(&other.url("/live"));
    assert_eq!(&viewer.next(Duration::from_secs(10)).unwrap().body()[..], JPEG);
    send(&broker, false, &envelope(7, 1, "image/jpeg", OTHER_JPEG));
    assert_eq!(&viewer.next(Duration::from_secs(10)).unwrap().body()[..], OTHER_JPEG);
}

#[test]
#[ignore = "needs mosquitto"]
fn flooded_node_responds() {
    let broker = Broker::start("");
    let other = listening(&broker);
    for _ in 0..50 {
        send(&broker, false, &vec![0xff; 4_000_000]);
    }
    let state = eventually(Duration::from_secs(10), || Some(other.state()).filter(|state| state["ignored"] == 1 + 50));
    assert!(state.is_some_and(|state| state["broker"] == true), "{}", other.state());
}

#[test]
#[ignore = "needs mosquitto"]
fn oversized_message_does_not_reach_the_node() {
    let broker = Broker::start("");
    let other = listening(&broker);
    send(&broker, false, &vec![1; 17 * 1024 * 1024]);
    send(&broker, false, &envelope(7, 1, "image/jpeg", JPEG));
    let state = other.state_when(Duration::from_secs(10), |state| state["received"] == 1);
    assert_eq!((&state["broker"], &state["ignored"]), (&true.into(), &1.into()), "{}", other.log());
}

/// Starts a node and waits until it receives messages. It has ignored one message.
fn listening(broker: &Broker) -> Server {
    let node = node(broker, &[]);
    // Retained, so that it arrives whether the node subscribes earlier or later.
    send(broker, true, b"no envelope");
    node.state_when(Duration::from_secs(10), |state| state["ignored"] == 1);
    node
}

/// The start of a picture, as far as nodes check it.
const JPEG: &[u8] =
    b"\xff\xd8\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0 one \xff\xd9";
const OTHER_JPEG: &[u8] =
    b"\xff\xd8\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0 another \xff\xd9";
