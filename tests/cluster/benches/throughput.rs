//! What one node can publish through a mosquitto on the same machine, what it costs, and how late it is elsewhere.
//!
//! ```sh
//! cargo bench -p cluster-tests --bench throughput
//! ```
//!
//! One process publishes with the example's own `node.rs`, the `cluster` program receives, and this one watches that. The
//! rate at most is what arrives when each part is published as soon as the one before is sent. The other figures are of
//! 100 parts a second.

#[path = "../../../examples/cluster/broker.rs"]
mod broker;
#[path = "../../../examples/cluster/envelope.rs"]
mod envelope;
#[expect(dead_code, reason = "the example says more of its state")]
#[path = "../../../examples/cluster/node.rs"]
mod node;
#[path = "../../../examples/relay/pauses.rs"]
mod pauses;
#[path = "../../../examples/cluster/sources.rs"]
mod sources;

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cluster_tests::{Broker, TOPIC, age};
use mixed_replace::Part;
use test_support::{Children, Server, Viewer};

use crate::node::Node;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let ["publish", broker, size, rate] = arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        let (size, rate) = (size.parse().expect("a size"), rate.parse().expect("a rate"));
        return publish(broker, size, rate);
    }
    println!("| part | parts/s | MB/s | CPU of a part: publisher | broker | receiver | median | 99 % | most |");
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for size in [10_000, 50_000, 500_000] {
        let broker = Broker::start("");
        let receiver = cluster_tests::node(&broker, &[]);
        let most = rate(&receiver, &start(&broker, size, 0.0));
        println!(
            "| {} kB | {most:.0} | {:.0} | {} |",
            size / 1000,
            most * size as f64 / 1e6,
            paced(&broker, &receiver, size)
        );
    }
}

/// Parts that arrive in a second.
fn rate(receiver: &Server, publisher: &Children) -> f64 {
    let received = || receiver.state()["received"].as_u64().expect("a number");
    sleep(WARM);
    let (begin, before) = (Instant::now(), received());
    sleep(LONG);
    let rate = (received() - before) as f64 / begin.elapsed().as_secs_f64();
    assert!(publisher.cpu() > Duration::ZERO);
    rate
}

/// Processor time and latency at a moderate rate, as cells of the table.
fn paced(broker: &Broker, receiver: &Server, size: usize) -> String {
    let publisher = start(broker, size, 100.0);
    let mut viewer = Viewer::open(&receiver.url("/stream"));
    let warm = Instant::now();
    while warm.elapsed() < WARM {
        viewer.next(WARM);
    }
    let cpu = || [publisher.cpu(), broker.cpu(), receiver.cpu()];
    let (begin, before) = (Instant::now(), cpu());
    let mut ages = Vec::new();
    while begin.elapsed() < LONG {
        ages.extend(viewer.next(WARM).as_ref().map(age));
    }
    let after = cpu();
    ages.sort();
    let cost = |of: usize| (after[of] - before[of]).as_secs_f64() * 1e6 / ages.len() as f64;
    let at = |share: f64| ages[((ages.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    assert!(ages.len() as f64 > 95.0 * LONG.as_secs_f64(), "{} parts only", ages.len());
    let [publisher, broker, receiver] = [cost(0), cost(1), cost(2)];
    let [median, late, most] = [at(0.5), at(0.99), at(1.0)];
    format!("{publisher:.0} µs | {broker:.0} µs | {receiver:.0} µs | {median:.2} ms | {late:.2} ms | {most:.2} ms")
}

/// Publishes from a process of its own; flat out, if the rate is 0.
fn start(broker: &Broker, size: usize, rate: f64) -> Children {
    let mut publisher = Command::new(std::env::current_exe().expect("a program"));
    publisher.args(["publish", &broker.url(""), &size.to_string(), &rate.to_string()]);
    Children::start(&publisher, Stdio::null(), Stdio::null())
}

#[tokio::main(flavor = "current_thread")]
async fn publish(broker: &str, size: usize, rate: f64) {
    let node = Node::start(&broker.parse().expect("an address"), TOPIC);
    while !node.status().connected {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let noise = std::iter::successors(Some(1_u32), |x| Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)));
    let mut body = b"\xff\xd8\xff\xe0".to_vec();
    body.extend(noise.map(|x| x.to_be_bytes()[0]).take(size - body.len()));
    let part = Part::jpeg(body).expect("what begins as a picture");
    let mut clock = tokio::time::interval(Duration::from_secs_f64(1.0 / if rate > 0.0 { rate } else { 1.0 }));
    for number in 1.. {
        node.publish(part.clone());
        if rate > 0.0 {
            clock.tick().await;
            continue;
        }
        while node.status().sent < number {
            tokio::task::yield_now().await;
        }
    }
}

const WARM: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(6);
