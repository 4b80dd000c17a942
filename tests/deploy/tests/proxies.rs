//! Each proxy passes each part before the next is published. Without the crate's headers it would not.

use std::time::{Duration, Instant};

use deploy_tests::proxies::{Proxy, Server, Viewer};
use futures::future::join_all;
use tokio::time::sleep;

#[tokio::test]
#[ignore = "needs nginx, Apache, Caddy and HAProxy"]
async fn proxies_pass_each_part_at_once() {
    let mut started = Vec::new();
    for proxy in Proxy::ALL {
        let server = Server::start(Some(KEEP_ALIVE)).await;
        let running = proxy.start(&server, Duration::from_secs(60));
        started.push((proxy, server, running));
    }
    println!("| proxy | at once, with our head; median | without | a viewer who left is noticed after |");
    join_all(started.iter().map(async |(proxy, server, running)| {
        let mut viewer = Viewer::come(running.port(), "/with", HEAD).await.expect("the head arrives before a repeat");
        let mut delays = come_at_once(server, &mut viewer).await;
        assert!(!viewer.coding().contains("gzip"), "{proxy}");
        // A busy machine may delay some of them.
        assert!(delays.len() > PARTS * 4 / 5, "{proxy}: {delays:?}");
        delays.sort_unstable();
        assert!(delays[PARTS / 2] < Duration::from_millis(100), "{proxy}: {delays:?}");

        drop(viewer);
        let since = Instant::now();
        while server.viewers() > 0 {
            // Two repeats, and almost the time of a third.
            assert!(since.elapsed() < 3 * KEEP_ALIVE - Duration::from_millis(200), "{proxy}: the viewer has left");
            sleep(Duration::from_millis(5)).await;
        }
        let noticed = since.elapsed();

        let (without, coding) = match Viewer::come(running.port(), "/without", HELD).await {
            Some(mut viewer) => (come_at_once(server, &mut viewer).await.len(), viewer.coding().to_owned()),
            None => (0, "no head".to_owned()),
        };
        println!(
            "| {proxy} | {} of {PARTS}, {:.1} ms | {without} of {PARTS} {coding} | {} ms |",
            delays.len(),
            delays[PARTS / 2].as_secs_f64() * 1e3,
            noticed.as_millis(),
        );
    }))
    .await;
}

#[tokio::test]
#[ignore = "needs nginx, Apache, Caddy and HAProxy"]
async fn keep_alive_holds_idle_stream_open_through_proxies() {
    let proxy_timeout = Duration::from_secs(3);
    let mut started = Vec::new();
    for proxy in Proxy::ALL {
        for keep_alive in [Some(Duration::from_secs(1)), None] {
            let server = Server::start(keep_alive).await;
            let running = proxy.start(&server, proxy_timeout);
            started.push((proxy, keep_alive, running, server));
        }
    }
    join_all(started.iter().map(async |(proxy, keep_alive, running, _)| {
        let mut viewer = Viewer::come(running.port(), "/with", 2 * proxy_timeout).await.expect("a head");
        let kept = viewer.lasts(2 * proxy_timeout).await;
        assert_eq!(kept, keep_alive.is_some(), "{proxy}, {keep_alive:?}");
    }))
    .await;
}

/// Each client sees the stills change, of which the server sends one a second.
#[tokio::test]
#[ignore = "needs nginx"]
async fn cache_asks_once_a_second_for_any_number_of_clients() {
    let server = Server::start(Some(KEEP_ALIVE)).await;
    let running = Proxy::Nginx.start(&server, Duration::from_secs(60));
    let time = Duration::from_secs(6);
    let clients: Vec<_> = (0..50).map(|_| tokio::spawn(Viewer::polls(running.port(), "/still", time))).collect();
    let since = Instant::now();
    for number in 1.. {
        server.publish(number);
        sleep(Duration::from_millis(100)).await;
        if since.elapsed() > time {
            break;
        }
    }
    let mut least = usize::MAX;
    for client in clients {
        let bodies = client.await.expect("no panic");
        assert!(bodies.windows(2).all(|two| two[0] < two[1]), "newer ones");
        least = least.min(bodies.len());
    }
    let asked = server.stills();
    println!("50 clients, 10 requests a second each, for {time:?}: {asked} requests, {least} stills or more for each");
    // nginx counts full seconds: a request begins when the previous still is one to two seconds old.
    assert!((2..=8).contains(&asked) && least >= 2, "{asked} requests, {least} stills");
}

/// Returns the delays of those of ten parts that arrived before the next was published.
async fn come_at_once(server: &Server, viewer: &mut Viewer) -> Vec<Duration> {
    let mut delays = Vec::new();
    for number in 1..=PARTS {
        server.publish(number);
        let start = Instant::now();
        delays.extend(viewer.sees(number, HELD).await);
        sleep(HELD.saturating_sub(start.elapsed()).min(Duration::from_millis(50))).await;
    }
    delays
}

const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// Enough for the first request to a proxy, and too short for a head that waits for a repeated part behind it.
const HEAD: Duration = KEEP_ALIVE.saturating_sub(HELD);
const PARTS: usize = 10;
/// A part that has not arrived by then was held back.
const HELD: Duration = Duration::from_millis(500);
