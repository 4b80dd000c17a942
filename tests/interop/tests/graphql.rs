//! GraphQL clients receive each event of a stream once, and before the next one is sent.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};
use std::{env, fs};

use http::HeaderMap;
use interop_tests::consumers::run::{run, said};
use mixed_replace::write::Head;
use mixed_replace::{Encoder, Part, Writer};
use test_support::{Children, must_be_installed};

#[test]
#[ignore = "needs Node and the npm registry"]
fn apollo_client_gets_each_event_at_once() {
    let modules = node_modules();
    for content_type in [APOLLO, "multipart/mixed; boundary=graphql"] {
        let encoder = encoder(content_type);
        // It ignores heartbeats.
        for encoder in [with_heartbeat(encoder.clone()), encoder.clone(), encoder.content_length(false)] {
            let mut node = Command::new("node");
            let said = subscribe(encoder, node.arg(modules.join("apollo.mjs")), true);
            assert_eq!(said, DATA, "{content_type}");
        }
    }
}

/// It reports heartbeats as errors, so none are sent. At the end it reports the last event again.
#[test]
#[ignore = "needs Node and the npm registry"]
fn urql_gets_each_event_at_once() {
    let modules = node_modules();
    for encoder in [encoder(APOLLO), encoder(APOLLO).content_length(false)] {
        let mut node = Command::new("node");
        let mut said = subscribe(encoder, node.arg(modules.join("urql.mjs")), true);
        said.dedup();
        assert_eq!(said, DATA);
    }
    let mut node = Command::new("node");
    let said = subscribe(with_heartbeat(encoder(APOLLO)), node.arg(modules.join("urql.mjs")), false);
    assert_eq!(said, ["error: [Network] No Content", "complete"], "if this changes, heartbeats can be sent");
}

/// It waits for the line end after the delimiter and so lags one part behind. A heartbeat releases the previous event.
#[test]
#[ignore = "needs Node and the npm registry"]
fn relay_gets_each_event_once() {
    let modules = node_modules();
    for content_type in [APOLLO, INCREMENTAL] {
        let mut node = Command::new("node");
        let relay = node.arg(modules.join("relay.mjs"));
        assert_eq!(subscribe(with_heartbeat(encoder(content_type)), relay, false), EVERYTHING, "{content_type}");
        let mut node = Command::new("node");
        let relay = node.arg(modules.join("relay.mjs"));
        let said = subscribe(encoder(content_type), relay, false);
        assert_eq!(said, EVERYTHING.into_iter().filter(|part| *part != "{}").collect::<Vec<_>>(), "{content_type}");
    }
}

#[test]
#[ignore = "needs Node and the npm registry"]
fn meros_gets_each_event_at_once() {
    let modules = node_modules();
    for (content_type, how) in [(APOLLO, "fetch"), (APOLLO, "get"), (INCREMENTAL, "fetch"), (INCREMENTAL, "get")] {
        let mut node = Command::new("node");
        let meros = node.arg(modules.join("meros.mjs")).arg(how);
        let said = subscribe(with_heartbeat(encoder(content_type)), meros, true);
        assert_eq!(said, EVERYTHING, "{content_type}, {how}");
    }
}

/// It waits for one byte more than the script wire sends in advance, and so lags one part behind.
#[test]
#[ignore = "needs Go"]
fn go_gets_each_event_once() {
    for content_type in [APOLLO, INCREMENTAL] {
        let mut go = Command::new("go");
        let go = go.arg("run").arg(file("consumers/go/events/main.go"));
        let said = subscribe(with_heartbeat(encoder(content_type)), go, false);
        assert_eq!(said, EVERYTHING, "{content_type}");
    }
}

fn encoder(content_type: &str) -> Encoder {
    Encoder::for_content_type(content_type).unwrap()
}

fn with_heartbeat(encoder: Encoder) -> Encoder {
    encoder.heartbeat(&Part::json("{}").unwrap()).unwrap()
}

/// Sends a client three times an optional heartbeat and an event, and returns the lines that it prints for the parts.
/// With `at_once`, waits for the output of each event before sending the next.
fn subscribe(encoder: Encoder, client: &mut Command, at_once: bool) -> Vec<String> {
    must_be_installed(&client.get_program().to_string_lossy());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    client.arg(format!("http://{}/graphql", listener.local_addr().unwrap()));
    let mut children = Children::start(client, Stdio::piped(), Stdio::inherit());
    let (sender, lines) = channel();
    let output = BufReader::new(children.stdout().unwrap());
    spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));

    let mut writer = Writer::with_encoder(request(&listener), encoder);
    writer.write_head(Head::Http11, &HeaderMap::new()).unwrap();
    let mut said = Vec::new();
    for number in 1..=3 {
        writer.repeat().unwrap();
        let data = format!("{{\"online\":{number}}}");
        writer.write(&Part::json(format!("{{\"payload\":{{\"data\":{data}}}}}")).unwrap()).unwrap();
        while at_once && said.last().is_none_or(|line: &String| !line.contains(&data)) {
            said.push(lines.recv_timeout(PATIENCE).expect("the event before anything else is sent"));
        }
    }
    drop(writer.finish().unwrap());
    while said.last().is_none_or(|line| line != "complete") {
        said.push(lines.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("after {said:?}: {error}")));
    }
    said
}

/// Returns the connection of the first client after reading its request.
fn request(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let start = Instant::now();
    let socket = loop {
        match listener.accept() {
            Ok((socket, _)) => break socket,
            Err(error) => assert!(start.elapsed() < START, "no client: {error}"),
        }
        sleep(Duration::from_millis(10));
    };
    socket.set_nonblocking(false).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(&socket);
    let head: Vec<_> = reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
    let lengths = head
        .iter()
        .filter_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
    reader.read_exact(&mut vec![0; lengths.sum()]).unwrap();
    drop(reader);
    socket
}

/// The folder of the scripts, with their dependencies, which the first test installs.
fn node_modules() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("graphql");
        fs::create_dir_all(&folder).unwrap();
        for name in ["apollo.mjs", "meros.mjs", "package.json", "relay.mjs", "urql.mjs"] {
            fs::copy(file("consumers/node").join(name), folder.join(name)).unwrap();
        }
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
        let output = run(&npm, Duration::from_secs(300));
        assert!(output.status.success(), "npm: {}", said(&output));
        folder
    })
}

fn file(path: &str) -> PathBuf {
    Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests")).join(path)
}

const APOLLO: &str = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0";
/// GraphQL over HTTP's incremental delivery.
const INCREMENTAL: &str = "multipart/mixed; boundary=\"-\"";
const DATA: [&str; 4] = [r#"{"online":1}"#, r#"{"online":2}"#, r#"{"online":3}"#, "complete"];
const EVERYTHING: [&str; 7] = [
    "{}",
    r#"{"payload":{"data":{"online":1}}}"#,
    "{}",
    r#"{"payload":{"data":{"online":2}}}"#,
    "{}",
    r#"{"payload":{"data":{"online":3}}}"#,
    "complete",
];
/// Go and Node start slowly on a busy machine.
const START: Duration = Duration::from_secs(120);
const PATIENCE: Duration = Duration::from_secs(20);
