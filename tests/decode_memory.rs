//! A decoder with hostile senders holds at most its limit and slightly more than one chunk.

use std::alloc::System;
use std::convert::Infallible;

use bytes::Bytes;
use cap::Cap;
use futures::{StreamExt as _, executor::block_on, stream};
use mixed_replace::Decoder;
use mixed_replace::decode::{DecodeError, Limits, Parts, PartsError};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const PART: usize = 256 * KIB;

/// A sender of `start`, then of `again` without end.
#[derive(Clone)]
struct Attack {
    start: &'static [u8],
    again: &'static [u8],
    /// Checks the number of bytes read against a limit, and the error.
    fails: (usize, String),
}

impl Attack {
    fn check(&self, decoder: &Decoder, chunk: usize) {
        eprintln!("{}... in chunks of {chunk}", self.start.escape_ascii());
        let limit = self.fails.0;
        // An allocation beyond this limit fails and aborts the process.
        ALLOCATOR
            .set_limit(ALLOCATOR.allocated() + limit + 64 * KIB + chunk)
            .expect("a limit above the current allocation");
        let (taken, error) = self.run(decoder.clone(), chunk);
        ALLOCATOR.set_limit(usize::MAX).expect("a limit above the current allocation");
        assert_eq!(error, self.fails.1);
        // The last bytes up to the limit may start a delimiter.
        let most = self.start.len() + limit + chunk.max(512);
        assert!(taken <= most, "read {taken} bytes, more than {most}");
    }

    /// Returns the number of bytes read, and the error.
    fn run(&self, decoder: Decoder, chunk: usize) -> (usize, String) {
        let mut taken = 0;
        let mut bytes = self.start.iter().chain(self.again.iter().cycle()).copied();
        let source = stream::repeat_with(|| {
            taken += chunk;
            let mut piece = Vec::with_capacity(chunk);
            piece.extend(bytes.by_ref().take(chunk));
            Ok::<_, Infallible>(Bytes::from(piece))
        });
        let mut parts = Parts::new(source, decoder);
        let error = match block_on(parts.next()) {
            Some(Err(PartsError::Decode(error))) => error.to_string(),
            other => panic!("{other:?}"),
        };
        drop(parts);
        (taken, error)
    }
}

const NOTHING: &[u8] = b"\0";
const BODY: &[u8] = b"neither a boundary nor a line end: ";

/// `X…X`, CRLF.
const LINE: &[u8] = {
    const BYTES: [u8; 1000] = {
        let mut bytes = [b'X'; 1000];
        (bytes[998], bytes[999]) = (b'\r', b'\n');
        bytes
    };
    &BYTES
};

