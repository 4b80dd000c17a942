//! A node of the `cluster` example that publishes parts of one size, so that the bench can choose which:
//! `publisher BROKER BYTES PARTS-A-SECOND`, or 0 for as many as the broker takes.

use std::iter::successors;
use std::time::Duration;

use cluster::Node;
use deploy_tests::cluster::TOPIC;
use mixed_replace::Part;
use tokio::task::yield_now;
use tokio::time::{interval, sleep};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [broker, size, rate] = arguments.as_slice() else { panic!("three arguments, not {arguments:?}") };
    let part = picture(size.parse().expect("a number of bytes"));
    let rate: f64 = rate.parse().expect("a number of parts");
    let node = Node::start(&broker.parse().expect("an address"), TOPIC);
    while !node.status().connected {
        sleep(PAUSE).await;
    }
    if rate > 0.0 {
        publish_at(rate, &node, &part).await;
    } else {
        publish_all(&node, &part).await;
    }
}

async fn publish_at(rate: f64, node: &Node, part: &Part) {
    let mut clock = interval(Duration::from_secs_f64(1.0 / rate));
    loop {
        clock.tick().await;
        node.publish(part.clone());
    }
}

/// Publishes each part as soon as the previous one has been sent, because a node skips parts that are replaced earlier.
async fn publish_all(node: &Node, part: &Part) {
    for number in 1.. {
        node.publish(part.clone());
        let mut turns = 0;
        while node.status().sent < number {
            turns += 1;
            if turns < TURNS {
                yield_now().await;
            } else {
                // The broker is slow. The data in the system's buffers lasts longer than this pause.
                sleep(PAUSE).await;
            }
        }
    }
}

/// Incompressible bytes.
fn picture(size: usize) -> Part {
    let noise = successors(Some(1_u32), |x| Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)));
    let noise = noise.map(|x| x.to_be_bytes()[0]);
    let body: Vec<u8> = JPEG.iter().copied().chain(noise).take(size).collect();
    Part::jpeg(body).expect("a picture")
}

/// A picture to which any bytes can be appended.
const JPEG: &[u8] = include_bytes!("../../../../src/picture/dot.jpg");
const PAUSE: Duration = Duration::from_millis(1);
/// More than the number of polls after which the runtime checks its sockets.
const TURNS: u32 = 200;
