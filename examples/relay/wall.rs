//! The page and the JSON that its script requests.

use std::time::{Duration, Instant};

use mixed_replace::source::Status;
use serde_json::{Value, json};

use crate::Relay;

/// Returns the page for `/`, in which one connection carries all cameras.
pub(crate) fn page(relays: &[Relay]) -> String {
    let cards: String = (1..).zip(relays).map(|(number, relay)| card(number, relay.monitor.name())).collect();
    include_str!("index.html").replace("<!-- cards -->", &cards)
}

fn card(number: usize, name: &str) -> String {
    let name = html(name);
    format!(
        r#"<article data-camera="{number}">
  <button title="Larger, or smaller again">
    <mixed-replace src="/cameras#{number}" again="5"><img alt="Live picture of {name}"></mixed-replace>
  </button>
  <header><h2><a href="/cameras/{number}">{name}</a></h2><span class="state" role="status"></span></header>
  <p class="figures"></p>
  <p class="note"></p>
</article>
"#
    )
}

/// Returns the JSON for `/state`.
pub(crate) fn state(relays: &[Relay]) -> Value {
    let cameras: Vec<_> = relays.iter().map(camera).collect();
    json!({ "cameras": cameras })
}

fn camera(relay: &Relay) -> Value {
    let (source, stats) = (relay.monitor.stats(), relay.hub.stats());
    let (state, again) = match relay.monitor.status() {
        Status::Connecting => ("connecting", None),
        Status::Live => ("live", None),
        Status::Waiting { until, .. } => ("lost", Some(until.saturating_duration_since(Instant::now()))),
        Status::Ended => ("ended", None),
        _ => ("asleep", None),
    };
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    json!({
        "name": relay.monitor.name(),
        "state": state,
        "problem": source.last_error.map(|error| error.to_string()),
        "again_in": seconds(again),
        "age": seconds(stats.age),
        "connections": source.attempts,
        "damaged": source.parts_damaged,
        "refused": source.parts_refused,
        "published": stats.parts_published,
        "bytes_published": stats.bytes_published,
        "viewers": stats.viewers,
        "bytes_delivered": stats.bytes_delivered,
    })
}

/// Escapes text for HTML.
fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
