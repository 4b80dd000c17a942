//! Mistakes on the command line: each is reported in one line.

use std::net::TcpListener;

use relay_tests::RELAY;

#[test]
fn reports_each_mistake_in_one_line() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let in_use = format!("relay: {taken} is in use by another program; --listen takes another address");
    let camera = ["--camera", "http://127.0.0.1/"];
    for (arguments, code, line) in [
        (&[][..], 2, "relay: --camera URL is required (--help lists the options)"),
        (
            &["--camera", "rtsp://u:s3cret@cam/"],
            2,
            "relay: rtsp://…@cam/: rtsp is not supported, only http and https (--help lists the options)",
        ),
        (
            &["--camera", "/dev/video0"],
            2,
            "relay: /dev/video0: no host; write http://HOST/PATH (--help lists the options)",
        ),
        (&[camera[0], camera[1], "--listen", &taken], 1, &in_use),
        (&[camera[0], camera[1], "--listen", "x"], 1, "relay: cannot listen on x: invalid socket address"),
        (
            &[camera[0], camera[1], "--no-signal", "/nowhere.jpg"],
            1,
            "relay: /nowhere.jpg: No such file or directory (os error 2)",
        ),
        (
            &[camera[0], camera[1], "--no-signal", "/etc/hostname"],
            1,
            "relay: /etc/hostname: not a valid JPEG or PNG picture",
        ),
    ] {
        let output = RELAY.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), line, "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
