//! What a decoder may be in the middle of, and how it gets on from there.
//!
//! Each step depends only on what has come so far and decides nothing that more bytes could change, so that it makes no
//! difference how the network cuts them.

use bytes::{Buf as _, BytesMut};

use super::delimiter::{Delimiter, Find, Learn, learn, learn_anywhere};
use super::head::Head;
use super::scan::{Begins, LineEnd, begins, begins_part, line_end, line_ends};
use super::{DecodeError, Decoder, Limits};
use crate::part::Part;

#[derive(Clone, Debug)]
pub(super) enum State {
    /// In a part's body.
    Body(Head),
    Closed,
    /// Behind a dash-boundary, on its line.
    Delimiter,
    Failed(DecodeError),
    /// In a header block whose current line, one of so many, begins so far into the buffer.
    Head {
        line: usize,
        lines: usize,
    },
    /// Before the first delimiter, or behind a part that did not need one.
    Junk {
        /// Where it began.
        from: u64,
        line_start: bool,
    },
}

/// What one look at the buffer comes to.
#[expect(clippy::large_enum_variant, reason = "it lives from one return to the next")]
pub(super) enum Step {
    Again,
    Part(Part),
    Wait,
}

impl Decoder {
    /// Drops lines up to one that begins a part.
    pub(super) fn junk(
        &mut self,
        from: u64,
        mut line_start: bool,
        src: &mut BytesMut,
        eof: bool,
    ) -> Result<Step, DecodeError> {
        loop {
            if line_start {
                self.take(src, line_ends(src));
            }
            if self.taken - from > self.limits.junk as u64 {
                return Err(DecodeError::JunkTooLong { limit: self.limits.junk, offset: from });
            }
            if src.is_empty() {
                break;
            }
            if line_start {
                match self.begins_delimiter(src).settled(eof) {
                    Begins::Maybe => break,
                    Begins::Yes(len) => return Ok(self.enter_delimiter(src, 0, len)),
                    Begins::No => {}
                }
                match begins_part(src).settled(eof) {
                    Begins::Maybe => break,
                    Begins::Yes(_) => return Ok(self.enter(State::Head { line: 0, lines: 0 })),
                    Begins::No => {}
                }
            }
            let line_end = memchr::memchr2(b'\r', b'\n', src);
            self.take(src, line_end.map_or(src.len(), |at| at + 1));
            line_start = line_end.is_some();
        }
        Ok(self.wait(State::Junk { from, line_start }))
    }

    /// Tells a close-delimiter from a delimiter, and drops the rest of its line, unless that is a header already.
    pub(super) fn delimiter_line(&mut self, src: &mut BytesMut, eof: bool) -> Result<Step, DecodeError> {
        match begins(src, b"--").settled(eof) {
            Begins::Maybe => return Ok(self.wait(State::Delimiter)),
            Begins::Yes(_) => return Ok(self.enter(State::Closed)),
            Begins::No => {}
        }
        let (len, next) = self.line(src, 0, eof)?;
        let Some(next) = next else { return Ok(self.wait(State::Delimiter)) };
        let is_header = src.get(..len).is_some_and(|line| matches!(begins_part(line), Begins::Yes(_)));
        if !is_header {
            self.take(src, next);
        }
        Ok(self.enter(State::Head { line: 0, lines: 0 }))
    }

    /// Goes through a header block line by line, up to the blank one.
    pub(super) fn head(
        &mut self,
        mut line: usize,
        mut lines: usize,
        src: &mut BytesMut,
        eof: bool,
    ) -> Result<Step, DecodeError> {
        loop {
            let rest = src.get(line..).unwrap_or_default();
            let delimiter = self.delimiter.as_ref().map_or(Begins::No, |delimiter| delimiter.begins_line(rest));
            match delimiter.settled(eof) {
                Begins::Maybe => break,
                Begins::Yes(len) => {
                    // Behind header lines, the end of a part that never had a body; else a delimiter sent twice.
                    self.skipped += u64::from(lines > 0);
                    return Ok(self.enter_delimiter(src, line, len));
                }
                Begins::No => {}
            }
            let (len, next) = self.line(src, line, eof)?;
            let Some(next) = next else { break };
            if len > 0 {
                lines += 1;
                if lines > self.limits.headers {
                    return Err(DecodeError::TooManyHeaders { limit: self.limits.headers, offset: self.taken });
                }
                line = next;
                continue;
            }
            if lines == 0 {
                // No header at all (RFC 2046 §5.1), or a blank line too many before them.
                let rest = src.get(next..).unwrap_or_default();
                let more = line_ends(rest);
                match begins_part(rest.get(more..).unwrap_or_default()).settled(eof) {
                    Begins::Maybe => break,
                    Begins::Yes(_) => {
                        self.take(src, next + more);
                        return Ok(self.enter(State::Head { line: 0, lines: 0 }));
                    }
                    Begins::No => {}
                }
            }
            let head = Head::parse(src.get(..next).unwrap_or_default());
            self.take(src, next);
            return Ok(self.enter(State::Body(head)));
        }
        Ok(self.wait(State::Head { line, lines }))
    }

