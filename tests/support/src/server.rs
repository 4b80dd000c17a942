//! Builds, starts and queries the servers of this repository.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::children::{Children, must_be_installed};
use crate::viewer::get;

/// A program of the workspace.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "tests match on every variant")]
pub enum Program {
    /// The program with the name of its package.
    Package(&'static str),
    /// The example with the name of its package.
    Example(&'static str),
}

impl Program {
    /// Returns the path of the program, which is built with the test's optimization.
    ///
    /// A run of many packages builds all programs beforehand and names their folder in `MIXED_REPLACE_PROGRAMS`. A build in the
    /// middle of that run would compile the dependencies again, with the features that this one package needs.
    ///
    /// # Panics
    ///
    /// If it does not build, or is not in that folder.
    #[must_use]
    pub fn path(self) -> PathBuf {
        static BUILT: Mutex<BTreeMap<Program, PathBuf>> = Mutex::new(BTreeMap::new());
        if let Some(folder) = std::env::var_os("MIXED_REPLACE_PROGRAMS") {
            let program = match self {
                Self::Package(name) => PathBuf::from(folder).join(name),
                Self::Example(name) => PathBuf::from(folder).join("examples").join(name),
            };
            assert!(program.is_file(), "{} of MIXED_REPLACE_PROGRAMS does not exist", program.display());
            return program;
        }
        let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        built.entry(self).or_insert_with(|| self.build()).clone()
    }

    /// Runs the program until it exits.
    #[must_use]
    pub fn run(self, arguments: &[&str]) -> Output {
        let mut bounded = Command::new("timeout");
        bounded.arg("10").arg(self.path()).args(arguments).stdin(Stdio::null());
        bounded.output().expect("`timeout` of coreutils")
    }

    fn build(self) -> PathBuf {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--message-format=json-render-diagnostics"]);
        match self {
            Self::Package(name) => build.args(["--package", name, "--bin", name]),
            Self::Example(name) => build.args(["--package", name, "--example", name]),
        };
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let output = build.stderr(Stdio::inherit()).output().expect("cargo");
        assert!(output.status.success(), "{self:?} does not build");
        let messages = String::from_utf8_lossy(&output.stdout).into_owned();
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let program = messages.filter_map(|message| message.get("executable")?.as_str().map(PathBuf::from)).next_back();
        program.expect("cargo names the program")
    }
}

/// A running server. It ends when dropped.
#[derive(Debug)]
pub struct Server {
    address: String,
    log: NamedTempFile,
    children: Children,
}

impl Server {
    /// Starts it on a free port, unless the arguments contain `--listen`, and waits until it prints its address.
    #[must_use]
    pub fn start(program: Program, arguments: &[&str]) -> Self {
        Self::run(Command::new(program.path()), program, arguments)
    }

    /// Starts it like [`start`](Self::start), with a clock that is wrong by an offset such as `+1h`.
    #[must_use]
    pub fn start_with_clock(offset: &str, program: Program, arguments: &[&str]) -> Self {
        must_be_installed("faketime");
        let mut command = Command::new("faketime");
        // Timers go by the monotonic clock, which nobody sets.
        command.args(["-m", "--exclude-monotonic", "-f", offset]).arg(program.path());
        Self::run(command, program, arguments)
    }

    fn run(mut command: Command, program: Program, arguments: &[&str]) -> Self {
        let log = NamedTempFile::new().expect("a temporary file");
        command.args(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let open = || Stdio::from(std::fs::File::options().append(true).open(log.path()).expect("the same file"));
        let children = Children::start(&command, open(), open());
        let mut server = Self { address: String::new(), log, children };
        let told = |server: &Self| {
            let address = server.log().split("http://").nth(1)?.split_once('/')?.0.to_owned();
            (!address.is_empty()).then_some(address)
        };
        server.address = eventually(Duration::from_secs(15), || told(&server))
            .unwrap_or_else(|| panic!("{program:?} {arguments:?} prints no address: {}", server.log()));
        server
    }

    /// Returns everything written to both outputs.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("its output is text")
    }

    /// Returns the address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns its state, as the server reports it.
    #[must_use]
    pub fn state(&self) -> Value {
        let body = get(&self.url("/state")).1;
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Waits for a state that fits, and returns it.
    ///
    /// # Panics
    ///
    /// If no state fits in time.
    pub fn state_when(&self, within: Duration, mut fits: impl FnMut(&Value) -> bool) -> Value {
        let found = eventually(within, || Some(self.state()).filter(&mut fits));
        found.unwrap_or_else(|| panic!("not within {within:?}: {:#}\n{}", self.state(), self.log()))
    }

    /// Returns its processor time.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.children.cpu()
    }

    /// Sends a signal: see [`Children::signal`].
    pub fn signal(&self, name: &str) {
        self.children.signal(name);
    }
}

/// Retries until a value is returned. `None` after the time limit.
pub fn eventually<T>(within: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() > deadline {
            return answer;
        }
        sleep(Duration::from_millis(20));
    }
}
