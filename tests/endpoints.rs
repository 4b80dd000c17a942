//! Endpoints on axum and on actix-web over TCP, which respond alike to the same requests.
#![cfg(all(feature = "axum", feature = "actix-web", feature = "page"))]
#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{Handler as _, HttpRequest, HttpResponse, web};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::routing::get;
use futures::StreamExt as _;
use mixed_replace::{ClientScript, Hub, Live, Metrics, Page, Part, Publisher, Snapshot, Wire, hub};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

type Hubs = Arc<HashMap<String, Hub>>;

/// Starts a server of each kind with every endpoint over one hub, and returns their addresses.
async fn servers(hub: &Hub) -> [String; 2] {
    let hubs: Hubs = Arc::new(HashMap::from([("door".to_owned(), hub.clone())]));
    let live = Live::new(hub.clone());
    let plain = live.clone().rate_param(false).snapshot_param(false);
    let snapshot = Snapshot::new(hub.clone()).timeout(Duration::from_millis(200)).refresh(Duration::from_secs(9));
    let fixed = snapshot.clone().refresh_param(false).age_param(false);
    let strict = snapshot.clone().strict(true).fresh_for(Duration::from_secs(100));
    let patient = strict.clone().timeout(Duration::from_secs(10));
    let cached = snapshot.clone().cache_for(Duration::from_millis(1900));
    let page = Page::new(hub.clone()).key(user);
    let plain_page = Page::new(hub.clone()).rate_param(false).snapshot_param(false);
    let alone = live.clone().key(user).exclusive(true);
    let metrics = Metrics::new(hub.clone());
    let keyed = live.clone().key(user).label(client);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let axum = listener.local_addr().unwrap().to_string();
    let app = Router::new()
        .route("/cameras/{name}", get(axum_camera))
        .with_state(Arc::clone(&hubs))
        .route_service("/live", live.clone())
        .route_service("/webcam/", live.clone())
        .route_service("/plain", plain.clone())
        .route_service("/keyed", keyed.clone())
        .route_service("/alone", alone.clone())
        .route_service("/snapshot", snapshot.clone())
        .route_service("/fixed", fixed.clone())
        .route_service("/strict", strict.clone())
        .route_service("/patient", patient.clone())
        .route_service("/cached", cached.clone())
        .route_service("/status", page.clone())
        .route_service("/plain-status", plain_page.clone())
        .route_service("/metrics", metrics.clone())
        .route_service("/client.js", ClientScript);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let actix = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let app = move || {
            actix_web::App::new()
                .app_data(web::Data::new(Arc::clone(&hubs)))
                .route("/cameras/{name}", web::to(actix_camera))
                .route("/live", web::to(live.clone()))
                .route("/webcam/", web::to(live.clone()))
                .route("/plain", web::to(plain.clone()))
                .route("/keyed", web::to(keyed.clone()))
                .route("/alone", web::to(alone.clone()))
                .route("/snapshot", web::to(snapshot.clone()))
                .route("/fixed", web::to(fixed.clone()))
                .route("/strict", web::to(strict.clone()))
                .route("/patient", web::to(patient.clone()))
                .route("/cached", web::to(cached.clone()))
                .route("/status", web::to(page.clone()))
                .route("/plain-status", web::to(plain_page.clone()))
                .route("/metrics", web::to(metrics.clone()))
                .route("/client.js", web::to(ClientScript))
        };
        let server = actix_web::HttpServer::new(app).workers(1).listen(listener).unwrap().run();
        actix_web::rt::System::new().block_on(server)
    });
    [axum, actix]
}

/// Returns the client's address where the stack passes it on, and otherwise its user.
fn client(request: &Parts) -> Option<String> {
    let address = request.extensions.get::<SocketAddr>();
    address.map(|address| address.ip().to_string()).or_else(|| user(request))
}

fn user(request: &Parts) -> Option<String> {
    request.headers.get("x-user")?.to_str().ok().map(str::to_owned)
}

async fn axum_camera(
    State(hubs): State<Hubs>,
    Path(name): Path<String>,
    request: Request,
) -> Result<impl IntoResponse, StatusCode> {
    let hub = hubs.get(&name).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Live::new(hub.clone()).respond(request).await)
}

