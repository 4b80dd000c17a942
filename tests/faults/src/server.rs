//! A server in a separate process.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use test_support::Children;

use crate::namespaces::Place;
use crate::options::Options;
use crate::sockets;

/// The framework of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Stack {
    /// actix-web, with actix-http.
    Actix,
    /// axum, with hyper.
    Axum,
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Actix => "actix",
            Self::Axum => "axum",
        })
    }
}

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    /// The framework.
    pub stack: Stack,
    /// The address that it listens on.
    pub address: SocketAddr,
    process: u32,
    output: BufReader<ChildStdout>,
    place: Option<Place>,
    _children: Children,
}

/// The statistics that a server reports.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[expect(missing_docs, reason = "they are those of the crate")]
pub struct Watched {
    pub viewers: usize,
    pub parts_published: u64,
    pub parts_delivered: u64,
    pub parts_skipped: u64,
    pub closed: u64,
    pub expired: u64,
    pub disconnected: u64,
    pub refused: u64,
    /// Whether the camera runs.
    pub wanted: bool,
    /// The number of the last published picture.
    pub last: u64,
    pub slowest_publish_us: u64,
    pub descriptors: usize,
    pub memory_kb: u64,
    /// The `hub::Viewer` of each viewer.
    pub each: Vec<Value>,
}

impl Server {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start(stack: Stack, options: &Options) -> Self {
        Self::start_by(Command::new(program(stack)).arg(options.to_arg()), stack, None)
    }

    /// Starts a server in a network namespace.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start_in(place: &Place, stack: Stack, options: &Options) -> Self {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", place.name()]).arg(program(stack)).arg(options.to_arg());
        Self::start_by(&command, stack, Some(place.clone()))
    }

    fn start_by(command: &Command, stack: Stack, place: Option<Place>) -> Self {
        let mut children = Children::start(command, Stdio::piped(), Stdio::inherit());
        let mut output = BufReader::new(children.stdout().expect("a piped output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let (address, process) = line.trim().split_once(' ').expect("the server has started");
        Self {
            stack,
            address: address.parse().expect("an address"),
            process: process.parse().expect("a process"),
            output,
            place,
            _children: children,
        }
    }

    /// Requests the current statistics.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    #[must_use]
    pub fn watched(&self) -> Watched {
        let ask = || {
            let mut connection = sockets::connect(self.address);
            connection.write_all(b"GET /state HTTP/1.0\r\n\r\n").expect("a listening server");
            let mut answer = String::new();
            connection.read_to_string(&mut answer).expect("a response");
            answer
        };
        let answer = match &self.place {
            Some(place) => place.run(ask),
            None => ask(),
        };
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
        serde_json::from_str(body).expect("the statistics as JSON")
    }

    /// Waits for a condition on the statistics, and returns how long that took.
    ///
    /// # Panics
    ///
    /// If it is not met within `limit`.
    pub fn wait_until(&self, limit: Duration, what: &str, wanted: impl Fn(&Watched) -> bool) -> Duration {
        let start = Instant::now();
        loop {
            let watched = self.watched();
            if wanted(&watched) {
                return start.elapsed();
            }
            let waited = start.elapsed();
            assert!(waited < limit, "{}: {what} is not so after {waited:?}: {watched:?}", self.stack);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops the server with SIGTERM, as a service manager does, and waits for its exit. Returns the number of the last
    /// picture, and how long the shutdown took.
    ///
    /// # Panics
    ///
    /// If it does not exit.
    #[must_use]
    pub fn terminate(&mut self) -> (u64, Duration) {
        let start = Instant::now();
        let killed = Command::new("kill").args(["-TERM", &self.process.to_string()]).status().expect("`kill`");
        assert!(killed.success(), "the server had already exited");
        let mut output = String::new();
        // Until every process that holds the pipe has exited.
        self.output.read_to_string(&mut output).expect("a line");
        let took = start.elapsed();
        let last = output.trim().strip_prefix("ended after ").expect("a clean exit");
        (last.parse().expect("a number"), took)
    }
}

/// Returns the path of a program, which cargo puts beside the tests.
fn program(stack: Stack) -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test");
    let directory = test.parent().and_then(|deps| deps.parent()).expect("target/debug/deps");
    directory.join(format!("faults-{stack}"))
}
