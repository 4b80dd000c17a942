//! A thousand names made and dropped under load leave nothing behind.
#![cfg(all(feature = "axum", feature = "actix-web"))]

mod both;

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::web;
use axum::Router;
use cap::Cap;
use futures::{StreamExt as _, stream};
use mixed_replace::{Hubs, Live, Part};

use self::both::{ask, eventually, servers};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const NAMES: usize = 1000;
/// The names that are watched at the same time.
const AT_ONCE: usize = 50;
/// Caches of the frameworks and of the allocations of the test.
const NOISE: usize = 32 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn thousand_names_leave_nothing_behind() {
    let running = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&running);
    let cameras = Hubs::builder().idle(Duration::from_millis(100)).source(move |name, publisher| {
        let (name, running) = (name.to_owned(), Arc::clone(&count));
        running.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            for number in 0.. {
                let part = Part::text(format!("<{name}> {number}{:20000}", "")).unwrap();
                if publisher.publish(part).is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            running.fetch_sub(1, Ordering::SeqCst);
        });
        Ok(())
    });
    let cameras = cameras.build();
    let live = Live::by_name(cameras.clone());
    let app = Router::new().nest_service("/cameras", live.clone());
    let addresses = servers(app, move |app| {
        app.service(web::scope("/cameras").default_service(web::to(live.clone())));
    });
    let addresses = addresses.await;
    for (stack, address) in addresses.iter().enumerate() {
        // The first rounds fill the caches of the threads. A leak grows in each round.
        let mut before = 0;
        let mut grows = true;
        for round in 0..5 {
            let names = stream::iter(0..NAMES).map(|nth| async move {
                let request = format!("GET /cameras/cam{nth} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                assert!(ask(address, request, &format!("<cam{nth}> 2")).await.starts_with("HTTP/1.1 200"));
            });
            names.buffer_unordered(AT_ONCE).for_each(async |()| ()).await;
            eventually("all hubs are dropped", || cameras.names().is_empty()).await;
            eventually("all sources end", || running.load(Ordering::SeqCst) == 0).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            // A busy machine takes a while to drop the last connections.
            for _ in 0..200 {
                grows = ALLOCATOR.allocated() > before + NOISE;
                if !grows {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            println!("stack {stack}, round {round}: {} bytes allocated", ALLOCATOR.allocated());
            if !grows {
                break;
            }
            before = ALLOCATOR.allocated();
        }
        assert!(!grows, "stack {stack}: each round leaves more than {NOISE} bytes behind");
    }
}
