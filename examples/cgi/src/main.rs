//! A camera as a CGI program: Apache starts it for each viewer, and it ends when the viewer leaves.
//!
//! Under a name that begins with `nph-` it writes the whole response, and what it writes goes straight to the client
//! ("no parsed headers", RFC 3875 §5); under another name it leaves the head to the server.
//!
//! | variable | what |
//! |---|---|
//! | `CAMERA_FILE` | the picture to show, again each time when it changes; a moving test picture unless set |
//! | `CAMERA_KEEP_ALIVE` | after so many seconds without a new picture the last one is sent again; 10 unless set |

mod pictures;
mod request;

#[path = "../../camera/canvas.rs"]
mod canvas;
#[path = "../../camera/test_picture.rs"]
mod test_picture;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use mixed_replace::Part;
use mixed_replace::write::{WriteError, Writer};

use crate::pictures::Pictures;
use crate::request::Request;

fn main() -> ExitCode {
    let Some(request) = Request::from_env() else {
        eprintln!("This is a CGI program, for a web server to start; examples/cgi/serve starts one.");
        return ExitCode::FAILURE;
    };
    // Rust ignores SIGPIPE, so a viewer who left is an error of the next write and not the end of the process.
    match answer(&request, io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The server puts it into its error log.
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
    // A head that promises pictures is better not written before there is one.
    let Some(first) = pictures.next(FIRST)? else {
        return Ok(request.refuse(&mut out, "503 Service Unavailable", "Retry-After: 5")?);
    };
    let mut writer = Writer::new(out, request.wire()).keep_alive(keep_alive);
    let head = writer.write_head(request.head(), &request.more());
    let shown = match request.method() {
        "HEAD" => head,
        _ => head.and_then(|()| show(&mut writer, &first, &mut pictures)),
    };
    match shown {
        Err(error) if error.is_disconnected() => Ok(()),
        shown => Ok(shown?),
    }
}

/// Until the viewer leaves.
fn show(writer: &mut Writer<impl Write>, first: &Part, pictures: &mut Pictures) -> Result<(), WriteError> {
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
/// How long the first picture may take.
const FIRST: Duration = Duration::from_secs(5);