async fn actix_camera(
    hubs: web::Data<Hubs>,
    name: web::Path<String>,
    request: HttpRequest,
) -> actix_web::Result<HttpResponse> {
    let hub = hubs.get(&*name).ok_or_else(|| actix_web::error::ErrorNotFound("no such camera"))?;
    Ok(Live::new(hub.clone()).call(request).await)
}

/// Returns the response up to the end of the body, or until it contains `until`.
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

/// A hub with a limit of 2 viewers, both connected, so that it is full.
const FULL: usize = 2;

/// Returns the fields of a response's head, names in lower case.
fn fields(answer: &str) -> Vec<(String, &str)> {
    let head = answer.split_once("\r\n\r\n").unwrap().0;
    let fields = head.lines().skip(1).map(|line| line.split_once(": ").unwrap());
    fields.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

/// Opens a stream and waits for its first part.
async fn watch(address: &str, path: &str, user: Option<&str>) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let user = user.map(|user| format!("X-User: {user}\r\n")).unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{user}\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("on\r\n--") {
        assert!(connection.read_buf(&mut answer).await.unwrap() > 0);
    }
    connection
}

/// Returns `true` if a stream ends instead of sending the next part.
async fn ends(mut connection: TcpStream) -> bool {
    let mut rest = Vec::new();
    loop {
        if connection.read_buf(&mut rest).await.unwrap() == 0 || rest.windows(7).any(|bytes| bytes == b"\r\n0\r\n\r\n")
        {
            return true;
        }
        if rest.windows(4).any(|bytes| bytes == b"next") {
            return false;
        }
    }
}

#[tokio::test]
async fn revoke_ends_mounted_streams_by_key() {
    for stack in [0, 1] {
        let (publisher, hub) = on();
        let address = &servers(&hub).await[stack];
        // The streams in order, the number that `revoke` ends, and the streams that have ended.
        let (anna, otto) = (Some("anna"), Some("otto"));
        for (streams, revoked, ended) in [
            (vec![("/keyed", anna), ("/status", anna), ("/keyed", otto)], 2, vec![true, true, false]),
            (vec![("/keyed", None), ("/live", anna)], 0, vec![false, false]),
            (vec![("/keyed", anna), ("/alone", otto), ("/alone", anna)], 1, vec![true, false, true]),
        ] {
            let mut connections = Vec::new();
            for (path, user) in &streams {
                connections.push(watch(address, path, *user).await);
            }
            assert_eq!(hub.revoke("anna"), revoked, "{streams:?}");
            publisher.publish(Part::text("next").unwrap()).unwrap();
            for ((connection, ended), stream) in connections.into_iter().zip(ended).zip(&streams) {
                let ends = tokio::time::timeout(Duration::from_secs(10), ends(connection)).await.unwrap();
                assert_eq!(ends, ended, "stack {stack}: {stream:?} of {streams:?}");
            }
            publisher.publish(Part::text("on").unwrap()).unwrap();
        }
    }
}

#[tokio::test]
async fn viewer_has_the_label_that_its_request_gives() {
    let (_publisher, hub) = on();
    for (address, label) in servers(&hub).await.iter().zip(["anna", "127.0.0.1"]) {
        let connection = watch(address, "/keyed", Some("anna")).await;
        let labels: Vec<_> = hub.viewers().into_iter().map(|viewer| viewer.label).collect();
        assert_eq!(labels, [Some(label.to_owned())]);
        assert_eq!(hub.revoke("anna"), 1);
        assert!(ends(connection).await);
    }
}

