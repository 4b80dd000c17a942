//! Pictures that an `<img>` shows, with their delays.

#![expect(clippy::print_stdout, reason = "the figures are a result")]

mod ladder;

use std::time::{Duration, Instant};

use interop_tests::browsers::picture::PALETTE;
use interop_tests::browsers::{Browser, Colour, Engine, Site, Stack, Viewer, each_engine, in_engines};
use mixed_replace::Part;
use tokio::time::sleep;

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn shows_each_picture_at_once() {
    each_engine(async |browser| ten_pictures(browser, Stack::Axum).await);
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn shows_each_picture_from_actix_at_once() {
    each_engine(async |browser| ten_pictures(browser, Stack::Actix).await);
}

async fn ten_pictures(browser: &Browser, stack: Stack) {
    let (site, viewer) = image("/stream", browser, stack).await;
    let mut latencies = Vec::new();
    for colour in PALETTE {
        let next = Instant::now() + SECOND;
        latencies.push(is_displayed(browser, &viewer, colour, colour.jpeg()).await);
        sleep(next.saturating_duration_since(Instant::now())).await;
    }
    println!("{}: send to screen from {stack:?}: {latencies:.1?}", browser.engine());
    let in_time = latencies.iter().filter(|latency| **latency < SECOND).count();
    assert!(in_time > 5, "most appear within a second: {latencies:.1?}");
    drop(viewer);
    stays(browser, PALETTE[9]).await;
    let seen: Vec<_> = browser.watch().sights().iter().map(|sight| sight.colour).collect();
    let sent: Vec<_> = [None].into_iter().chain(PALETTE.map(Some)).collect();
    assert_eq!(seen, sent, "each picture once, in order, and nothing else");
    assert_eq!(site.viewers_waiting(), 0, "the browser has requested the stream again");
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn shows_picture_of_another_type_at_once() {
    each_engine(async |browser| {
        let (_site, viewer) = image("/stream", browser, Stack::Axum).await;
        let [a, b, c, d, e, ..] = PALETTE;
        for (colour, part) in [(a, a.jpeg()), (b, b.png()), (c, c.jpeg()), (d, d.tiny_gif()), (e, e.jpeg())] {
            let content_type = part.content_type().clone();
            let latency = is_displayed(browser, &viewer, colour, part).await;
            println!("{}: send to screen of {content_type}: {latency:.1?}", browser.engine());
        }
        drop(viewer);
        stays(browser, e).await;
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn shows_tiny_first_picture_at_once() {
    each_engine(async |browser| {
        let (_site, viewer) = image("/stream", browser, Stack::Axum).await;
        for colour in &PALETTE[..2] {
            let latency = is_displayed(browser, &viewer, *colour, colour.tiny_gif()).await;
            println!("{}: send to screen of 300 bytes: {latency:.1?}", browser.engine());
        }
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn last_picture_stays_when_the_source_fails() {
    each_engine(async |browser| {
        let (_site, viewer) = image("/stream", browser, Stack::Axum).await;
        let [a, b, ..] = PALETTE;
        is_displayed(browser, &viewer, a, a.jpeg()).await;
        viewer.show(b.jpeg()).await;
        // At the same moment: the last good picture must not be lost.
        viewer.fail().await;
        assert!(browser.watch().sees(b, AT_MOST).await.is_some(), "on the screen: {:?}", browser.watch().now());
        stays(browser, b).await;
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn empty_stream_is_harmless() {
    each_engine(async |browser| {
        let (mut site, viewer) = image("/stream", browser, Stack::Axum).await;
        drop(viewer);
        sleep(SECOND).await;
        assert_eq!(browser.watch().now(), None);
        // The tab and its connection to the server still work.
        browser.run("document.images[0].src = '/stream?again'").await;
        let viewer = site.viewer().await;
        is_displayed(browser, &viewer, PALETTE[0], PALETTE[0].jpeg()).await;
    });
}

/// The control: if this failed, the tests above could not fail.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn classic_wire_lags_one_picture_behind() {
    each_engine(async |browser| {
        is_late_by(1, "/classic", browser).await;
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn machine_wire_lags_one_picture_behind_except_firefox() {
    each_engine(async |browser| {
        is_late_by(usize::from(browser.engine() != Engine::Firefox), "/machine", browser).await;
    });
}

/// The control for `last_picture_stays_when_the_source_fails`: the classic wire ends without a close-delimiter.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn webkit_loses_last_picture_of_classic_wire() {
    each_engine(async |browser| {
        let (_site, viewer) = image("/classic", browser, Stack::Axum).await;
        for colour in &PALETTE[..3] {
            viewer.show(colour.jpeg()).await;
            sleep(SECOND / 2).await;
        }
        drop(viewer);
        if browser.engine() != Engine::WebKit {
            assert!(browser.watch().sees(PALETTE[2], AT_MOST).await.is_some());
        }
        sleep(SECOND).await;
        let stays = browser.watch().now() == Some(PALETTE[2]);
        assert_eq!(stays, browser.engine() != Engine::WebKit, "on the screen: {:?}", browser.watch().now());
    });
}

/// The control for `Browser::answers`.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn crashed_tab_is_an_error() {
    in_engines(&[Engine::Chromium], async |browser| {
        assert!(browser.answers().await);
        browser.open("chrome://crash").await;
        let deadline = Instant::now() + AT_MOST;
        while browser.answers().await {
            assert!(Instant::now() < deadline, "the tab responds");
            sleep(SECOND / 10).await;
        }
    });
}

/// Sends four pictures. After each, the screen must show and keep the picture sent a given number before it.
async fn is_late_by(late: usize, path: &str, browser: &Browser) {
    let (_site, viewer) = image(path, browser, Stack::Axum).await;
    for (sent, colour) in PALETTE.iter().enumerate().take(4) {
        viewer.show(colour.jpeg()).await;
        let expected = sent.checked_sub(late).and_then(|index| PALETTE.get(index));
        if let Some(expected) = expected {
            let seen = browser.watch().sees(*expected, AT_MOST).await;
            assert!(seen.is_some(), "{colour} was sent, {:?} instead of {expected} came", browser.watch().now());
        }
        sleep(SECOND).await;
        // Firefox draws the very first picture while it arrives, regardless of the bytes that follow.
        if sent > 0 {
            assert_eq!(browser.watch().now().as_ref(), expected, "a second after {colour} was sent");
        }
    }
}

/// Opens a page with an image of the path. Returns the site and the requested stream.
async fn image(path: &str, browser: &Browser, stack: Stack) -> (Site, Viewer) {
    let mut site = Site::start(stack);
    browser.open_page(&site.url(&format!("/image{path}"))).await;
    let viewer = site.viewer().await;
    (site, viewer)
}

/// Sends a picture and waits until it is on the screen. Nothing is sent meanwhile.
async fn is_displayed(browser: &Browser, viewer: &Viewer, colour: Colour, part: Part) -> Duration {
    let (content_type, sent) = (part.content_type().clone(), Instant::now());
    viewer.show(part).await;
    match browser.watch().sees(colour, AT_MOST).await {
        Some(seen) => seen.duration_since(sent),
        None => panic!("{AT_MOST:?} after {colour} was sent as {content_type}: {:?}", browser.watch().now()),
    }
}

/// Checks that two seconds after the end, the picture is still on the screen and the page responds.
async fn stays(browser: &Browser, colour: Colour) {
    sleep(2 * SECOND).await;
    assert_eq!(browser.watch().now(), Some(colour), "the last picture stays after the end");
    assert!(browser.answers().await, "the page does not respond");
}

/// The limit on a busy machine. A part that needs the next part to appear never appears.
const AT_MOST: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
