//! Walls on axum and on actix-web over TCP, which respond alike to the same requests.
#![cfg(all(feature = "axum", feature = "actix-web"))]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

mod both;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web;
use axum::Router;
use mixed_replace::{Hubs, Ladder, Part, Publisher, Wall, hub, hubs};

use self::both::{ask, eventually, servers};

const SCRIPT: &str = "Accept: multipart/mixed\r\n";
const IMG: &str = "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n";

/// Returns hubs whose source knows the names that begin with "cam", and their publishers.
fn cameras() -> (hubs::Builder, Arc<Mutex<Vec<Publisher>>>) {
    let publishers = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&publishers);
    let hub = hub::builder().timestamps(false);
    let builder = Hubs::builder().hub(hub).source(move |name, publisher| {
        if name == "broken" {
            return Err("rtsp://admin:s3cret@10.0.0.7 is unreachable".into());
        }
        if !name.starts_with("cam") {
            return Err(hubs::Unknown.into());
        }
        publisher.publish(Part::text(format!("<{name}>"))?)?;
        keep.lock().unwrap().push(publisher);
        Ok(())
    });
    (builder, publishers)
}

/// Mounts a wall as one address, `/wall`, and with its tracks below another, `/walls`.
async fn mounted(hubs: &Hubs, options: impl Fn(Wall) -> Wall) -> [String; 2] {
    let (one, named) = (options(Wall::new(hubs.clone())), options(Wall::by_name(hubs.clone())));
    let app = Router::new().route_service("/wall", one.clone()).nest_service("/walls", named.clone());
    servers(app, move |app| {
        app.route("/wall", web::to(one.clone()));
        app.service(web::scope("/walls").default_service(web::to(named.clone())));
    })
    .await
}

