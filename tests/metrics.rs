//! The counters of hubs as text.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use futures::executor::block_on_stream;
use futures::{FutureExt as _, StreamExt as _};
use mixed_replace::body::Chunks;
use mixed_replace::{Hub, Hubs, Ladder, Metrics, Part, Publisher, Subscriber, Wire, hub};
use test_support::boundary;

fn openmetrics(metrics: &Metrics) -> String {
    let mut text = String::new();
    metrics.write_openmetrics(&mut text);
    text
}

fn prometheus(metrics: &Metrics) -> String {
    let mut text = String::new();
    metrics.write_prometheus(&mut text);
    text
}

/// Returns the samples: the value of each name with its labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap());
    let mut all = BTreeMap::new();
    for (name, value) in samples {
        let before = all.insert(name.strip_prefix("mixed_replace_").unwrap().to_owned(), value.parse().unwrap());
        assert_eq!(before, None, "twice: {name}");
    }
    all
}

/// Returns the boundary, which each viewer knows.
fn viewer_boundary(hub: &Hub) -> String {
    boundary(hub.subscribe(Wire::Machine).unwrap().headers().get("content-type").unwrap())
}

fn watched() -> (Publisher, Hub) {
    let (publisher, hub) = hub::builder().name("yard").drop_identical(true).max_subscribers(2).build();
    let viewer = hub.subscribe(Wire::Machine).unwrap();
    let mut viewer = block_on_stream(viewer.into_stream());
    for text in ["one", "one", "two"] {
        publisher.publish(Part::text(text).unwrap()).unwrap();
    }
    assert!(publisher.publish_jpeg("").unwrap().is_err());
    let forged = Part::text(format!("--{}", viewer_boundary(&hub))).unwrap();
    assert!(publisher.publish(forged).is_err());
    assert!(viewer.next().is_some());
    for text in ["skipped", "three"] {
        publisher.publish(Part::text(text).unwrap()).unwrap();
    }
    assert!(viewer.next().is_some());
    let full = [hub.subscribe(Wire::Machine), hub.subscribe(Wire::Machine)];
    assert!(full[0].is_ok() && full[1].is_err());
    assert!(hub.snapshot(Duration::MAX).now_or_never().is_some());
    drop(viewer);
    (publisher, hub)
}

#[test]
fn hub_with_several_names_is_counted_once() {
    let cameras = Hubs::new();
    let [(publisher, main), (_sub_publisher, sub)] = [hub::channel(), hub::channel()];
    publisher.publish(Part::text("on").unwrap()).unwrap();
    cameras.insert("main", main.clone()).unwrap();
    cameras.insert("other", main.clone()).unwrap();
    cameras.insert_ladder("yard", Ladder::new([main, sub])).unwrap();
    let published = |cameras: Hubs| {
        let samples = samples(&openmetrics(&Metrics::by_name(cameras)));
        samples.into_iter().filter(|(name, _)| name.starts_with("parts_published_total")).collect::<Vec<_>>()
    };
    let one = |name: &str, count| (format!("parts_published_total{{stream=\"{name}\"}}"), count);
    assert_eq!(published(cameras.clone()), [one("main", 1.0), one("yard/1", 0.0)]);
    cameras.remove("main");
    assert_eq!(published(cameras), [one("other", 1.0), one("yard/1", 0.0)]);
}

#[test]
fn numbers_are_those_of_the_hub() {
    let (_publisher, hub) = watched();
    let samples = samples(&openmetrics(&Metrics::new(hub.clone())));
    let stats = hub.stats();
    for (name, number) in [
        ("viewers{S}", 0),
        ("viewers_ended_total{S,reason=\"disconnected\"}", 1),
        ("viewers_ended_total{S,reason=\"closed\"}", 0),
        ("viewers_refused_total{S}", 1),
        ("parts_published_total{S}", 5),
        ("published_bytes_total{S}", 21),
        ("parts_identical_total{S}", 1),
        ("parts_refused_total{S,reason=\"damaged\"}", 1),
        ("parts_refused_total{S,reason=\"boundary\"}", 1),
        ("parts_encoded_total{S}", stats.encodings),
        ("parts_delivered_total{S}", 1),
        ("delivered_bytes_total{S}", stats.bytes_delivered),
        ("parts_skipped_total{S,reason=\"slow\"}", 1),
        ("parts_skipped_total{S,reason=\"rate\"}", 0),
        ("snapshots_total{S}", 1),
        ("wanted{S}", 1),
        ("activity{S,state=\"live\"}", 1),
        ("activity{S,state=\"asleep\"}", 0),
    ] {
        let name = name.replace('S', "stream=\"yard\"");
        assert_eq!(samples.get(&name), Some(&(number as f64)), "{name}: {samples:?}");
    }
    assert!((0.0..10.0).contains(&samples["part_age_seconds{stream=\"yard\"}"]));
}

#[test]
fn ended_viewers_are_counted_by_reason() {
    let (publisher, hub) = hub::channel();
    publisher.publish(Part::text("on").unwrap()).unwrap();
    let watch = |key: &str, exclusive| {
        let mut stream = hub.subscribe(Wire::Machine).unwrap().key(key).exclusive(exclusive).into_stream();
        assert!(stream.next().now_or_never().flatten().is_some());
        stream
    };
    let rest = |stream: Chunks<Subscriber>| block_on_stream(stream).count();
    drop(watch("a", false));
    let (older, newer) = (watch("a", false), watch("a", true));
    rest(older);
    assert_eq!(hub.revoke("a"), 1);
    rest(newer);
    rest(hub.subscribe(Wire::Machine).unwrap().max_lifetime(Duration::from_millis(1)).into_stream());
    let last = watch("b", false);
    drop(publisher);
    rest(last);
    let samples = samples(&openmetrics(&Metrics::new(hub)));
    for reason in ["closed", "disconnected", "expired", "replaced", "revoked"] {
        assert_eq!(samples[&format!("viewers_ended_total{{reason=\"{reason}\"}}")], 1.0, "{reason}: {samples:?}");
    }
    assert_eq!((samples["wanted"], samples["activity{state=\"ended\"}"]), (0.0, 1.0));
}

