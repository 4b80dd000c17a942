//! A server with sessions and forms, requests to it, and readers of its streams, for asynchronous tests.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a failure of a helper is a failure of its test; it prints its measurement"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mixed_replace::Decoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A server process, killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Host and port.
    pub address: String,
    _stdout: BufReader<ChildStdout>,
}

/// A response with a complete body.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and the header fields.
    pub head: String,
    /// The body, which is text.
    pub body: String,
}

/// A connection that receives parts.
#[derive(Debug)]
pub struct Reader {
    connection: TcpStream,
    received: BytesMut,
    /// The status line and the header fields.
    pub head: String,
    decoder: Decoder,
}

impl Server {
    /// Starts a server on a free port and waits for its greeting.
    #[must_use]
    pub fn start(program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0"]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        stdout.read_line(&mut greeting).unwrap();
        let address = greeting.split_once("http://").and_then(|(_, rest)| rest.split_once('/'));
        let address = address.unwrap_or_else(|| panic!("no address in {greeting:?}")).0.to_owned();
        Self { child, address, _stdout: stdout }
    }

    /// Requests a path with further header lines.
    pub async fn get(&self, path: &str, fields: &[&str]) -> Answer {
        self.ask("GET", path, fields, b"").await
    }

    /// Posts a body, by default as a form.
    pub async fn post(&self, path: &str, fields: &[&str], body: impl AsRef<[u8]>) -> Answer {
        self.ask("POST", path, fields, body.as_ref()).await
    }

