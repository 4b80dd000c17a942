//! A running `camera` example.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::Children;

/// The two examples, alike from outside.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a test covers all there are")]
pub enum Example {
    /// On axum.
    Camera,
    /// On actix-web.
    CameraActix,
}

impl Example {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Camera, Self::CameraActix];

    /// The program, built from the present sources.
    #[must_use]
    pub fn program(self) -> PathBuf {
        static PROGRAMS: OnceLock<Vec<PathBuf>> = OnceLock::new();
        let name = self.to_string();
        let of_name = |program: &&PathBuf| program.file_stem().is_some_and(|stem| stem.to_string_lossy() == name);
        PROGRAMS.get_or_init(build).iter().find(of_name).expect("cargo has built the example").clone()
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
    /// Starts an example with further arguments, and waits until it has told its address.
    ///
    /// # Panics
    ///
    /// If it does not build, or ends.
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
        // What it says later has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.unwrap_or_else(|| panic!("{example} {arguments:?} tells no address: {said}"));
        Self { address, _children: children }
    }

    /// The address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The body of a path, by the simplest of requests.
    ///
    /// # Panics
    ///
    /// If the server does not answer in time.
    #[must_use]
    pub fn get(&self, path: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).expect("the server listens");
        socket.set_read_timeout(Some(ANSWER)).expect("a duration above zero");
        write!(socket, "GET {path} HTTP/1.0\r\n\r\n").expect("the server takes a request");
        let mut response = String::new();
        socket.read_to_string(&mut response).expect("the server answers in text, in time");
        response.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).expect("an HTTP response")
    }

    /// How the server says that it is doing.
    ///
    /// # Panics
    ///
    /// If it does not answer in time, or not in JSON.
    #[must_use]
    pub fn state(&self) -> Value {
        serde_json::from_str(&self.get("/state")).expect("JSON")
    }

    /// A number of that.
    ///
    /// # Panics
    ///
    /// If there is none of this name.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        let state = self.state();
        let count = state[name].as_u64().and_then(|count| usize::try_from(count).ok());
        count.unwrap_or_else(|| panic!("no number of {name} in {state}"))
    }

    /// Waits until the server knows that nobody watches any more, and returns how long that took.
    ///
    /// # Panics
    ///
    /// If it takes too long.
    #[must_use]
    pub fn notices_that_all_have_left(&self) -> Duration {
        let begin = Instant::now();
        while self.count("viewers") != 0 {
            assert!(begin.elapsed() < NOTICE, "after {NOTICE:?} the server has not noticed: {}", self.state());
            sleep(Duration::from_millis(20));
        }
        begin.elapsed()
    }
}

/// With the profile that the examples are meant to be run with. Takes the time of a build only where something changed.
fn build() -> Vec<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--message-format=json-render-diagnostics"]);
    build.args(["--package", "examples", "--example", "camera"]);
    build.args(["--package", "camera_actix", "--bin", "camera_actix"]);
    let output = build.stderr(Stdio::inherit()).output().expect("cargo");
    assert!(output.status.success(), "the examples do not build");
    let messages = output.stdout.lines().map_while(Result::ok);
    let artifacts = messages.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    artifacts.filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from)).collect()
}

const ANSWER: Duration = Duration::from_secs(5);
/// A viewer of a live picture is missed at the next write.
const NOTICE: Duration = Duration::from_secs(5);
