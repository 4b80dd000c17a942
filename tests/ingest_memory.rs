//! A hostile sender costs at most its limit and slightly more.
#![cfg(all(feature = "axum", feature = "actix-web"))]

mod both;

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::web;
use axum::Router;
use cap::Cap;
use mixed_replace::decode::Limits;
use mixed_replace::{Ingest, hub};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use self::both::{answer, eventually, servers};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const MAX: usize = 1 << 20;
/// The buffers of the connection, on both ends.
const BUFFERS: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn endless_part_is_bounded_and_rejected() {
    let (publisher, _hub) = hub::channel();
    let ingest = Ingest::new(publisher).limits(Limits::new().max_part_bytes(MAX)).part_timeout(Duration::from_secs(20));
    let app = Router::new().route_service("/in", ingest.clone());
    let addresses = servers(app, move |app| {
        app.route("/in", web::to(ingest.clone()));
    });
    let jpeg = include_bytes!("../src/picture/dot.jpg");
    let picture = &jpeg[..jpeg.len() - 2];
    let announced = b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: 900000000\r\n\r\n";
    let undelimited = [b"--x\r\nContent-Type: image/jpeg\r\n\r\n", picture].concat();
    for (stack, address) in addresses.await.iter().enumerate() {
        for (what, content_type, begin) in [
            ("an endless part", "multipart/x-mixed-replace; boundary=x", &undelimited[..]),
            ("an endless length", "multipart/x-mixed-replace; boundary=x", announced),
            ("an endless JPEG", "video/x-motion-jpeg", picture),
            ("an endless PNG", "image/png", b"\x89PNG\r\n\x1a\n"),
        ] {
            let mut sender = TcpStream::connect(address).await.expect("a server");
            let head = format!("POST /in HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n");
            let head = [head.as_bytes(), b"Transfer-Encoding: chunked\r\n\r\n"].concat();
            let body = [begin, &vec![b'.'; 65_536 - begin.len()]].concat();
            let (first, more) = (chunk(&body), chunk(&[b'.'; 65_536]));
            let before = ALLOCATOR.allocated();
            let (peak, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
            let watching = (Arc::clone(&peak), Arc::clone(&done));
            let watch = std::thread::spawn(move || {
                while !watching.1.load(Ordering::Relaxed) {
                    watching.0.fetch_max(ALLOCATOR.allocated(), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_micros(200));
                }
            });
            // 32 MiB, unless the server closes the connection before.
            let _ = sender.write_all(&[head, first].concat()).await;
            for _ in 0..512 {
                if sender.write_all(&more).await.is_err() {
                    break;
                }
            }
            // A client that goes on for longer than the server listens may lose the response.
            let answer = answer(&mut sender, "exceeds the limit").await;
            done.store(true, Ordering::Relaxed);
            watch.join().expect("no panic");
            // Less, if the connection before this one was freed only now.
            let peak = peak.load(Ordering::Relaxed).saturating_sub(before);
            println!("stack {stack}, {what}: {peak} bytes");
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{what}, stack {stack}: {answer}");
            assert!(peak <= 2 * MAX + BUFFERS, "{what}, stack {stack}: {peak} bytes");
            eventually("it is freed", || ALLOCATOR.allocated() <= before + BUFFERS).await;
        }
    }
}

fn chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat()
}
