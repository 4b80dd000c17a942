//! curl, which outputs the body as received.

use std::process::Command;
use std::time::Duration;

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
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--include", "--no-buffer", url]);
    command.arg(match http {
        Http::V1_0 => "--http1.0",
        Http::V1_1 => "--http1.1",
    });
    if let Some(seconds) = seconds {
        command.args(["--max-time", &seconds.to_string()]);
    }
    let output = run(&command, Duration::from_secs(60 + seconds.unwrap_or(0)));
    let expected = if seconds.is_some() { OPERATION_TIMEDOUT } else { 0 };
    assert_eq!(output.status.code(), Some(expected), "curl: {}", said(&output));
    let (head, body) = Head::split(&output.stdout);
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
