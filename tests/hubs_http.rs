//! Hubs by name on axum and on actix-web over TCP, which respond alike to the same requests.
#![cfg(all(feature = "axum", feature = "actix-web"))]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

mod both;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web;
use axum::Router;
use mixed_replace::{Hubs, Live, Part, Publisher, hub, hubs};

use self::both::{ask, eventually, servers};

/// Returns hubs whose source knows the names that begin with "cam", and the count of its calls.
fn cameras() -> (hubs::Builder, Arc<AtomicUsize>, Arc<Mutex<Vec<Publisher>>>) {
    let (calls, kept) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (count, keep) = (Arc::clone(&calls), Arc::clone(&kept));
    let builder = Hubs::builder().source(move |name, publisher| {
        if name == "broken" {
            return Err("rtsp://admin:s3cret@10.0.0.7 is unreachable".into());
        }
        if !name.starts_with("cam") {
            return Err(hubs::Unknown.into());
        }
        count.fetch_add(1, Ordering::SeqCst);
        publisher.publish(Part::text(format!("<{name}>"))?)?;
        keep.lock().unwrap().push(publisher);
        Ok(())
    });
    (builder, calls, kept)
}

async fn mounted(live: Live) -> [String; 2] {
    let app = Router::new().nest_service("/cameras", live.clone());
    servers(app, move |app| {
        app.service(web::scope("/cameras").default_service(web::to(live.clone())));
    })
    .await
}

#[tokio::test]
async fn every_stack_serves_hubs_alike() {
    let (builder, _, kept) = cameras();
    let cameras = builder.max(40).hub(hub::builder().max_subscribers(20)).build();
    let (door, hub) = hub::channel();
    door.publish(Part::text("<door>").unwrap()).unwrap();
    cameras.insert("door", hub).unwrap();
    cameras.insert("never", hub::channel().1).unwrap();
    let addresses = mounted(Live::by_name(cameras.clone())).await;
    let (long, longest) = ("cam".repeat(3_333), "cam".repeat(36));
    let rows: &[(&str, &str, u16, &str)] = &[
        ("GET", "/cameras/cam1", 200, "<cam1>"),
        ("HEAD", "/cameras/cam1", 200, "multipart/x-mixed-replace"),
        ("GET", "/cameras/cam1?snapshot", 200, "\r\n\r\n<cam1>"),
        ("GET", "/cameras/cam1?action=snapshot&1732631415", 200, "\r\n\r\n<cam1>"),
        ("GET", "/cameras/cam1?fps=5", 200, "<cam1>"),
        ("GET", "/cameras/cam1?fps=nan", 400, "`fps` must be a positive number"),
        ("GET", "/cameras/door", 200, "<door>"),
        ("GET", "/cameras/never", 503, "the hub was closed before its first part"),
        ("GET", "/cameras/cam%201?snapshot", 200, "<cam 1>"),
        ("GET", "/cameras/cam+1?snapshot", 200, "<cam+1>"),
        ("GET", "/cameras/%63am1?snapshot", 200, "<cam1>"),
        ("GET", "/cameras/cam%c3%a4?snapshot", 200, "<camä>"),
        ("GET", "/cameras/cam%2541?snapshot", 200, "<cam%41>"),
        ("GET", "/cameras/roof", 404, "no hub has this name"),
        ("GET", "/cameras/roof?snapshot", 404, "no hub has this name"),
        ("HEAD", "/cameras/roof", 404, ""),
        ("GET", "/cameras/cam1/", 404, "no hub has this name"),
        ("GET", "/cameras/cam1/cam2", 404, "no hub has this name"),
        ("GET", "/cameras/cam1%2fcam2", 400, "invalid name: contains '/'"),
        ("GET", "/cameras/cam%2F", 400, "invalid name: contains '/'"),
        ("GET", "/cameras/cam%0d%0aSet-Cookie:%20a=b", 400, "invalid name: contains '\\r'"),
        ("GET", "/cameras/cam%00", 400, "invalid name: contains '\\0'"),
        ("GET", "/cameras/%2e%2e", 400, "invalid name: is only dots"),
        ("GET", "/cameras/..", 400, "invalid name: is only dots"),
        ("GET", "/cameras/%2e", 400, "invalid name: is only dots"),
        ("GET", "/cameras/cam%ff", 400, "invalid name: is not UTF-8 after percent-decoding"),
        ("GET", "/cameras/cam%c3", 400, "invalid name: is not UTF-8 after percent-decoding"),
        ("GET", "/cameras/broken", 503, "the source cannot be started"),
        ("POST", "/cameras/cam1", 405, "method not allowed"),
        ("POST", "/cameras", 405, "method not allowed"),
        ("GET", "/cameras", 200, "{\"name\":\"door\",\"state\":\"live\",\"viewers\":"),
        ("GET", "/cameras/", 200, "{\"name\":\"never\",\"state\":\"ended\",\"viewers\":0,\"age\":null}"),
        ("HEAD", "/cameras", 200, "content-type: application/json"),
        ("GET", "/cameras/cam%22%5c", 200, "<cam\"\\>"),
        ("GET", "/cameras", 200, "{\"name\":\"cam\\\"\\\\\","),
        ("GET", "/elsewhere", 404, ""),
    ];
    for (method, path, status, contains) in rows {
        for (stack, address) in addresses.iter().enumerate() {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let answer = ask(address, request, if contains.is_empty() { "\r\n\r\n" } else { contains }).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "stack {stack}: {method} {path}: {answer}");
            assert!(answer.contains(contains), "stack {stack}: {method} {path}: {answer}");
            assert!(!answer.contains("s3cret"), "{answer}");
            assert_eq!(answer.contains("retry-after: "), contains.ends_with("started"), "{path}: {answer}");
        }
    }
    for address in &addresses {
        for (name, status) in [(&long, "400"), (&longest, "200")] {
            let answer = ask(address, format!("GET /cameras/{name} HTTP/1.1\r\nHost: x\r\n\r\n"), "\r\n\r\n").await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(answer.len() < 1_000, "the name is not repeated: {answer}");
        }
    }
    drop(kept);
}

