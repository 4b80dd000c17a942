//! Apache with the programs of `examples/cgi`, started by the script of the example.
//!
//! The programs send a picture file, so that a test decides when a new picture appears.

#![expect(clippy::exhaustive_enums, reason = "a test covers all programs there are")]
#![expect(clippy::missing_panics_doc, reason = "a panic is how a test fails")]

mod client;

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use interop_tests::browsers::Colour;
use mixed_replace::Part;
use tempfile::TempDir;
use test_support::{Children, must_be_installed, net};

pub use crate::apache::client::Client;

/// One of the two programs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    /// Writes the response head itself, directly to the client.
    Nph,
    /// Lets Apache write the response head.
    Parsed,
}

impl Program {
    /// Both programs.
    pub const ALL: [Self; 2] = [Self::Nph, Self::Parsed];

    /// Returns its path on the server.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Nph => "/cgi-bin/nph-camera",
            Self::Parsed => "/cgi-bin/camera",
        }
    }
}

/// A running Apache. Dropping it ends it and all its child processes.
#[derive(Debug)]
pub struct Apache {
    port: u16,
    // Dropped in this order: the processes end before their files are deleted.
    _children: Children,
    directory: TempDir,
}

impl Apache {
    /// Starts it without a picture, and waits until it serves.
    ///
    /// # Panics
    ///
    /// If it is not installed, or does not start in time.
    #[must_use]
    pub fn start() -> Self {
        must_be_installed("apache2");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let port = net::free_port();
        let failed = directory.path().join("failed");
        let mut serve = Command::new("sh");
        serve
            .args(["-c", "\"$0\" || echo >\"$1\""])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cgi/serve"))
            .arg(&failed)
            .env("CAMERA_FILE", directory.path().join(PICTURE))
            .env("CAMERA_KEEP_ALIVE", KEEP_ALIVE.as_secs().to_string())
            .env("CAMERA_PROGRAM", CGI.path())
            .env("CAMERA_PORT", port.to_string())
            .env("CAMERA_RUN", directory.path());
        let children = Children::start(&serve, Stdio::null(), Stdio::inherit());
        let deadline = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(!failed.exists(), "Apache does not start, and its script has said why");
            assert!(Instant::now() < deadline, "Apache does not serve after {START:?}");
            sleep(Duration::from_millis(50));
        }
        Self { port, _children: children, directory }
    }

    /// Returns the address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Returns the port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Replaces the picture file with a JPEG picture of this colour.
    pub fn show(&self, colour: Colour) {
        self.show_part(&colour.jpeg());
    }

    /// Replaces the picture file.
    pub fn show_part(&self, picture: &Part) {
        let new = self.directory.path().join("new");
        fs::write(&new, picture.body()).expect("a writable temporary directory");
        fs::rename(new, self.directory.path().join(PICTURE)).expect("a writable temporary directory");
    }

    /// Serves a page under this path.
    pub fn page(&self, path: &str, html: &str) {
        fs::write(self.directory.path().join("htdocs").join(path), html).expect("a writable temporary directory");
    }

    /// Returns the running processes of a program.
    #[must_use]
    pub fn processes(&self, program: Program) -> Vec<PathBuf> {
        let name = program.path().trim_start_matches('/');
        let file = fs::canonicalize(self.directory.path()).expect("a temporary directory").join(name);
        let processes = fs::read_dir("/proc").expect("processes").flatten().map(|process| process.path());
        processes.filter(|process| fs::read_link(process.join("exe")).is_ok_and(|exe| exe == file)).collect()
    }

    /// Waits until a number of processes of a program run. Returns how long that took.
    ///
    /// # Panics
    ///
    /// If the number differs after the time limit.
    #[must_use = "it may matter how long it took"]
    pub fn has_processes(&self, program: Program, count: usize, within: Duration) -> Duration {
        let start = Instant::now();
        while self.processes(program).len() != count {
            let running = self.processes(program).len();
            assert!(start.elapsed() < within, "{running} of {program:?} run after {within:?}, not {count}");
            sleep(Duration::from_millis(20));
        }
        start.elapsed()
    }
}

/// The period after which the programs repeat the last picture.
pub const KEEP_ALIVE: Duration = Duration::from_secs(1);
const PICTURE: &str = "camera.jpg";
const START: Duration = Duration::from_secs(20);
const CGI: test_support::Program = test_support::Program::Package("cgi");
