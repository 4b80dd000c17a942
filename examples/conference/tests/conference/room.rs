//! A server process, and a client that sends exact bytes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A server process, killed when dropped.
pub(crate) struct Room {
    pub(crate) child: Child,
    pub(crate) address: String,
    pub(crate) url: String,
    _stdout: BufReader<ChildStdout>,
}

/// A participant.
pub(crate) struct Person {
    pub(crate) id: u64,
    pub(crate) token: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Room {
    /// Starts a server on a free port and waits for its greeting.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conference"));
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        stdout.read_line(&mut greeting).unwrap();
        let url =
            greeting.strip_prefix("The room is at ").unwrap_or_else(|| panic!("no address in {greeting:?}")).trim();
        let address = url.split('/').nth(2).unwrap().to_owned();
        Self { child, address, url: url.to_owned(), _stdout: stdout }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        connection
    }

    /// Sends a request head: `GET /path`, and header lines without their ends.
    pub(crate) fn begin(&self, first: &str, lines: &[&str]) -> TcpStream {
        let mut connection = self.connect();
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        write!(connection, "{first} HTTP/1.1\r\nHost: room\r\nConnection: close\r\n{lines}\r\n").unwrap();
        connection
    }

    /// Sends a complete request and reads the complete response.
    pub(crate) fn ask(&self, first: &str, lines: &[&str], body: &[u8]) -> Answer {
        let length = format!("Content-Length: {}", body.len());
        let mut connection = self.begin(first, &[lines, &[&length]].concat());
        // The server may refuse a body before it has read all of it.
        let _ = connection.write_all(body);
        answer(connection)
    }

    pub(crate) fn try_join(&self, name: &str) -> Answer {
        let body = serde_json::json!({ "name": name }).to_string();
        self.ask("POST /people", &["Content-Type: application/json"], body.as_bytes())
    }

    pub(crate) fn join(&self, name: &str) -> Person {
        let answer = self.try_join(name);
        assert_eq!(answer.status, 201, "{answer:?}");
        let seat: Value = serde_json::from_slice(&answer.body).unwrap();
        Person { id: seat["id"].as_u64().unwrap(), token: seat["token"].as_str().unwrap().to_owned() }
    }

    /// Posts a body of this type for a participant.
    pub(crate) fn post(&self, person: &Person, content_type: &str, body: &[u8]) -> Answer {
        let lines = [&person.authorization()[..], &format!("Content-Type: {content_type}")];
        self.ask(&person.path("POST"), &lines, body)
    }

    /// Returns the published list of participants.
    pub(crate) fn list(&self) -> Value {
        let mut connection = self.begin("GET /watch?of=list", &["Accept: multipart/mixed"]);
        let (mut seen, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let read = connection.read(&mut chunk).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend(&chunk[..read]);
            let text = String::from_utf8_lossy(&seen);
            let list = text.find(r#"{"run":"#).and_then(|at| text.get(at..)?.split_once("\r\n"));
            if let Some((list, _)) = list {
                return serde_json::from_str(list).unwrap();
            }
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let list = self.list();
        list["people"].as_array().unwrap().iter().map(|person| person["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Sends a signal. Returns whether the process succeeded, and the time that it took.
    pub(crate) fn stop(&mut self, signal: &str) -> (bool, Duration) {
        let start = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        let success = self.child.wait().unwrap().success();
        (success, start.elapsed())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Person {
    pub(crate) fn authorization(&self) -> String {
        format!("Authorization: Bearer {}", self.token)
    }

    pub(crate) fn path(&self, method: &str) -> String {
        format!("{method} /people/{}", self.id)
    }
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Reads a response until the connection ends.
pub(crate) fn answer(mut connection: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let read = connection.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("{read:?} after {:?}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes.split_off(end + 4) }
}
