//! Prometheus, its tool and its client library read the counters of the examples.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::fs;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use interop_tests::consumers::run::run_quiet;
use interop_tests::consumers::{Camera, Example, python};
use serde_json::Value;
use test_support::{Children, Viewer, eventually, get, must_be_installed, net};

#[test]
#[ignore = "needs prometheus and ffmpeg"]
fn promtool_finds_no_mistake() {
    for example in Example::BOTH {
        let camera = Camera::start(example, &["--source", SOURCE]);
        let text = tempfile::NamedTempFile::new().unwrap();
        fs::write(&text, camera.get("/metrics")).unwrap();
        must_be_installed("promtool");
        let mut check = Command::new("sh");
        check.args(["-c", "promtool check metrics <\"$0\""]).arg(text.path());
        assert_eq!(run_quiet(&check, Duration::from_secs(20)), "", "{example}");
    }
}

#[test]
#[ignore = "needs prometheus"]
fn alerts_of_the_docs_are_valid_and_fire() {
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/numbers.md")).unwrap();
    let rules =
        docs.split("```yaml\n").find_map(|block| block.starts_with("groups:").then(|| block.split("```").next()));
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("rules.yml"), rules.flatten().unwrap()).unwrap();
    fs::write(directory.path().join("tests.yml"), ALERTS).unwrap();
    must_be_installed("promtool");
    let mut test = Command::new("promtool");
    let tested =
        run_quiet(test.args(["test", "rules"]).arg(directory.path().join("tests.yml")), Duration::from_secs(20));
    assert!(tested.contains("SUCCESS"), "{tested}");
}

#[test]
#[ignore = "needs python3-prometheus-client, curl and ffmpeg"]
fn strict_reader_of_openmetrics_knows_all_families() {
    for example in Example::BOTH {
        let camera = Camera::start(example, &["--source", SOURCE]);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--header", "Accept: application/openmetrics-text; version=1.0.0"]);
        let text = run_quiet(curl.arg(camera.url("/metrics")), Duration::from_secs(20));
        let families = python::openmetrics(&text);
        assert_eq!(families.len(), text.matches("# TYPE ").count(), "{example}: {families:?}");
        // The camera is a hub in each of its three sizes, and one source.
        for family in [
            "counter mixed_replace_parts_published unit= samples=3",
            "counter mixed_replace_published_bytes unit=bytes samples=3",
            "counter mixed_replace_viewers_ended unit= samples=18",
            "gauge mixed_replace_part_age_seconds unit=seconds samples=1",
            "gauge mixed_replace_source_status unit= samples=5",
        ] {
            assert!(families.iter().any(|known| known == family), "{example}: {family}: {families:#?}");
        }
    }
}

#[test]
#[ignore = "needs prometheus"]
fn counters_rise_from_scrape_to_scrape() {
    must_be_installed("prometheus");
    for example in Example::BOTH {
        let camera = Camera::start(example, &[]);
        let mut viewer = Viewer::open(&camera.url("/live?width=full"));
        let mut prometheus = Prometheus::scraping(camera.url("").trim_start_matches("http://"));
        let counters = ["parts_published_total", "published_bytes_total", "parts_delivered_total"];
        let mut values = |above: &[f64]| {
            let values = eventually(Duration::from_secs(60), || {
                // While somebody watches, pictures are drawn.
                assert!(viewer.next(Duration::from_secs(20)).is_some());
                let values: Option<Vec<f64>> = counters.iter().map(|name| prometheus.value(name)).collect();
                values.filter(|values| values.iter().zip(above).all(|(value, above)| value > above))
            });
            values.unwrap_or_else(|| panic!("{example}: not above {above:?}: {}", prometheus.log()))
        };
        let first = values(&[]);
        values(&first);
        // A busy camera may be late for a scrape, after which there is no value.
        let viewers = eventually(Duration::from_secs(20), || prometheus.value("viewers"));
        assert_eq!(viewers, Some(1.0), "{example}");
        // Only OpenMetrics has units.
        let metadata = prometheus.ask("targets/metadata?metric=mixed_replace_published_bytes");
        assert_eq!(metadata.pointer("/0/unit"), Some(&"bytes".into()), "{example}: {metadata}");
    }
}

