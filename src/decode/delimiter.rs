//! What stands between two parts: the dash-boundary at the beginning of a line (RFC 2046 §5.1.1), as it is really sent.

use std::ops::Range;

use memchr::memmem::Finder;

use super::announced::Announced;
use super::scan::{Begins, LineEnd, begins, begins_field, line_end};

/// Finds the delimiters of one boundary.
///
/// What the header says about dashes and what the body holds often disagree (`boundary=--x` with `--x` in the body, or
/// with `----x`), so the boundary is looked for without its leading dashes, behind two or more, until the first delimiter
/// has [told](Self::settle) how many it takes. Whatever follows it on its line makes no difference (RFC 2046 §5.1.1: an
/// exact match of the entire line is not required), so a delimiter is known as soon as its last byte is there.
///
/// A delimiter without any dashes, as in tests of browsers, could be a word in a text. It is one only if nothing else
/// stands on its line, and a header field on the next.
#[derive(Clone, Debug)]
pub(super) struct Delimiter {
    boundary: Announced,
    finder: Finder<'static>,
    /// How many the finder's needle begins with.
    dashes: usize,
    /// How many more than that the line may begin with.
    more_dashes: usize,
}

impl Delimiter {
    pub(super) fn new(boundary: Announced) -> Self {
        let whole = boundary.as_str();
        let bare = bare(&boundary);
        let (dashes, more_dashes) = match whole.len() - bare.len() {
            // GraphQL's boundary `-`: here every dash counts, or `---` could not be told from the closing `-----`.
            own if bare.is_empty() => (own + 2, 0),
            own => (2, own + 2),
        };
        Self { finder: finder(dashes, bare), boundary, dashes, more_dashes }
    }

