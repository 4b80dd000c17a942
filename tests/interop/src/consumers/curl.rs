//! curl, which outputs the body as received.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use test_support::{Children, must_be_installed};

use crate::consumers::run::{run, said};
use crate::consumers::wire::{Body, Head};

/// The HTTP version used by curl.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a test covers all there are")]
pub enum Http {
    /// Without chunked coding: the end of the connection ends the body.
    V1_0,
    /// With chunked coding.
    V1_1,
}

impl Http {
    /// Both versions.
    pub const BOTH: [Self; 2] = [Self::V1_0, Self::V1_1];
}

/// Returns the body received until the end of the stream, or within a number of seconds.
///
/// # Panics
///
/// If curl fails except by its time limit, or if the response head does not fit the HTTP version.
#[must_use]
pub fn body(url: &str, http: Http, seconds: Option<u64>) -> Body {
    let mut command = command(url, http);
    if let Some(seconds) = seconds {
        command.args(["--max-time", &seconds.to_string()]);
    }
    let output = run(&command, Duration::from_secs(60 + seconds.unwrap_or(0)));
    let expected = if seconds.is_some() { OPERATION_TIMEDOUT } else { 0 };
    assert_eq!(output.status.code(), Some(expected), "curl: {}", said(&output));
    parsed(&output.stdout, http)
}

/// Returns the start of the body, with at least so many complete parts of a stream that has more.
///
/// # Panics
///
/// If the stream ends before, or if the response head does not fit the HTTP version.
#[must_use]
pub fn start(url: &str, http: Http, parts: usize) -> Body {
    must_be_installed("curl");
    let mut curl = Children::start(command(url, http).args(["--max-time", "60"]), Stdio::piped(), Stdio::inherit());
    let mut stdout = curl.stdout().expect("a piped output");
    let (mut response, mut chunk) = (Vec::new(), [0; 64 * 1024]);
    // The head of the next part is behind the last one.
    while String::from_utf8_lossy(&response).matches("Content-Length: ").count() <= parts {
        let read = stdout.read(&mut chunk).expect("a pipe");
        assert!(read > 0, "curl ends after {} bytes", response.len());
        response.extend(&chunk[..read]);
    }
    parsed(&response, http)
}

fn command(url: &str, http: Http) -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--include", "--no-buffer", url]);
    command.arg(match http {
        Http::V1_0 => "--http1.0",
        Http::V1_1 => "--http1.1",
    });
    command
}

fn parsed(response: &[u8], http: Http) -> Body {
    let (head, body) = Head::split(response);
    let chunked = head.field("transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
    match http {
        Http::V1_0 => assert!(!chunked, "HTTP/1.0 has no chunked coding: {head:?}"),
        Http::V1_1 => assert!(chunked, "a stream over HTTP/1.1 is chunked: {head:?}"),
    }
    assert_eq!(head.field("content-length"), None, "a stream has no length");
    Body::new(head.boundary(), body)
}

/// curl's exit code at the end of `--max-time`.
const OPERATION_TIMEDOUT: i32 = 28;
