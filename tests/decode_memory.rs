//! What hostile senders can make a decoder take and hold: its limit, and a little more than one chunk.

use std::alloc::System;
use std::convert::Infallible;

use bytes::Bytes;
use cap::Cap;
use futures::{StreamExt as _, executor::block_on, stream};
use mixed_replace::decode::{DecodeError, Limits, PartsError};
use mixed_replace::{Decoder, Parts};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const PART: usize = 256 * KIB;

/// Sends `start`, then `again` for ever.
#[derive(Clone)]
struct Attack {
    start: &'static [u8],
    again: &'static [u8],
    error: DecodeError,
}

impl Attack {
    fn check(&self, decoder: &Decoder, chunk: usize) {
        eprintln!("{}... in chunks of {chunk}", self.start.escape_ascii());
        let limit = self.limit();
        // Beyond this an allocation fails, which ends the process.
        ALLOCATOR.set_limit(ALLOCATOR.allocated() + limit + 64 * KIB + chunk).expect("more than is allocated now");
        let (taken, error) = self.run(decoder.clone(), chunk);
        ALLOCATOR.set_limit(usize::MAX).expect("more than is allocated now");
        assert_eq!(error, self.error);
        // The last bytes before the limit may be the beginning of a delimiter.
        let most = self.start.len() + limit + chunk.max(512);
        assert!(taken <= most, "took {taken}, not {most}");
    }

