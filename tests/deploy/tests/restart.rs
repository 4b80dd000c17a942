//! A camera is killed and restarted while browsers show it in an image.

use std::time::Duration;

use deploy_tests::relay::{Fake, RELAY, camera};
use interop_tests::browsers::picture::{self, PALETTE};
use interop_tests::browsers::{Colour, each_engine};
use tempfile::TempDir;
use test_support::Server;
use test_support::net::free_port;
use tokio::time::{Instant, sleep};

#[test]
#[ignore = "needs Chromium, Firefox, WebKitGTK and Xvfb"]
fn browsers_show_the_last_picture_then_no_signal_then_the_restarted_camera() {
    let [before, lost, after] = [PALETTE[0], PALETTE[4], PALETTE[1]];
    each_engine(async |browser| {
        let files = tempfile::tempdir().unwrap();
        let port = free_port();
        let address = format!("http://127.0.0.1:{port}/live");
        let no_signal = file(&files, lost);
        let first = camera(port, &["--source", &source(&files, before)]);
        let relay = Server::start(RELAY, &["--camera", &address, "--no-signal", &no_signal]);
        let image = relay.url("/cameras/1");
        let page = Fake::start(move |connection| {
            let text = format!("<!doctype html><img src='{image}' width=320 height=240><p>{}", picture::letters());
            connection.answer("200 OK", "Content-Type: text/html\r\n", &text)
        });

        browser.open(&page.url()).await;
        assert!(browser.watch().sees(before, Duration::from_secs(15)).await.is_some(), "the camera");
        let killed = Instant::now();
        first.signal("KILL");
        sleep(Duration::from_secs(3)).await;
        assert_eq!(browser.watch().now(), Some(before), "the last picture");
        let seen = browser.watch().sees(lost, Duration::from_secs(5)).await.expect("no signal");
        let silence = Instant::from_std(seen) - killed;
        assert!(silence > Duration::from_secs(4), "{silence:?}");

        let _second = camera(port, &["--source", &source(&files, after)]);
        assert!(browser.watch().sees(after, Duration::from_secs(15)).await.is_some(), "the camera again");
        // Neither the page nor its image was reloaded.
        assert_eq!(browser.run("return performance.getEntriesByType('navigation').length").await, 1);
        let loads = browser.run("return performance.getEntriesByType('resource').map(entry => entry.name)").await;
        let loads = loads.as_array().unwrap().iter().filter(|name| name.to_string().contains("/cameras/")).count();
        assert!(loads <= 1, "{loads}");
        assert_eq!(page.requests().iter().filter(|request| request.starts_with("GET /stream ")).count(), 1);
        let state = relay.state();
        assert_eq!(state["cameras"][0]["hub"]["viewers"], 1, "{state}");
    });
}

/// Returns a command that writes pictures of a colour.
fn source(files: &TempDir, colour: Colour) -> String {
    format!("sh -c 'while cat {}; do sleep 0.2; done'", file(files, colour))
}

fn file(files: &TempDir, colour: Colour) -> String {
    let file = files.path().join(format!("{colour}.jpg"));
    std::fs::write(&file, colour.jpeg().body()).expect("a writable temporary directory");
    file.display().to_string()
}
