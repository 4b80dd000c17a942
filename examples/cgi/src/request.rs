//! The request, from the environment variables of the server (RFC 3875 §4.1).

use std::env;
use std::io::{self, Write};
use std::time::SystemTime;

use http::header::{DATE, HeaderMap, HeaderValue};
use mixed_replace::Wire;
use mixed_replace::write::Head;

pub(crate) struct Request {
    method: String,
    name: String,
    protocol: String,
}

impl Request {
    /// Reads the request, or returns `None` if the program was not started by a web server.
    pub(crate) fn from_env() -> Option<Self> {
        env::var_os("GATEWAY_INTERFACE")?;
        let variable = |name| env::var(name).unwrap_or_default();
        let name = variable("SCRIPT_NAME").rsplit('/').next().unwrap_or_default().to_owned();
        Some(Self { method: variable("REQUEST_METHOD"), name, protocol: variable("SERVER_PROTOCOL") })
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// Returns the last segment of the script's path.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn wire(&self) -> Wire {
        Wire::for_accept(env::var("HTTP_ACCEPT"))
    }

    pub(crate) fn head(&self) -> Head {
        if self.name.starts_with("nph-") { Head::for_protocol(&self.protocol) } else { Head::Cgi }
    }

    /// Returns the fields that a server adds to a parsed head, and not to a complete one.
    pub(crate) fn more(&self) -> HeaderMap {
        let mut more = HeaderMap::new();
        if self.head() != Head::Cgi {
            let now = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now()));
            more.extend(now.map(|now| (DATE, now)));
        }
        more
    }

    /// Writes a response without a stream.
    pub(crate) fn refuse(&self, out: &mut impl Write, status: &str, field: &str) -> io::Result<()> {
        let (first, last) = match self.head() {
            Head::Http10 => ("HTTP/1.0 ", "Connection: close\r\n"),
            Head::Http11 => ("HTTP/1.1 ", "Connection: close\r\n"),
            _ => ("Status: ", ""),
        };
        let text = if self.method == "HEAD" { "" } else { status };
        write!(out, "{first}{status}\r\nContent-Type: text/plain\r\n{field}\r\n{last}\r\n{text}")?;
        out.flush()
    }
}