#[tokio::test]
async fn every_stack_serves_walls_alike() {
    let (builder, _kept) = cameras();
    let cameras = builder.max(40).build();
    let (door, hub) = hub::builder().timestamps(false).build();
    door.publish(Part::text("<door>").unwrap()).unwrap();
    cameras.insert("door", hub).unwrap();
    cameras.insert("never", hub::channel().1).unwrap();
    let (full, hub) = hub::builder().max_subscribers(0).build();
    cameras.insert("full", hub).unwrap();
    let addresses = mounted(&cameras, |wall| wall.max(10).keep_alive_interval(Duration::from_millis(200))).await;
    let many = ["cam"; 11].join(",");
    let ten_thousand = vec!["x"; 10_000].join(",");
    let rows: &[(&str, &str, &str, u16, &str)] = &[
        ("GET", "/wall?of=cam1,door", SCRIPT, 200, "Content-Location: door\r\nContent-Length: 6\r\n\r\n<door>"),
        ("GET", "/wall?of=cam1,door", SCRIPT, 200, "{\"tracks\":{\"cam1\":\"live\",\"door\":\"live\"}}"),
        ("GET", "/wall?of=cam1,door", SCRIPT, 200, "content-type: multipart/mixed; boundary="),
        ("GET", "/wall?of=cam1,door", "", 200, "content-type: multipart/x-mixed-replace; boundary="),
        ("GET", "/wall?of=cam1", "", 200, "Content-Location: cam1\r\nContent-Length: 6\r\n\r\n<cam1>"),
        ("GET", "/wall", SCRIPT, 200, "\"door\":\"live\",\"full\":\"waiting\",\"never\":\"ended\"}}"),
        ("GET", "/wall", SCRIPT, 200, "Content-Location: door"),
        ("HEAD", "/wall?of=cam1,door", SCRIPT, 200, "content-type: multipart/mixed"),
        ("GET", "/walls?of=cam1", SCRIPT, 200, "Content-Location: cam1"),
        ("GET", "/walls/?of=cam1", SCRIPT, 200, "Content-Location: cam1"),
        ("GET", "/walls/cam1", IMG, 200, "<cam1>"),
        ("GET", "/walls/cam1?snapshot", IMG, 200, "\r\n\r\n<cam1>"),
        ("GET", "/walls/roof", IMG, 404, "no hub has this name"),
        ("GET", "/wall?of=cam%201,cam%2C", SCRIPT, 200, "{\"tracks\":{\"cam 1\":\"live\",\"cam,\":\"live\"}}"),
        ("GET", "/wall?of=cam%201,cam%2C", SCRIPT, 200, "Content-Location: cam%2C"),
        ("GET", "/wall?of=cam1,cam1,cam1", SCRIPT, 200, "{\"tracks\":{\"cam1\":\"live\"}}"),
        ("GET", "/wall?of=cam1&fps=5", SCRIPT, 200, "<cam1>"),
        ("GET", "/wall?of=broken,cam1", SCRIPT, 200, "{\"tracks\":{\"broken\":\"ended\",\"cam1\":\"live\"}}"),
        ("GET", "/wall?of=broken", SCRIPT, 503, "the source cannot be started"),
        ("GET", "/wall?of=full", SCRIPT, 503, "too many viewers, try again in 5 s"),
        ("GET", "/wall?of=never", SCRIPT, 503, "the hub was closed before its first part"),
        ("GET", "/wall?of=cam1,roof,a%20%0ab", SCRIPT, 400, "invalid name: contains '\\n'"),
        ("GET", "/wall?of=cam1,roof,a%20b", SCRIPT, 404, "x-unknown-tracks: a%20b,roof\r\n"),
        ("GET", "/wall?of=cam1,roof,a%20b", SCRIPT, 404, "no hubs have these names: a%20b,roof"),
        ("HEAD", "/wall?of=roof", SCRIPT, 404, "x-unknown-tracks: roof\r\n"),
        ("GET", "/wall?of=", SCRIPT, 400, "`of` must name tracks, as in ?of=yard,door"),
        ("GET", "/wall?of", SCRIPT, 400, "`of` must name tracks"),
        ("GET", "/wall?of=cam1,", SCRIPT, 400, "invalid name: is empty"),
        ("GET", "/wall?of=%2f", SCRIPT, 400, "invalid name: contains '/'"),
        ("GET", "/wall?of=cam1%2fcam2", SCRIPT, 400, "invalid name: contains '/'"),
        ("GET", "/wall?of=cam%0d%0aSet-Cookie:%20a=b", SCRIPT, 400, "invalid name: contains '\\r'"),
        ("GET", "/wall?of=..", SCRIPT, 400, "invalid name: is only dots"),
        ("GET", "/wall?of=%2e%2e", SCRIPT, 400, "invalid name: is only dots"),
        ("GET", "/wall?of=cam%ff", SCRIPT, 400, "invalid name: is not UTF-8 after percent-decoding"),
        ("GET", "/wall?of=cam1,door&width=320", SCRIPT, 200, "<door>"),
        ("GET", "/wall?of=cam1,door&width=320,", SCRIPT, 200, "<door>"),
        ("GET", "/wall?width=full", SCRIPT, 200, "<door>"),
        ("GET", "/wall?of=cam1,door,cam2&width=320,640", SCRIPT, 400, "`width` has 2 values for 3 names in `of`"),
        ("GET", "/wall?width=320,640", SCRIPT, 400, "`width` has 2 values for 0 names in `of`"),
        ("GET", "/wall?of=cam1,door&width=320,0", SCRIPT, 400, "`width` must be a number of pixels from 1 to 65535"),
        ("GET", "/wall?of=cam1&width=wide", SCRIPT, 400, "or \"full\", not \"wide\""),
        ("GET", "/wall?of=cam1&fps=nan", SCRIPT, 400, "`fps` must be a positive number, not \"nan\""),
        ("GET", "/wall?of=cam1&fps=0", SCRIPT, 400, "`fps` must be a positive number"),
        ("GET", "/wall?of=cam1", IMG, 406, "<mixed-replace src=\"/wall#NAME\"><img alt=\"\"></mixed-replace>"),
        ("GET", "/wall", IMG, 406, "<script type=\"module\" src=\"/client.js\"></script>"),
        ("GET", "/wall", IMG, 406, "<img src=\"/wall/NAME\">"),
        ("GET", "/wall", "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n", 406, "vary: Accept"),
        ("POST", "/wall", SCRIPT, 405, "method not allowed"),
    ];
    let asked = [(many.as_str(), "`of` has 11 names, at most 10 are allowed"), (&ten_thousand, "`of` has 10000 names")];
    let asked = asked.map(|(of, text)| (format!("/wall?of={of}"), text));
    let rows = rows.iter().copied().chain(asked.iter().map(|(path, text)| ("GET", path.as_str(), SCRIPT, 400, *text)));
    for (method, path, accept, status, contains) in rows {
        for (stack, address) in addresses.iter().enumerate() {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{accept}Connection: close\r\n\r\n");
            let answer = ask(address, request, contains).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "stack {stack}: {method} {path}: {answer}");
            assert!(answer.contains(contains), "stack {stack}: {method} {path}: {answer}");
            assert!(!answer.contains("s3cret") && answer.len() < 3_000, "{answer}");
            assert!(status < 400 || !answer.contains("<cam1>"), "{answer}");
        }
    }
    drop(full);
    let stats = cameras.get("door").unwrap();
    eventually("viewers leave", || stats.stats().viewers == 0).await;
}

