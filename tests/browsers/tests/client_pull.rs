//! Client pull, the other half of server push: a browser asks again by itself, without a script.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::response::Response;
use browser_tests::picture::PALETTE;
use browser_tests::{Browser, Colour, each_engine};
use mixed_replace::{Hub, Part, hub};
use tokio::time::{Instant, sleep};

/// How often a page was sent, and how often a browser was told that it has it already.
#[derive(Debug, Default)]
struct Answers {
    whole: AtomicUsize,
    unchanged: AtomicUsize,
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn a_page_is_asked_for_again_and_sent_when_it_has_changed() {
    each_engine(async |browser| pulls(browser, Colour::html).await);
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn a_picture_is_asked_for_again_and_sent_when_it_has_changed() {
    each_engine(async |browser| pulls(browser, Colour::jpeg).await);
}

async fn pulls(browser: &Browser, part: fn(Colour) -> Part) {
    let (publisher, hub) = hub::channel();
    let answers = Arc::new(Answers::default());
    let address = serve(hub, &answers).await;
    for (colour, round) in PALETTE.into_iter().take(3).zip(0..) {
        publisher.publish(part(colour)).expect("an open hub");
        if round == 0 {
            browser.open(&format!("http://{address}/live?snapshot&refresh=1")).await;
        }
        assert!(browser.watch().sees(colour, AT_MOST).await.is_some(), "no {colour}: {:?}", browser.watch().now());
        // It asks on, and is told that nothing has changed.
        let (begin, before) = (Instant::now(), answers.unchanged.load(Ordering::Relaxed));
        while answers.unchanged.load(Ordering::Relaxed) < before + 2 {
            assert!(begin.elapsed() < AT_MOST, "{}: {answers:?}", browser.engine());
            sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(browser.watch().now(), Some(colour), "what is unchanged stays");
    }
    let whole = answers.whole.load(Ordering::Relaxed);
    assert_eq!(whole, 3, "{}: each is sent once: {answers:?}", browser.engine());
}

async fn serve(hub: Hub, answers: &Arc<Answers>) -> SocketAddr {
    let answers = Arc::clone(answers);
    let count = map_response(move |response: Response| {
        match response.status() {
            StatusCode::OK => answers.whole.fetch_add(1, Ordering::Relaxed),
            _ => answers.unchanged.fetch_add(1, Ordering::Relaxed),
        };
        std::future::ready(response)
    });
    // Whatever else a browser asks for, such as an icon, counts for nothing.
    let app = Router::new().route_service("/live", hub).route_layer(count);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

const AT_MOST: Duration = Duration::from_secs(15);
