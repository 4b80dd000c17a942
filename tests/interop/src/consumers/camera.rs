//! A running `camera` example.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::{Children, Program};

/// The two examples, which behave alike.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "tests match on every variant")]
pub enum Example {
    /// The example on axum.
    Camera,
    /// The example on actix-web.
    CameraActix,
}

impl Example {
    /// Both examples.
    pub const BOTH: [Self; 2] = [Self::Camera, Self::CameraActix];

    /// Returns the path of the program.
    #[must_use]
    pub fn program(self) -> PathBuf {
        match self {
            Self::Camera => Program::Example("camera").path(),
            Self::CameraActix => Program::Package("camera_actix").path(),
        }
    }
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Camera => "camera",
            Self::CameraActix => "camera_actix",
        })
    }
}

/// A server on a free port. Dropping it ends it.
#[derive(Debug)]
pub struct Camera {
    address: String,
    _children: Children,
}

impl Camera {
    /// Starts an example with additional arguments, and waits until it prints its address.
    ///
    /// # Panics
    ///
    /// If it does not build, or exits.
    #[must_use]
    pub fn start(example: Example, arguments: &[&str]) -> Self {
        let mut command = Command::new(example.program());
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        let mut children = Children::start(&command, Stdio::piped(), Stdio::inherit());
        let mut said = String::new();
        let mut lines = BufReader::new(children.stdout().expect("a piped output")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            said.push_str(&line);
            Some(line.split_once("http://")?.1.split('/').next()?.to_owned())
        });
        // Later output must be read, too.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.unwrap_or_else(|| panic!("{example} {arguments:?} prints no address: {said}"));
        Self { address, _children: children }
    }

    /// Returns the address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests a path with HTTP/1.0 and returns the body.
    ///
    /// # Panics
    ///
    /// If the server does not respond in time.
    #[must_use]
    pub fn get(&self, path: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).expect("a listening server");
        socket.set_read_timeout(Some(ANSWER)).expect("a duration above zero");
        write!(socket, "GET {path} HTTP/1.0\r\n\r\n").expect("the server accepts a request");
        let mut response = String::new();
        socket.read_to_string(&mut response).expect("a text response in time");
        response.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).expect("an HTTP response")
    }

    /// Returns the state that the server reports.
    ///
    /// # Panics
    ///
    /// If it does not respond in time with JSON.
    #[must_use]
    pub fn state(&self) -> Value {
        serde_json::from_str(&self.get("/state")).expect("JSON")
    }

    /// Returns a counter of the hub.
    ///
    /// # Panics
    ///
    /// If the hub has no such counter.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        let state = self.state();
        let count = state["hub"][name].as_u64().and_then(|count| usize::try_from(count).ok());
        count.unwrap_or_else(|| panic!("no number {name} in {state}"))
    }

    /// Waits until the server has no viewers, and returns how long that took.
    ///
    /// # Panics
    ///
    /// If it takes too long.
    #[must_use]
    pub fn notices_the_last_disconnect(&self) -> Duration {
        let start = Instant::now();
        while self.count("viewers") != 0 {
            assert!(start.elapsed() < NOTICE, "after {NOTICE:?} the server has not noticed: {}", self.state());
            sleep(Duration::from_millis(20));
        }
        start.elapsed()
    }
}

const ANSWER: Duration = Duration::from_secs(5);
/// The disconnect of a viewer is noticed at the next write.
const NOTICE: Duration = Duration::from_secs(5);
