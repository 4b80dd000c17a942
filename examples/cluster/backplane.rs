//! The seam between a node and a broker: [`Outlet::send`], and a stream of [`Event`]s.
//!
//! Another broker needs a module such as `mqtt.rs` or `redis.rs`, and an entry here.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::broker::{Broker, Kind};
use crate::pauses::Pauses;
use crate::{mqtt, redis};

/// The sending side of a connection.
pub(crate) enum Outlet {
    Mqtt(mqtt::Outlet),
    Redis(redis::Outlet),
}

/// What comes from a broker.
#[derive(Debug)]
pub(crate) enum Event {
    /// The node is connected. Messages of up to `limit` bytes are accepted, if that is known.
    Connected { limit: Option<u32> },
    /// The connection is lost, for the reason. The next attempt follows after a pause.
    Lost(String),
    /// Something is wrong although the node is connected.
    Problem(String),
    /// A message with this name. `retained` if it is the latest one from before the connection.
    Part { name: String, payload: Bytes, retained: bool },
}

/// Connects to a broker and subscribes to `name`. Reconnects after each loss.
pub(crate) fn connect(broker: &Broker, name: &str, origin: u64) -> (Outlet, mpsc::Receiver<Event>) {
    // Read at once: a node that does not would have the broker queue or drop messages.
    let (events, received) = mpsc::channel(1);
    let outlet = match broker.kind {
        Kind::Mqtt => {
            let (outlet, session) = mqtt::session(broker, name, origin);
            tokio::spawn(keep(session, events));
            Outlet::Mqtt(outlet)
        }
        Kind::Redis => {
            let (outlet, session) = redis::session(broker, name);
            tokio::spawn(keep(session, events));
            Outlet::Redis(outlet)
        }
    };
    (outlet, received)
}

impl Outlet {
    /// Sends a message to the other nodes, and keeps it as the latest one for later nodes. Returns `false` if it could not be
    /// sent. It is then out of date soon, and not sent again.
    pub(crate) async fn send(&mut self, name: &str, payload: Bytes) -> bool {
        match self {
            Self::Mqtt(outlet) => outlet.send(name, payload).await,
            Self::Redis(outlet) => outlet.send(name, payload).await,
        }
    }
}

/// One broker's protocol.
pub(crate) trait Session {
    /// Connects, and passes on events until the connection is lost.
    async fn run(&mut self, events: &mpsc::Sender<Event>) -> Lost;
}

/// Why a connection is lost.
pub(crate) struct Lost {
    pub(crate) problem: String,
    /// The broker refuses the node, which only a person can mend.
    pub(crate) refused: bool,
}

/// Connects again and again, with growing pauses.
async fn keep(mut session: impl Session, events: mpsc::Sender<Event>) {
    let mut pauses = Pauses::new();
    loop {
        let start = Instant::now();
        let Lost { problem, refused } = session.run(&events).await;
        if start.elapsed() > STEADY {
            pauses.reset();
        }
        if refused {
            pauses.begin_long();
        } else {
            pauses.begin();
        }
        if events.send(Event::Lost(problem)).await.is_err() {
            return;
        }
        sleep_until(pauses.end()).await;
    }
}

/// The largest part that a decoder accepts by default, and its envelope.
pub(crate) const MAX_MESSAGE: u32 = 16 * 1024 * 1024 + 1024;
/// More than two ping intervals.
pub(crate) const SILENCE: Duration = Duration::from_secs(12);
pub(crate) const PING: Duration = Duration::from_secs(5);
/// A connection that has lasted this long counts as stable.
const STEADY: Duration = Duration::from_secs(10);
