//! Random bodies that follow RFC 2046, read by other libraries and by the decoder, with equal results.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::fs;
use std::iter::repeat_with;
use std::process::Command;

use bytes::BytesMut;
use interop_tests::senders::Server;
use mixed_replace::Decoder;
use tempfile::TempDir;
use test_support::must_be_installed;

#[test]
#[ignore = "needs Go"]
fn go_reads_the_same() {
    must_be_installed("go");
    let bodies = Bodies::new();
    same(
        &bodies,
        Command::new("go").args(["run"]).arg(Server::file("senders/go/parts/main.go")).arg(bodies.folder.path()),
    );
}

#[test]
#[ignore = "needs Python with aiohttp"]
fn aiohttp_reads_the_same() {
    let bodies = Bodies::new();
    let mut python = Server::python_with("aiohttp");
    same(&bodies, python.arg(Server::file("senders/python/aiohttp_parts.py")).arg(bodies.folder.path()));
}

/// Returns random bodies, and the parts of each.
struct Bodies {
    folder: TempDir,
    parts: Vec<Vec<Vec<u8>>>,
}

impl Bodies {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut parts = Vec::new();
        for seed in 0..COUNT {
            let mut random = random(seed);
            let (body, of_body) = body(&mut random);
            fs::write(folder.path().join(format!("{seed:04}")), &body).unwrap();
            for _ in 0..4 {
                let chunk = 1 + if random(2) == 0 { random(7) } else { random(300) };
                assert_eq!(decode(&body, chunk), of_body, "seed {seed} in chunks of {chunk}: {}", body.escape_ascii());
            }
            parts.push(of_body);
        }
        Self { folder, parts }
    }
}

/// Checks that a reader prints the parts of each body.
fn same(bodies: &Bodies, reader: &mut Command) {
    let output = reader.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.lines().count(), bodies.parts.len());
    for (line, parts) in printed.lines().zip(&bodies.parts) {
        let (name, read) = line.split_once(' ').unwrap();
        let hex = |part: &Vec<u8>| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + " ";
        let expected: String = parts.iter().map(hex).collect();
        assert_eq!(
            read,
            expected + "closed",
            "{name}: {}",
            fs::read(bodies.folder.path().join(name)).unwrap().escape_ascii()
        );
    }
}

fn decode(body: &[u8], chunk: usize) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new("ThisRandomString");
    let mut buffer = BytesMut::new();
    let mut parts = Vec::new();
    for chunk in body.chunks(chunk) {
        buffer.extend_from_slice(chunk);
        while let Some(part) = decoder.decode(&mut buffer).unwrap() {
            parts.push(part.body().to_vec());
        }
    }
    assert_eq!(decoder.decode_eof(&mut buffer), Ok(None));
    assert_eq!(decoder.skipped(), 0);
    parts
}

/// Creates a body with optional preamble, lengths, padding and epilogue.
fn body(random: &mut impl FnMut(usize) -> usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut body = Vec::new();
    if random(4) == 0 {
        body.extend(b"This is the preamble.\r\n--ThisRandomStrin\r\n");
    }
    let mut parts = Vec::new();
    for number in 0..1 + random(5) {
        if number > 0 {
            body.extend(b"\r\n");
        }
        body.extend(b"--ThisRandomString");
        body.extend([&b""[..], b" ", b"\t "][random(3)]);
        body.extend(b"\r\n");
        let count = 1 + random(30);
        let part: Vec<u8> = repeat_with(|| PIECES[random(PIECES.len())]).take(count).flatten().copied().collect();
        // At least one header: after only a blank line, of which cameras send one too many, the decoder looks for
        // headers.
        let typed = random(4) > 0;
        if typed {
            body.extend(b"Content-Type: application/octet-stream\r\n");
        }
        if !typed || random(2) == 0 {
            body.extend(format!("X-Number: {number}\r\n").bytes());
        }
        if random(2) == 0 {
            body.extend(format!("Content-Length: {}\r\n", part.len()).bytes());
        }
        body.extend(b"\r\n");
        body.extend(&part);
        parts.push(part);
    }
    body.extend(b"\r\n--ThisRandomString--\r\n");
    if random(4) == 0 {
        body.extend(b"This is the epilogue.\r\n--ThisRandomString\r\n\r\nNo part.");
    }
    (body, parts)
}

/// Pseudorandom numbers below a limit (xorshift64*).
fn random(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits") % below
    }
}

const COUNT: u64 = 1000;
/// The pieces of a body, which do not add up to the delimiter.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b"--",
    b"-",
    b"\r\n--",
    b"\r\n--ThisRandomStrin",
    b"\r\n--ThisRandomstring",
    b"ThisRandom",
    b"Content-Type: image/jpeg\r\n\r\n",
    b"\xff\xd8\xff",
    b"\xff\xd9",
    b" ",
    b":",
    b"\0",
    b"x",
    b"\xc3\xa9",
    &[b'.'; 200],
];