#[tokio::test]
async fn stream_expires_as_its_request_says() {
    let (publisher, hub) = hub::channel();
    publisher.publish(Part::text("<yard>").unwrap()).unwrap();
    let cameras = Hubs::new();
    cameras.insert("yard", hub).unwrap();
    let left = |request: &http::request::Parts| match request.uri.query()? {
        query if query.ends_with("expired") => Some(Duration::ZERO),
        _ => Some(Duration::from_millis(300)),
    };
    for address in mounted(&cameras, |wall| wall.expires_in(left)).await {
        for (path, shown) in
            [("/wall?of=yard", true), ("/wall?brief", true), ("/walls/yard?brief", true), ("/wall?expired", false)]
        {
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{SCRIPT}Connection: close\r\n\r\n");
            // The stream ends by itself.
            let answer = ask(&address, request, "never sent").await;
            assert_eq!((answer.contains("<yard>"), answer.contains("--\r\n")), (shown, true), "{path}: {answer}");
        }
    }
}

#[tokio::test]
async fn list_of_unknown_tracks_is_bounded() {
    let (builder, _kept) = cameras();
    let names: Vec<_> = (0..400).map(|nth| format!("unknown-{nth:03}")).collect();
    for address in mounted(&builder.build(), |wall| wall).await {
        let request = format!("GET /wall?of={} HTTP/1.1\r\nHost: x\r\n{SCRIPT}\r\n", names.join(","));
        let answer = ask(&address, request, "no hubs have these names").await;
        let list = answer.split("x-unknown-tracks: ").nth(1).unwrap().lines().next().unwrap();
        assert!(list.len() <= 2048 && list.starts_with("unknown-000,unknown-001,"), "{list}");
        assert!(list.split(',').all(|name| name.len() == 11), "{list}");
    }
}

#[tokio::test]
async fn parts_follow_each_other_on_both_stacks() {
    for stack in [0, 1] {
        let hubs = Hubs::new();
        let publishers: Vec<_> = ["a", "b", "c"]
            .map(|name| {
                let (publisher, hub) = hub::channel();
                hubs.insert(name, hub).unwrap();
                publisher
            })
            .into();
        let address = mounted(&hubs, |wall| wall.keep_alive_interval(Duration::from_millis(200))).await[stack].clone();
        let read = tokio::spawn(async move {
            ask(&address, format!("GET /wall HTTP/1.1\r\nHost: x\r\n{SCRIPT}Connection: close\r\n\r\n"), "the end")
                .await
        });
        let [a, b, hub] = ["a", "b", "c"].map(|name| hubs.get(name).unwrap());
        let every = |holds: &dyn Fn(hub::Stats) -> bool| [&a, &b, &hub].iter().all(|hub| holds(hub.stats()));
        eventually("it watches", || every(&|stats| stats.viewers == 1)).await;
        for nth in 0..20 {
            for (publisher, name) in publishers.iter().zip(["a", "b", "c"]) {
                publisher.publish(Part::text(format!("{name} {nth}")).unwrap()).unwrap();
            }
            // A viewer gets the newest part only.
            eventually("each is delivered", || every(&|stats| stats.parts_delivered > nth)).await;
        }
        publishers[2].publish(Part::text("the end").unwrap()).unwrap();
        let answer = read.await.unwrap();
        for nth in 0..20 {
            for name in ["a", "b", "c"] {
                assert!(answer.contains(&format!("\r\n\r\n{name} {nth}\r\n")), "{name} {nth}: {answer}");
            }
        }
        eventually("the viewer left", || hub.stats().viewers == 0).await;
        assert_eq!(hub.stats().ended.disconnected, 1);
    }
}

