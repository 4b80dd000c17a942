//! CGI under Apache: bytes and delays at clients, and processes after they disconnect.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a panic is how a test fails; the figures are a result")]

use std::io::{self, Read};
use std::net::Shutdown;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use deploy_tests::apache::{Apache, Client, KEEP_ALIVE, Program};
use interop_tests::browsers::picture::{self, PALETTE};
use interop_tests::browsers::{Browser, each_engine};
use test_support::must_be_installed;

/// Checks that pictures come when they are written. One that is held back comes with the next, or with a repeat of the last one.
/// A busy machine may delay some of them.
fn come_before_the_next(latencies: &[Duration]) {
    let late = latencies.iter().filter(|latency| **latency > KEEP_ALIVE / 2).count();
    assert!(late < latencies.len() / 2, "{latencies:?}");
}

const AT_MOST: Duration = Duration::from_secs(10);

#[test]
#[ignore = "needs Apache and curl"]
fn curl_gets_each_picture_at_once() {
    let apache = Apache::start();
    for program in Program::ALL {
        for version in ["--http1.0", "--http1.1"] {
            apache.show(PALETTE[0]);
            let url = apache.url(program.path());
            let mut curl = Piped::start("curl", &["--silent", "--no-buffer", version, &url]);
            let mut latencies = Vec::new();
            for colour in PALETTE {
                let (picture, written) = (colour.jpeg(), Instant::now());
                apache.show_part(&picture);
                assert!(curl.client.gets(picture.body(), AT_MOST).is_some(), "{program:?} {version}: no {colour}");
                latencies.push(written.elapsed());
            }
            come_before_the_next(&latencies);
            println!("{program:?} {version}: write of the file to curl's output: {latencies:.1?}");
        }
    }
}

#[test]
#[ignore = "needs Apache and ffmpeg"]
fn ffmpeg_gets_each_picture_at_once() {
    let apache = Apache::start();
    for program in Program::ALL {
        apache.show(PALETTE[0]);
        let url = apache.url(program.path());
        // Copied, because ffmpeg's decoder keeps each picture until the next arrives.
        let arguments = ["-v", "error", "-fflags", "nobuffer", "-f", "mpjpeg", "-i", &url, "-c", "copy"];
        let mut ffmpeg =
            Piped::start("ffmpeg", &[&arguments[..], &["-f", "image2pipe", "-flush_packets", "1", "-"]].concat());
        let mut latencies = Vec::new();
        for colour in PALETTE {
            let (picture, written) = (colour.jpeg(), Instant::now());
            apache.show_part(&picture);
            assert!(ffmpeg.client.gets(picture.body(), AT_MOST).is_some(), "{program:?}: {colour} has not come");
            latencies.push(written.elapsed());
        }
        come_before_the_next(&latencies);
        println!("{program:?}: write of the file to ffmpeg's packet: {latencies:.1?}");
    }
}

#[test]
#[ignore = "needs Apache, Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn browsers_show_each_picture_at_once() {
    each_engine(async |browser| on_the_screen(browser, Program::Nph).await);
}

#[test]
#[ignore = "needs Apache, Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn browsers_show_each_picture_at_once_with_parsed_headers() {
    each_engine(async |browser| on_the_screen(browser, Program::Parsed).await);
}

async fn on_the_screen(browser: &Browser, program: Program) {
    let apache = Apache::start();
    apache.show(PALETTE[0]);
    let [r, g, b] = picture::PAGE;
    let (path, letters) = (program.path(), picture::letters());
    apache.page(
        "page.html",
        &format!(
            "<!doctype html><title>A stream</title><body style='margin: 0; background: rgb({r}, {g}, {b})'>
             <img src='{path}' style='display: block; width: 160px; height: 160px'><p>{letters}"
        ),
    );
    browser.open_page(&apache.url("/page.html")).await;
    let mut latencies = Vec::new();
    for colour in PALETTE {
        let (picture, written) = (colour.jpeg(), Instant::now());
        apache.show_part(&picture);
        let Some(seen) = browser.watch().sees(colour, AT_MOST).await else {
            panic!("{AT_MOST:?} after {colour} was written, on the screen: {:?}", browser.watch().now());
        };
        latencies.push(seen.duration_since(written));
        tokio::time::sleep(SECOND / 2).await;
    }
    println!("{}: write of the file to screen, {program:?}: {latencies:.1?}", browser.engine());
    come_before_the_next(&latencies);
    // Only repeats: the picture stays, and the browser does not request it again.
    tokio::time::sleep(2 * KEEP_ALIVE).await;
    assert_eq!(browser.watch().now(), Some(PALETTE[9]));
    assert_eq!(apache.processes(program).len(), 1);
    // Leaving the page ends the process.
    browser.open("about:blank").await;
    // A browser that loads the next page may take longer.
    let _ = apache.has_processes(program, 0, 2 * KEEP_ALIVE + 10 * SECOND);
}

