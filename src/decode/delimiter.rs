//! Delimiters between parts (RFC 2046 §5.1.1), as senders really write them.

use std::ops::Range;

use memchr::memmem::Finder;

use super::announced::Announced;
use super::scan::{Begins, LineEnd, begins, begins_field, bytes_from, bytes_to, line_end};

/// A search for the delimiters of one boundary.
///
/// The dashes of the announced boundary and those in the body often differ (`boundary=--x` with `--x` in the body, or with
/// `----x`). So the needle is the boundary without its leading dashes, after two or more, until the first delimiter
/// [settles](Self::settle) their number. The rest of the line does not matter (RFC 2046 §5.1.1: an exact match of the
/// entire line is not required), so a delimiter is found with its last byte. Only if it has more dashes than the first
/// one, what follows has to prove it: a line of text may begin like that.
///
/// A delimiter without any dashes, as in tests of browsers, could be a word in a text. It is one only if nothing else
/// stands on its line, and a header field on the next.
#[derive(Clone, Debug)]
pub(super) struct Delimiter {
    boundary: Announced,
    finder: Finder<'static>,
    /// The number of dashes at the beginning of the finder's needle.
    dashes: usize,
    /// The number of dashes that the line may begin with before that.
    more_dashes: usize,
    is_settled: bool,
}

impl Delimiter {
    pub(super) fn new(boundary: Announced) -> Self {
        let announced = boundary.as_str();
        let bare = bare(&boundary);
        let (dashes, more_dashes) = match announced.len() - bare.len() {
            // GraphQL's boundary `-`: every dash counts, or `---` would be equal to the closing `-----`.
            own if bare.is_empty() => (own + 2, 0),
            own => (2, own + 2),
        };
        Self { finder: finder(dashes, bare), boundary, dashes, more_dashes, is_settled: false }
    }

    /// Requires from now on as many dashes as the first delimiter had, by its length.
    pub(super) fn settle(&mut self, len: usize) {
        self.is_settled = true;
        let bare = bare(&self.boundary);
        let dashes = len.saturating_sub(bare.len());
        if dashes != self.dashes {
            self.dashes = dashes;
            self.finder = finder(dashes, bare);
        }
        if dashes == 0 {
            self.more_dashes = 0;
        }
    }

    pub(super) fn boundary(&self) -> &str {
        self.boundary.as_str()
    }

    /// Returns the delimiter that is searched for.
    pub(super) fn needle(&self) -> &[u8] {
        self.finder.needle()
    }

    /// Returns whether the first line of `src` is a delimiter line.
    pub(super) fn begins_line(&self, src: &[u8]) -> Begins {
        if self.dashes == 0 {
            return self.begins_bare_line(src);
        }
        let needle = self.finder.needle();
        let dashes = src.iter().take(self.dashes + self.more_dashes).take_while(|byte| **byte == b'-').count();
        let more = dashes.saturating_sub(self.dashes);
        match begins(bytes_from(src, more), needle).after(more) {
            Begins::Yes(len) => match self.proves_more(more, bytes_from(src, len)) {
                Begins::Yes(_) => Begins::Yes(len),
                answer => answer,
            },
            answer => answer,
        }
    }

    /// Returns whether the first line of `src` is a delimiter line without dashes.
    pub(super) fn begins_bare_line(&self, src: &[u8]) -> Begins {
        let bare = bare(&self.boundary).as_bytes();
        match begins(src, bare) {
            Begins::Yes(0) => Begins::No,
            Begins::Yes(len) => match proves_bare(bytes_from(src, len)) {
                Begins::Yes(_) => Begins::Yes(len),
                answer => answer,
            },
            answer => answer,
        }
    }

    /// Returns the first delimiter at or after `from`, with the line end before it.
    ///
    /// It stands at the beginning of a line, or right after the end of a JPEG picture.
    pub(super) fn find(&self, src: &[u8], from: usize) -> Find {
        self.search(src, from, |_, _| Begins::No)
    }

