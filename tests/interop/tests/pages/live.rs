//! Each part is on the page before the next is sent, in every kind of page.

#![expect(clippy::print_stdout, reason = "the figures are a result")]

use std::time::Instant;

use interop_tests::browsers::picture::PALETTE;
use interop_tests::browsers::{Board, Browser, Colour, Engine, Stack, each_engine};
use mixed_replace::Part;

use crate::{AT_MOST, go, sees, until};

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn page_shows_each_part_at_once() {
    each_engine(async |browser| {
        ten(browser, Stack::Axum, Place::Page("/page"), "frames[0].document", Colour::html).await;
        ten(browser, Stack::Axum, Place::Page("/trusted"), "document", Colour::html).await;
        let inside = "document.querySelector('mixed-replace iframe').contentDocument";
        ten(browser, Stack::Axum, Place::Own(ELEMENT), inside, Colour::html).await;
        ten(browser, Stack::Axum, Place::Own(FRAME), "frames[0].frames[0].document", Colour::html).await;
        // An engine that replaces documents natively shows them without a script.
        let inside = if browser.engine() == Engine::Chromium { "frames[0].document" } else { "document" };
        ten(browser, Stack::Axum, Place::Page("/native"), inside, Colour::html).await;
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn page_shows_each_picture_at_once() {
    each_engine(async |browser| {
        ten(browser, Stack::Axum, Place::Own(IMAGE), "", Colour::jpeg).await;
        ten(browser, Stack::Axum, Place::Own(SRC), "", Colour::jpeg).await;
        ten(browser, Stack::Axum, Place::Page("/page"), "", Colour::png).await;
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn page_shows_each_part_from_actix_at_once() {
    each_engine(async |browser| {
        ten(browser, Stack::Actix, Place::Page("/page"), "frames[0].document", Colour::html).await;
        ten(browser, Stack::Actix, Place::Page("/trusted"), "document", Colour::html).await;
        ten(browser, Stack::Actix, Place::Own(IMAGE), "", Colour::jpeg).await;
    });
}

#[derive(Debug)]
enum Place {
    Page(&'static str),
    Own(&'static str),
}

/// The first part is embedded in the page, the others arrive by the stream: on the screen, and by its title in this
/// document.
async fn ten(browser: &Browser, stack: Stack, place: Place, document: &str, part: fn(Colour) -> Part) {
    let (board, mut latencies) = (Board::start(stack), Vec::new());
    board.show(part(PALETTE[0]));
    match place {
        Place::Page(path) => go(browser, &board.url(path)).await,
        Place::Own(body) => go(browser, &board.own(body)).await,
    }
    sees(browser, PALETTE[0]).await;
    board.has_viewers(1, AT_MOST).await;
    let history = browser.run("return history.length").await;
    for colour in &PALETTE[1..] {
        let sent = Instant::now();
        board.show(part(*colour));
        latencies.push(sees(browser, *colour).await.duration_since(sent));
        if !document.is_empty() {
            until(browser, &format!("return {document}.title === '{colour}'")).await;
        }
    }
    latencies.sort();
    let median = latencies.get(4).expect("nine latencies");
    println!("{}: {place:?} on {stack:?}: median {median:.1?} of {latencies:.1?}", browser.engine());
    assert_eq!(browser.run("return history.length").await, history, "no new entries in the history");
    assert_eq!(board.viewers(), 1, "{place:?} opens one stream");
}

const ELEMENT: &str = "<style>mixed-replace iframe{width:100%}</style><mixed-replace src=/page></mixed-replace>";
const FRAME: &str = "<iframe src=/page style='width:600px;height:400px'></iframe>";
const IMAGE: &str =
    "<img id=camera alt=Camera width=320 height=240><mixed-replace src=/page target='#camera'></mixed-replace>";
/// Without the client.
const SRC: &str = "<img src=/page alt=Camera>";
