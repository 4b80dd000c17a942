//! Common proxies, each with a typical configuration in `conf/`.

#![expect(clippy::exhaustive_enums, reason = "a test covers all there are")]
#![expect(clippy::missing_panics_doc, reason = "a panic is how a test fails")]

mod server;
mod viewer;

use std::fmt;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_support::{Children, must_be_installed, net};

pub use crate::proxies::server::{Server, part};
pub use crate::proxies::viewer::Viewer;

/// A proxy between the server and its viewers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Proxy {
    /// Apache 2.4, `mod_proxy_http`, with `mod_deflate` for everything.
    Apache,
    /// Caddy 2, with `encode gzip` for everything.
    Caddy,
    /// `HAProxy` 2, with compression.
    HaProxy,
    /// nginx 1, with `gzip_types *`.
    Nginx,
}

impl Proxy {
    /// Every proxy.
    pub const ALL: [Self; 4] = [Self::Apache, Self::Caddy, Self::HaProxy, Self::Nginx];

    /// Starts it in front of a server, and waits until it responds. After `timeout` of silence it gives the server up.
    #[must_use]
    pub fn start(self, server: &Server, timeout: Duration) -> Running {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let port = net::free_port();
        let values = [
            ("DIR", directory.path().display().to_string()),
            ("MODULES", "/usr/lib/apache2/modules".to_owned()),
            ("PORT", port.to_string()),
            ("SERVER", server.port().to_string()),
            ("TIMEOUT", timeout.as_secs().to_string()),
        ];
        let conf = |name: &str| {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf").join(name);
            let text = fs::read_to_string(source).expect("a configuration");
            let text = values.iter().fold(text, |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
            let file = directory.path().join(name);
            fs::write(&file, text).expect("a file");
            file
        };
        let mut command = match self {
            Self::Apache => {
                let mut apache = Command::new("apache2");
                apache.args(["-D", "FOREGROUND", "-f"]).arg(conf("apache.conf"));
                apache
            }
            Self::Caddy => {
                let mut caddy = Command::new("caddy");
                caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(conf("Caddyfile"));
                caddy
            }
            Self::HaProxy => {
                let mut haproxy = Command::new("haproxy");
                haproxy.args(["-q", "-db", "-f"]).arg(conf("haproxy.cfg"));
                haproxy
            }
            Self::Nginx => {
                let mut nginx = Command::new("nginx");
                nginx.arg("-p").arg(directory.path()).arg("-c").arg(conf("nginx.conf"));
                nginx
            }
        };
        must_be_installed(&command.get_program().to_string_lossy());
        command.envs(values).env("HOME", directory.path());
        let children = Children::start(&command, Stdio::null(), Stdio::null());
        let deadline = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "{self} has not started after {START:?}");
            sleep(Duration::from_millis(20));
        }
        Running { port, _children: children, _directory: directory }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apache => "Apache",
            Self::Caddy => "Caddy",
            Self::HaProxy => "HAProxy",
            Self::Nginx => "nginx",
        })
    }
}

/// A running proxy. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    port: u16,
    // Dropped in this order: the processes end before their files are deleted.
    _children: Children,
    _directory: TempDir,
}

impl Running {
    /// Returns its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

const START: Duration = Duration::from_secs(10);
