//! The page, and what its script asks for.

use std::time::Duration;

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

/// `/state`: how everything is doing, as JSON.
pub(crate) fn state(relays: &[Relay], run: Duration) -> String {
    let cameras: Vec<_> = relays.iter().map(camera).collect();
    format!("{{\n  \"run\": {},\n  \"cameras\": [\n{}\n  ]\n}}\n", run.as_millis(), cameras.join(",\n"))
}

fn camera(relay: &Relay) -> String {
    let (status, stats) = (relay.status(), relay.hub.stats());
    let (state, again) = match status.state {
        State::Asleep => ("asleep", None),
        State::Connecting => ("connecting", None),
        State::Live => ("live", None),
        State::Waiting { until } => ("lost", Some(until.saturating_duration_since(Instant::now()))),
    };
    let number =
        |seconds: Option<Duration>| seconds.map_or("null".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
    format!(
        r#"    {{
      "name": {},
      "state": "{state}",
      "problem": {},
      "again_in": {},
      "age": {},
      "connections": {},
      "refused": {},
      "published": {},
      "bytes_published": {},
      "viewers": {},
      "bytes_delivered": {}
    }}"#,
        json(&relay.name),
        json(status.problem.as_deref().unwrap_or_default()),
        number(again),
        number(stats.age),
        status.connections,
        status.refused,
        stats.parts_published,
        stats.bytes_published,
        stats.viewers,
        stats.bytes_delivered,
    )
}

/// A JSON string.
fn json(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Text in a page.
fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const BLANK: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";
/// As many of the page's pictures are streams, and the others stills. `index.html` knows it too.
const STREAMS: usize = 4;
