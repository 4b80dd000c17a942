//! Mistakes at the start are each reported in one line.

use std::net::TcpListener;
use std::time::Duration;

use cluster_tests::CLUSTER;
use test_support::Server;

#[test]
fn reports_each_mistake_in_one_line() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let in_use = format!("cluster: {taken} is in use by another program; --listen takes another address");
    let broker = "cluster: --broker needs an address such as mqtt://HOST:1883 or redis://USER:PASSWORD@HOST \
        (--help lists the options)";
    for (arguments, code, line) in [
        (&["--broker", "http://u:s3cret@b/"][..], 2, broker),
        (&["--broker", "mqtts://u:s3cret@b/"], 2, broker),
        (
            &["--topic", "a/#"],
            2,
            "cluster: --topic a/#: must be the name of one topic, without # and + (--help lists the options)",
        ),
        (&["--listen", &taken], 1, &in_use),
    ] {
        let output = CLUSTER.run(arguments);
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
        let state = node.state_when(Duration::from_secs(8), |state| state["problem"].is_string());
        assert!(state["problem"].as_str().unwrap().contains(expected), "{state}");
        std::thread::sleep(Duration::from_secs(2));
        let log = node.log();
        assert_eq!(log.matches("the broker is unreachable").count(), 1, "{log}");
        assert!(node.state()["published"].as_u64().unwrap() > 5);
    }
}