    /// From now on with no fewer dashes than the first delimiter had, which was so long.
    pub(super) fn settle(&mut self, len: usize) {
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

    /// Whether the line that `src` begins with is a delimiter line.
    pub(super) fn begins_line(&self, src: &[u8]) -> Begins {
        if self.dashes == 0 {
            return self.begins_bare_line(src);
        }
        let needle = self.finder.needle();
        let dashes = src.iter().take(self.dashes + self.more_dashes).take_while(|byte| **byte == b'-').count();
        let more = dashes.saturating_sub(self.dashes);
        begins(src.get(more..).unwrap_or_default(), needle).behind(more)
    }

    /// Whether the line that `src` begins with is a delimiter line without dashes.
    pub(super) fn begins_bare_line(&self, src: &[u8]) -> Begins {
        let bare = bare(&self.boundary).as_bytes();
        match begins(src, bare) {
            Begins::Yes(0) => Begins::No,
            Begins::Yes(len) => match proves_bare(src.get(len..).unwrap_or_default()) {
                Begins::Yes(_) => Begins::Yes(len),
                answer => answer,
            },
            answer => answer,
        }
    }

    /// The first delimiter at or after `from`, with the line end before it.
    ///
    /// It stands at the beginning of a line, or right behind the end of a JPEG picture.
    pub(super) fn find(&self, src: &[u8], from: usize) -> Find {
        self.search(src, from, |_, _| Begins::No)
    }

    /// Like [`find`](Self::find), or in the middle of a line, where either the body in front of it is complete, or a
    /// header field on the next line proves that it is a delimiter.
    pub(super) fn find_anywhere(
        &self,
        src: &[u8],
        from: usize,
        eof: bool,
        mut is_complete: impl FnMut(&[u8]) -> bool,
    ) -> Find {
        self.search(src, from, |body, rest| if is_complete(body) { Begins::Yes(0) } else { proves(rest, eof) })
    }

    fn search(&self, src: &[u8], mut from: usize, mut proven: impl FnMut(&[u8], &[u8]) -> Begins) -> Find {
        let needle = self.finder.needle();
        while let Some(at) = src.get(from..).and_then(|src| self.finder.find(src)) {
            let at = from + at;
            let (before, rest) = src.split_at_checked(at).unwrap_or_default();
            let rest = rest.get(needle.len()..).unwrap_or_default();
            let dashes = before.iter().rev().take(self.more_dashes).take_while(|byte| **byte == b'-').count();
            let before = before.get(..at - dashes).unwrap_or_default();
            let (start, answer) = match line_start(before) {
                Some(start) if self.dashes > 0 => (start, Begins::Yes(0)),
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
}

/// What a search for a delimiter comes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Find {
    Found(Range<usize>),
    /// With more bytes the search can go on here.
    Missing {
        from: usize,
    },
}

/// The boundary that the line at the beginning of `src` would be a delimiter line of.
///
/// It has to be followed by a header field: nothing else tells it from any other line that begins with two dashes.
pub(super) fn learn(src: &[u8], max: usize) -> Learn {
    let line = match begins(src, b"--") {
        Begins::Yes(dashes) => src.get(dashes..).unwrap_or_default(),
        Begins::Maybe => return Learn::Maybe,
        Begins::No => return Learn::No,
    };
    // No further than it matters: a line may be as long as a part.
    match line_end(line.get(..max.saturating_add(LINE_END_MAX)).unwrap_or(line), false) {
        LineEnd::Found { len, .. } | LineEnd::Missing { len } if len > max => Learn::No,
        LineEnd::Missing { .. } => Learn::Maybe,
        LineEnd::Found { len, next } => {
            let name = line.get(..len).unwrap_or_default().trim_ascii_end();
            let Some(boundary) = Announced::new(name, max) else { return Learn::No };
            match begins_field(line.get(next..).unwrap_or_default()) {
                Begins::Yes(_) => Learn::Yes(boundary),
                Begins::Maybe => Learn::Maybe,
                Begins::No => Learn::No,
            }
        }
    }
}

/// The first place at or after `from` where [`learn`] learns.
pub(super) fn learn_anywhere(src: &[u8], mut from: usize, max: usize) -> (Learn, usize) {
    let dashes = Finder::new("--");
    while let Some(at) = src.get(from..).and_then(|src| dashes.find(src)) {
        let at = from + at;
        let (before, line) = src.split_at_checked(at).unwrap_or_default();
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

/// Whether the rest of its line and the next line prove that a boundary was a delimiter.
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

/// Whether a line ends here, but for padding, and a header field begins the next one.
fn field_follows(rest: &[u8]) -> Begins {
    let padding = rest.iter().take(PADDING_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let rest = rest.get(padding..).unwrap_or_default();
    match line_end(rest.get(..LINE_END_MAX).unwrap_or(rest), false) {
        LineEnd::Found { len: 0, next } => begins_field(rest.get(next..).unwrap_or_default()),
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

/// If a line begins behind `before`: where the line end stands that a delimiter there takes with it.
fn line_start(before: &[u8]) -> Option<usize> {
    let rest = match before {
        [] => before,
        [rest @ .., b'\r', b'\n'] | [rest @ .., b'\n' | b'\r'] => rest,
        [.., 0xff, 0xd9] => before,
        _ => return None,
    };
    Some(rest.len())
}

/// CRCRLF.
const LINE_END_MAX: usize = 3;
/// Transport padding (RFC 2046 §5.1.1), as far as it is looked for.
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
    fn takes_the_dashes_that_senders_add_or_leave_out() {
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
    fn settles_for_the_dashes_of_the_first_one() {
        let mut delimiter = delimiter("--x");
        assert_eq!(delimiter.find(b"\n--x\n----x", 0), Find::Found(0..4));
        delimiter.settle(5);
        assert_eq!(delimiter.find(b"\n--x\n----x", 0), Find::Found(4..10));
        assert_eq!(delimiter.begins_line(b"--x"), Begins::No);
        assert_eq!(delimiter.begins_line(b"------x"), Begins::Yes(7));
    }

    #[test]
    fn finds_it_at_the_beginning_of_a_line_only() {
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
    fn finds_it_in_a_line_if_something_proves_it() {
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
    fn takes_no_dashes_only_from_a_line_of_its_own() {
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
    fn learns_only_from_a_line_that_a_header_follows() {
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
