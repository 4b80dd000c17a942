//! A hub that serves itself, on axum and on actix: the same requests, the same answers.
#![cfg(all(feature = "axum", feature = "actix-web"))]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::time::Duration;

use actix_web::web;
use axum::Router;
use mixed_replace::{Hub, Part, Publisher, Wire, hub};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A hub at `/live` of a server of each kind, on the addresses that come back.
async fn servers(hub: &Hub) -> [String; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let axum = listener.local_addr().unwrap().to_string();
    let app = Router::new().route_service("/live", hub.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let actix = listener.local_addr().unwrap().to_string();
    let hub = hub.clone();
    std::thread::spawn(move || {
        let app = move || actix_web::App::new().route("/live", web::to(hub.clone()));
        let server = actix_web::HttpServer::new(app).workers(1).listen(listener).unwrap().run();
        actix_web::rt::System::new().block_on(server)
    });
    [axum, actix]
}

/// The answer until the end of the body, or until it holds `until`.
async fn ask(address: &str, request: &str, until: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = async {
        while connection.read_buf(&mut answer).await.unwrap() > 0 {
            if String::from_utf8_lossy(&answer).contains(until) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn ask_both(hub: &Hub, request: &str, until: &str, check: impl Fn(&str)) {
    for address in servers(hub).await {
        check(&ask(&address, &request.replace('|', "\r\n"), until).await);
    }
}

fn on() -> (Publisher, Hub) {
    let (publisher, hub) = hub::channel();
    publisher.publish(Part::text("on").unwrap()).unwrap();
    (publisher, hub)
}

#[tokio::test]
async fn get_is_the_stream_on_the_wire_that_was_asked_for() {
    for (accept, content_type) in [
        ("*/*", "multipart/x-mixed-replace"),
        ("image/*", "multipart/x-mixed-replace"),
        ("multipart/mixed", "multipart/mixed"),
    ] {
        let (publisher, hub) = on();
        let request = format!("GET /live HTTP/1.1|Host: x|Accept: {accept}||");
        ask_both(&hub, &request, "on\r\n--", |answer| {
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            assert!(answer.contains(&format!("content-type: {content_type}; boundary=")), "{answer}");
            assert_eq!(answer.contains("Content-Length: 2"), accept != "image/*", "{answer}");
        })
        .await;
        drop(publisher);
    }
}

#[tokio::test]
async fn a_full_hub_says_when_to_come_back() {
    let (_publisher, hub) = hub::builder().max_subscribers(1).build();
    let _viewer = hub.subscribe(Wire::Machine).unwrap();
    ask_both(&hub, "GET /live HTTP/1.1|Host: x|Connection: close||", "try again in 5 s", |answer| {
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("retry-after: 5\r\n"), "{answer}");
        assert!(answer.contains("too many viewers, try again in 5 s"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn head_starts_nothing() {
    let (publisher, hub) = on();
    ask_both(&hub, "HEAD /live HTTP/1.1|Host: x|Connection: close||", "never", |answer| {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("content-type: multipart/x-mixed-replace; boundary="), "{answer}");
        assert!(!answer.contains("content-length:"), "nobody knows it: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(!publisher.demand().is_wanted());
    })
    .await;
    assert_eq!(hub.stats().viewers_peak, 0);
}

#[tokio::test]
async fn head_tells_no_length_however_the_hub_is_mounted() {
    let (_publisher, hub) = on();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = Router::new().route("/live", axum::routing::any_service(hub));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let answer = ask(&address, "HEAD /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "never").await;
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("content-length:"), "{answer}");
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let (_publisher, hub) = on();
    ask_both(&hub, "POST /live HTTP/1.1|Host: x|Content-Length: 0|Connection: close||", "never", |answer| {
        assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
        assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
    })
    .await;
}

/// What quotes the request is not to be taken for a page.
#[tokio::test]
async fn what_is_not_served_is_told_in_plain_text() {
    let (_publisher, hub) = on();
    ask_both(&hub, "GET /live?fps=x HTTP/1.1|Host: x|Connection: close||", "never", |answer| {
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains("content-type: text/plain; charset=utf-8\r\n"), "{answer}");
        assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
        assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn fps_is_a_positive_number() {
    let (_publisher, hub) = on();
    for bad in ["abc", "0", "-1", "inf", "NaN", ""] {
        let request = format!("GET /live?fps={bad} HTTP/1.1|Host: x|Connection: close||");
        ask_both(&hub, &request, "never", |answer| {
            assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
            assert!(answer.contains(&format!("fps={bad:?} is no positive number")), "{answer}");
        })
        .await;
    }
    let request = "GET /live?fps=2.5 HTTP/1.1|Host: x|Connection: close||";
    ask_both(&hub, request, "on\r\n--", |answer| assert!(answer.starts_with("HTTP/1.1 200"), "{answer}")).await;
}

#[tokio::test]
async fn snapshot_is_one_part() {
    let (_publisher, hub) = on();
    ask_both(&hub, "GET /live?snapshot HTTP/1.1|Host: x|Connection: close||", "never", |answer| {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("content-type: text/plain; charset=utf-8\r\n"), "{answer}");
        assert!(answer.contains("content-length: 2\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\non"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn snapshot_waits_for_a_camera_that_starts() {
    let (publisher, hub) = hub::channel();
    std::thread::spawn(move || {
        while publisher.demand().wait() {
            publisher.publish(Part::text("awake").unwrap()).unwrap();
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    ask_both(&hub, "GET /live?snapshot HTTP/1.1|Host: x|Connection: close||", "never", |answer| {
        assert!(answer.ends_with("\r\n\r\nawake"), "{answer}");
    })
    .await;
    hub.close();
}

#[tokio::test]
async fn a_snapshot_is_asked_for_again_at_little_cost() {
    let (_publisher, hub) = on();
    let still = mixed_replace::Still::new(Part::text("on").unwrap());
    let etag = still.etag().to_str().unwrap().to_owned();
    for (method, path, tag, status, refresh) in [
        ("GET", "/live?snapshot", "\"an older one\"", "200 OK", None),
        ("GET", "/live?snapshot", &*etag, "304 Not Modified", None),
        ("GET", "/live?snapshot&refresh=5", &*etag, "304 Not Modified", Some("5")),
        ("HEAD", "/live?snapshot&refresh=86400", "\"an older one\"", "200 OK", Some("86400")),
        ("HEAD", "/live?snapshot", &*etag, "304 Not Modified", None),
    ] {
        let request = format!("{method} {path} HTTP/1.1|Host: x|If-None-Match: {tag}|Connection: close||");
        ask_both(&hub, &request, "never", |answer| {
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
            assert!(answer.contains(&format!("etag: {etag}\r\n")), "{answer}");
            assert!(answer.contains("cache-control: private, no-cache\r\n"), "{answer}");
            assert_eq!(answer.contains("content-length: 2\r\n"), status == "200 OK", "{answer}");
            assert_eq!(answer.ends_with("\r\n\r\non"), status == "200 OK" && method == "GET", "{answer}");
            match refresh {
                Some(seconds) => assert!(answer.contains(&format!("refresh: {seconds}\r\n")), "{answer}"),
                None => assert!(!answer.contains("refresh:"), "{answer}"),
            }
        })
        .await;
    }
    for bad in ["0", "-1", "1.5", "86401", "", "5;URL=x"] {
        let request = format!("GET /live?snapshot&refresh={bad} HTTP/1.1|Host: x|Connection: close||");
        ask_both(&hub, &request, "never", |answer| assert!(answer.starts_with("HTTP/1.1 400"), "{answer}")).await;
    }
}

#[tokio::test]
async fn the_head_of_a_snapshot_wakes_no_camera() {
    let (publisher, hub) = hub::channel();
    ask_both(&hub, "HEAD /live?snapshot HTTP/1.1|Host: x|Connection: close||", "never", |answer| {
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
        assert!(!publisher.demand().is_wanted());
    })
    .await;
}
