//! Pages that replace themselves, by `Page` and the browser client, in real browsers: shown parts, kept state, limits
//! of untrusted parts, and failures of the server.

mod display;
mod element;
mod faults;
mod flood;
mod hostile;
mod keeping;
mod lasting;
mod leaving;
mod live;
mod moving;
mod setups;
mod worker;

use std::time::{Duration, Instant};

use interop_tests::browsers::{Browser, Colour};
use mixed_replace::Part;
use tokio::time::sleep;

/// Opens a page and waits for its document, because earlier scripts would run in the previous one.
async fn go(browser: &Browser, url: &str) {
    // The previous document may have the same address.
    browser.run("window.old = true").await;
    browser.open(url).await;
    until(browser, &format!("return location.href === '{url}' && !window.old")).await;
}

/// Waits until the script returns `true`.
async fn until(browser: &Browser, script: &str) {
    let deadline = Instant::now() + AT_MOST;
    loop {
        let value = browser.run(script).await;
        if value == true {
            return;
        }
        assert!(Instant::now() < deadline, "{}: after {AT_MOST:?} it is {value}: {script}", browser.engine());
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the page's stream is in this state, by its attribute.
async fn until_state(browser: &Browser, state: &str) {
    let script = "return document.querySelector('mixed-replace')?.getAttribute('state')";
    let deadline = Instant::now() + 2 * AT_MOST;
    loop {
        let value = browser.run(script).await;
        if value == state {
            return;
        }
        assert!(Instant::now() < deadline, "{}: the state is {value} and not {state}", browser.engine());
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the colour is on the screen.
async fn sees(browser: &Browser, colour: Colour) -> Instant {
    match browser.watch().sees(colour, AT_MOST).await {
        Some(seen) => seen,
        None => panic!("{}: {:?} after {AT_MOST:?} instead of {colour}", browser.engine(), browser.watch().now()),
    }
}

fn html(body: &str) -> Part {
    Part::html(format!("<!doctype html><html lang=en><title>A part</title>{body}")).expect("a body")
}

/// The limit on a busy machine. A part that needs the next part to appear never appears.
const AT_MOST: Duration = Duration::from_secs(15);
const SECOND: Duration = Duration::from_secs(1);