#[tokio::test]
async fn every_stack_responds_alike() {
    let (_publisher, on) = on();
    let (_camera, empty) = hub::channel();
    let (_crowded, full) = hub::builder().max_subscribers(FULL).build();
    let _viewers: Vec<_> = (0..FULL).map(|_| full.subscribe(Wire::Machine).unwrap()).collect();
    let (publisher, ended) = self::on();
    drop(publisher);
    let never = hub::channel().1;
    let hubs = [("on", &on), ("empty", &empty), ("full", &full), ("ended", &ended), ("never", &never)];
    let mut addresses = HashMap::new();
    for (name, hub) in hubs {
        addresses.insert(name, servers(hub).await);
    }
    let stream = ("content-type", Some("multipart/x-mixed-replace; boundary="));
    let (text, html) = (("content-type", Some("text/plain; charset=utf-8")), ("content-type", Some("text/html")));
    let allow = ("allow", Some("GET, HEAD"));
    let openmetrics = ("content-type", Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let no_retry = ("retry-after", None);
    let rows = [
        ("on", "GET /live", 200, stream),
        ("on", "HEAD /live", 200, stream),
        ("on", "HEAD /live", 200, ("content-length", None)),
        ("on", "HEAD /live", 200, ("cache-control", Some("no-store, no-transform"))),
        ("on", "GET /live?action=stream", 200, stream),
        ("on", "GET /live?action=stream&1732631415", 200, stream),
        ("on", "GET /live?action=snapshot", 200, text),
        ("on", "GET /live?action=snapshot&n=1732631415", 200, text),
        ("on", "GET /live?action=other", 200, stream),
        ("on", "GET /live?snapshot", 200, ("refresh", None)),
        ("on", "GET /live?snapshot&refresh=5", 200, ("refresh", Some("5"))),
        ("on", "GET /live?snapshot&refresh=0", 400, text),
        ("on", "GET /live?fps=2.5", 200, stream),
        ("on", "GET /live?fps=x", 400, text),
        ("on", "HEAD /live?fps=x", 400, text),
        ("on", "GET /plain?fps=x", 200, stream),
        ("on", "GET /plain?snapshot", 200, stream),
        ("on", "GET /plain?action=snapshot", 200, stream),
        ("on", "GET /snapshot", 200, ("age", Some(""))),
        ("on", "HEAD /snapshot", 200, ("content-length", Some("2"))),
        ("on", "HEAD /snapshot", 200, ("last-modified", Some(""))),
        ("on", "GET /snapshot", 200, ("refresh", Some("9"))),
        ("on", "GET /snapshot?refresh=5", 200, ("refresh", Some("5"))),
        ("on", "GET /fixed?refresh=5", 200, ("refresh", Some("9"))),
        ("on", "GET /fixed?refresh=x", 200, ("refresh", Some("9"))),
        ("on", "GET /live?snapshot=100", 200, text),
        ("on", "GET /live?snapshot=0.5", 200, text),
        ("on", "GET /live?snapshot=-1", 400, text),
        ("on", "GET /live?snapshot=nan", 400, text),
        ("on", "GET /live?snapshot=1764150000", 400, text),
        ("on", "GET /status?snapshot=100", 200, text),
        ("on", "GET /snapshot?snapshot=0", 200, ("age", Some(""))),
        ("on", "GET /fixed?snapshot=x", 200, text),
        ("on", "GET /strict", 200, text),
        ("on", "GET /strict?snapshot=0", 503, ("retry-after", Some("1"))),
        ("on", "HEAD /strict", 200, text),
        ("on", "HEAD /strict?snapshot=0", 503, ("retry-after", Some("1"))),
        ("on", "GET /cached", 200, ("cache-control", Some("public, max-age=1"))),
        ("on", "GET /cached", 200, ("age", None)),
        ("on", "HEAD /cached", 200, ("last-modified", Some(""))),
        ("on", "GET /status", 200, stream),
        ("on", "GET /status|Accept: text/html,application/xhtml+xml", 200, html),
        ("on", "GET /status?action=stream|Accept: text/html,application/xhtml+xml", 200, stream),
        ("on", "GET /status?action=snapshot&1732631415", 200, text),
        ("on", "GET /status|Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", 200, stream),
        ("on", "GET /status?fps=x", 400, text),
        ("on", "GET /plain-status?fps=x", 200, stream),
        ("on", "GET /plain-status?snapshot", 200, stream),
        ("on", "GET /metrics", 200, ("content-type", Some("text/plain; version=0.0.4; charset=utf-8"))),
        ("on", "GET /metrics|Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5", 200, openmetrics),
        ("on", "HEAD /metrics|Accept: application/openmetrics-text", 200, openmetrics),
        ("on", "GET /metrics", 200, ("vary", Some("Accept"))),
        ("on", "GET /metrics", 200, ("cache-control", Some("no-store"))),
        ("on", "GET /metrics", 200, ("content-length", Some(""))),
        ("ended", "GET /metrics", 200, ("content-length", Some(""))),
        ("never", "GET /metrics", 200, ("content-length", Some(""))),
        ("on", "POST /metrics|Content-Length: 0", 405, allow),
        ("on", "GET /client.js", 200, ("content-type", Some("text/javascript; charset=utf-8"))),
        ("on", "POST /live|Content-Length: 0", 405, allow),
        ("on", "DELETE /snapshot", 405, allow),
        ("on", "PUT /status|Content-Length: 0", 405, allow),
        ("on", "OPTIONS /client.js", 405, allow),
        ("on", "GET /cameras/door", 200, stream),
        ("on", "HEAD /cameras/door", 200, stream),
        ("on", "GET /cameras/door?snapshot", 200, text),
        ("on", "GET /cameras/window", 404, ("allow", None)),
        ("empty", "GET /snapshot", 503, ("retry-after", Some("1"))),
        ("empty", "HEAD /snapshot", 503, ("retry-after", Some("1"))),
        ("empty", "HEAD /live", 200, stream),
        ("full", "GET /live", 503, ("retry-after", Some("5"))),
        ("full", "HEAD /live", 503, ("retry-after", Some("5"))),
        ("full", "GET /cameras/door", 503, ("retry-after", Some("5"))),
        ("ended", "GET /live", 200, stream),
        ("empty", "GET /cached", 503, ("cache-control", Some("no-store"))),
        ("empty", "GET /strict", 503, ("retry-after", Some("1"))),
        ("ended", "GET /snapshot", 200, ("age", Some(""))),
        ("ended", "GET /strict", 200, text),
        ("ended", "GET /strict?snapshot=0", 503, no_retry),
        ("ended", "GET /live?snapshot", 200, text),
        ("never", "GET /live", 503, no_retry),
        ("never", "HEAD /live", 503, no_retry),
        ("never", "GET /live?snapshot", 503, no_retry),
        ("never", "GET /snapshot", 503, no_retry),
        ("never", "HEAD /snapshot", 503, no_retry),
        ("never", "GET /status", 503, no_retry),
        ("never", "GET /status|Accept: text/html,application/xhtml+xml", 200, html),
    ];
    // At the same time, because some wait for a part that does not come.
    let check = async |(hub, request, status, header): (&str, &str, u16, (&str, Option<&str>))| {
        for address in &addresses[hub] {
            let (first, more) = request.split_once('|').unwrap_or((request, "Accept: */*"));
            let request = format!("{first} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n\r\n");
            let answer = ask(address, &request, "\r\n\r\n").await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{hub}: {request}{answer}");
            let fields = fields(&answer);
            let value = fields.iter().find(|(name, _)| name == header.0).map(|(_, value)| *value);
            match header.1 {
                Some(prefix) => {
                    assert!(value.is_some_and(|value| value.starts_with(prefix)), "{hub}: {request}{answer}")
                }
                None => assert_eq!(value, None, "{hub}: {request}{answer}"),
            }
            let names: HashSet<_> = fields.iter().map(|(name, _)| name).collect();
            assert_eq!(names.len(), fields.len(), "duplicate header: {hub}: {request}{answer}");
            if status >= 400 && status != 404 {
                let no_store = fields.contains(&("cache-control".to_owned(), "no-store"));
                assert!(no_store && answer.contains("x-content-type-options: nosniff\r\n"), "{hub}: {request}{answer}");
            }
        }
    };
    futures::stream::iter(rows).for_each_concurrent(8, check).await;
}

/// What other programs request, with the addresses and the header fields that they send, and what they mean.
#[tokio::test]
async fn other_programs_get_what_they_mean() {
    let (publisher, hub) = hub::channel();
    publisher.publish(Part::jpeg(&include_bytes!("frames/good-1.jpg")[..]).unwrap()).unwrap();
    let addresses = servers(&hub).await;
    let (chromium, firefox) = (
        "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    );
    let (still, machine, browser) = (None, Some(Wire::Machine), Some(Wire::Browser));
    for (program, request, accept, meant) in [
        ("OctoPrint, its page", "GET /webcam/?action=stream", chromium, browser),
        ("OctoPrint, with its cache buster", "GET /webcam/?action=stream&1764150000123", firefox, browser),
        ("OctoPrint, an address without a query", "GET /live?1764150000123", chromium, browser),
        ("OctoPrint, its timelapse (requests)", "GET /webcam/?action=snapshot", "*/*", still),
        ("Mainsail, adaptive", "GET /webcam/?action=snapshot&bypassCache=1764150000123", chromium, still),
        ("Mainsail, by `searchParams`", "GET /webcam/?snapshot=&bypassCache=1764150000123", firefox, still),
        ("Mainsail, its reader (fetch)", "GET /webcam/?action=stream&timestamp=1764150000123", "*/*", machine),
        ("Fluidd", "GET /webcam/?action=stream&cacheBust=1764150000123", firefox, browser),
        ("Fluidd, adaptive", "GET /webcam/?action=snapshot&cacheBust=1764150000123", chromium, still),
        ("Moonraker timelapse (wget)", "GET /webcam/?action=snapshot", "*/*", still),
        ("KlipperScreen (mpv)", "GET /webcam/?action=stream|Range: bytes=0-|Icy-MetaData: 1", "*/*", machine),
        ("Home Assistant, mjpeg (aiohttp)", "GET /live|Accept-Encoding: gzip, deflate", "*/*", machine),
        ("Home Assistant, its still", "GET /live?action=snapshot|Accept-Encoding: gzip, deflate, br", "*/*", still),
        ("Frigate, go2rtc, ffmpeg", "GET /live|Range: bytes=0-|Icy-MetaData: 1|User-Agent: Lavf/59", "*/*", machine),
        ("motionEye, its test of a camera (tornado)", "GET /live|Accept-Encoding: gzip", "", machine),
        ("motion, over HTTP/1.0", "GET /live HTTP/1.0|User-Agent: Motion-httpd/1.0", "", machine),
        ("motion, a still", "GET /live?action=snapshot HTTP/1.0|Connection: Keep-Alive", "", still),
        ("VLC", "GET /live|Range: bytes=0-|User-Agent: VLC/3.0.20 LibVLC/3.0.20", "*/*", machine),
        ("a timestamp of a page by hand", "GET /live?snapshot&t=1764150000123", chromium, still),
        ("another order", "GET /live?_=1764150000123&action=snapshot", chromium, still),
        ("a first parameter without a name", "GET /live?&action=snapshot&", chromium, still),
        ("a still of two seconds at most", "GET /live?snapshot=86400", "*/*", still),
    ] {
        for address in &addresses {
            let (line, more) = request.split_once('|').unwrap_or((request, ""));
            let version = if line.contains("HTTP/1.0") { "" } else { " HTTP/1.1" };
            let accept = if accept.is_empty() { String::new() } else { format!("Accept: {accept}\r\n") };
            let more = more.split('|').filter(|more| !more.is_empty()).map(|more| format!("{more}\r\n"));
            let more = more.collect::<String>();
            let answer = ask(address, &format!("{line}{version}\r\nHost: x\r\n{accept}{more}\r\n"), "JFIF").await;
            assert!(answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.0 200 "), "{program}: {answer}");
            let starts =
                if meant == still { "content-type: image/jpeg\r\n" } else { "multipart/x-mixed-replace; boundary=" };
            assert!(answer.contains(starts), "{program}: {answer}");
            // The names of the head's fields are in lower case.
            assert_eq!(answer.contains("\r\nContent-Length: "), meant == machine, "{program}: {answer}");
        }
    }
    drop(publisher);
}

#[tokio::test]
async fn next_snapshot_is_one_that_was_not_there_before() {
    let (publisher, hub) = on();
    let hub_of_page = hub.clone();
    std::thread::spawn(move || {
        while publisher.demand().blocking_wanted() {
            std::thread::sleep(Duration::from_millis(50));
            publisher.publish(Part::text("next").unwrap()).unwrap();
        }
    });
    for path in ["/live?snapshot=0", "/status?snapshot=0", "/patient?snapshot=0"] {
        ask_both(&hub_of_page, &format!("GET {path} HTTP/1.1|Host: x|Connection: close||"), "never", |answer| {
            assert!(answer.ends_with("\r\n\r\nnext"), "{path}: {answer}");
        })
        .await;
    }
    // The latest part is too old for it, and the next one comes in time.
    ask_both(&hub_of_page, "HEAD /patient?snapshot=0 HTTP/1.1|Host: x|Connection: close||", "never", |answer| {
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(fields(answer).contains(&("content-length".to_owned(), "4")), "{answer}");
    })
    .await;
    hub.close();
}

#[tokio::test]
async fn strict_snapshot_of_a_silent_hub_is_the_no_signal_part() {
    let no_signal = Part::text("no signal").unwrap();
    let (publisher, hub) = hub::builder().stale_after(Duration::from_secs(100), no_signal).build();
    publisher.publish(Part::text("on").unwrap()).unwrap();
    for (path, body) in [("/strict", "on"), ("/strict?snapshot=0", "no signal")] {
        ask_both(&hub, &format!("GET {path} HTTP/1.1|Host: x|Connection: close||"), "never", |answer| {
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
        })
        .await;
    }
}

#[tokio::test]
async fn page_has_no_duplicate_header() {
    let (publisher, hub) = hub::channel();
    publisher.publish(Part::html("<h1>on</h1>").unwrap()).unwrap();
    for query in ["", "?snapshot", "?pull", "?client", "?snapshot&refresh=5"] {
        for method in ["GET", "HEAD"] {
            let request = format!("{method} /status{query} HTTP/1.1|Host: x|Accept: text/html|Connection: close||");
            ask_both(&hub, &request, "never", |answer| {
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                let fields = fields(answer);
                let names: HashSet<_> = fields.iter().map(|(name, _)| name).collect();
                assert_eq!(names.len(), fields.len(), "{request}: {answer}");
            })
            .await;
        }
    }
}

#[tokio::test]
async fn snapshot_of_a_silent_hub_is_the_no_signal_part() {
    let no_signal = Part::text("no signal").unwrap();
    let (publisher, hub) = hub::builder().stale_after(Duration::from_millis(100), no_signal).build();
    publisher.publish(Part::text("on").unwrap()).unwrap();
    let viewer = hub.subscribe(Wire::Machine).unwrap().into_stream();
    tokio::spawn(async move { futures::StreamExt::for_each(viewer, async |_| ()).await });
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for path in ["/snapshot", "/strict?snapshot=0", "/cached"] {
        ask_both(&hub, &format!("GET {path} HTTP/1.1|Host: x|Connection: close||"), "never", |answer| {
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nno signal"), "{answer}");
            assert!(!answer.contains("public"), "a cache would show it after the camera is back: {answer}");
        })
        .await;
    }
}

#[tokio::test]
async fn snapshot_carries_its_age() {
    let (_publisher, hub) = on();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    ask_both(&hub, "HEAD /snapshot HTTP/1.1|Host: x|Connection: close||", "never", |answer| {
        let age: u64 = fields(answer).iter().find(|(name, _)| name == "age").unwrap().1.parse().unwrap();
        assert!(age >= 1, "{answer}");
    })
    .await;
}

#[tokio::test]
async fn get_streams_on_the_requested_wire() {
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
async fn full_hub_responds_with_retry_after() {
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
async fn head_request_starts_no_stream() {
    let (publisher, hub) = on();
    ask_both(&hub, "HEAD /live HTTP/1.1|Host: x|Connection: close||", "never", |answer| {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("content-type: multipart/x-mixed-replace; boundary="), "{answer}");
        assert!(!answer.contains("content-length:"), "unknown length: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(!publisher.demand().is_wanted());
    })
    .await;
    assert_eq!(hub.stats().viewers_peak, 0);
}

#[tokio::test]
async fn head_of_mounted_hub_has_no_length() {
    let (_publisher, hub) = on();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let app = Router::new().route("/live", axum::routing::any_service(Live::new(hub)));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let answer = ask(&address, "HEAD /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "never").await;
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("content-length:"), "{answer}");
}

#[tokio::test]
async fn rejects_fps_that_is_not_a_positive_number() {
    let (_publisher, hub) = on();
    for bad in ["abc", "0", "-1", "inf", "NaN", ""] {
        let request = format!("GET /live?fps={bad} HTTP/1.1|Host: x|Connection: close||");
        ask_both(&hub, &request, "never", |answer| {
            assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
            assert!(answer.contains(&format!("`fps` must be a positive number, not {bad:?}")), "{answer}");
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
async fn snapshot_waits_for_a_starting_camera() {
    let (publisher, hub) = hub::channel();
    std::thread::spawn(move || {
        while publisher.demand().blocking_wanted() {
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
async fn unchanged_snapshot_responds_304() {
    let (_publisher, hub) = on();
    let response = mixed_replace::PartResponse::new(Part::text("on").unwrap());
    let etag = response.etag().to_str().unwrap().to_owned();
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
async fn head_of_snapshot_starts_no_camera() {
    let (publisher, hub) = hub::channel();
    ask_both(&hub, "HEAD /live?snapshot HTTP/1.1|Host: x|Connection: close||", "never", |answer| {
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
        assert!(!publisher.demand().is_wanted());
    })
    .await;
}
