//! A stream behind a service worker that answers with `fetch(event.request)`, as that of most offline apps.

use std::time::Instant;

use interop_tests::browsers::picture::PALETTE;
use interop_tests::browsers::{Board, Engine, Setup, Stack, each_engine_as};
use tokio::time::sleep;

use crate::{AT_MOST, SECOND, go, sees, until};

/// Firefox ends the worker, and the stream with it. The client opens the next one at once.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn cut_by_a_service_worker_shows_no_other_state() {
    each_engine_as(Setup::ShortWorkers, async |browser| {
        let board = Board::start(Stack::Axum);
        go(browser, &board.own(REGISTERS)).await;
        until(browser, "return window.ready === true").await;
        go(browser, &board.own(PAGE)).await;
        assert_eq!(browser.run("return navigator.serviceWorker.controller !== null").await, true);
        let began = Instant::now();
        let mut last = PALETTE[0];
        for colour in PALETTE.iter().cycle() {
            last = *colour;
            board.show(last.jpeg());
            sleep(SECOND / 2).await;
            if began.elapsed() > 25 * SECOND {
                break;
            }
        }
        sees(browser, last).await;
        board.has_viewers(1, AT_MOST).await;
        let states = browser.run("return states").await;
        assert_eq!(states, serde_json::json!(["connecting", "live"]), "{}", browser.engine());
        let requests = browser.run("return requests").await.as_u64();
        println!("{}: {requests:?} requests in 25 seconds", browser.engine());
        assert!(browser.engine() != Engine::Firefox || requests > Some(1), "{requests:?}: the worker was not ended");
    });
}

const REGISTERS: &str = "<script>navigator.serviceWorker.register('/worker.js', { scope: '/' })
    .then(() => navigator.serviceWorker.ready).then(() => ready = true)</script>";
const PAGE: &str = "<script>states = []; requests = 0;
    const send = fetch;
    fetch = (...request) => (requests++, send(...request));
    addEventListener('state', ({ detail }) => states.push(detail.state), true)</script>
    <img id=camera alt=Camera width=300 height=300><mixed-replace src=/page target='#camera'></mixed-replace>";
