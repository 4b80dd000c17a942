//! A page closes streams that are no longer needed. The server sees the disconnect, in each engine.

use interop_tests::browsers::picture::PALETTE;
use interop_tests::browsers::{Board, Stack, each_engine};
use tokio::time::sleep;

use crate::{AT_MOST, SECOND, go, sees, until, until_state};

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn removing_element_or_page_closes_the_stream() {
    each_engine(async |browser| {
        let board = Board::start(Stack::Axum);
        board.show(PALETTE[0].jpeg());
        let image = "<img id=camera alt=Camera><mixed-replace src=/page target='#camera'></mixed-replace>";
        go(browser, &board.own(image)).await;
        board.has_viewers(1, AT_MOST).await;
        browser.run("document.querySelector('mixed-replace').remove()").await;
        board.has_viewers(0, AT_MOST).await;
        browser.run("document.body.innerHTML = '<mixed-replace src=/page></mixed-replace>'").await;
        board.has_viewers(1, AT_MOST).await;
        browser.run("document.body.innerHTML = ''").await;
        board.has_viewers(0, AT_MOST).await;

        go(browser, &board.url("/page")).await;
        board.has_viewers(1, AT_MOST).await;
        go(browser, &board.url("/client.js")).await;
        board.has_viewers(0, AT_MOST).await;
        // Out of view the connection rests, and the last part stays.
        let far = "<style>img { width: 400px; height: 300px }</style><div style='height: 3000px'></div>
            <mixed-replace src=/page></mixed-replace>";
        go(browser, &board.own(far)).await;
        until_state(browser, "paused").await;
        assert_eq!(board.viewers(), 0);
        browser.run("scrollTo(0, 9999)").await;
        board.has_viewers(1, AT_MOST).await;
        // It has made the page longer.
        until(browser, "scrollTo(0, 9999); return document.querySelector('img')?.naturalWidth === 320").await;
        browser.run("scrollTo(0, 9999)").await;
        sees(browser, PALETTE[0]).await;
        // The upper edge of the picture is in view, its line is not.
        browser.run("scrollBy(0, -200)").await;
        sleep(SECOND).await;
        assert_eq!(board.viewers(), 1);
        browser.run("scrollTo(0, 0)").await;
        board.has_viewers(0, AT_MOST).await;
        until_state(browser, "paused").await;
        assert_eq!(browser.run("return document.querySelector('img').naturalWidth").await, 320);

        // Each has been closed, and no other opened: a browser has six connections to a server.
        for _ in 0..8 {
            go(browser, &board.url("/page")).await;
            board.has_viewers(1, AT_MOST).await;
        }
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn hidden_tab_closes_its_stream_and_reconnects_when_visible() {
    each_engine(async |browser| {
        let [a, b, c, ..] = PALETTE;
        let board = Board::start(Stack::Axum);
        board.show(a.html());
        go(browser, &board.url("/page")).await;
        sees(browser, a).await;
        until_state(browser, "live").await;
        let cover = browser.cover().await;
        board.has_viewers(0, AT_MOST).await;
        board.show(b.html());
        sleep(SECOND).await;
        assert_eq!(board.viewers(), 0);
        browser.uncover(cover).await;
        board.has_viewers(1, AT_MOST).await;
        sees(browser, b).await;
        until_state(browser, "live").await;

        // A picture that a hidden tab never paints must not stop the reading.
        let background = "<mixed-replace src=/page background></mixed-replace>";
        go(browser, &board.own(background)).await;
        until_state(browser, "live").await;
        let cover = browser.cover().await;
        sleep(SECOND).await;
        let before = board.delivered();
        for colour in [a, b, c] {
            board.show(colour.jpeg());
            sleep(2 * SECOND).await;
        }
        assert_eq!((board.viewers(), board.delivered() - before), (1, 3));
        browser.uncover(cover).await;
        sees(browser, c).await;
    });
}