    async fn ask(&self, method: &str, path: &str, fields: &[&str], body: &[u8]) -> Answer {
        let mut connection = self.request(method, path, fields, body).await;
        let mut answer = Vec::new();
        timeout(PATIENCE, connection.read_to_end(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {answer:?}"));
        Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
    }

    /// Opens a stream.
    pub async fn read(&self, path: &str, accept: &str, cookie: &str) -> Reader {
        let mut connection = self.request("GET", path, &[&format!("Accept: {accept}"), cookie], b"").await;
        let mut received = BytesMut::new();
        let end = loop {
            if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(timeout(PATIENCE, connection.read_buf(&mut received)).await.unwrap().unwrap() > 0);
        };
        let head = String::from_utf8(received.split_to(end).to_vec()).unwrap();
        let decoder = Decoder::for_content_type(field(&head, "content-type").unwrap_or_else(|| panic!("{head}")));
        Reader { connection, received, head, decoder }
    }

    async fn request(&self, method: &str, path: &str, fields: &[&str], body: &[u8]) -> TcpStream {
        let mut connection = TcpStream::connect(&self.address).await.unwrap();
        let mut head =
            format!("{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Length: {}\r\n", self.address, body.len());
        if !fields.iter().any(|field| field.starts_with("Content-Type:")) {
            head += "Content-Type: application/x-www-form-urlencoded\r\n";
        }
        fields.iter().filter(|field| !field.is_empty()).for_each(|field| head += &format!("{field}\r\n"));
        head += "\r\n";
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(body).await.unwrap();
        connection
    }

    /// Posts a form to `/login` and returns the `Cookie` line of the new session.
    pub async fn sign_in(&self, form: &str) -> String {
        let answer = self.post("/login", &[], form).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer.field("set-cookie").unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; Path=/"), "{cookie}");
        format!("Cookie: a=b; {}", cookie.split(';').next().unwrap())
    }

    /// Asserts that requests without a session, or with an unknown one, get 401 and nothing of `secret`.
    pub async fn rejects_unknown_sessions(&self, path: &str, cookie: &str, secret: &str) {
        for cookie in ["", &format!("Cookie: {cookie}="), &format!("Cookie: {cookie}=0123456789012345678901")] {
            for query in ["", "?snapshot", "?pull", "?client", "?fps=1"] {
                for accept in ["text/html", "*/*", "multipart/mixed", "image/*"] {
                    let answer = self.get(&format!("{path}{query}"), &[&format!("Accept: {accept}"), cookie]).await;
                    assert_eq!(answer.status, 401, "{query} {accept} {cookie}: {answer:?}");
                    assert!(answer.field("www-authenticate").is_some(), "{answer:?}");
                    assert!(!answer.body.contains(secret), "{answer:?}");
                    let signs_in = matches!(accept, "text/html" | "multipart/mixed");
                    assert_eq!(answer.body.contains("<form"), signs_in, "{answer:?}");
                }
            }
        }
    }

    /// Asserts that a thousand readers on separate connections receive `text` soon after `post`.
    pub async fn reaches_a_thousand(
        &self,
        path: &str,
        cookie: &str,
        text: &'static str,
        post: impl Future<Output = Answer>,
    ) {
        // Applies to this process and to servers started later.
        assert!(rlimit::increase_nofile_limit(4096).unwrap() > 1100);
        let mut readers = Vec::new();
        for _ in 0..1000 {
            let mut reader = self.read(path, "multipart/mixed", cookie).await;
            assert!(!reader.next().await.unwrap().contains(text));
            readers.push(tokio::spawn(async move {
                while !reader.next().await.unwrap().contains(text) {}
                (Instant::now(), reader)
            }));
        }
        let start = Instant::now();
        assert!(post.await.status < 400);
        let mut times = Vec::new();
        let mut connections = Vec::new();
        for reader in readers {
            let (seen, reader) = timeout(PATIENCE, reader).await.unwrap().unwrap();
            times.push(seen - start);
            connections.push(reader);
        }
        times.sort();
        println!("1,000 viewers reached: the median after {:.0?}, the last after {:.0?}", times[500], times[999]);
        assert!(times[999] < Duration::from_secs(10), "{:?}", times[999]);
    }

    /// Asserts that a signal ends the process in time and closes every stream, beside a viewer that does not read.
    pub async fn shuts_down(mut self, path: &str, cookie: &str, signal: &str) {
        let mut readers = Vec::new();
        for accept in ["image/*", "*/*", "multipart/mixed"] {
            let mut reader = self.read(path, accept, cookie).await;
            let first = reader.next().await.unwrap();
            readers.push((reader, first));
        }
        let _silent = self.request("GET", path, &["Accept: */*", cookie], b"").await;
        let start = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        for (mut reader, first) in readers {
            let mut last = first.clone();
            while let Some(part) = reader.next().await {
                last = part;
            }
            assert!(reader.decoder.is_closed(), "{}", reader.head);
            assert_eq!(last, first);
        }
        // On another thread, so that this one can read on.
        let status = tokio::task::spawn_blocking(move || (self.child.wait().unwrap(), self)).await.unwrap().0;
        assert!(status.success(), "{signal}: {status}");
        assert!(start.elapsed() < Duration::from_secs(10), "{signal}: {:?}", start.elapsed());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    /// Returns the value of a header field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

impl Reader {
    /// Returns the next part as HTML, or `None` at the end.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(part) = self.decoder.decode(&mut self.received).unwrap() {
                assert_eq!(part.content_type().essence_str(), "text/html");
                return Some(String::from_utf8(part.body().to_vec()).unwrap());
            }
            if timeout(PATIENCE, self.connection.read_buf(&mut self.received)).await.unwrap().unwrap() == 0 {
                assert_eq!(self.decoder.decode_eof(&mut self.received).unwrap(), None);
                return None;
            }
        }
    }

    /// Reads until a part contains `text`.
    pub async fn sees(&mut self, text: &str) -> String {
        loop {
            let part = self.next().await.unwrap_or_else(|| panic!("the stream ended without {text:?}"));
            if part.contains(text) {
                return part;
            }
        }
    }

    /// Returns the boundary of its stream.
    #[must_use]
    pub fn boundary(&self) -> String {
        self.decoder.boundary().unwrap().to_string()
    }
}

/// Decodes numeric references, which the examples write into pages instead of some characters.
#[must_use]
pub fn text(html: &str) -> String {
    let mut pieces = html.split("&#");
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |text, piece| {
        let (code, rest) = piece.split_once(';').unwrap();
        text + &char::from_u32(code.parse().unwrap()).unwrap().to_string() + rest
    })
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (known, value) = line.split_once(": ")?;
        known.eq_ignore_ascii_case(name).then_some(value)
    })
}

const PATIENCE: Duration = Duration::from_secs(20);
