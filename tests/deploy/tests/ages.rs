//! The age that a page shows, against the time in the pixels of its picture: through each path, with wrong clocks, and of
//! cameras that freeze.

#![expect(clippy::indexing_slicing, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "the figures are a result")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use deploy_tests::cluster::{Kind, envelope, send};
use deploy_tests::relay::{Fake, RELAY, Ustreamer, relay};
use interop_tests::browsers::clock::ages;
use interop_tests::browsers::picture::PALETTE;
use interop_tests::browsers::{Browser, Clock, each_engine};
use test_support::{Program, Server, get, must_be_installed};

#[test]
#[ignore = "needs Chromium, Firefox, WebKitGTK, Xvfb and mosquitto"]
fn page_shows_the_age_of_the_picture_through_each_path() {
    let broker = Arc::new(Kind::Mqtt.start());
    let to = Arc::clone(&broker);
    let clock = Clock::start(move |number, picture| {
        send(&to, true, &envelope(1, number, "image/jpeg", picture.body()));
    });
    let node = deploy_tests::cluster::node(&broker, &[]);
    let relay = relay(&[clock.url("/cameras/clock")]);
    let edge = Server::start(Program::Package("edge"), &["--upstream", &clock.url("/cameras")]);
    ages_are_right(
        &clock,
        &[
            ("hub", clock.url("/cameras/clock")),
            ("wall", clock.url("/cameras#clock")),
            ("relay", relay.url("/cameras/1")),
            ("edge", edge.url("/cameras/clock")),
            ("MQTT", node.url("/live")),
        ],
    );
}

#[test]
#[ignore = "needs Chromium, Firefox, WebKitGTK, Xvfb, curl and faketime"]
fn server_clock_that_is_an_hour_wrong_changes_nothing() {
    must_be_installed("curl");
    let clock = Clock::start(|_, _| {});
    // Pictures without a time, which get that of the server.
    let pictures = format!("sh -c 'while curl -fsS \"{}\"; do :; done'", clock.url("/cameras/clock?snapshot=0"));
    let [ahead, behind] = ["+1h", "-1h"]
        .map(|offset| Server::start_with_clock(offset, Program::Example("camera"), &["--source", &pictures]));
    for (camera, seconds) in [(&ahead, 3600.0), (&behind, -3600.0)] {
        let (head, _) = get(&camera.url("/snapshot.jpg"));
        let stamp =
            head.to_lowercase().split("\r\nx-timestamp: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        assert!(stamp.is_some_and(|stamp: f64| (stamp - now - seconds).abs() < 60.0), "{head}");
    }
    let relay_ahead = Server::start_with_clock("+1h", RELAY, &["--camera", &behind.url("/live")]);
    let relay = relay(&[ahead.url("/live"), behind.url("/live")]);
    ages_are_right(
        &clock,
        &[
            ("an hour ahead", ahead.url("/live")),
            ("an hour behind", behind.url("/live")),
            ("a relay, and an hour ahead", relay.url("/cameras/1")),
            ("a wall of a relay, and an hour behind", relay.url("/cameras#2")),
            ("a relay an hour ahead, and an hour behind", relay_ahead.url("/cameras/1")),
        ],
    );
}

/// Opens a page of these streams in each engine, and compares their ages with the times in their pixels.
fn ages_are_right(clock: &Clock, streams: &[(&str, String)]) {
    let page = clock.page(streams.iter().map(|(_, url)| url.as_str()), 25);
    each_engine(async |browser| {
        browser.open(&page).await;
        let median = |errors: &[i64]| {
            let mut sorted = errors.to_vec();
            sorted.sort_unstable();
            sorted[sorted.len() / 2]
        };
        let ages = ages(browser, streams.len()).await;
        for ((path, _), ages) in streams.iter().zip(&ages) {
            let [moving, resting] = [&ages.moving, &ages.resting].map(|errors| median(errors));
            println!("{}, {path}: {moving} ms, {resting} ms while it rests", browser.engine());
            assert!(moving.abs() <= 100, "{}, {path}: {ages:?}", browser.engine());
            // One picture, which a busy machine may pass on late.
            assert!(resting.abs() <= 500, "{}, {path}: {ages:?}", browser.engine());
        }
    });
}

/// One camera stops in the middle of its stream. The other one goes on to send its last picture, with the time of that.
#[test]
#[ignore = "needs Chromium, Firefox, WebKitGTK, Xvfb and ustreamer"]
fn frozen_camera_behind_a_relay_turns_stale_in_its_time() {
    let clock = Clock::start(|_, _| {});
    each_engine(async |browser| {
        let ustreamer = Ustreamer::start("s3cret");
        let frozen = Arc::new(AtomicBool::new(false));
        let freezes = Arc::clone(&frozen);
        let repeating = Fake::start(move |connection| {
            connection.begin("")?;
            let (picture, mut captured) = (PALETTE[0].jpeg(), Duration::ZERO);
            loop {
                if !freezes.load(Ordering::Relaxed) {
                    captured = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                }
                let time = format!("X-Timestamp: {}.{:06}\r\n", captured.as_secs(), captured.subsec_micros());
                connection.part(&format!("Content-Type: image/jpeg\r\n{time}"), picture.body())?;
                sleep(Duration::from_millis(200));
            }
        });
        let relay = relay(&[ustreamer.url("admin:s3cret"), repeating.url()]);
        let streams = [relay.url("/cameras/1"), relay.url("/cameras/2")];
        browser.open(&clock.page(streams.iter().map(String::as_str), TIMEOUT)).await;
        let live =
            "return window.elements?.length === 2 && [...elements].every(e => e.getAttribute('state') === 'live')";
        until(browser, live).await;
        frozen.store(true, Ordering::Relaxed);
        ustreamer.signal("STOP");
        let began = browser.run("return states.length").await;
        let stale = format!("const stale = states.slice({began}).filter(([, state]) => state === 'stale')");
        until(browser, &format!("{stale}; return [0, 1].every(at => stale.some(([of]) => of === at))")).await;
        let stale = browser.run(&format!("{stale}; return stale")).await;
        for camera in [0, 1] {
            let age = stale.as_array().and_then(|stale| stale.iter().find(|state| state[0] == camera)?[2].as_f64());
            println!("{}: camera {camera} is stale at an age of {age:.2?} s", browser.engine());
            let limits = f64::from(TIMEOUT) - 0.1..f64::from(TIMEOUT) + 5.0;
            assert!(age.is_some_and(|age| limits.contains(&age)), "{stale}");
        }
        frozen.store(false, Ordering::Relaxed);
        ustreamer.signal("CONT");
        until(browser, live).await;
    });
}

async fn until(browser: &Browser, script: &str) {
    let deadline = Instant::now() + AT_MOST;
    while browser.run(script).await != true {
        assert!(Instant::now() < deadline, "{}: {script}", browser.engine());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The seconds after which the page calls a stream stale, fewer than those after which the relay shows "no signal".
const TIMEOUT: u32 = 3;
const AT_MOST: Duration = Duration::from_secs(30);