#[test]
fn hubs_of_a_set_are_labelled_and_not_opened() {
    let hubs = Hubs::builder().source(|name, _| panic!("opens {name}")).build();
    for name in ["yard", r#"a "quoted" \ name"#, "Höfe"] {
        let (_publisher, hub) = hub::builder().name("another").build();
        hubs.insert(name, hub).unwrap();
    }
    let text = openmetrics(&Metrics::by_name(hubs));
    for label in [r#"{stream="yard"}"#, r#"{stream="a \"quoted\" \\ name"}"#, "{stream=\"Höfe\"}"] {
        assert!(text.contains(&format!("\nmixed_replace_viewers{label} 0\n")), "{label}: {text}");
    }
}

/// Prometheus rejects a page of OpenMetrics in which a family comes twice or is interrupted, and one without its end.
#[cfg(feature = "http-body")]
#[test]
fn each_rung_of_a_ladder_is_a_stream() {
    let hubs = Hubs::new();
    let [(main, large), (sub, small)] = [hub::channel(), hub::channel()];
    hubs.insert_ladder("yard", mixed_replace::Ladder::new([large, small.clone()])).unwrap();
    let (_other, other) = hub::channel();
    hubs.insert("yard-1", other).unwrap();
    for publisher in [&main, &sub, &sub] {
        publisher.publish(Part::text("on").unwrap()).unwrap();
    }
    let samples = samples(&openmetrics(&Metrics::by_name(hubs)));
    let published = |stream| samples[&format!("parts_published_total{{stream=\"{stream}\"}}")];
    assert_eq!(["yard", "yard/1", "yard-1"].map(published), [1.0, 2.0, 0.0]);
    assert_eq!(small.name(), Some("yard/1"));
}

#[test]
fn families_are_complete_and_in_one_piece() {
    let hubs = Hubs::new();
    for name in ["yard", "door"] {
        hubs.insert(name, watched().1).unwrap();
    }
    let metrics = Metrics::by_name(hubs);
    for (text, is_openmetrics) in [(openmetrics(&metrics), true), (prometheus(&metrics), false)] {
        let mut seen = HashSet::new();
        let (mut family, mut kind) = (String::new(), String::new());
        for line in text.lines().filter(|line| *line != "# EOF") {
            let words: Vec<_> = line.splitn(4, ' ').collect();
            match words.as_slice() {
                ["#", "TYPE", name, is] => {
                    assert!(seen.insert((*name).to_owned()), "twice: {name}");
                    (family, kind) = ((*name).to_owned(), (*is).to_owned());
                    assert_eq!(name.ends_with("_total"), is == &"counter" && !is_openmetrics, "{line}");
                }
                ["#", "UNIT", name, unit] => assert!(*name == family && name.ends_with(&format!("_{unit}")), "{line}"),
                ["#", "HELP", name, help] => assert!(*name == family && help.ends_with('.'), "{line}"),
                _ => {
                    let name = line.split(['{', ' ']).next().unwrap();
                    let total = if kind == "counter" && is_openmetrics { "_total" } else { "" };
                    assert_eq!(name, format!("{family}{total}"), "{line}");
                }
            }
        }
        assert_eq!(text.ends_with("\n# EOF\n"), is_openmetrics);
        assert_eq!(text.matches("# UNIT").count() > 0, is_openmetrics);
    }
    assert_eq!(samples(&openmetrics(&metrics)).len(), samples(&prometheus(&metrics)).len());
}

#[cfg(feature = "source")]
#[tokio::test]
async fn source_is_counted_with_the_name_of_its_hub() {
    use mixed_replace::source;

    let source =
        source::from_fn(async || Ok::<_, source::Error>(futures::stream::iter([Part::text("on")]))).always(true);
    let mut monitor = source.monitor();
    let other = source::from_fn(async || Ok::<_, source::Error>(futures::stream::iter([Part::text("on")]))).monitor();
    let hub = source.spawn_with(hub::builder().name("yard"));
    while monitor.stats().openings == 0 {
        monitor.changed().await.unwrap();
    }
    while monitor.status().to_string() != "waiting" {
        monitor.changed().await.unwrap();
    }
    // A second one of the same name replaces the first: two samples of one series would be an error.
    let metrics = Metrics::new(hub).source("yard", other).source("yard", monitor);
    let text = prometheus(&metrics);
    assert_eq!(text.matches("\nmixed_replace_source_openings_total{").count(), 1, "{text}");
    let samples = samples(&text);
    for name in ["source_attempts_total{stream=\"yard\"}", "source_openings_total{stream=\"yard\"}"] {
        assert!(samples[name] >= 1.0, "{name}: {samples:?}");
    }
    for name in ["source_parts_damaged_total{stream=\"yard\"}", "source_parts_refused_total{stream=\"yard\"}"] {
        assert_eq!(samples[name], 0.0, "{name}: {samples:?}");
    }
    let states: f64 = samples.iter().filter(|(name, _)| name.starts_with("source_status{")).map(|(_, is)| is).sum();
    assert_eq!(states, 1.0, "{samples:?}");
}
