//! Streams as documents in a frame and at the top of a window, by the pixels on the screen.

#![expect(clippy::print_stdout, reason = "the figures are a result")]

use std::time::{Duration, Instant};

use interop_tests::browsers::picture::PALETTE;
use interop_tests::browsers::{Browser, Colour, Engine, Site, Stack, Viewer, each_engine, in_engines};
use mixed_replace::Part;
use tokio::time::sleep;

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn frame_shows_each_picture_at_once() {
    each_engine(async |browser| {
        let viewer = frame(browser).await;
        each_is_displayed(browser, viewer, Colour::jpeg).await;
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn window_shows_each_picture_at_once() {
    each_engine(async |browser| {
        let viewer = window(browser).await;
        each_is_displayed(browser, viewer, Colour::jpeg).await;
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn frame_shows_each_document_at_once_except_chromium() {
    each_engine(async |browser| {
        let viewer = frame(browser).await;
        if browser.engine() == Engine::Chromium {
            none_is_displayed(browser, viewer).await;
        } else {
            each_is_displayed(browser, viewer, Colour::html).await;
        }
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn window_shows_each_document_at_once_except_chromium() {
    each_engine(async |browser| {
        let viewer = window(browser).await;
        if browser.engine() == Engine::Chromium {
            none_is_displayed(browser, viewer).await;
        } else {
            each_is_displayed(browser, viewer, Colour::html).await;
        }
    });
}

/// A picture replaces a document, and back. Here browsers rely on the type, unlike between two pictures, whose formats
/// they detect.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn documents_and_pictures_replace_each_other_except_chromium() {
    in_engines(&[Engine::Firefox, Engine::WebKit], async |browser| {
        let viewer = frame(browser).await;
        let [a, b, c, d, ..] = PALETTE;
        are_displayed(browser, viewer, [(a, a.html()), (b, b.jpeg()), (c, c.html()), (d, d.png())]).await;
    });
}

async fn each_is_displayed(browser: &Browser, viewer: Viewer, part: fn(Colour) -> Part) {
    let [a, b, c, d, ..] = PALETTE;
    are_displayed(browser, viewer, [a, b, c, d].map(|colour| (colour, part(colour)))).await;
}

async fn are_displayed(browser: &Browser, viewer: Viewer, parts: [(Colour, Part); 4]) {
    let mut latencies = Vec::new();
    let last = parts.last().map(|(colour, _)| *colour);
    for (colour, part) in parts {
        let sent = Instant::now();
        viewer.show(part).await;
        let Some(seen) = browser.watch().sees(colour, AT_MOST).await else {
            panic!("{AT_MOST:?} after {colour} was sent, the screen has {:?}", browser.watch().now());
        };
        latencies.push(seen.duration_since(sent));
    }
    println!("{}: send to screen of a document: {latencies:.1?}", browser.engine());
    drop(viewer);
    sleep(2 * SECOND).await;
    assert_eq!(browser.watch().now(), last, "the last part stays after the end");
    assert!(browser.answers().await, "the page does not respond");
}

async fn none_is_displayed(browser: &Browser, viewer: Viewer) {
    for colour in &PALETTE[..2] {
        viewer.show(colour.html()).await;
        assert_eq!(browser.watch().sees(*colour, SECOND / 2).await, None, "{} shows documents now", browser.engine());
    }
    drop(viewer);
    sleep(SECOND).await;
    assert_eq!(browser.watch().now(), None);
    assert!(browser.answers().await, "the page does not respond");
}

async fn frame(browser: &Browser) -> Viewer {
    let mut site = Site::start(Stack::Axum);
    browser.open_page(&site.url("/frame/stream")).await;
    site.viewer().await
}

async fn window(browser: &Browser) -> Viewer {
    let mut site = Site::start(Stack::Axum);
    browser.open_page(&site.url("/")).await;
    browser.open(&site.url("/stream")).await;
    site.viewer().await
}

/// The limit on a busy machine. A part that needs the next part to appear never appears.
const AT_MOST: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
