//! The page, and what its script asks for.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::relay::{Relay, State};

/// `/`. Without its script it shows the first cameras' streams.
pub(crate) fn page(relays: &[Relay]) -> String {
    let cards: String = (1..).zip(relays).map(|(number, relay)| card(number, &relay.name)).collect();
    include_str!("index.html").replace("<!-- cards -->", &cards)
}

fn card(number: usize, name: &str) -> String {
    let name = html(name);
    // A browser holds six connections to a server over HTTP/1.1, and needs some for other things.
    let source = if number <= STREAMS { format!("/cameras/{number}") } else { BLANK.to_owned() };
    format!(
        r#"<article data-camera="{number}">
  <button title="Larger, or smaller again"><img src="{source}" alt="What {name} sees now"></button>
  <header><h2><a href="/cameras/{number}">{name}</a></h2><span class="state" role="status"></span></header>
  <p class="figures"></p>
  <p class="note"></p>
</article>
"#
    )
}

/// `/state`: how everything is doing.
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

/// Text in a page.
fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const BLANK: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";
/// As many of the page's pictures are streams, and the others stills. `index.html` knows it too.
const STREAMS: usize = 4;