/// A Prometheus with one target, which it scrapes each second.
struct Prometheus {
    url: String,
    directory: tempfile::TempDir,
    _children: Children,
}

impl Prometheus {
    fn scraping(target: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("prometheus.yml");
        let scrape = format!(
            "scrape_configs: [{{job_name: camera, scrape_interval: 1s, static_configs: [{{targets: ['{target}']}}]}}]"
        );
        fs::write(&config, scrape).unwrap();
        let address = format!("127.0.0.1:{}", net::free_port());
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let children = Children::start(&command, Stdio::null(), Stdio::from(log));
        let prometheus = Self { url: format!("http://{address}/api/v1/"), directory, _children: children };
        let started = eventually(Duration::from_secs(30), || TcpStream::connect(&address).ok());
        assert!(started.is_some(), "{}", prometheus.log());
        prometheus
    }

    /// Returns the data of a response. Null while it has none.
    fn ask(&mut self, path: &str) -> Value {
        let (_, body) = get(&format!("{}{path}", self.url));
        let mut response: Value = serde_json::from_slice(&body).unwrap_or_default();
        response.get_mut("data").map(Value::take).unwrap_or_default()
    }

    /// Returns the last value of a metric, once it was scraped.
    fn value(&mut self, name: &str) -> Option<f64> {
        let data = self.ask(&format!("query?query=mixed_replace_{name}"));
        data.pointer("/result/0/value/1")?.as_str()?.parse().ok()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

/// A camera that is watched and silent, one that sleeps, one that is opened in vain each minute, one on demand that is opened
/// each minute, one that sends damaged pictures, and a hub that is full.
const ALERTS: &str = r#"
rule_files: [rules.yml]
tests:
  - interval: 1m
    input_series:
      - {series: 'mixed_replace_wanted{instance="a", stream="yard"}', values: '1x30'}
      - {series: 'mixed_replace_part_age_seconds{instance="a", stream="yard"}', values: '0+60x30'}
      - {series: 'mixed_replace_wanted{instance="a", stream="door"}', values: '0x30'}
      - {series: 'mixed_replace_part_age_seconds{instance="a", stream="door"}', values: '0+60x30'}
      - {series: 'mixed_replace_wanted{instance="a", stream="gate"}', values: '1x30'}
      - {series: 'mixed_replace_activity{instance="a", stream="gate", state="starting"}', values: '1x30'}
      - {series: 'mixed_replace_source_attempts_total{instance="a", stream="gate"}', values: '0+1x30'}
      - {series: 'mixed_replace_source_openings_total{instance="a", stream="gate"}', values: '0x30'}
      - {series: 'mixed_replace_source_attempts_total{instance="a", stream="door"}', values: '0+1x30'}
      - {series: 'mixed_replace_source_openings_total{instance="a", stream="door"}', values: '0+1x30'}
      - {series: 'mixed_replace_source_attempts_total{instance="a", stream="yard"}', values: '1x30'}
      - {series: 'mixed_replace_source_openings_total{instance="a", stream="yard"}', values: '1x30'}
      - {series: 'mixed_replace_source_parts_damaged_total{instance="a", stream="roof"}', values: '0+1x30'}
      - {series: 'mixed_replace_viewers_refused_total{instance="a", stream="yard"}', values: '0+2x30'}
    alert_rule_test:
      - eval_time: 20m
        alertname: CameraSilent
        exp_alerts:
          - exp_labels: {instance: a, stream: yard}
          - exp_labels: {instance: a, stream: gate}
      - eval_time: 20m
        alertname: CameraUnstable
        exp_alerts:
          - exp_labels: {instance: a, stream: gate}
          - exp_labels: {instance: a, stream: roof}
      - eval_time: 20m
        alertname: ViewersTurnedAway
        exp_alerts:
          - exp_labels: {instance: a, stream: yard}
"#;

const SOURCE: &str = "ffmpeg -loglevel error -re -f lavfi -i testsrc=size=320x240:rate=10 -f mjpeg -";
