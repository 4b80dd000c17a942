//! The age of a part in words, live regions for screen readers, and the height of a part.

use interop_tests::browsers::{Board, Stack, each_engine};
use tokio::time::sleep;

use crate::{SECOND, go, html, until, until_state};

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn page_shows_its_age_and_is_a_live_region() {
    each_engine(async |browser| {
        let board = Board::start(Stack::Axum);
        board.show(html("<p id=n>1"));
        sleep(3 * SECOND).await;
        go(browser, &board.url("/age")).await;
        until_state(browser, "live").await;
        // The stream starts with the part that is embedded in the page, which does not reset its age.
        let age = || async {
            let age = browser.run("return document.querySelector('mixed-replace').getAttribute('age')").await;
            age.as_str().and_then(|age| age.parse::<u64>().ok())
        };
        assert!(age().await >= Some(3), "{:?}", age().await);
        let words = "document.querySelector('mixed-replace').innerText.trim()";
        until(browser, &format!("return /^\\d+ seconds ago$/.test({words})")).await;
        for number in ["2", "3"] {
            let before = age().await.expect("a part with an age");
            board.show(html(&format!("<p id=n>{number}")));
            until(browser, &format!("return frames[0].document.getElementById('n').textContent === '{number}'")).await;
            // The text is updated each second.
            let age = "Number(document.querySelector('mixed-replace').getAttribute('age'))";
            until(browser, &format!("return {age} < {before}")).await;
            sleep(2 * SECOND).await;
        }

        let regions = browser.run(REGIONS).await;
        assert_eq!(regions, serde_json::json!(["polite", "false", "polite", "status", "true"]));
    });
}

/// A document slightly higher than its frame would grow with each replacement.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn frame_height_follows_its_part_and_does_not_creep() {
    each_engine(async |browser| {
        let board = Board::start(Stack::Axum);
        board.show(html("<body style='min-height:100vh'><p id=n>0"));
        go(browser, &board.url("/page")).await;
        until_state(browser, "live").await;
        let height = "return document.querySelector('iframe').offsetHeight";
        let before = browser.run(height).await;
        for number in 1..=5 {
            board.show(html(&format!("<body style='min-height:100vh'><p id=n>{number}")));
            until(browser, &format!("return frames[0].document.getElementById('n').textContent === '{number}'")).await;
        }
        assert_eq!(browser.run(height).await, before);
        board.show(html("<body><div id=n style='height:5000px'>high</div>"));
        until(browser, &format!("{height} > 5000")).await;
        board.show(html("<body><p id=n>low"));
        until(browser, &format!("{height} === innerHeight")).await;
    });
}

const REGIONS: &str = "const part = document.getElementById('part'), words = document.querySelector('mixed-replace');
    return [part.getAttribute('aria-live'), part.getAttribute('aria-busy'),
        frames[0].document.body.getAttribute('aria-live'), words.getAttribute('role'),
        words.querySelector('small').getAttribute('aria-hidden')]";
