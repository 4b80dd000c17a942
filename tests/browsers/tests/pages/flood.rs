//! Much in little time: each part is shown, and memory stays flat.

#![expect(clippy::print_stdout, reason = "the figures are a result")]

use std::time::Instant;

use browser_tests::picture::PALETTE;
use browser_tests::{Browser, Site, Stack, Viewer, each_engine};
use mixed_replace::Part;

use crate::{AT_MOST, go, html, sees};

/// First as many that memory is what it takes to show such parts, then as many again.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn a_thousand_parts_in_quick_succession_leave_nothing_behind() {
    each_engine(async |browser| {
        let (_site, viewer) = client(browser).await;
        for (kind, count, part) in [("documents", 500, document as fn(usize) -> Part), ("of all kinds", 60, mixed)] {
            let mut memory = [0; 2];
            for memory in &mut memory {
                let began = Instant::now();
                for number in 0..count {
                    viewer.show(part(number)).await;
                }
                // These are sent only when those have been read, and seen only when those have been shown.
                for colour in &PALETTE[..3] {
                    viewer.show(colour.html()).await;
                    let seen = browser.watch().sees(*colour, 4 * AT_MOST).await;
                    assert!(seen.is_some(), "{:?} in place of {colour}", browser.watch().now());
                }
                *memory = browser.memory();
                println!("{}: {count} {kind} in {:.1?}, {memory} MB", browser.engine(), began.elapsed());
            }
            let one = browser.run("return document.querySelectorAll('mixed-replace *').length").await;
            assert_eq!(one, 1, "elements are left");
            assert!(memory[1] < memory[0] + 100, "{}: {kind} grow from {memory:?} MB", browser.engine());
        }
    });
}

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

/// 12 kB.
fn document(number: usize) -> Part {
    html(&format!("<p>{number}{}", "<b>bold</b> ".repeat(1_000)))
}

fn mixed(number: usize) -> Part {
    match number % 3 {
        0 => document(number),
        1 => PALETTE[number % 2].png(),
        _ => Part::text(format!("{number} {}", "text ".repeat(3_000))).expect("a body"),
    }
}