    /// How many bytes it takes until which error.
    fn run(&self, decoder: Decoder, chunk: usize) -> (usize, DecodeError) {
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
            Some(Err(PartsError::Decode(error))) => error,
            other => panic!("{other:?}"),
        };
        drop(parts);
        (taken, error)
    }

    /// How many bytes it may take; an announcement by itself, or lines, none that count.
    fn limit(&self) -> usize {
        match &self.error {
            DecodeError::PartTooLong { .. } if self.again == NOTHING => 0,
            DecodeError::TooManyHeaders { .. } => KIB,
            DecodeError::BlockTooLong { limit, .. }
            | DecodeError::JunkTooLong { limit, .. }
            | DecodeError::LineTooLong { limit, .. }
            | DecodeError::NoDelimiter { limit, .. }
            | DecodeError::PartTooLong { limit, .. } => *limit,
            other => panic!("no limit: {other}"),
        }
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

/// One test, and alone in its process: every allocation counts.
#[test]
fn a_hostile_sender_gets_no_more_than_the_limit() {
    let block = || DecodeError::BlockTooLong { limit: 16 * KIB, offset: 5 };
    let headers = || DecodeError::TooManyHeaders { limit: 64, offset: 5 };
    let junk = || DecodeError::JunkTooLong { limit: 64 * KIB, offset: 0 };
    let line = |offset| DecodeError::LineTooLong { limit: 8 * KIB, offset };
    let part = |offset| DecodeError::PartTooLong { limit: PART, offset };
    let endless = |delimiter: Option<&str>, offset, body: &[u8]| DecodeError::NoDelimiter {
        begins: Bytes::copy_from_slice(&body[..16]),
        delimiter: delimiter.map(str::to_owned),
        limit: PART,
        offset,
    };
    let body = |offset| endless(Some("--b"), offset, BODY);
    let limits = Limits::new().part(PART);
    let decoder = Decoder::new("b").limits(limits);
    for attack in [
        // Headers without end, long ones, a long one.
        Attack { start: b"--b\r\n", again: b"X-A: b\r\n", error: headers() },
        Attack { start: b"--b\r\nX:\r\n", again: b" \r\n", error: headers() },
        Attack { start: b"--b\r\n", again: LINE, error: block() },
        Attack { start: b"--b\r\nX-A: ", again: b"b", error: line(5) },
        Attack { start: b"--b", again: b" ", error: line(3) },
        // A preamble without end, floods of line ends and dashes.
        Attack { start: b"", again: b"Hello.\r\n", error: junk() },
        Attack { start: b"", again: b"\r", error: junk() },
        Attack { start: b"", again: b"-", error: junk() },
        // A part without end, line ends and near-boundaries in it.
        Attack { start: b"--b\r\n\r\n", again: BODY, error: body(7) },
        Attack { start: b"--b\r\n\r\n", again: b"\r\n", error: endless(Some("--b"), 7, &b"\r\n".repeat(8)) },
        Attack {
            start: b"--b\r\n\r\n",
            again: b"\r\n-b--b -\r--",
            error: endless(Some("--b"), 7, b"\r\n-b--b -\r--\r\n-b"),
        },
        // Lengths.
        Attack { start: b"--b\r\nContent-Length: 1000000000\r\n\r\n", again: NOTHING, error: part(35) },
        Attack { start: b"--b\r\nContent-Length: 18446744073709551616\r\n\r\n", again: NOTHING, error: part(45) },
        Attack { start: b"--b\r\nContent-Length: -1\r\n\r\n", again: BODY, error: body(27) },
        Attack { start: b"--b\r\nContent-Length: +5\r\n\r\n", again: BODY, error: body(27) },
        Attack { start: b"--b\r\nContent-Length: 5\r\n\r\n", again: BODY, error: body(26) },
        Attack { start: b"--b\r\nContent-Length: 262144\r\n\r\n", again: BODY, error: body(31) },
        Attack { start: b"--b\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", again: BODY, error: body(45) },
        Attack { start: b"--b\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", again: BODY, error: body(45) },
        // A length that was a lie, then another.
        Attack {
            start: b"--b\r\nContent-Length: 99\r\n\r\n\r\n--b\r\nContent-Length: 262144\r\n\r\n",
            again: BODY,
            error: body(60),
        },
    ] {
        for chunk in [1, 4 * KIB, 32 * KIB] {
            attack.check(&decoder, chunk);
        }
    }
    for attack in [
        // What might be a boundary to be learnt, for ever.
        Attack { start: b"", again: b"--x\r\n", error: junk() },
        Attack {
            start: b"Content-Type: text/plain\r\n\r\n",
            again: b"\r\n--x",
            error: endless(None, 28, &b"\r\n--x".repeat(4)),
        },
        Attack {
            start: b"Content-Type: text/plain\r\n\r\n\n--",
            again: b"x",
            error: endless(None, 28, b"\n--xxxxxxxxxxxxx"),
        },
        Attack {
            start: b"Content-Type: text/plain\r\n\r\n\n--x\n",
            again: b"x",
            error: endless(None, 28, b"\n--x\nxxxxxxxxxxx"),
        },
    ] {
        for chunk in [1, 4 * KIB, 32 * KIB] {
            attack.check(&Decoder::detect().limits(limits), chunk);
        }
    }
    let error = DecodeError::NoDelimiter {
        begins: Bytes::from_static(b"neither a bounda"),
        delimiter: Some("--b".to_owned()),
        limit: 16 * MIB,
        offset: 7,
    };
    Attack { start: b"--b\r\n\r\n", again: BODY, error }.check(&decoder.limits(Limits::new()), 32 * KIB);

    for again in [&b"--b\r\n\r\n"[..], b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 2\r\n\r\nno\r\n"] {
        what_is_no_part_leaves_nothing_behind(again);
    }
}

/// Parts that are none, in any number: that is no error, but takes no memory either.
fn what_is_no_part_leaves_nothing_behind(again: &[u8]) {
    const COUNT: usize = 100_000;
    const EACH: usize = 100;
    let chunk = again.repeat(EACH);
    ALLOCATOR.set_limit(ALLOCATOR.allocated() + 64 * KIB + 2 * chunk.len()).expect("more than is allocated now");
    let source = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from(chunk.clone()))).take(COUNT / EACH);
    let mut parts = Parts::new(source, Decoder::new("b"));
    let end = block_on(parts.next());
    ALLOCATOR.set_limit(usize::MAX).expect("more than is allocated now");
    assert!(matches!(end, Some(Err(PartsError::Decode(DecodeError::Truncated { .. })))), "{end:?}");
    assert!(parts.decoder().skipped() >= COUNT as u64 - 1);
}
