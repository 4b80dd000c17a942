//! A running server program.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use test_support::{Children, must_be_installed};

/// A program and its address. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    /// Host and port.
    pub address: String,
    _children: Children,
}

impl Server {
    /// Starts a program with a free port.
    ///
    /// # Panics
    ///
    /// If it is not installed.
    #[must_use]
    pub fn told(command: impl FnOnce(u16) -> Command) -> Self {
        let port = free_port();
        let command = command(port);
        must_be_installed(&command.get_program().to_string_lossy());
        let children = Children::start(&command, Stdio::null(), Stdio::inherit());
        Self { address: format!("127.0.0.1:{port}"), _children: children }
    }

    /// Starts a program that chooses a port, and prints host and port in its first line.
    ///
    /// # Panics
    ///
    /// If it is not installed, or prints nothing.
    #[must_use]
    pub fn telling(command: &Command) -> Self {
        must_be_installed(&command.get_program().to_string_lossy());
        let mut children = Children::start(command, Stdio::piped(), Stdio::inherit());
        let mut lines = BufReader::new(children.stdout().expect("a piped output")).lines();
        let address = lines.next().and_then(Result::ok);
        let address = address.unwrap_or_else(|| panic!("{command:?} prints no address"));
        // Later output must be read, too.
        std::thread::spawn(move || lines.for_each(drop));
        Self { address, _children: children }
    }

    /// Returns the path of a file in this package.
    ///
    /// # Panics
    ///
    /// If cargo does not run the test.
    #[must_use]
    pub fn file(path: &str) -> PathBuf {
        PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests")).join(path)
    }

    /// Returns a Python that has a module: the first in the `PATH`, or the one of the system's packages.
    ///
    /// # Panics
    ///
    /// If none has the module.
    #[must_use]
    pub fn python_with(module: &str) -> Command {
        let imports = |python: &&str| {
            let import = Command::new(python).args(["-c", &format!("import {module}")]).output();
            import.is_ok_and(|output| output.status.success())
        };
        let pythons = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .map(|folder| folder.join("python3").to_string_lossy().into_owned())
            .collect::<Vec<_>>();
        let python = pythons.iter().map(String::as_str).find(imports);
        Command::new(python.unwrap_or_else(|| panic!("no python3 here has the module {module}")))
    }
}

/// Returns a port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
