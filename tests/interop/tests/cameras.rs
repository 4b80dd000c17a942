//! Camera programs, with substitutes for a device.

use std::fs;
use std::process::Command;
use std::thread::{sleep, spawn};
use std::time::Duration;

use interop_tests::senders::{Camera, End, Pictures, Server, get};

/// ustreamer sends "no signal" about once a second.
#[test]
#[ignore = "needs ustreamer"]
fn ustreamer() {
    let server = Server::told(|port| {
        let mut ustreamer = Command::new("ustreamer");
        ustreamer.args(["--device", "/dev/there-is-none", "--log-level", "0", "--no-log-colors"]);
        ustreamer.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        ustreamer
    });
    for (path, headers) in [
        ("/stream", 0),
        ("/stream?advance_headers=1", 0),
        ("/stream?dual_final_frames=1", 0),
        ("/stream?extra_headers=1", 7),
    ] {
        let received = get(&server.address, path, Some(3));
        received.are_pictures();
        assert!(received.bodies().windows(2).all(|pair| pair[0] == pair[1]), "the same picture each time");
        assert!(received.parts.iter().all(|part| part.captured().is_some()), "{path}");
        assert!(received.parts.iter().all(|part| part.headers().len() >= headers), "{path}: {:?}", received.parts[0]);
        assert_eq!(received.end, End::Enough);
    }
}

/// motion reads a stream of the crate.
#[test]
#[ignore = "needs motion"]
fn motion() {
    let camera = Camera::start();
    let address = camera.address.clone();
    let pictures = Pictures::of_one_size(20);
    spawn(move || {
        for picture in pictures.bytes().iter().cycle() {
            camera.show(picture);
            sleep(Duration::from_millis(50));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let server = Server::told(|port| {
        let config = format!(
            "daemon off\nsetup_mode off\nlog_level 7\nlog_file {path}/log\ntarget_dir {path}\nwebcontrol_port 0\n\
             width 320\nheight 240\nframerate 20\npicture_output off\nmovie_output off\n\
             netcam_url http://{address}/live\nstream_port {port}\nstream_localhost on\nstream_maxrate 20\n"
        );
        fs::write(folder.path().join("conf"), config).unwrap();
        let mut motion = Command::new("motion");
        motion.args(["-n", "-c", &format!("{path}/conf"), "-p", &format!("{path}/pid")]);
        motion
    });
    let received = get(&server.address, "/", Some(60));
    received.are_pictures();
    let mut distinct = received.bodies();
    distinct.dedup();
    assert!(distinct.len() > 20, "only {} of 60 pictures are distinct", distinct.len());
    assert_eq!((received.boundary.unwrap().as_str(), received.end), ("BoundaryString", End::Enough));
}
