//! Measures which damage to a picture ends an image stream in each browser.
//!
//! ```text
//! cargo run -p interop-tests --example damage                        all, more than 600: an hour
//! cargo run -p interop-tests --example damage -- jpeg 'png IHDR'     those whose name contains one of these words
//! ```
//!
//! An `<img>` gets up to eight pictures, of which the fourth is damaged, on the browser wire and past the crate's checks.
//! Each row contains the result in Chromium, Firefox and WebKitGTK:
//!
//! - `drawn`: the damaged picture is on the screen in its colour, and later pictures are shown;
//! - `on`: it is not shown in its colour, and later pictures are shown;
//! - `late N`: N later pictures were not shown in time;
//! - `BROKEN`: none of the four later pictures is shown;
//! - `CRASH`: the tab does not respond any more.
//!
//! The last column is the crate's treatment of such a part. With `--without-browsers` it is the only column.
//!
//! Needs Chromium, Firefox and WebKitGTK with their WebDrivers, ImageMagick, ffmpeg and cjpeg.

#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(clippy::indexing_slicing, reason = "of files whose bytes are known")]

mod jpeg;
mod others;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use interop_tests::browsers::picture::{PAGE, PALETTE};
use interop_tests::browsers::{Browser, Colour, Engine, picture};
use mixed_replace::Part;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// A damaged picture, and the stream in which it is the fourth.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    kind: &'static str,
    /// The content type of its part.
    labelled: &'static str,
    good: fn(Colour) -> Bytes,
    bad: Bytes,
}

impl Case {
    /// The crate's treatment of it.
    fn verdict(&self) -> &'static str {
        let content_type = self.labelled.parse().expect("a type");
        if Part::new(content_type, self.bad.clone()).is_ok() { "passes" } else { "rejected" }
    }
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Drawn,
    On,
    Late(usize),
    Broken,
    Crash,
    /// The three pictures in front of the damaged one were not shown.
    Unfit,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drawn => f.write_str("drawn"),
            Self::On => f.write_str("on"),
            Self::Late(pictures) => write!(f, "late {pictures}"),
            Self::Broken => f.write_str("BROKEN"),
            Self::Crash => f.write_str("CRASH"),
            Self::Unfit => f.write_str("not shown at all"),
        }
    }
}

fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let mut cases = [jpeg::cases(), others::cases(), jpeg::sizes()].concat();
    let filter: Vec<_> = words.iter().filter(|word| !word.starts_with("--")).collect();
    cases.retain(|case| filter.is_empty() || filter.iter().any(|word| case.name.contains(&***word)));
    if words.first().is_some_and(|word| word == "--without-browsers") {
        cases.iter().for_each(|case| println!("| {} | {} |", case.name, case.verdict()));
        return;
    }
    let outcomes = Mutex::new(vec![[None; 3]; cases.len()]);
    std::thread::scope(|scope| {
        for (column, engine) in Engine::ALL.into_iter().enumerate() {
            let (cases, outcomes) = (&cases, &outcomes);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(measure(engine, cases, |row, outcome| {
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    outcomes[row][column] = Some(outcome);
                    if let [Some(chromium), Some(firefox), Some(webkit)] = outcomes[row] {
                        let (name, crates) = (&cases[row].name, cases[row].verdict());
                        println!("| {name} | {chromium} | {firefox} | {webkit} | {crates} |");
                    }
                }));
            });
        }
    });
}

async fn measure(engine: Engine, cases: &[Case], found: impl Fn(usize, Outcome)) {
    let mut browser = Browser::start(engine).await;
    for (row, case) in cases.iter().enumerate() {
        let mut outcome = Outcome::Unfit;
        // A busy machine may be late, and a tab with a broken image may crash only when it is closed.
        for _ in 0..3 {
            let attempt = AssertUnwindSafe(async {
                let outcome = eight_pictures(&browser, case).await;
                if browser.answers().await { outcome } else { Outcome::Crash }
            });
            let attempt = attempt.catch_unwind().await;
            if attempt.as_ref().map_or(true, |outcome| matches!(outcome, Outcome::Crash)) {
                // Another tab, or at worst another browser.
                let tab = AssertUnwindSafe(timeout(LONG, browser.cover())).catch_unwind().await;
                if engine == Engine::WebKit || !matches!(tab, Ok(Ok(_))) || !browser.answers().await {
                    eprintln!("{engine}: another browser");
                    drop(browser);
                    browser = Browser::start(engine).await;
                }
            }
            outcome = attempt.unwrap_or(Outcome::Unfit);
            if !matches!(outcome, Outcome::Unfit | Outcome::Late(_)) {
                break;
            }
        }
        found(row, outcome);
    }
}

