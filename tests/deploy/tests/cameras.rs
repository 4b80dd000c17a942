//! Pictures of real cameras arrive and decode.

use std::time::Duration;

use deploy_tests::relay::{Motion, Ustreamer, camera, decoded, relay};
use test_support::Viewer;
use test_support::net::free_port;

#[test]
#[ignore = "needs ustreamer"]
fn shows_ustreamer_with_basic() {
    let ustreamer = Ustreamer::start("s3cret");
    pictures_arrive(&ustreamer.url("admin:s3cret"), 2);
}

#[test]
#[ignore = "needs motion"]
fn shows_motion_with_digest() {
    let source = camera(free_port(), &["--fps", "10"]);
    let motion = Motion::start(&source.url("/live"), "s3cret");
    pictures_arrive(&motion.url("admin:s3cret"), 5);
}

#[test]
fn shows_the_camera_example() {
    let camera = camera(free_port(), &["--fps", "10"]);
    pictures_arrive(&camera.url("/live"), 5);
}

#[test]
#[ignore = "needs motion and ustreamer"]
fn reports_a_wrong_password_without_naming_it() {
    let source = camera(free_port(), &["--fps", "10"]);
    let (ustreamer, motion) = (Ustreamer::start("s3cret"), Motion::start(&source.url("/live"), "s3cret"));
    let relay = relay(&[ustreamer.url("admin:gue55"), motion.url("admin:gue55")]);
    // Until its first picture, motion closes connections without a response.
    let states = [0, 1].map(|camera| {
        // Its response waits for a part, which is "no signal" after some seconds.
        let _viewer = Viewer::open(&relay.url(&format!("/cameras/{}", camera + 1)));
        let state = relay.state_when(Duration::from_secs(15), |state| {
            let camera = &state["cameras"][camera];
            camera["source"]["last_error"] == "it refuses the user or the password"
                && !camera["status"]["again_in"].is_null()
        });
        // Some cameras lock out clients that retry often.
        assert!(state["cameras"][camera]["status"]["again_in"].as_f64().unwrap() > 5.0, "{state}");
        state.to_string()
    });
    let log = relay.log();
    assert_eq!(log.matches("lost: it refuses the user or the password").count(), 2, "{log}");
    assert!(!format!("{states:?}{log}").contains("gue55"));
}

#[expect(clippy::indexing_slicing, reason = "a failure of a helper is a failure of its test")]
fn pictures_arrive(url: &str, count: usize) {
    let relay = relay(&[url.to_owned()]);
    let mut viewer = Viewer::open(&relay.url("/cameras/1"));
    // Before that, viewers may see "no signal".
    let live = relay.state_when(Duration::from_secs(15), |state| state["cameras"][0]["status"]["state"] == "live");
    for _ in 0..count {
        let picture = viewer.next(Duration::from_secs(5)).unwrap_or_else(|| panic!("no picture: {}", relay.log()));
        let (width, height) = decoded(&picture);
        assert!(width >= 320 && height >= 240, "{width} x {height}");
    }
    // Once live, the relay keeps its connection.
    let connections = |state: &serde_json::Value| state["cameras"][0]["source"]["attempts"].clone();
    assert_eq!(connections(&relay.state()), connections(&live), "{}", relay.log());
}