    /// Like [`find`](Self::find), and also finds a delimiter in the middle of a line, if the body before it is complete or
    /// a header field follows on the next line.
    pub(super) fn find_anywhere(
        &self,
        src: &[u8],
        from: usize,
        eof: bool,
        mut is_complete: impl FnMut(&[u8]) -> bool,
    ) -> Find {
        self.search(src, from, |body, rest| if is_complete(body) { Begins::Yes(0) } else { proves(rest, eof) })
    }

    /// Returns `true` if a delimiter at the beginning of a line begins a part or ends the stream, as far as `src` shows.
    pub(super) fn may_begin_part_in(&self, src: &[u8]) -> bool {
        let mut from = 0;
        while let Find::Found(Range { end, .. }) = self.find(src, from) {
            if proves(bytes_from(src, end), false) != Begins::No {
                return true;
            }
            from = end;
        }
        false
    }

    fn search(&self, src: &[u8], mut from: usize, mut proven: impl FnMut(&[u8], &[u8]) -> Begins) -> Find {
        let needle = self.finder.needle();
        while let Some(at) = src.get(from..).and_then(|src| self.finder.find(src)) {
            let at = from + at;
            let (before, rest) = src.split_at(at);
            let rest = bytes_from(rest, needle.len());
            let dashes = before.iter().rev().take(self.more_dashes).take_while(|byte| **byte == b'-').count();
            let before = bytes_to(before, at - dashes);
            let (start, answer) = match line_start(before) {
                Some(start) if self.dashes > 0 => (start, self.proves_more(dashes, rest)),
                Some(start) => (start, proves_bare(rest)),
                None if self.dashes > 0 => (before.len(), proven(before, rest)),
                None => (before.len(), Begins::No),
            };
            match answer {
                Begins::Yes(_) => return Find::Found(start..at + needle.len()),
                Begins::Maybe => return Find::Missing { from: at },
                Begins::No => from = at + 1,
            }
        }
        Find::Missing { from: from.max((src.len() + 1).saturating_sub(needle.len())) }
    }

    /// Returns whether a line with `more` dashes than the needle is a delimiter, by what follows it.
    fn proves_more(&self, more: usize, rest: &[u8]) -> Begins {
        if self.is_settled && more > 0 { proves(rest, false) } else { Begins::Yes(0) }
    }
}

/// The result of a search for a delimiter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Find {
    Found(Range<usize>),
    /// With more bytes, the search can go on here.
    Missing {
        from: usize,
    },
}

/// Learns the boundary from the first line of `src`, if that is a delimiter line.
///
/// A header field has to follow. Otherwise it could be any other line that begins with two dashes.
pub(super) fn learn(src: &[u8], max: usize) -> Learn {
    let line = match begins(src, b"--") {
        Begins::Yes(dashes) => bytes_from(src, dashes),
        Begins::Maybe => return Learn::Maybe,
        Begins::No => return Learn::No,
    };
    // No more of the line than the longest boundary: a line may be as long as a part.
    match line_end(line.get(..max.saturating_add(LINE_END_MAX)).unwrap_or(line), false) {
        LineEnd::Found { len, .. } | LineEnd::Missing { len } if len > max => Learn::No,
        LineEnd::Missing { .. } => Learn::Maybe,
        LineEnd::Found { len, next } => {
            let name = bytes_to(line, len).trim_ascii_end();
            let Some(boundary) = Announced::new(name, max) else { return Learn::No };
            match begins_field(bytes_from(line, next)) {
                Begins::Yes(_) => Learn::Yes(boundary),
                Begins::Maybe => Learn::Maybe,
                Begins::No => Learn::No,
            }
        }
    }
}

