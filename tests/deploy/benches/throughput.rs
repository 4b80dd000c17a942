//! Throughput, processor time and latency between two nodes through a mosquitto or a Redis on the same machine.
//!
//! ```sh
//! cargo bench -p deploy-tests --bench throughput
//! cargo bench -p deploy-tests --bench throughput -- --as-installed
//! cargo bench -p deploy-tests --bench throughput -- --redis
//! ```
//!
//! One process publishes with the example's own `node.rs`, the `cluster` program receives, and this process is the
//! viewer. The maximum rate is the rate of received parts when each part is published as soon as the previous one has
//! been sent. The latency, from `publish` until a viewer of the other node has read the part, and the processor time
//! are measured at 100 parts a second. With `--as-installed`, mosquitto runs without the line that `docs/cluster.md`
//! recommends: parts that the viewer then misses arrived together with the next one. Run it for 90 seconds on an
//! otherwise idle machine.

#![expect(clippy::cast_possible_truncation, clippy::print_stdout, reason = "a program to be watched")]

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use deploy_tests::cluster::{Broker, Kind, age};
use test_support::{Children, Server, Viewer};

fn main() {
    let redis = std::env::args().any(|argument| argument == "--redis");
    let lines = if std::env::args().any(|argument| argument == "--as-installed") { "" } else { AT_ONCE };
    println!("| part | parts/s | MB/s | seen | median | 99 % | most | CPU of a part: node A | broker | node B |");
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for size in [10_000, 50_000, 500_000] {
        let broker = if redis { Kind::Redis.start() } else { Broker::start(lines) };
        let receiver = deploy_tests::cluster::node(&broker, &[]);
        let parts = most(&broker, &receiver, size);
        let bytes = parts * f64::from(size) / 1e6;
        println!("| {} kB | {parts:.0} | {bytes:.0} | {} |", size / 1000, paced(&broker, &receiver, size));
    }
}

/// Returns the number of parts received per second.
fn most(broker: &Broker, receiver: &Server, size: u32) -> f64 {
    let _publisher = publisher(broker, size, 0.0);
    let received = || receiver.state().get("received").and_then(serde_json::Value::as_u64).expect("a number");
    sleep(WARM);
    let (start, before) = (Instant::now(), received());
    sleep(WHILE);
    (received() - before) as f64 / start.elapsed().as_secs_f64()
}

/// Returns latency and processor time at a moderate rate, as cells of the table.
fn paced(broker: &Broker, receiver: &Server, size: u32) -> String {
    let publisher = publisher(broker, size, RATE);
    let mut viewer = Viewer::open(&receiver.url("/live"));
    let mut ages = |during: Duration| {
        let (start, mut ages) = (Instant::now(), Vec::new());
        while start.elapsed() < during {
            ages.push(age(&viewer.next(WHILE).expect("the next part")));
        }
        ages.sort();
        ages
    };
    ages(WARM);
    let cpu = || [publisher.cpu(), broker.cpu(), receiver.cpu()];
    let before = cpu();
    let ages = ages(LONG);
    let parts = RATE * LONG.as_secs_f64();
    let cost = cpu().into_iter().zip(before).map(|(after, before)| (after - before).as_secs_f64() / parts);
    let seen = format!("{:.1} %", ages.len() as f64 / parts * 100.0);
    let late = [0.5, 0.99, 1.0].map(|share| ages.get(((ages.len() - 1) as f64 * share) as usize).copied());
    let late = late.into_iter().flatten().map(|age| format!("{:.2} ms", age.as_secs_f64() * 1e3));
    let cells: Vec<_> =
        std::iter::once(seen).chain(late).chain(cost.map(|cost| format!("{:.0} us", cost * 1e6))).collect();
    cells.join(" | ")
}

/// A publishing node in a separate process. A rate of 0 means the maximum.
fn publisher(broker: &Broker, size: u32, rate: f64) -> Children {
    let mut command = Command::new(env!("CARGO_BIN_EXE_publisher"));
    command.args([broker.url(""), size.to_string(), rate.to_string()]);
    Children::start(&command, Stdio::null(), Stdio::inherit())
}

/// Without this line the broker holds a part back until the previous one is acknowledged, up to 40 ms.
const AT_ONCE: &str = "set_tcp_nodelay true";
/// Parts per second.
const RATE: f64 = 100.0;
const WARM: Duration = Duration::from_secs(1);
const WHILE: Duration = Duration::from_secs(6);
/// The system counts processor time in units of 10 ms. This count makes it exact to 5 us per part.
const LONG: Duration = Duration::from_secs(20);
