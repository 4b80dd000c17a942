//! Load: many parts at once, large pictures, large documents.

use std::time::{Duration, Instant};

use bytes::{BufMut as _, Bytes, BytesMut};
use interop_tests::browsers::picture::{PALETTE, letters};
use interop_tests::browsers::raw::{Answer, Raw};
use interop_tests::browsers::{Browser, Colour, Site, Stack, Viewer, each_engine};
use mixed_replace::{Boundary, Encoder, Part, Wire};

use tokio::time::sleep;

use crate::{AT_MOST, SECOND, go, html, sees};

/// The last part appears soon because parts that were never visible are skipped. The others leave no memory.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn thousand_parts_at_once_do_not_delay_the_last_one() {
    let pictures = [PALETTE[1].png(), PALETTE[2].png()];
    let picture = |number: usize| pictures[number % 2].clone();
    let text = |number: usize| Part::text(format!("{number} {}", letters())).expect("a body");
    let mixed = |number: usize| match number % 3 {
        0 => document(number),
        1 => picture(number),
        _ => text(number),
    };
    let kinds: [(&str, &str, &Kind<'_>); 4] = [
        ("documents in the page", "trusted", &document),
        ("documents in a frame", "", &document),
        ("pictures", "", &picture),
        ("parts of all kinds", "", &mixed),
    ];
    each_engine(async |browser| {
        for (kind, trusted, part) in kinds {
            let (first, last) = (block(PALETTE[0]), block(PALETTE[3]));
            let _warm = flood(browser, trusted, &[first]).await;
            sees(browser, PALETTE[0]).await;
            let (before, began) = (browser.memory(), Instant::now());
            let parts: Vec<_> = (0..999).map(part).chain([last]).collect();
            let _site = flood(browser, trusted, &parts).await;
            let took = sees(browser, PALETTE[3]).await.duration_since(began);
            let mut grown = browser.memory().saturating_sub(before);
            // What an engine collects late.
            while grown >= MEGABYTES && began.elapsed() < took + AT_MOST {
                sleep(SECOND / 4).await;
                grown = browser.memory().saturating_sub(before);
            }
            println!("{}: 1,000 {kind}: {took:.1?}, {before} MB and {grown} more", browser.engine());
            let elements = browser.run("return document.querySelectorAll('mixed-replace > *').length").await;
            assert_eq!(elements, 1, "{}: elements of {kind} are left", browser.engine());
            assert!(took < SOON, "{}: {kind} took {took:?}", browser.engine());
            assert!(grown < MEGABYTES, "{}: {kind} grow by {grown} MB", browser.engine());
        }
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn shows_each_part_of_ten_megabytes() {
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
fn replaces_document_of_fifty_thousand_elements() {
    each_engine(async |browser| {
        let (_site, viewer) = client(browser).await;
        for (colour, round) in [(PALETTE[4], 10), (PALETTE[5], 11)] {
            let rows: String = (0..25_000).map(|row| format!("<p>Row <b>{row}</b>, {}", row % round / 9)).collect();
            let (huge, sent) = (html(&format!("<h1>{round}</h1>{rows}{}", "<div>".repeat(5_000))), Instant::now());
            viewer.show(huge).await;
            viewer.show(colour.html()).await;
            let delay = sees(browser, colour).await.duration_since(sent);
            println!("{}: 50,000 elements, shown and replaced in {delay:.1?}", browser.engine());
        }
    });
}

async fn client(browser: &Browser) -> (Site, Viewer) {
    let mut site = Site::start(Stack::Axum);
    go(browser, &site.url("/client/stream")).await;
    let viewer = site.viewer().await;
    (site, viewer)
}

/// Creates the part with this number.
type Kind<'a> = dyn Fn(usize) -> Part + Sync + 'a;

/// Opens a page to which all parts are sent at once.
async fn flood(browser: &Browser, trusted: &str, parts: &[Part]) -> Raw {
    let page = format!(
        "<!doctype html><script type=module src=/client.js></script><style>iframe{{width:100%}}</style><p>{}
         <mixed-replace src=/stream {trusted}></mixed-replace>",
        letters()
    );
    let encoder = Encoder::new(Boundary::from_static("ThisRandomString0"), Wire::Script);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=ThisRandomString0\r\n\r\n";
    let mut bytes = BytesMut::from(head);
    for (number, part) in parts.iter().enumerate() {
        let encoded = encoder.encode(part).expect("a part without the boundary");
        if number == 0 {
            bytes.put(encoder.opening(&encoded));
        }
        bytes.put(encoded.to_bytes());
    }
    let site = Raw::start(&page, vec![Answer { bytes: Bytes::from(bytes), cut: false }]).await;
    go(browser, &site.url()).await;
    site
}

fn document(number: usize) -> Part {
    html(&format!("<p>{number}{}", "<b>bold</b> ".repeat(50)))
}

/// Creates a document that fills its container with a colour.
fn block(colour: Colour) -> Part {
    let page = String::from_utf8_lossy(colour.html().body()).replace("<body style='", "<div style='height:400px;");
    Part::html(page).expect("a body")
}

/// The limit on a busy machine. Without skipping, parts of all kinds take three times as long.
const SOON: Duration = Duration::from_secs(12);
/// More than the memory that an engine collects late, less than that of a thousand frames.
const MEGABYTES: usize = 200;