async fn eight_pictures(browser: &Browser, case: &Case) -> Outcome {
    let [a, b, c, bad, e, f, g, h, ..] = PALETTE;
    // A large picture takes longer.
    let short = if case.name.contains("size") { 10 * SHORT } else { SHORT };
    let mut feed = Feed::start(case.kind).await;
    browser.open(&feed.url).await;
    let Some(mut stream) = feed.stream().await else { return Outcome::Crash };
    for colour in [a, b, c] {
        stream.send(case.kind, &(case.good)(colour));
        if browser.watch().sees(colour, LONG).await.is_none() {
            return Outcome::Unfit;
        }
    }
    stream.send(case.labelled, &case.bad);
    let drawn = browser.watch().sees(bad, short).await.is_some();
    sleep(short / 2).await;
    if browser.engine() == Engine::Chromium && !browser.answers().await {
        return Outcome::Crash;
    }
    for (late, colour) in [e, f, g, h].into_iter().enumerate() {
        stream.send(case.kind, &(case.good)(colour));
        if browser.watch().sees(colour, short).await.is_some() {
            return match late {
                0 if drawn => Outcome::Drawn,
                0 => Outcome::On,
                late => Outcome::Late(late),
            };
        }
    }
    if browser.answers().await { Outcome::Broken } else { Outcome::Crash }
}

/// A page with an `<img>`, and its stream of any parts on the browser wire.
struct Feed {
    url: String,
    streams: mpsc::UnboundedReceiver<mpsc::UnboundedSender<Vec<u8>>>,
    kind: &'static str,
}

struct Stream {
    bytes: mpsc::UnboundedSender<Vec<u8>>,
    open: &'static str,
    last: Bytes,
}

impl Feed {
    async fn start(kind: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let (sender, streams) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move { drop(answer(connection, sender, kind).await) });
            }
        });
        Self { url, streams, kind }
    }

    async fn stream(&mut self) -> Option<Stream> {
        let bytes = timeout(LONG, self.streams.recv()).await.ok()??;
        Some(Stream { bytes, open: self.kind, last: Bytes::new() })
    }
}

impl Stream {
    fn send(&mut self, content_type: &'static str, body: &Bytes) {
        let mut bytes = Vec::new();
        if self.open != content_type {
            // The header block that is already sent contains the previous type.
            bytes
                .extend([&self.last, format!("\r\n--{B}\r\nContent-Type: {content_type}\r\n\r\n").as_bytes()].concat());
            self.open = content_type;
        }
        bytes.extend([body, format!("\r\n--{B}\r\nContent-Type: {content_type}\r\n\r\n").as_bytes()].concat());
        self.last = body.clone();
        // A crashed tab does not read.
        let _ = self.bytes.send(bytes);
    }
}

async fn answer(
    mut connection: TcpStream,
    streams: mpsc::UnboundedSender<mpsc::UnboundedSender<Vec<u8>>>,
    kind: &str,
) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-store\r\nContent-Type:";
    if !request.starts_with(b"GET /stream") {
        let ([r, g, b], letters) = (PAGE, picture::letters());
        let page = format!(
            "<!doctype html><title>A stream</title><body style='margin: 0; background: rgb({r}, {g}, {b})'>\
             <img src=/stream style='display: block; width: 160px; height: 160px'><p>{letters}"
        );
        let length = page.len();
        let answer = format!("{head} text/html; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{page}");
        return connection.write_all(answer.as_bytes()).await;
    }
    // WebKitGTK buffers the first 512 bytes.
    let padding = format!("X-Padding: {}\r\n", ".".repeat(110)).repeat(6);
    let head =
        format!("{head} multipart/x-mixed-replace; boundary={B}\r\n\r\n--{B}\r\nContent-Type: {kind}\r\n{padding}\r\n");
    connection.write_all(head.as_bytes()).await?;
    let (sender, mut bytes) = mpsc::unbounded_channel::<Vec<u8>>();
    let _ = streams.send(sender);
    while let Some(bytes) = bytes.recv().await {
        connection.write_all(&bytes).await?;
    }
    Ok(())
}

const B: &str = "ThisRandomString0123456789";
const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(500);
