//! Much at once: large pictures, large documents.

#![expect(clippy::print_stdout, reason = "the figures are a result")]

use std::time::Instant;

use browser_tests::picture::PALETTE;
use browser_tests::{Browser, Site, Stack, Viewer, each_engine};

use crate::{go, html, sees};

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn parts_of_ten_megabytes_are_shown_one_by_one() {
    each_engine(async |browser| {
        let (_site, viewer) = client(browser).await;
        for colour in PALETTE {
            let sent = Instant::now();
            viewer.show(colour.gif(10_000_000)).await;
            let latency = sees(browser, colour).await.duration_since(sent);
            println!("{}: send to screen of 10 MB: {latency:.1?}; {} MB", browser.engine(), browser.memory());
        }
    });
}

/// A large document, replaced by one that differs in a tenth of it.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn a_document_of_fifty_thousand_elements_is_replaced() {
    each_engine(async |browser| {
        let (_site, viewer) = client(browser).await;
        for (colour, round) in [(PALETTE[4], 10), (PALETTE[5], 11)] {
            let rows: String = (0..25_000).map(|row| format!("<p>Row <b>{row}</b>, {}", row % round / 9)).collect();
            let (huge, sent) = (html(&format!("<h1>{round}</h1>{rows}{}", "<div>".repeat(5_000))), Instant::now());
            viewer.show(huge).await;
            viewer.show(colour.html()).await;
            let shown = sees(browser, colour).await.duration_since(sent);
            println!("{}: 50,000 elements, shown and replaced in {shown:.1?}", browser.engine());
        }
    });
}

async fn client(browser: &Browser) -> (Site, Viewer) {
    let mut site = Site::start(Stack::Axum);
    go(browser, &site.url("/client/stream")).await;
    let viewer = site.viewer().await;
    (site, viewer)
}
