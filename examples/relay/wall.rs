//! The page and the JSON that its script requests.

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
    let camera = |Relay { hub, monitor }: &Relay| {
        // Before the status, which then is as new as the last error.
        let source = monitor.stats();
        json!({
            "name": monitor.name(),
            "status": monitor.status(),
            "source": source,
            "hub": hub.stats(),
        })
    };
    json!({ "cameras": relays.iter().map(camera).collect::<Vec<_>>() })
}

/// Escapes text for HTML.
fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
