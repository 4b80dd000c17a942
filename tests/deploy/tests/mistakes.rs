//! Mistakes at the start of the relay and of a node of the cluster: each is reported in one line.

use std::net::TcpListener;
use std::time::Duration;

use deploy_tests::cluster::CLUSTER;
use deploy_tests::relay::RELAY;
use test_support::Server;

#[test]
fn reports_each_mistake_in_one_line() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let in_use = |name| format!("{name}: {taken} is in use by another program; --listen takes another address");
    let broker = "cluster: --broker needs an address such as mqtt://HOST:1883 or redis://USER:PASSWORD@HOST \
        (--help lists the options)";
    let camera = ["--camera", "http://127.0.0.1/"];
    for (program, arguments, code, line) in [
        (CLUSTER, &["--broker", "http://u:s3cret@b/"][..], 2, broker),
        (CLUSTER, &["--broker", "mqtts://u:s3cret@b/"], 2, broker),
        (
            CLUSTER,
            &["--topic", "a/#"],
            2,
            "cluster: --topic a/#: must be the name of one topic, without # and + (--help lists the options)",
        ),
        (CLUSTER, &["--listen", &taken], 1, &in_use("cluster")),
        (RELAY, &[], 2, "relay: --camera URL is required (--help lists the options)"),
        (
            RELAY,
            &["--camera", "rtsp://u:s3cret@cam/"],
            2,
            "relay: rtsp://…@cam/: rtsp is not supported, only http and https (--help lists the options)",
        ),
        (
            RELAY,
            &["--camera", "/dev/video0"],
            2,
            "relay: /dev/video0: no host; write http://HOST/PATH (--help lists the options)",
        ),
        (RELAY, &[camera[0], camera[1], "--listen", &taken], 1, &in_use("relay")),
        (RELAY, &[camera[0], camera[1], "--listen", "x"], 1, "relay: cannot listen on x: invalid socket address"),
        (
            RELAY,
            &[camera[0], camera[1], "--no-signal", "/nowhere.jpg"],
            1,
            "relay: /nowhere.jpg: No such file or directory (os error 2)",
        ),
        (
            RELAY,
            &[camera[0], camera[1], "--no-signal", "/etc/hostname"],
            1,
            "relay: /etc/hostname: not a valid JPEG or PNG picture",
        ),
    ] {
        let output = program.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), line, "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn missing_broker_is_logged_once_and_the_node_serves() {
    for (broker, expected) in [
        ("mqtt://no-such-broker.invalid", "lookup"),
        ("mqtt://127.0.0.1:1", "refused"),
        ("redis://127.0.0.1:1", "refused"),
    ] {
        let node = Server::start(CLUSTER, &["--broker", broker, "--publish", "10"]);
        let state = node.state_when(Duration::from_secs(40), |state| state["problem"].is_string());
        assert!(state["problem"].as_str().unwrap().contains(expected), "{state}");
        std::thread::sleep(Duration::from_secs(2));
        let log = node.log();
        assert_eq!(log.matches("the broker is unreachable").count(), 1, "{log}");
        assert!(node.state()["published"].as_u64().unwrap() > 5);
    }
}