#[test]
#[ignore = "needs Apache"]
fn fifty_concurrent_clients_get_each_picture() {
    let apache = Apache::start();
    for program in Program::ALL {
        apache.show(PALETTE[0]);
        let line = format!("GET {} HTTP/1.1", program.path());
        let mut clients: Vec<_> = (0..50).map(|_| Client::request(apache.port(), &[&line])).collect();
        for client in &mut clients {
            assert!(client.gets(PALETTE[0].jpeg().body(), 10 * SECOND).is_some(), "the first picture");
        }
        let mut slowest = Vec::new();
        for colour in PALETTE {
            let (picture, written) = (colour.jpeg(), Instant::now());
            apache.show_part(&picture);
            for client in &mut clients {
                assert!(client.gets(picture.body(), 2 * SECOND).is_some(), "{program:?}: {colour} has not come");
            }
            slowest.push(written.elapsed());
        }
        let processes = apache.processes(program);
        assert_eq!(processes.len(), 50);
        for process in &processes {
            let status = std::fs::read_to_string(process.join("status")).expect("a process");
            let of = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
            assert!(!of("Uid:").contains("\t0\t"), "no program runs as root");
            if process == &processes[0] {
                println!("{program:?}: {}, {}", of("VmRSS:"), of("RssAnon:"));
            }
        }
        drop(clients);
        // Fifty at once may take longer than the one of the next test.
        let gone = apache.has_processes(program, 0, 2 * KEEP_ALIVE + 10 * SECOND);
        println!("{program:?}: the last of 50 had each picture after {slowest:.0?}; all ended after {gone:.1?}");
    }
}

#[test]
#[ignore = "needs Apache"]
fn disconnect_ends_the_process_within_two_keep_alives() {
    let apache = Apache::start();
    apache.show(PALETTE[0]);
    for program in Program::ALL {
        for how in ["close", "shut down", "reset", "a request behind the first, and close"] {
            let line = format!("GET {} HTTP/1.1", program.path());
            let mut client = Client::request(apache.port(), &[&line]);
            assert!(client.gets(PALETTE[0].jpeg().body(), 5 * SECOND).is_some());
            let _ = apache.has_processes(program, 1, SECOND);
            let stream = client.into_stream();
            match how {
                "shut down" => stream.shutdown(Shutdown::Both).expect("an open connection"),
                // Unread data turns the close into a reset.
                "reset" => {
                    let unread = Instant::now();
                    while stream.peek(&mut [0]).is_err() && unread.elapsed() < 2 * KEEP_ALIVE {}
                }
                "close" => {}
                _ => io::Write::write_all(&mut &stream, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    .expect("an open connection"),
            }
            drop(stream);
            // A little later on a busy machine, and never without the repeats.
            let gone = apache.has_processes(program, 0, 10 * KEEP_ALIVE);
            println!("{program:?}, {how}: its process ended after {gone:.1?}, keep-alive {KEEP_ALIVE:?}");
        }
    }
}

#[test]
#[ignore = "needs Apache"]
fn responds_in_the_version_and_wire_of_the_client() {
    let apache = Apache::start();
    apache.show(PALETTE[0]);
    for program in Program::ALL {
        let get = |version: &str, accept: &str| {
            let line = format!("GET {} {version}", program.path());
            let mut client = Client::request(apache.port(), &[&line, &format!("Accept: {accept}")]);
            assert!(client.gets(b"\xff\xd9", 5 * SECOND).is_some());
            client
        };
        let old = get("HTTP/1.0", "*/*");
        let head = old.head();
        // Apache responds with its own version. Only the chunks matter.
        let first = if program == Program::Nph { "HTTP/1.0 200 OK\r\n" } else { "HTTP/1.1 200 OK\r\n" };
        assert!(head.starts_with(first), "{head}");
        assert!(!head.contains("Transfer-Encoding") && head.contains("\r\nConnection: close\r\n"), "{head}");
        assert!(head.contains("\r\nDate: "), "{head}");
        assert!(old.received[head.len()..].starts_with(b"--"), "no preamble, no chunk");

        let browser = get("HTTP/1.1", "image/avif,image/webp,*/*;q=0.8");
        let body = String::from_utf8_lossy(&browser.received).into_owned();
        assert!(!body.contains("Content-Length: "), "the browser wire");
        let script = get("HTTP/1.1", "multipart/mixed");
        assert!(script.head().contains("Content-Type: multipart/mixed; boundary="), "the script wire");

        let mut head = Client::request(apache.port(), &[&format!("HEAD {} HTTP/1.0", program.path())]);
        assert!(head.ends(5 * SECOND));
        assert_eq!(head.head().len(), head.received.len(), "only a head");
        let mut post = Client::request(apache.port(), &[&format!("POST {} HTTP/1.0", program.path())]);
        assert!(post.ends(5 * SECOND));
        assert!(post.head().contains(" 405 Method Not Allowed\r\n") && post.head().contains("Allow: GET, HEAD\r\n"));
    }
}

/// A program whose output the test reads.
struct Piped {
    client: Client<Pipe>,
    child: Child,
}

impl Piped {
    fn start(program: &str, arguments: &[&str]) -> Self {
        must_be_installed(program);
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .env_remove("http_proxy")
            .env("no_proxy", "*")
            .spawn()
            .expect("an installed program");
        let stdout = child.stdout.take().expect("a pipe");
        Self { client: Client::new(Pipe::new(stdout)), child }
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A reader of a pipe that does not block for long.
///
/// A reader must have room for 64 KiB.
struct Pipe(Receiver<Vec<u8>>);

impl Pipe {
    fn new(mut stdout: ChildStdout) -> Self {
        let (sender, pipe) = channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer.iter().take(read).copied().collect()).is_err() {
                    return;
                }
            }
        });
        Self(pipe)
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.recv_timeout(Duration::from_millis(20)) {
            Ok(bytes) => bytes.as_slice().read(buffer),
            Err(RecvTimeoutError::Disconnected) => Ok(0),
            Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
