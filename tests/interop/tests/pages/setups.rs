//! Browsers with other setups: without scripts, with reduced motion.

use std::time::Instant;

use interop_tests::browsers::picture::PALETTE;
use interop_tests::browsers::{Board, Engine, Setup, Stack, each_engine_as};
use tokio::time::sleep;

use crate::{AT_MOST, SECOND, sees};

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn scriptless_page_shows_each_part_by_reload() {
    each_engine_as(Setup::NoScripts, async |browser| {
        for (path, stack) in [("/page", Stack::Axum), ("/trusted", Stack::Actix)] {
            let board = Board::start(stack);
            board.show(PALETTE[0].html());
            browser.open(&board.url(path)).await;
            sees(browser, PALETTE[0]).await;
            let mut latencies = Vec::new();
            for colour in &PALETTE[1..] {
                let sent = Instant::now();
                board.show(colour.html());
                latencies.push(sees(browser, *colour).await.duration_since(sent));
            }
            println!("{}: {path} by pull each second: {latencies:.1?}", browser.engine());
            assert_eq!((board.viewers(), board.delivered()), (0, 0), "no stream, so no script");
            // While nothing changes, the page reloads and gets 304 responses.
            sleep(3 * SECOND).await;
            assert_eq!(browser.watch().now(), Some(PALETTE[9]));
        }
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn scriptless_page_is_not_resent_unchanged() {
    each_engine_as(Setup::NoScripts, async |browser| {
        let board = Board::start(Stack::Axum);
        board.show(PALETTE[0].html());
        browser.open(&board.url("/page?pull")).await;
        sees(browser, PALETTE[0]).await;
        let deadline = Instant::now() + AT_MOST;
        while board.pulls().len() < 5 {
            assert!(Instant::now() < deadline, "{}: {:?} after {AT_MOST:?}", browser.engine(), board.pulls());
            sleep(SECOND / 10).await;
        }
        // WebKit bypasses its cache for a page that refreshes itself, regardless of Cache-Control and Vary.
        let again = if browser.engine() == Engine::WebKit { 200 } else { 304 };
        let pulls = board.pulls();
        println!("{}: {pulls:?}", browser.engine());
        assert_eq!(pulls[0], 200);
        assert!(pulls[1..].iter().all(|status| *status == again), "{}: {pulls:?}", browser.engine());
        // A new part is sent.
        board.show(PALETTE[1].html());
        sees(browser, PALETTE[1]).await;
    });
}

/// Pictures need no script.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn scriptless_page_shows_each_picture_at_once() {
    each_engine_as(Setup::NoScripts, async |browser| {
        let board = Board::start(Stack::Axum);
        board.show(PALETTE[0].jpeg());
        browser.open(&board.url("/page?pull")).await;
        sees(browser, PALETTE[0]).await;
        for colour in &PALETTE[1..4] {
            board.show(colour.jpeg());
            sees(browser, *colour).await;
        }
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn reduced_motion_limits_pictures_to_one_a_second() {
    each_engine_as(Setup::LessMotion, async |browser| {
        assert_eq!(browser.run("return matchMedia('(prefers-reduced-motion: reduce)').matches").await, true);
        let board = Board::start(Stack::Axum);
        for (motion, a_second, at_least) in [("", 1, 3), ("motion", 12, 12)] {
            let image = "<img id=camera alt=Camera><mixed-replace src=/page target='#camera' MOTION></mixed-replace>";
            board.show(PALETTE[9].jpeg());
            browser.open(&board.own(&image.replace("MOTION", motion))).await;
            sees(browser, PALETTE[9]).await;
            let (before, began) = (browser.watch().sights().len(), Instant::now());
            let pictures = || browser.watch().sights().len() - before;
            // With seven colours, two pictures a second apart differ.
            let mut colours = PALETTE[..7].iter().cycle();
            while began.elapsed() < 4 * SECOND || pictures() < at_least && began.elapsed() < AT_MOST {
                board.show(colours.next().expect("a cycle").jpeg());
                sleep(SECOND / 10).await;
            }
            board.show(PALETTE[9].jpeg());
            let pictures = pictures();
            // 4 on an idle machine.
            let seconds = began.elapsed().as_secs() + 1;
            println!("{}: {pictures} pictures in {seconds} seconds, {motion:?}", browser.engine());
            let at_most = a_second * (usize::try_from(seconds).unwrap_or_default() + 1);
            assert!((at_least..=at_most).contains(&pictures), "{pictures} pictures in {seconds} seconds, {motion:?}");
            // The newest picture is not skipped.
            sees(browser, PALETTE[9]).await;
        }
        let still = "<script>changes = 0; if (document.startViewTransition) Document.prototype.startViewTransition = () => changes++</script>
            <style>iframe { width: 100% }</style><mixed-replace src=/page transition></mixed-replace>";
        browser.open(&board.own(still)).await;
        for colour in &PALETTE[..3] {
            board.show(colour.html());
            sees(browser, *colour).await;
        }
        assert_eq!(browser.run("return changes").await, 0, "no view transition");
    });
}