/// Returns the first place at or after `from` where [`learn`] learns a boundary.
pub(super) fn learn_anywhere(src: &[u8], mut from: usize, max: usize) -> (Learn, usize) {
    let dashes = Finder::new("--");
    while let Some(at) = src.get(from..).and_then(|src| dashes.find(src)) {
        let at = from + at;
        let (before, line) = src.split_at(at);
        if line_start(before).is_some() {
            match learn(line, max) {
                Learn::No => {}
                answer => return (answer, at),
            }
        }
        from = at + 1;
    }
    (Learn::No, from.max(src.len().saturating_sub(1)))
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Learn {
    Maybe,
    No,
    Yes(Announced),
}

/// Returns whether the rest of its line and the next line prove that a boundary was a delimiter.
fn proves(rest: &[u8], eof: bool) -> Begins {
    let closes = match begins(rest, b"--") {
        Begins::Yes(dashes) => match rest.get(dashes) {
            Some(b'\r' | b'\n') => Begins::Yes(dashes),
            None if eof => Begins::Yes(dashes),
            None => Begins::Maybe,
            Some(_) => Begins::No,
        },
        answer => answer,
    };
    closes.or_else(|| field_follows(rest))
}

/// The same where the boundary stands at the beginning of a line.
fn proves_bare(rest: &[u8]) -> Begins {
    begins(rest, b"--").or_else(|| field_follows(rest))
}

/// Returns whether the line ends here, but for padding, and the next one begins with a header field.
fn field_follows(rest: &[u8]) -> Begins {
    let padding = rest.iter().take(PADDING_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let rest = bytes_from(rest, padding);
    match line_end(rest.get(..LINE_END_MAX).unwrap_or(rest), false) {
        LineEnd::Found { len: 0, next } => begins_field(bytes_from(rest, next)),
        LineEnd::Missing { len: 0 } => Begins::Maybe,
        LineEnd::Found { .. } | LineEnd::Missing { .. } => Begins::No,
    }
}

fn bare(boundary: &Announced) -> &str {
    boundary.as_str().trim_start_matches('-')
}

fn finder(dashes: usize, bare: &str) -> Finder<'static> {
    Finder::new(&("-".repeat(dashes) + bare)).into_owned()
}

/// Returns the start of the line end at the end of `before`, which belongs to a delimiter after it, if a line begins there.
fn line_start(before: &[u8]) -> Option<usize> {
    let rest = match before {
        [] => before,
        [rest @ .., b'\r', b'\n'] | [rest @ .., b'\n' | b'\r'] => rest,
        [.., 0xff, 0xd9] => before,
        _ => return None,
    };
    Some(rest.len())
}

/// The length of CRCRLF.
const LINE_END_MAX: usize = 3;
/// The longest transport padding (RFC 2046 §5.1.1).
const PADDING_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(boundary: &str) -> Announced {
        Announced::new(boundary, 200).unwrap()
    }

    fn delimiter(boundary: &str) -> Delimiter {
        Delimiter::new(announced(boundary))
    }

    #[test]
    fn accepts_dashes_that_senders_add_or_leave_out() {
        for (boundary, line, answer) in [
            ("x", "--x", Begins::Yes(3)),
            ("x", "----x", Begins::Yes(5)),
            ("x", "-----x", Begins::No),
            ("x", "-x", Begins::No),
            ("x", "---", Begins::Maybe),
            ("x", "", Begins::Maybe),
            ("--x", "--x", Begins::Yes(3)),
            ("--x", "----x", Begins::Yes(5)),
            ("--x", "------x", Begins::Yes(7)),
            ("--x", "-------x", Begins::No),
            ("-", "---", Begins::Yes(3)),
            ("-", "-----", Begins::Yes(3)),
            ("-", "--", Begins::Maybe),
            ("-", "--x", Begins::No),
            ("x--", "--x-", Begins::Maybe),
            ("x--", "--x--", Begins::Yes(5)),
        ] {
            assert_eq!(delimiter(boundary).begins_line(line.as_bytes()), answer, "{boundary} {line}");
        }
    }

    #[test]
    fn settles_on_the_dashes_of_the_first_delimiter() {
        let mut delimiter = delimiter("--x");
        assert_eq!(delimiter.find(b"\n--x\n----x", 0), Find::Found(0..4));
        delimiter.settle(5);
        assert_eq!(delimiter.find(b"\n--x\n----x", 0), Find::Found(4..10));
        assert_eq!(delimiter.begins_line(b"--x"), Begins::No);
        assert_eq!(delimiter.begins_line(b"------x"), Begins::Maybe);
        assert_eq!(delimiter.begins_line(b"------x\r\nA:"), Begins::Yes(7));
        assert_eq!(delimiter.begins_line(b"------x y"), Begins::No);
        assert_eq!(delimiter.find(b"\n-----xy\n----x", 0), Find::Found(8..14));
        assert_eq!(delimiter.find(b"\n------x--\n", 0), Find::Found(0..8));
    }

    #[test]
    fn finds_delimiter_at_the_beginning_of_a_line_only() {
        for (src, found) in [
            (&b"abc\r\n--x"[..], Some(3..8)),
            (b"abc\n--x", Some(3..7)),
            (b"abc\r--x", Some(3..7)),
            (b"abc\r\n\r\n----x", Some(5..12)),
            (b"--x", Some(0..3)),
            (b"a\xff\xd9--x", Some(3..6)),
            (b"abc --x", None),
            (b"abc--x\r\n--x", Some(6..11)),
            (b"abc\r\n-----x\n--x", Some(11..15)),
        ] {
            let answer = delimiter("x").find(src, 0);
            match found {
                Some(range) => assert_eq!(answer, Find::Found(range), "{}", src.escape_ascii()),
                None => assert_eq!(answer, Find::Missing { from: src.len() - 2 }, "{}", src.escape_ascii()),
            }
        }
    }

    #[test]
    fn finds_delimiter_within_a_line_if_a_proof_follows() {
        for (src, found) in [
            (&b"abc--x\r\nContent-Type: a"[..], Some(3..6)),
            (b"abc--x \t\nX-A:", Some(3..6)),
            (b"abc--x--\r", Some(3..6)),
            (b"{}--x", Some(2..5)),
            (b"abc--x\r\nno field", None),
            (b"abc--x def--x--def", None),
            (b"abc--x\r\n\r\n", None),
        ] {
            let answer = delimiter("x").find_anywhere(src, 0, false, |body| body == b"{}");
            match found {
                Some(range) => assert_eq!(answer, Find::Found(range), "{}", src.escape_ascii()),
                None => assert_eq!(answer, Find::Missing { from: src.len() - 2 }, "{}", src.escape_ascii()),
            }
        }
        for src in [&b"abc--x"[..], b"abc--x \r", b"abc--x\r\nContent", b"abc--x-", b"abc--x--"] {
            let answer = delimiter("x").find_anywhere(src, 0, false, |_| false);
            assert_eq!(answer, Find::Missing { from: 3 }, "{}", src.escape_ascii());
        }
        assert_eq!(delimiter("x").find_anywhere(b"abc--x--", 0, true, |_| false), Find::Found(3..6));
    }

    #[test]
    fn delimiter_without_dashes_needs_a_line_and_a_header() {
        let mut delimiter = delimiter("x");
        assert_eq!(delimiter.begins_bare_line(b"x\r\nA:"), Begins::Yes(1));
        delimiter.settle(1);
        for (line, answer) in [
            ("x\nA:", Begins::Yes(1)),
            ("x--", Begins::Yes(1)),
            ("x\n", Begins::Maybe),
            ("x\nA", Begins::Maybe),
            ("x", Begins::Maybe),
            ("x-y", Begins::No),
            ("xy", Begins::No),
            ("x\n\n", Begins::No),
        ] {
            assert_eq!(delimiter.begins_line(line.as_bytes()), answer, "{line}");
        }
        assert_eq!(delimiter.find(b"ax\nA:\nx\n\nx\nA:", 0), Find::Found(8..10));
    }

    #[test]
    fn learns_boundary_only_from_a_line_before_a_header() {
        for (src, boundary) in [
            (&b"--x\r\nContent-Type: a"[..], "x"),
            (b"----x \nX-A:", "--x"),
            (b"--x--\r\nContent-Type:", "x--"),
            (b"---\r\nA:", "-"),
        ] {
            assert_eq!(learn(src, 70), Learn::Yes(announced(boundary)), "{}", src.escape_ascii());
        }
        for src in [&b"--\r\nA:"[..], b"--x\r\nno header", b"-- \xff\r\nA:", b"- x", b"--x\r\n\r\nA:"] {
            assert_eq!(learn(src, 70), Learn::No, "{}", src.escape_ascii());
        }
        for src in [&b""[..], b"-", b"--", b"--x", b"--x\r", b"--x\r\n", b"--x\r\nContent-Type"] {
            assert_eq!(learn(src, 70), Learn::Maybe, "{}", src.escape_ascii());
        }
        assert_eq!(learn(b"--abcd", 3), Learn::No);
    }
}
