//! The page and the JSON that its script requests.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::relay::{Relay, State};

/// Returns the page for `/`. Without its script it shows the streams of the first cameras.
pub(crate) fn page(relays: &[Relay]) -> String {
    let cards: String = (1..).zip(relays).map(|(number, relay)| card(number, &relay.name)).collect();
    include_str!("index.html").replace("<!-- cards -->", &cards)
}

fn card(number: usize, name: &str) -> String {
    let name = html(name);
    // Browsers open six connections to an HTTP/1.1 server, and the page needs some for other requests.
    let source = if number <= STREAMS { format!("/cameras/{number}") } else { BLANK.to_owned() };
    format!(
        r#"<article data-camera="{number}">
  <button title="Larger, or smaller again"><img src="{source}" alt="Live picture of {name}"></button>
  <header><h2><a href="/cameras/{number}">{name}</a></h2><span class="state" role="status"></span></header>
  <p class="figures"></p>
  <p class="note"></p>
</article>
"#
    )
}

/// Returns the JSON for `/state`.
pub(crate) fn state(relays: &[Relay], run: Duration) -> Value {
    let cameras: Vec<_> = relays.iter().map(camera).collect();
    json!({ "run": u64::try_from(run.as_millis()).unwrap_or_default(), "cameras": cameras })
}

fn camera(relay: &Relay) -> Value {
    let (status, stats) = (relay.status(), relay.hub.stats());
    let (state, again) = match status.state {
        State::Asleep => ("asleep", None),
        State::Connecting => ("connecting", None),
        State::Live => ("live", None),
        State::Waiting { until } => ("lost", Some(until.saturating_duration_since(Instant::now()))),
    };
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    json!({
        "name": *relay.name,
        "state": state,
        "problem": status.problem,
        "again_in": seconds(again),
        "age": seconds(stats.age),
        "connections": status.connections,
        "damaged": status.damaged,
        "refused": status.refused,
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

const BLANK: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";
/// The number of pictures that are streams; the others are stills. `index.html` repeats it.
const STREAMS: usize = 4;