#[tokio::test]
async fn stream_waits_for_the_first_part_up_to_its_limit() {
    fn request(method: &str, name: &str) -> String {
        format!("{method} /cameras/{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    }
    let publishers = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&publishers);
    let cameras = Hubs::builder().source(move |_, publisher| {
        keep.lock().unwrap().push(publisher);
        Ok(())
    });
    let cameras = cameras.build();
    let brief = Live::by_name(cameras.clone()).first_part_timeout(Duration::from_millis(200));
    for address in mounted(brief.clone()).await {
        let answer = ask(&address, request("GET", "cam"), "no part published yet").await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1\r\n"), "{answer}");
        assert!(publishers.lock().unwrap()[0].demand().is_wanted(), "the camera starts");
        // A `HEAD` does not wait, nor does a stream without the limit.
        let answer = ask(&address, request("HEAD", "cam"), "\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let now = Live::by_name(cameras.clone()).first_part_timeout(None);
    for address in mounted(now).await {
        let answer = ask(&address, request("GET", "cam"), "\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    for (nth, address) in mounted(brief.first_part_timeout(Duration::from_secs(20))).await.into_iter().enumerate() {
        let name = format!("late-{nth}");
        let viewer = tokio::spawn(async move { ask(&address, request("GET", &name), "<late>").await });
        eventually("the camera starts", || {
            publishers.lock().unwrap().last().is_some_and(|publisher| publisher.demand().is_wanted())
                && publishers.lock().unwrap().len() == 2 + nth
        })
        .await;
        publishers.lock().unwrap()[1 + nth].publish(Part::text("<late>").unwrap()).unwrap();
        assert!(viewer.await.unwrap().starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn too_many_names_respond_503_and_known_ones_still_work() {
    let (builder, ..) = cameras();
    let cameras = builder.max(2).build();
    for address in mounted(Live::by_name(cameras.clone())).await {
        for (name, status) in [("cam1", "200"), ("cam2", "200"), ("cam3", "503"), ("cam1", "200"), ("roof", "503")] {
            let request = format!("GET /cameras/{name}?snapshot HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let answer = ask(&address, request, "never").await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {answer}");
            let full =
                answer.contains("retry-after: 5\r\n") && answer.ends_with("too many hubs, at most 2 are allowed");
            assert_eq!(full, status == "503", "{answer}");
        }
    }
}

#[tokio::test]
async fn concurrent_first_requests_start_one_source() {
    for stack in [0, 1] {
        let (builder, calls, _kept) = cameras();
        let address = mounted(Live::by_name(builder.build())).await[stack].clone();
        let viewers = (0..50).map(|_| ask(&address, "GET /cameras/cam1 HTTP/1.1\r\nHost: x\r\n\r\n", "<cam1>"));
        futures::future::join_all(viewers).await;
        assert_eq!(calls.load(Ordering::SeqCst), 1, "stack {stack}");
    }
}

#[tokio::test]
async fn ended_source_is_started_again_by_the_next_request() {
    let (builder, calls, kept) = cameras();
    for (nth, address) in mounted(Live::by_name(builder.build())).await.iter().enumerate() {
        let request = "GET /cameras/cam1 HTTP/1.1\r\nHost: x\r\n\r\n";
        ask(address, request, "<cam1>").await;
        kept.lock().unwrap().clear();
        ask(address, request, "<cam1>").await;
        assert_eq!(calls.load(Ordering::SeqCst), 2 + nth);
    }
}

#[tokio::test]
async fn list_can_be_turned_off() {
    let (builder, ..) = cameras();
    for address in mounted(Live::by_name(builder.build()).list(false)).await {
        let answer = ask(&address, "GET /cameras HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "never").await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
}

#[tokio::test]
async fn hub_is_dropped_after_its_last_viewer() {
    let (builder, calls, kept) = cameras();
    let cameras = builder.idle(Duration::from_millis(200)).build();
    for (nth, address) in mounted(Live::by_name(cameras.clone())).await.iter().enumerate() {
        ask(address, "GET /cameras/cam1 HTTP/1.1\r\nHost: x\r\n\r\n", "<cam1>").await;
        eventually("the source ends", || {
            // A write detects that the viewer has disconnected.
            kept.lock().unwrap().iter().for_each(|camera| drop(camera.publish(Part::text("next").unwrap())));
            kept.lock().unwrap().iter().all(Publisher::is_closed) && cameras.names().is_empty()
        })
        .await;
        assert_eq!(calls.load(Ordering::SeqCst), nth + 1);
    }
}
