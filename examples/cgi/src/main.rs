//! A camera as a CGI program. Apache starts it for each viewer, and it ends when the viewer disconnects.
//!
//! Under a name that starts with `nph-` it writes the complete response, which goes to the client unchanged ("no parsed
//! headers", RFC 3875 §5). Under any other name it leaves the response head to the server.
//!
//! | variable | meaning |
//! |---|---|
//! | `CAMERA_FILE` | the picture file, sent again after each change; a moving test picture unless set |
//! | `CAMERA_KEEP_ALIVE` | repeats the last picture after this many seconds without a new one; 10 unless set |

mod pictures;
mod request;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use mixed_replace::write::WriteError;
use mixed_replace::{Part, Writer};

use crate::pictures::Pictures;
use crate::request::Request;

fn main() -> ExitCode {
    let Some(request) = Request::from_env() else {
        eprintln!("this is a CGI program; start it with a web server, such as examples/cgi/serve");
        return ExitCode::FAILURE;
    };
    // Rust ignores SIGPIPE, so a closed connection is an error of the next write and does not end the process.
    match answer(&request, io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The server writes standard error to its log.
            let reasons = std::iter::successors(error.source(), |&reason| reason.source());
            let reasons: String = reasons.map(|reason| format!(": {reason}")).collect();
            eprintln!("{}: {error}{reasons}", request.name());
            ExitCode::FAILURE
        }
    }
}

fn answer(request: &Request, mut out: impl Write) -> Result<(), Box<dyn Error>> {
    if !matches!(request.method(), "GET" | "HEAD") {
        return Ok(request.refuse(&mut out, "405 Method Not Allowed", "Allow: GET, HEAD")?);
    }
    let keep_alive = seconds("CAMERA_KEEP_ALIVE").unwrap_or(KEEP_ALIVE);
    let mut pictures = Pictures::new();
    // Without a first picture, the response is an error instead of a stream.
    let Some(first) = pictures.next(FIRST)? else {
        return Ok(request.refuse(&mut out, "503 Service Unavailable", "Retry-After: 5")?);
    };
    let mut writer = Writer::new(out, request.wire()).keep_alive_interval(keep_alive);
    let head = writer.write_head(request.head(), &request.more());
    let result = match request.method() {
        "HEAD" => head,
        _ => head.and_then(|()| stream(&mut writer, &first, &mut pictures)),
    };
    match result {
        Err(error) if error.is_disconnected() => Ok(()),
        result => Ok(result?),
    }
}

/// Writes pictures until the viewer disconnects.
fn stream(writer: &mut Writer<impl Write>, first: &Part, pictures: &mut Pictures) -> Result<(), WriteError> {
    writer.write(first)?;
    loop {
        match pictures.next(writer.until_keep_alive())? {
            Some(picture) => writer.write(&picture)?,
            None => writer.repeat()?,
        }
    }
}

fn seconds(name: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(std::env::var(name).ok()?.parse().ok()?).ok()
}

const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// The time limit for the first picture.
const FIRST: Duration = Duration::from_secs(5);
