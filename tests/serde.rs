//! Serialized counters and states.

#![cfg(feature = "serde")]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use futures::executor::block_on_stream;
use mixed_replace::{Hubs, Part, Wire, hub};
use serde_json::{Value, json, to_value};

/// Removes a number of seconds, which must be in a range.
fn take_seconds(value: &mut Value, field: &str, range: std::ops::Range<f64>) {
    let seconds = value.as_object_mut().unwrap().remove(field).unwrap().as_f64();
    assert!(seconds.is_some_and(|seconds| range.contains(&seconds)), "{field}: {seconds:?}");
}

fn assert_has(value: &Value, fields: &Value) {
    for (name, field) in fields.as_object().unwrap() {
        assert_eq!(value.get(name), Some(field), "{name}: {value}");
    }
}

#[test]
fn stats_and_viewers_have_seconds_and_no_keys() {
    let (publisher, hub) = hub::channel();
    assert_eq!(to_value(hub.stats()).unwrap()["age"], Value::Null);
    publisher.publish(Part::text("on").unwrap()).unwrap();
    let viewer = hub.subscribe(Wire::Script).unwrap().key("secret").label("192.0.2.7");
    let mut viewer = block_on_stream(viewer.into_stream());
    let sent = viewer.next().unwrap().unwrap().len();

    let mut stats = to_value(hub.stats()).unwrap();
    take_seconds(&mut stats, "age", 0.0..10.0);
    take_seconds(&mut stats["publish_rate"], "parts_per_second", 0.1..1.2);
    take_seconds(&mut stats["publish_rate"], "bits_per_second", 1.6..19.2);
    assert_has(
        &stats,
        &json!({
            "parts_published": 1, "bytes_published": 2, "parts_invalid": 0, "viewers": 1, "publish_rate": {},
            "delivery_rate": {"parts_per_second": 0.0, "bits_per_second": 0.0},
            "ended": {"closed": 0, "expired": 0, "disconnected": 0, "moved": 0, "refused": 0, "replaced": 0, "revoked": 0},
        }),
    );

    hub.close();
    assert_eq!(viewer.by_ref().count(), 1, "the close-delimiter");
    assert_eq!(to_value(hub.stats()).unwrap()["bytes_delivered"], sent);
    assert_eq!(to_value(hub.viewers()).unwrap(), json!([]));

    let (_publisher, hub) = hub::channel();
    let mut viewer =
        block_on_stream(hub.subscribe(Wire::Script).unwrap().key("secret").label("192.0.2.7").into_stream());
    let _publisher = std::thread::scope(|scope| {
        scope.spawn(|| _publisher.publish(Part::text("on").unwrap()).unwrap());
        viewer.next()
    });
    let mut viewers = to_value(hub.viewers()).unwrap();
    take_seconds(&mut viewers[0], "watching", 0.0..10.0);
    take_seconds(&mut viewers[0], "in_flight", 0.0..10.0);
    take_seconds(&mut viewers[0], "age", 0.0..10.0);
    assert_has(&viewers[0], &json!({"label": "192.0.2.7", "wire": "script", "parts_delivered": 0, "parts_skipped": 0}));
    assert_eq!(viewers[0].get("key"), None);
}

#[test]
fn listing_is_an_element_of_the_list_of_hubs() {
    let hubs = Hubs::new();
    let (_publisher, hub) = hub::channel();
    hubs.insert("the \"yard\"", hub).unwrap();
    assert_eq!(
        to_value(hubs.list()).unwrap(),
        json!([{"name": "the \"yard\"", "state": "asleep", "viewers": 0, "age": null}])
    );
}

#[cfg(feature = "http-body")]
#[test]
fn stats_of_a_ladder_have_its_rungs_and_viewers() {
    use mixed_replace::{Ladder, ladder::Size};

    let (publisher, hub) = hub::channel();
    publisher.publish(Part::text("on").unwrap()).unwrap();
    let ladder = Ladder::new([hub]);
    let subscriber = ladder.subscribe(Wire::Script, Size::Width(320)).unwrap();
    let mut viewer = block_on_stream(subscriber.into_stream());
    viewer.next();
    assert_has(&to_value(ladder.stats()).unwrap(), &json!({"moves_down": 0, "moves_up": 0}));
    assert_has(&to_value(ladder.stats()).unwrap()["rungs"][0], &json!({"width": null, "viewers": 1}));
    let mut viewers = to_value(ladder.viewers()).unwrap();
    take_seconds(&mut viewers[0], "on_rung", 0.0..10.0);
    let expected = json!({"rung": 0, "wire": "script", "size": {"width": 320}, "moves": 0, "reason": null});
    assert_has(&viewers[0], &expected);
    assert_eq!(viewers[0].get("key"), None);
}

#[cfg(feature = "source")]
#[tokio::test]
async fn status_of_a_source_has_its_state_and_what_it_waits_for() {
    use mixed_replace::source::{self, Status};

    let open =
        async || Err::<futures::stream::Empty<Result<Part, source::Error>>, _>(source::Error::transient("no camera"));
    let source = source::from_fn(open).always(true);
    let mut monitor = source.monitor();
    assert_eq!(to_value(monitor.status()).unwrap(), json!({"state": "asleep"}));
    let hub = source.spawn();
    while !matches!(monitor.status(), Status::Waiting { .. }) {
        monitor.changed().await.unwrap();
    }
    let mut status = to_value(monitor.status()).unwrap();
    take_seconds(&mut status, "again_in", 0.0..31.0);
    assert_eq!(status, json!({"state": "waiting", "error": "no camera"}));
    let mut stats = to_value(monitor.stats()).unwrap();
    assert!(stats.as_object_mut().unwrap().remove("attempts").unwrap().as_u64() >= Some(1));
    assert_eq!(stats, json!({"openings": 0, "parts_damaged": 0, "parts_refused": 0, "last_error": "no camera"}));
    drop(hub);
}
