//! Nodes of the `cluster` example around a mosquitto or a Redis started by the test.

#![expect(clippy::missing_panics_doc, reason = "a panic is how a test fails")]

mod broker;
mod message;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mixed_replace::Part;
use test_support::{Program, Server};

pub use crate::cluster::broker::{Broker, Kind};
pub use crate::cluster::message::{envelope, send};

/// Starts a node on a free port.
#[must_use]
pub fn node(broker: &Broker, arguments: &[&str]) -> Server {
    let url = broker.url("");
    Server::start(CLUSTER, &[&["--broker", url.as_str()], arguments].concat())
}

/// Returns the time at which a part was captured, since 1970.
#[must_use]
pub fn published(part: &Part) -> Duration {
    let captured = part.captured().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    captured.unwrap_or_else(|| panic!("no time in {part:?}"))
}

/// Returns how long ago a part was published.
#[must_use]
pub fn age(part: &Part) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    now.saturating_sub(published(part))
}

/// The program under test.
pub const CLUSTER: Program = Program::Package("cluster");
/// The default topic of the nodes.
pub const TOPIC: &str = "mixed-replace/camera";
