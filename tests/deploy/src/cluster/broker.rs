//! A mosquitto with the configuration of a test, or a Redis.

use std::fs;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use test_support::net::free_port;
use test_support::{Children, eventually, must_be_installed};

/// A program that nodes can use as a broker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "tests match on every variant")]
pub enum Kind {
    /// mosquitto.
    Mqtt,
    /// redis-server.
    Redis,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Mqtt, Self::Redis];

    /// Starts a broker that accepts all clients.
    #[must_use]
    pub fn start(self) -> Broker {
        self.start_at(free_port())
    }

    /// Runs a test with each kind at the same time, for tests that mostly wait.
    ///
    /// # Panics
    ///
    /// If the test panics.
    pub fn each(test: impl Fn(Self) + Sync) {
        std::thread::scope(|threads| {
            for kind in Self::ALL {
                let test = &test;
                threads.spawn(move || test(kind));
            }
        });
    }

    fn start_at(self, port: u16) -> Broker {
        match self {
            Self::Mqtt => Broker::start_at(port, "", &[]),
            Self::Redis => Broker::redis_at(port, &[]),
        }
    }
}

/// A broker on a port of the loopback interface. Dropping it ends it.
#[derive(Debug)]
pub struct Broker {
    kind: Kind,
    port: u16,
    children: Children,
    _home: TempDir,
}

impl Broker {
    /// Starts a broker that accepts all clients, with additional lines of `mosquitto.conf`.
    #[must_use]
    pub fn start(lines: &str) -> Self {
        Self::start_at(free_port(), lines, &[])
    }

    /// Starts a broker that accepts only these users, each `NAME:PASSWORD`, with these lines of its access list.
    #[must_use]
    pub fn for_users(users: &[&str], access: &str) -> Self {
        let files = [("passwords", users.join("\n") + "\n"), ("access", access.to_owned())];
        Self::start_at(free_port(), "password_file HOME/passwords\nacl_file HOME/access", &files)
    }

    /// Starts a Redis with a password.
    #[must_use]
    pub fn redis_with_password(password: &str) -> Self {
        Self::redis_at(free_port(), &["--requirepass", password])
    }

    fn redis_at(port: u16, arguments: &[&str]) -> Self {
        must_be_installed("redis-server");
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]);
        command.arg(home.path()).args(arguments);
        let children = Children::start(&command, Stdio::null(), Stdio::null());
        let listens = eventually(Duration::from_secs(10), || TcpStream::connect(("127.0.0.1", port)).ok());
        assert!(listens.is_some(), "redis-server does not listen");
        Self { kind: Kind::Redis, port, children, _home: home }
    }

    fn start_at(port: u16, lines: &str, files: &[(&str, String)]) -> Self {
        must_be_installed("mosquitto");
        let home = tempfile::tempdir().expect("a temporary directory");
        for (name, text) in files {
            let file = home.path().join(name);
            fs::write(&file, text).expect("a writable temporary directory");
            if *name == "passwords" {
                // mosquitto does not accept plain passwords.
                let hashed = Command::new("mosquitto_passwd").arg("-U").arg(&file).status();
                assert!(hashed.is_ok_and(|status| status.success()), "mosquitto_passwd comes with mosquitto");
            }
        }
        let anonymous = if lines.contains("password_file") { "" } else { "allow_anonymous true\n" };
        let lines = lines.replace("HOME", &home.path().display().to_string());
        let config = home.path().join("mosquitto.conf");
        // As root, mosquitto would switch to a user that cannot read these files.
        let user = "user root";
        let text = format!("{user}\nlistener {port} 127.0.0.1\npersistence false\n{anonymous}{lines}\n");
        fs::write(&config, text).expect("a writable temporary directory");
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(&config);
        let children = Children::start(&command, Stdio::null(), Stdio::null());
        let listens = eventually(Duration::from_secs(10), || TcpStream::connect(("127.0.0.1", port)).ok());
        assert!(listens.is_some(), "mosquitto does not listen, with {lines}");
        Self { kind: Kind::Mqtt, port, children, _home: home }
    }

    /// Starts a broker with a bridge to another one, as a branch of a tree. Each needs a unique name.
    #[must_use]
    pub fn bridged(root: &Self, name: &str) -> Self {
        let address = format!("address 127.0.0.1:{}", root.port);
        Self::start(&format!("connection {name}\n{address}\nnotifications false\ntopic mixed-replace/# both 0"))
    }

    /// Replaces the broker by another one at the same address.
    #[must_use]
    pub fn again(self) -> Self {
        let (kind, port) = (self.kind, self.port);
        drop(self);
        kind.start_at(port)
    }

    /// Returns its address, with optional credentials `USER:PASSWORD@`.
    #[must_use]
    pub fn url(&self, login: &str) -> String {
        let scheme = match self.kind {
            Kind::Mqtt => "mqtt",
            Kind::Redis => "redis",
        };
        format!("{scheme}://{login}127.0.0.1:{}", self.port)
    }

    /// Returns the address that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a signal: see [`Children::signal`].
    pub fn signal(&self, name: &str) {
        self.children.signal(name);
    }

    /// Returns its processor time.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.children.cpu()
    }

    /// Returns the number of unsent bytes in the sockets of its clients, from `ss`.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        must_be_installed("ss");
        let filter = format!("sport = :{}", self.port);
        let output = Command::new("ss").args(["-Htn", "state", "established", &filter]).output().expect("ss");
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!lines.is_empty(), "the broker has clients");
        lines
            .lines()
            .map(|line| line.split_whitespace().nth(1).and_then(|unsent| unsent.parse().ok()).unwrap_or(0))
            .sum()
    }
}
