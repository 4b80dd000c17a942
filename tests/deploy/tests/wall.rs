//! The page with all cameras in browsers.

use std::time::Duration;

use deploy_tests::relay::{Fake, relay};
use interop_tests::browsers::picture::PALETTE;
use interop_tests::browsers::{Browser, Engine, in_engines};
use serde_json::Value;
use test_support::net::free_port;
use tokio::time::{Instant, sleep};

#[test]
#[ignore = "needs Chromium, Firefox and Xvfb"]
fn shows_more_cameras_than_a_browser_has_connections() {
    in_engines(&[Engine::Chromium, Engine::Firefox], async |browser| {
        let cameras = [0, 1, 2, 3, 4, 5, 6, 7].map(|index| Fake::showing(PALETTE[index], 5));
        let relay = relay(&cameras.each_ref().map(Fake::url));
        browser.open(&relay.url("/")).await;
        let shows =
            |wall: &Value, camera: usize| rows(wall)[camera]["state"] == "live" && rows(wall)[camera]["width"] == 320;
        until(browser, WALL, |wall| (0..4).all(|camera| shows(wall, camera))).await;
        // Those out of view start when they are seen.
        browser.run("scrollTo(0, 9999)").await;
        until(browser, WALL, |wall| (4..8).all(|camera| shows(wall, camera))).await;
        browser.run("document.querySelectorAll('article button')[7].click()").await;
        assert!(browser.watch().sees(PALETTE[7], Duration::from_secs(5)).await.is_some());
        relay.state_when(Duration::from_secs(5), |state| state["cameras"][7]["hub"]["viewers"] == 1);
        for camera in &cameras {
            assert_eq!(camera.times().len(), 1);
        }
    });
}

#[test]
#[ignore = "needs Chromium and Xvfb"]
fn shows_the_state_of_each_camera() {
    in_engines(&[Engine::Chromium], async |browser| {
        let live = Fake::showing(PALETTE[0], 5);
        let locked =
            Fake::start(|connection| connection.answer("401 No", "WWW-Authenticate: Basic realm=\"x\"\r\n", ""));
        let connecting = Fake::start(deploy_tests::relay::Connection::hang);
        let away = format!("<i>Yard</i> & \"gate\"=http://127.0.0.1:{}/", free_port());
        let relay = relay(&[live.url(), locked.url_for("admin:gue55"), connecting.url(), away]);
        browser.open(&relay.url("/")).await;
        let states = ["live", "no signal", "connecting"];
        let shown = |wall: &Value| (0..3).all(|row| rows(wall)[row]["state"] == states[row]);
        let wall =
            until(browser, WALL, |wall| shown(wall) && [1, 3].iter().all(|row| rows(wall)[*row]["note"] != "")).await;
        assert_eq!(rows(&wall)[3]["name"], "<i>Yard</i> & \"gate\"");
        let notes: Vec<_> = rows(&wall).iter().map(|row| row["note"].as_str().unwrap().to_owned()).collect();
        assert!(notes[1].starts_with("It refuses the user or the password. Trying again in "), "{notes:?}");
        assert!(notes[3].starts_with("Connection refused (os error 111). Trying again"), "{notes:?}");
        let page = browser.run("return document.documentElement.outerHTML").await.to_string();
        assert!(!page.contains("gue55"));
    });
}

/// Waits until the page fits and returns its visible content.
async fn until(browser: &Browser, within: Duration, fits: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + within;
    loop {
        let wall = browser.run(LOOK).await;
        if !rows(&wall).is_empty() && fits(&wall) {
            return wall;
        }
        assert!(Instant::now() < deadline, "{}: {wall:#}", browser.engine());
        sleep(Duration::from_millis(100)).await;
    }
}

/// Returns the cameras, or none before the page is loaded.
fn rows(wall: &Value) -> &[Value] {
    wall.get("cameras").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

const LOOK: &str = "
    const text = (card, of) => card.querySelector(of)?.textContent ?? '';
    return {
        sum: document.querySelector('#sum')?.textContent,
        cameras: [...document.querySelectorAll('article')].map(card => ({
            name: text(card, 'h2'), state: text(card, '.state'), note: text(card, '.note'),
            width: card.querySelector('img')?.naturalWidth,
        })),
    };";
const WALL: Duration = Duration::from_secs(15);