#[tokio::test]
async fn ladder_is_served_by_name_and_as_a_track_in_any_size() {
    let hubs = Hubs::new();
    let text = |text: &str| Part::text(text.to_owned()).unwrap();
    let ((main, large), (sub, small)) = (hub::channel(), hub::channel());
    main.publish(text("<large>")).unwrap();
    sub.publish(text("<small>")).unwrap();
    hubs.insert_ladder("yard", Ladder::new([large, small])).unwrap();
    for address in mounted(&hubs, |wall| wall).await {
        for (path, accept, contains) in [
            ("/walls/yard?width=full", IMG, "<large>"),
            // Texts have no width.
            ("/walls/yard?width=320", IMG, "<large>"),
            ("/walls/yard?snapshot&width=320", IMG, "<large>"),
            ("/walls/yard?width=x", IMG, "`width` must be a number of pixels"),
            ("/wall?of=yard&width=320", SCRIPT, "<large>"),
            ("/wall?of=yard,yard&width=,full", SCRIPT, "<large>"),
            ("/wall?of=yard&width=1,2", SCRIPT, "`width` has 2 values for 1 names in `of`"),
            ("/wall?of=yard,yard,yard&width=1,2", SCRIPT, "`width` has 2 values for 3 names in `of`"),
            ("/wall?width=1,2", SCRIPT, "`width` has 2 values for 0 names in `of`"),
            ("/wall?of=yard&width=0", SCRIPT, "`width` must be a number of pixels from 1 to 65535"),
            ("/wall?of=yard&width=65536", SCRIPT, "not \"65536\""),
            ("/wall?of=yard&width=NaN", SCRIPT, "not \"NaN\""),
            ("/wall?of=yard&width=-1", SCRIPT, "not \"-1\""),
            ("/wall?of=yard&width=99999999999999999999999", SCRIPT, "not \"99999999999999999999\""),
            ("/wall?of=yard&width=320", SCRIPT, r#"{"tracks":{"yard":"live"},"sized":["yard"]}"#),
            ("/wall?of=yard,yard&width=%33%32%30%2Cfull", SCRIPT, "<large>"),
        ] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{accept}Connection: close\r\n\r\n");
            let answer = ask(&address, request, contains).await;
            assert!(answer.contains(contains), "{path}: {answer}");
        }
    }
    for address in mounted(&hubs, |wall| wall.size_param(false)).await {
        for (path, accept, contains) in [
            ("/walls/yard?width=x", IMG, "<large>"),
            ("/wall?of=yard&width=1,2", SCRIPT, "\r\n\r\n{\"tracks\":{\"yard\":\"live\"}}\r\n"),
        ] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{accept}Connection: close\r\n\r\n");
            let answer = ask(&address, request, contains).await;
            assert!(answer.contains(contains), "{path}: {answer}");
        }
    }
    let listed = || hubs.list().pop().unwrap();
    let written = || [&main, &sub].iter().all(|publisher| publisher.publish(text("<more>")).is_ok());
    // A server notices that a client has left when it writes.
    eventually("viewers leave", || written() && listed().viewers == 0).await;
    assert_eq!(listed().name, "yard");
    hubs.close();
    assert!(main.is_closed() && sub.is_closed());
}