/// The only test in its process, because every allocation counts.
#[test]
fn memory_stays_within_the_limits() {
    let header = || (16 * KIB, "the header block at byte 5 exceeds the limit of 16384 bytes".to_owned());
    let headers = || (KIB, "the header block at byte 5 exceeds the limit of 64 lines".to_owned());
    let junk = || (64 * KIB, "no delimiter follows byte 0 within the limit of 65536 bytes".to_owned());
    let line = |offset| (8 * KIB, format!("the line at byte {offset} exceeds the limit of 8192 bytes"));
    // A length announces the part.
    let part = |offset| (0, format!("the part at byte {offset} exceeds the limit of {PART} bytes"));
    let endless = |delimiter: &str, offset: usize, body: &[u8]| {
        let begins: String = body[..16].iter().map(|byte| format!(" {byte:02x}")).collect();
        let place = format!("the limit of {PART} bytes of the part at byte {offset}");
        (PART, format!("no delimiter {delimiter}within {place}, which starts with{begins}"))
    };
    let body = |offset| endless("\"--b\" ", offset, BODY);
    let limits = Limits::new().max_part_bytes(PART);
    let decoder = Decoder::new("b").limits(limits);
    for attack in [
        // Endless headers, long headers, one long header.
        Attack { start: b"--b\r\n", again: b"X-A: b\r\n", fails: headers() },
        Attack { start: b"--b\r\nX:\r\n", again: b" \r\n", fails: headers() },
        Attack { start: b"--b\r\n", again: LINE, fails: header() },
        Attack { start: b"--b\r\nX-A: ", again: b"b", fails: line(5) },
        Attack { start: b"--b", again: b" ", fails: line(3) },
        // An endless preamble, floods of line ends and dashes.
        Attack { start: b"", again: b"Hello.\r\n", fails: junk() },
        Attack { start: b"", again: b"\r", fails: junk() },
        Attack { start: b"", again: b"-", fails: junk() },
        // An endless part with line ends and near-boundaries.
        Attack { start: b"--b\r\n\r\n", again: BODY, fails: body(7) },
        Attack { start: b"--b\r\n\r\n", again: b"\r\n", fails: endless("\"--b\" ", 7, &b"\r\n".repeat(8)) },
        Attack {
            start: b"--b\r\n\r\n",
            again: b"\r\n-b--b -\r--",
            fails: endless("\"--b\" ", 7, b"\r\n-b--b -\r--\r\n-b"),
        },
        // Lengths.
        Attack { start: b"--b\r\nContent-Length: 1000000000\r\n\r\n", again: NOTHING, fails: part(35) },
        Attack { start: b"--b\r\nContent-Length: 18446744073709551616\r\n\r\n", again: NOTHING, fails: part(45) },
        Attack { start: b"--b\r\nContent-Length: -1\r\n\r\n", again: BODY, fails: body(27) },
        Attack { start: b"--b\r\nContent-Length: +5\r\n\r\n", again: BODY, fails: body(27) },
        Attack { start: b"--b\r\nContent-Length: 5\r\n\r\n", again: BODY, fails: body(26) },
        Attack { start: b"--b\r\nContent-Length: 262144\r\n\r\n", again: BODY, fails: body(31) },
        Attack { start: b"--b\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", again: BODY, fails: body(45) },
        Attack { start: b"--b\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", again: BODY, fails: body(45) },
        // A wrong length, then another one.
        Attack {
            start: b"--b\r\nContent-Length: 99\r\n\r\n\r\n--b\r\nContent-Length: 262144\r\n\r\n",
            again: BODY,
            fails: body(60),
        },
    ] {
        for chunk in [1, 4 * KIB, 32 * KIB] {
            attack.check(&decoder, chunk);
        }
    }
    for attack in [
        // Endless lines that may name a boundary.
        Attack { start: b"", again: b"--x\r\n", fails: junk() },
        Attack {
            start: b"Content-Type: text/plain\r\n\r\n",
            again: b"\r\n--x",
            fails: endless("", 28, &b"\r\n--x".repeat(4)),
        },
        Attack {
            start: b"Content-Type: text/plain\r\n\r\n\n--",
            again: b"x",
            fails: endless("", 28, b"\n--xxxxxxxxxxxxx"),
        },
        Attack {
            start: b"Content-Type: text/plain\r\n\r\n\n--x\n",
            again: b"x",
            fails: endless("", 28, b"\n--x\nxxxxxxxxxxx"),
        },
    ] {
        for chunk in [1, 4 * KIB, 32 * KIB] {
            attack.check(&Decoder::detect().limits(limits), chunk);
        }
    }
    let (_, error) = body(7);
    let fails = (16 * MIB, error.replace(&PART.to_string(), &(16 * MIB).to_string()));
    Attack { start: b"--b\r\n\r\n", again: BODY, fails }.check(&decoder.limits(Limits::new()), 32 * KIB);

    for again in [&b"--b\r\n\r\n"[..], b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 2\r\n\r\nno\r\n"] {
        skipped_parts_need_no_memory(again);
    }
}

/// Empty parts and false images, in any number.
fn skipped_parts_need_no_memory(again: &[u8]) {
    const COUNT: usize = 100_000;
    const EACH: usize = 100;
    let chunk = again.repeat(EACH);
    ALLOCATOR
        .set_limit(ALLOCATOR.allocated() + 64 * KIB + 2 * chunk.len())
        .expect("a limit above the current allocation");
    let source = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from(chunk.clone()))).take(COUNT / EACH);
    let mut parts = Parts::new(source, Decoder::new("b"));
    let end = block_on(parts.next());
    ALLOCATOR.set_limit(usize::MAX).expect("a limit above the current allocation");
    assert!(matches!(end, Some(Err(PartsError::Decode(DecodeError::Truncated { .. })))), "{end:?}");
    assert!(parts.decoder().skipped() >= COUNT as u64 - 1);
}