    /// Looks for the end of a part: where its length says, or else for a delimiter from its start.
    pub(super) fn body(&mut self, mut head: Head, src: &mut BytesMut, eof: bool) -> Result<Step, DecodeError> {
        let too_long = DecodeError::PartTooLong { limit: self.limits.part, offset: self.taken };
        if let Some(length) = head.length {
            let length = usize::try_from(length).ok().filter(|length| *length <= self.limits.part).ok_or(too_long)?;
            if let (true, Some(delimiter)) = (self.lied, &self.delimiter) {
                // To wait for a length that is too large again would delay every part, and fill the buffer each time.
                match delimiter.find(src.get(..length).unwrap_or(src), self.searched) {
                    Find::Found(delimiter) => return Ok(self.deliver(head, src, delimiter.start)),
                    Find::Missing { from } => self.searched = from,
                }
            }
            match src.split_at_checked(length) {
                None if !eof => return Ok(self.wait(State::Body(head))),
                None => {}
                Some((body, _)) if is_whole_jpeg(body) => return Ok(self.deliver(head, src, length)),
                Some((_, rest)) => match self.begins_delimiter(rest.get(line_ends(rest)..).unwrap_or_default()) {
                    Begins::Maybe if !eof => return Ok(self.wait(State::Body(head))),
                    Begins::Maybe | Begins::Yes(_) => return Ok(self.deliver(head, src, length)),
                    Begins::No => {}
                },
            }
            head.length = None;
            self.lied = true;
        }
        let found = match &self.delimiter {
            Some(delimiter) => delimiter.find(src, self.searched),
            None => match learn_anywhere(src, self.searched, self.limits.boundary) {
                (Learn::Yes(boundary), _) => {
                    self.delimiter = Some(Delimiter::new(boundary));
                    return Ok(self.enter(State::Body(head)));
                }
                (Learn::Maybe | Learn::No, from) => Find::Missing { from },
            },
        };
        match found {
            Find::Found(delimiter) if delimiter.start > self.limits.part => Err(too_long),
            Find::Found(delimiter) => Ok(self.deliver(head, src, delimiter.start)),
            Find::Missing { from } if from > self.limits.part.saturating_add(BEFORE_NEEDLE) => Err(too_long),
            Find::Missing { .. } if eof && is_whole_jpeg(src) => {
                let len = src.trim_ascii_end().len();
                Ok(self.deliver(head, src, len))
            }
            Find::Missing { from } => {
                self.searched = from;
                Ok(self.wait(State::Body(head)))
            }
        }
    }

    /// Cuts a body out of the buffer. Its delimiter, if it is there already, is found by [`junk`](Self::junk).
    fn deliver(&mut self, head: Head, src: &mut BytesMut, len: usize) -> Step {
        let body = src.split_to(len.min(src.len())).freeze();
        self.taken += body.len() as u64;
        self.enter(State::Junk { from: self.taken, line_start: true });
        match head.into_part(body) {
            Some(part) => Step::Part(part),
            None => {
                self.skipped += 1;
                Step::Again
            }
        }
    }

    /// Whether `src`, at the beginning of a line, begins with a delimiter; until the first one it may teach which.
    fn begins_delimiter(&mut self, src: &[u8]) -> Begins {
        let begins = |delimiter: &Option<Delimiter>| delimiter.as_ref().map_or(Begins::No, |it| it.begins_line(src));
        match begins(&self.delimiter) {
            Begins::No if !self.confirmed => match learn(src, self.limits.boundary) {
                Learn::Maybe => Begins::Maybe,
                Learn::No => Begins::No,
                Learn::Yes(boundary) => {
                    self.delimiter = Some(Delimiter::new(boundary));
                    begins(&self.delimiter)
                }
            },
            answer => answer,
        }
    }

    /// How long the line is that begins at `start`, so far, and where the next one begins, if that has come.
    fn line(&mut self, src: &[u8], start: usize, eof: bool) -> Result<(usize, Option<usize>), DecodeError> {
        let from = self.searched.max(start);
        let (end, next) = match line_end(src.get(from..).unwrap_or_default(), eof) {
            LineEnd::Found { len, next } => (from + len, Some(from + next)),
            LineEnd::Missing { len } => (from + len, None),
        };
        self.searched = end;
        let (len, Limits { line, block, .. }) = (end - start, self.limits);
        // Whichever limit comes first, so that it makes no difference how much of the line has come.
        if len > line && start.saturating_add(line) <= block {
            return Err(DecodeError::LineTooLong { limit: line, offset: self.taken + start as u64 });
        }
        if end > block {
            return Err(DecodeError::BlockTooLong { limit: block, offset: self.taken });
        }
        Ok((len, next))
    }

    fn enter_delimiter(&mut self, src: &mut BytesMut, before: usize, len: usize) -> Step {
        if let (false, Some(delimiter)) = (self.confirmed, &mut self.delimiter) {
            delimiter.settle(len);
        }
        self.confirmed = true;
        self.take(src, before + len);
        self.enter(State::Delimiter)
    }

    /// A new state, for which nothing in the buffer has been searched.
    fn enter(&mut self, state: State) -> Step {
        self.searched = 0;
        self.state = state;
        Step::Again
    }

    /// The same state, when more bytes have come.
    fn wait(&mut self, state: State) -> Step {
        self.state = state;
        Step::Wait
    }

    pub(super) fn take(&mut self, src: &mut BytesMut, len: usize) {
        let len = len.min(src.len());
        src.advance(len);
        self.taken += len as u64;
    }

    /// How many bytes the current part is known to lack.
    pub(super) fn lacks(&self, src: &BytesMut) -> Option<usize> {
        let State::Body(Head { length: Some(length), .. }) = &self.state else { return None };
        usize::try_from(*length).ok()?.checked_sub(src.len())
    }
}

/// From SOI to EOI (T.81 B.1.1). Some senders count the line end behind it, too.
fn is_whole_jpeg(body: &[u8]) -> bool {
    body.starts_with(b"\xff\xd8") && body.trim_ascii_end().ends_with(b"\xff\xd9")
}

/// More than a line end and the dashes before the part of a delimiter that is searched for.
const BEFORE_NEEDLE: usize = 256;
