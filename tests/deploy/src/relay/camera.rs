//! Cameras by other people, as servers without devices.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use test_support::net::free_port;
use test_support::{Children, Program, Server, eventually, must_be_installed};

/// Starts this crate's example in a process that can be killed and restarted at the same address.
#[must_use]
pub fn camera(port: u16, arguments: &[&str]) -> Server {
    let listen = format!("127.0.0.1:{port}");
    Server::start(Program::Example("camera"), &[&["--listen", listen.as_str()], arguments].concat())
}

/// Debian's ustreamer with Basic authentication. Without a device it sends a placeholder picture.
#[derive(Debug)]
pub struct Ustreamer {
    port: u16,
    children: Children,
}

impl Ustreamer {
    /// Starts ustreamer for the user `admin` with this password.
    #[must_use]
    pub fn start(password: &str) -> Self {
        let port = free_port();
        let mut command = Command::new("ustreamer");
        command.args(["--device", "/dev/no-such-camera", "--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--user", "admin", "--passwd", password]);
        Self { port, children: start(&command, port) }
    }

    /// Sends a signal: see [`Children::signal`].
    pub fn signal(&self, name: &str) {
        self.children.signal(name);
    }

    /// Returns the address of the stream with this login.
    #[must_use]
    pub fn url(&self, login: &str) -> String {
        format!("http://{login}@127.0.0.1:{}/stream", self.port)
    }
}

/// Debian's motion with Digest authentication, showing another camera.
#[derive(Debug)]
pub struct Motion {
    port: u16,
    _children: Children,
    _home: TempDir,
}

impl Motion {
    /// Starts motion on a camera's address, for the user `admin` with this password.
    #[must_use]
    pub fn start(camera: &str, password: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let port = free_port();
        let config = home.path().join("motion.conf");
        let text = format!(
            "daemon off\nsetup_mode off\nlog_level 4\nlog_file {log}\ntarget_dir {home}\n\
             netcam_url {camera}\nwidth 640\nheight 480\nframerate 10\n\
             picture_output off\nmovie_output off\nwebcontrol_port 0\n\
             stream_port {port}\nstream_localhost on\nstream_maxrate 10\n\
             stream_auth_method 2\nstream_authentication admin:{password}\n",
            log = home.path().join("motion.log").display(),
            home = home.path().display(),
        );
        fs::write(&config, text).expect("a writable temporary directory");
        let mut command = Command::new("motion");
        command.arg("-n").arg("-c").arg::<&Path>(&config);
        Self { port, _children: start(&command, port), _home: home }
    }

    /// Returns the address of the stream with this login.
    #[must_use]
    pub fn url(&self, login: &str) -> String {
        format!("http://{login}@127.0.0.1:{}/", self.port)
    }
}

fn start(command: &Command, port: u16) -> Children {
    let program = command.get_program().to_string_lossy().into_owned();
    must_be_installed(&program);
    let children = Children::start(command, Stdio::null(), Stdio::null());
    let listens = eventually(Duration::from_secs(15), || TcpStream::connect(("127.0.0.1", port)).ok());
    assert!(listens.is_some(), "{program} does not listen");
    children
}
