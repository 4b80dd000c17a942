//! A page after the end of its server, and after the end of its hub.

use interop_tests::browsers::picture::PALETTE;
use interop_tests::browsers::{Board, Stack, each_engine};
use tokio::time::sleep;

use crate::{SECOND, go, sees, until_state};

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn page_reconnects_after_server_restart() {
    each_engine(async |browser| {
        for (path, stack) in [("/page", Stack::Axum), ("/trusted", Stack::Actix)] {
            let [a, b, c, ..] = PALETTE;
            let mut board = Board::start(stack);
            board.show(a.html());
            go(browser, &board.url(path)).await;
            sees(browser, a).await;
            until_state(browser, "live").await;
            assert_eq!(browser.run(WORDS).await, "", "no message while the stream is live");
            board.stop();
            until_state(browser, "reconnecting").await;
            assert_eq!(browser.run(WORDS).await, "Connection lost. Trying again.");
            sleep(3 * SECOND).await;
            assert_eq!(browser.watch().now(), Some(a), "the last part stays");
            board.start_again();
            board.show(b.html());
            sees(browser, b).await;
            until_state(browser, "live").await;
            board.show(c.html());
            sees(browser, c).await;
        }
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn ended_stream_keeps_last_part_and_shows_its_state() {
    each_engine(async |browser| {
        let [a, b, c, ..] = PALETTE;
        let mut board = Board::start(Stack::Axum);
        board.show(a.html());
        go(browser, &board.url("/page")).await;
        sees(browser, a).await;
        board.has_viewers(1, 5 * SECOND).await;
        // At the same moment.
        board.show(b.html());
        board.close();
        until_state(browser, "ended").await;
        assert_eq!(browser.run(WORDS).await, "The stream has ended.");
        sees(browser, b).await;
        sleep(2 * SECOND).await;
        assert_eq!(browser.watch().now(), Some(b), "the last part stays after the end");
        until_state(browser, "ended").await;
        // A page retries after 10 to 20 seconds, so that it survives a deployment.
        board.start_again();
        board.show(c.html());
        board.has_viewers(1, 30 * SECOND).await;
        sees(browser, c).await;
        until_state(browser, "live").await;
    });
}

const WORDS: &str = "return document.querySelector('mixed-replace').innerText.trim()";
