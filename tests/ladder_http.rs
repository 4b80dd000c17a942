//! Ladders on axum and on actix-web over TCP, which respond alike to the same requests.
#![cfg(all(feature = "axum", feature = "actix-web"))]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

mod both;

use std::time::Duration;

use actix_web::web;
use axum::Router;
use mixed_replace::{Ladder, Live, Part, Publisher, hub};

use self::both::{ask, servers};

const IMG: &str = "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n";

/// Returns a picture of this width that browsers open. Its name follows the image's end.
fn picture(width: u16, name: &str) -> Part {
    let dot = include_bytes!("../src/picture/dot.jpg");
    let frame = dot.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    let mut body = dot.to_vec();
    body.splice(frame + 7..frame + 9, width.to_be_bytes());
    body.extend_from_slice(name.as_bytes());
    Part::jpeg(body).unwrap()
}

fn rung(width: u16, name: &str) -> (Publisher, mixed_replace::Hub) {
    let (publisher, hub) = hub::channel();
    publisher.publish(picture(width, name)).unwrap();
    (publisher, hub)
}

#[tokio::test]
async fn every_stack_serves_ladders_alike() {
    let rungs = [rung(1280, "<1280>"), rung(640, "<640>"), rung(320, "<320>")];
    let ladder = Ladder::new(rungs.iter().map(|(_, hub)| hub.clone()));
    let live = Live::ladder(ladder.clone());
    let largest = live.clone().size_param(false);
    let app = Router::new().route_service("/live", live.clone()).route_service("/largest", largest.clone());
    let addresses = servers(app, move |app| {
        app.route("/live", web::to(live.clone())).route("/largest", web::to(largest.clone()));
    })
    .await;
    let rows: &[(&str, &str, &str, u16, &str)] = &[
        ("GET", "/live", IMG, 200, "<1280>"),
        ("GET", "/live", "", 200, "content-type: multipart/x-mixed-replace; boundary="),
        ("GET", "/live", "Accept: multipart/mixed\r\n", 200, "content-type: multipart/mixed; boundary="),
        ("GET", "/live?width=full", IMG, 200, "<1280>"),
        ("GET", "/live?width=1281", IMG, 200, "<1280>"),
        ("GET", "/live?width=641", IMG, 200, "<1280>"),
        ("GET", "/live?width=640", IMG, 200, "<640>"),
        ("GET", "/live?width=640&fps=5", IMG, 200, "<640>"),
        ("GET", "/live?width=1", IMG, 200, "<320>"),
        ("GET", "/live?width=%33%32%30", IMG, 200, "<320>"),
        ("GET", "/live?fps=%35&width=f%75ll", IMG, 200, "<1280>"),
        ("GET", "/live?width=%ff", IMG, 400, "not \"\u{fffd}\""),
        ("GET", "/live?width=%0d%0a", IMG, 400, r#"not "\r\n""#),
        ("GET", "/largest?width=320", IMG, 200, "<1280>"),
        ("GET", "/largest?width=large", IMG, 200, "<1280>"),
        ("GET", "/largest?snapshot&width=320", IMG, 200, "<1280>"),
        ("GET", "/live?snapshot", IMG, 200, "<1280>"),
        ("GET", "/live?snapshot&width=320", IMG, 200, "<320>"),
        ("HEAD", "/live?width=320", IMG, 200, "content-type: multipart/x-mixed-replace; boundary="),
        ("GET", "/live?width=", IMG, 400, "`width` must be a number of pixels from 1 to 65535 or \"full\", not \"\""),
        ("GET", "/live?width=0", IMG, 400, "not \"0\""),
        ("GET", "/live?width=-1", IMG, 400, "not \"-1\""),
        ("GET", "/live?width=1e3", IMG, 400, "not \"1e3\""),
        ("GET", "/live?width=65536", IMG, 400, "not \"65536\""),
        ("GET", "/live?width=large", IMG, 400, "not \"large\""),
        ("GET", "/live?fps=0", IMG, 400, "`fps` must be a positive number"),
        ("POST", "/live", IMG, 405, "allow: GET, HEAD"),
    ];
    for address in &addresses {
        for (method, path, accept, status, expected) in rows {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{accept}\r\n");
            let answer = ask(address, &request, expected).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{address} {request}{answer}");
            assert!(answer.contains(expected), "{address} {request}{answer}");
        }
    }
    ladder.close();
}

#[tokio::test]
async fn stream_waits_for_the_rung_on_which_it_starts() {
    let (_, closed) = hub::channel();
    let (_publisher, small) = rung(640, "<640>");
    let live = Live::ladder(Ladder::new([closed, small.clone()]));
    let app = Router::new().route_service("/live", live.clone());
    let addresses = servers(app, move |app| {
        app.route("/live", web::to(live.clone()));
    })
    .await;
    for address in &addresses {
        let request = format!("GET /live HTTP/1.1\r\nHost: x\r\n{IMG}\r\n");
        let answer = ask(address, &request, "<640>").await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("<640>"), "{address} {answer}");
    }
    small.close();
}

#[tokio::test]
async fn stream_starts_on_another_rung_if_the_source_of_its_own_does_not_answer() {
    let (_silent, main) = hub::channel();
    let (publisher, sub) = hub::channel();
    let demand = publisher.demand();
    tokio::spawn(async move {
        while demand.wanted().await {
            publisher.publish(picture(640, "<640>")).unwrap();
            demand.unwanted().await;
        }
    });
    let answering = Live::ladder(Ladder::new([main.clone(), sub])).first_part_timeout(Duration::from_secs(1));
    let (_silent_too, third) = hub::channel();
    let silent = Live::ladder(Ladder::new([main, third])).first_part_timeout(Duration::from_millis(100));
    let app = Router::new().route_service("/live", answering.clone()).route_service("/silent", silent.clone());
    let addresses = servers(app, move |app| {
        app.route("/live", web::to(answering.clone())).route("/silent", web::to(silent.clone()));
    })
    .await;
    for address in &addresses {
        for width in ["", "?width=full"] {
            let request = |path: &str| format!("GET {path}{width} HTTP/1.1\r\nHost: x\r\n{IMG}\r\n");
            let answer = ask(address, request("/live"), "<640>").await;
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("<640>"), "{address} {answer}");
            let answer = ask(address, request("/silent"), "no part").await;
            assert!(answer.starts_with("HTTP/1.1 503 "), "{address} {answer}");
        }
    }
}
