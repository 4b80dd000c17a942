//! Much in little time: memory stays flat, and the last part is there.

#![expect(clippy::print_stdout, reason = "the figures are a result")]

use std::time::Instant;

use browser_tests::raw::{Answer, Raw};
use browser_tests::{Browser, Colour, each_engine, picture::PALETTE};
use bytes::{BufMut as _, Bytes, BytesMut};
use mixed_replace::{Boundary, Encoder, Part, Wire};

use crate::{AT_MOST, go, html, sees, until};

/// HTML, a picture, and text, one after the other.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn a_thousand_parts_in_quick_succession_leave_nothing_behind() {
    each_engine(async |browser| {
        let mut parts: Vec<_> = (0..999).map(|number| mixed(number)).collect();
        parts.push(PALETTE[2].html());
        let began = Instant::now();
        let grown = grows_by(browser, parts, PALETTE[2]).await;
        println!("{}: 1,000 parts in {:.1?}, grown by {grown} MB", browser.engine(), began.elapsed());
        assert_eq!(browser.run("return document.querySelectorAll('mixed-replace *').length").await, 1);
        assert!(grown < 80, "{}: {grown} MB", browser.engine());
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn parts_of_ten_megabytes_are_shown_and_forgotten() {
    each_engine(async |browser| {
        let big = |number: usize| Part::text(format!("{number} {}", "x".repeat(10_000_000))).expect("a body");
        let mut parts: Vec<_> = (0..9).map(big).collect();
        parts.push(PALETTE[3].html());
        let began = Instant::now();
        let grown = grows_by(browser, parts, PALETTE[3]).await;
        println!("{}: 9 parts of 10 MB in {:.1?}, grown by {grown} MB", browser.engine(), began.elapsed());
    });
}

/// A large document, replaced by one that differs in a few places.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn a_document_of_a_hundred_thousand_elements_is_replaced_in_time() {
    each_engine(async |browser| {
        let huge = |number: usize| {
            let rows: String = (0..50_000).map(|row| format!("<p>Row <b>{row}</b>, {}", row % (number + 2))).collect();
            let deep = "<div>".repeat(5_000);
            html(&format!("<h1>{number}</h1>{rows}{deep}"))
        };
        let began = Instant::now();
        grows_by(browser, vec![huge(0), huge(1), huge(2), PALETTE[4].html()], PALETTE[4]).await;
        println!("{}: 3 documents of 100,000 elements in {:.1?}", browser.engine(), began.elapsed());
    });
}

/// By how many megabytes all processes of the browser together have grown, when the last part is on the screen.
async fn grows_by(browser: &Browser, parts: Vec<Part>, last: Colour) -> usize {
    let page = "<!doctype html><script type=module src=/client.js></script>
        <style>iframe{width:100%;min-height:300px}</style><mixed-replace src=/stream></mixed-replace>";
    // The first part alone first: what the page costs by itself.
    let warm = Raw::start(page, vec![Answer { bytes: stream(&[PALETTE[0].html()]), cut: false }]).await;
    go(browser, &warm.url()).await;
    sees(browser, PALETTE[0]).await;
    let before = browser.memory();
    let site = Raw::start(page, vec![Answer { bytes: stream(&parts), cut: false }]).await;
    go(browser, &site.url()).await;
    for _ in 0..4 {
        if browser.watch().sees(last, AT_MOST).await.is_some() {
            break;
        }
    }
    sees(browser, last).await;
    until(browser, "return document.querySelector('mixed-replace').getAttribute('state') === 'live'").await;
    browser.memory().saturating_sub(before)
}

/// All parts at once, on the script wire.
fn stream(parts: &[Part]) -> Bytes {
    let encoder = Encoder::new(Boundary::from_static("ThisRandomString0"), Wire::Script);
    let mut bytes =
        BytesMut::from("HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=ThisRandomString0\r\n\r\n");
    for (number, part) in parts.iter().enumerate() {
        let encoded = encoder.encode(part).expect("a part without the boundary");
        if number == 0 {
            bytes.put(encoder.opening(&encoded));
        }
        bytes.put(encoded.to_bytes());
    }
    bytes.freeze()
}

fn mixed(number: usize) -> Part {
    let colour = PALETTE[number % 2];
    match number % 3 {
        0 => html(&format!("<p>{number}{}", "<b>bold</b> ".repeat(1_000))),
        1 => colour.png(),
        _ => Part::text(format!("{number} {}", "text ".repeat(5_000))).expect("a body"),
    }
}
