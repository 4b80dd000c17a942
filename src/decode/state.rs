//! The states of a decoder, and a step for each.
//!
//! A step depends only on the bytes so far, and decides nothing that more bytes could change. So the result does not depend
//! on how the network cuts them.

use bytes::{Buf as _, BytesMut};

use super::body::Body;
use super::delimiter::{Delimiter, Learn, learn};
use super::head::Head;
use super::scan::{Begins, LINE_ENDS_MAX, LineEnd, begins, begins_part, bytes_from, bytes_to, line_end, line_ends};
use super::{DecodeError, Decoder, Limits};
use crate::part::Part;

#[derive(Clone, Debug)]
pub(super) enum State {
    /// In a part's body.
    Body(Body),
    Closed,
    /// On the line of a dash-boundary, after that.
    Delimiter,
    Failed(DecodeError),
    /// In a header block.
    Head {
        /// The start of the current line in the buffer.
        line: usize,
        /// The number of lines before it.
        lines: usize,
    },
    /// Before the first delimiter, or after a part that was returned without one.
    Junk(Junk),
}

#[derive(Clone, Debug)]
pub(super) struct Junk {
    /// The offset where it began.
    pub(super) from: u64,
    pub(super) line_start: bool,
    pub(super) after: After,
}

/// The part before the junk.
#[derive(Clone, Copy, Debug)]
pub(super) enum After {
    /// An image that ended by itself, in a body that began at this offset. More bytes may belong to the part.
    Image { body: u64 },
    /// A part that ended at its length, in a body that began at this offset. If anything but a delimiter follows, the
    /// length was wrong, and the bytes belong to the part.
    Length { body: u64 },
    /// None, or one that ended at its delimiter.
    Nothing,
    /// A complete image that ended at its length.
    Complete,
}

/// The result of one look at the buffer.
#[expect(clippy::large_enum_variant, reason = "short-lived")]
pub(super) enum Step {
    Again,
    Part(Part),
    Wait,
}

impl Decoder {
    /// Drops lines up to one that begins a part.
    pub(super) fn junk(&mut self, mut junk: Junk, src: &mut BytesMut, eof: bool) -> Result<Step, DecodeError> {
        loop {
            if junk.line_start {
                self.take(src, src.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count());
            }
            self.check_junk(&junk)?;
            if src.is_empty() {
                break;
            }
            if junk.line_start {
                match self.begins_delimiter(src).settled(eof) {
                    Begins::Maybe => break,
                    Begins::Yes(len) => {
                        self.confirm_length(&junk);
                        return Ok(self.enter_delimiter(src, 0, len));
                    }
                    Begins::No => {}
                }
                // These bytes may still be in the part. There, only a delimiter ends it: a body can contain a header field.
                let is_open = self.confirmed && matches!(junk.after, After::Image { .. } | After::Length { .. });
                match if is_open { Begins::No } else { begins_part(src).settled(eof) } {
                    Begins::Maybe => break,
                    Begins::Yes(_) => {
                        self.confirm_length(&junk);
                        return Ok(self.enter(State::Head { line: 0, lines: 0 }));
                    }
                    Begins::No => {}
                }
            }
            match junk.after {
                After::Length { .. } => self.lengths = Some(false),
                After::Complete => junk.after = After::Nothing,
                After::Image { .. } | After::Nothing => {}
            }
            let line_end = memchr::memchr2(b'\r', b'\n', src);
            self.take(src, line_end.map_or(src.len(), |at| at + 1));
            junk.line_start = line_end.is_some();
        }
        Ok(self.wait(State::Junk(junk)))
    }

    fn check_junk(&self, junk: &Junk) -> Result<(), DecodeError> {
        let Limits { max_junk_bytes, max_part_bytes, .. } = self.limits;
        match junk.after {
            // A part of exactly the limit has a line end after it.
            After::Image { body } | After::Length { body }
                if self.taken - body > max_part_bytes as u64 + LINE_ENDS_MAX as u64 =>
            {
                Err(DecodeError::PartTooLong { max_bytes: max_part_bytes, offset: body })
            }
            After::Nothing | After::Complete if self.taken - junk.from > max_junk_bytes as u64 => {
                Err(DecodeError::JunkTooLong { max_bytes: max_junk_bytes, offset: junk.from })
            }
            _ => Ok(()),
        }
    }

    /// Notes that the length of a part was right, since the next one begins after it.
    fn confirm_length(&mut self, junk: &Junk) {
        if let After::Length { .. } | After::Complete = junk.after {
            self.lengths.get_or_insert(true);
        }
    }

    /// Tells a close-delimiter from a delimiter, and drops the rest of its line, unless that is a header.
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
            let rest = bytes_from(src, line);
            let delimiter = self.delimiter.as_ref().map_or(Begins::No, |delimiter| delimiter.begins_line(rest));
            match delimiter.settled(eof) {
                Begins::Maybe => break,
                Begins::Yes(len) => {
                    // After header lines: the end of a part without a body. Otherwise a delimiter sent twice.
                    self.skipped += u64::from(lines > 0);
                    return Ok(self.enter_delimiter(src, line, len));
                }
                Begins::No => {}
            }
            let (len, next) = self.line(src, line, eof)?;
            let Some(next) = next else { break };
            if len > 0 {
                lines += 1;
                let max_headers = self.limits.max_headers;
                if lines > max_headers {
                    return Err(DecodeError::TooManyHeaders { max_headers, offset: self.taken });
                }
                line = next;
                continue;
            }
            if lines == 0 {
                // A part without headers (RFC 2046 §5.1), or a blank line too many before them.
                let rest = bytes_from(src, next);
                let more = line_ends(rest);
                match begins_part(bytes_from(rest, more)).settled(eof) {
                    Begins::Maybe => break,
                    Begins::Yes(_) => {
                        self.take(src, next + more);
                        return Ok(self.enter(State::Head { line: 0, lines: 0 }));
                    }
                    Begins::No => {}
                }
            }
            let head = Head::parse(bytes_to(src, next));
            self.take(src, next);
            return Ok(self.enter(State::Body(Body::new(head))));
        }
        Ok(self.wait(State::Head { line, lines }))
    }

    /// Returns whether `src`, the beginning of a line, begins with a delimiter. Until the first one, learns which.
    pub(super) fn begins_delimiter(&mut self, src: &[u8]) -> Begins {
        let known = self.delimiter.as_ref().map_or(Begins::No, |delimiter| delimiter.begins_line(src));
        if self.confirmed {
            return known;
        }
        // The announced boundary up to its comma is the beginning of the longer one.
        match self.uncut.as_ref().map_or(Begins::No, |uncut| uncut.begins_line(src)) {
            Begins::No => {}
            Begins::Maybe => return Begins::Maybe,
            Begins::Yes(len) => {
                self.delimiter = self.uncut.take();
                return Begins::Yes(len);
            }
        }
        let bare = || self.delimiter.as_ref().map_or(Begins::No, |delimiter| delimiter.begins_bare_line(src));
        match known.or_else(bare) {
            Begins::No => match learn(src, self.limits.max_boundary_bytes) {
                Learn::Maybe => Begins::Maybe,
                Learn::No => Begins::No,
                Learn::Yes(boundary) => self.delimiter.insert(Delimiter::new(boundary)).begins_line(src),
            },
            answer => answer,
        }
    }

    /// Returns the length so far of the line at `start`, and the start of the next one, if that has come.
    fn line(&mut self, src: &[u8], start: usize, eof: bool) -> Result<(usize, Option<usize>), DecodeError> {
        let from = self.searched.max(start);
        let (end, next) = match line_end(bytes_from(src, from), eof) {
            LineEnd::Found { len, next } => (from + len, Some(from + next)),
            LineEnd::Missing { len } => (from + len, None),
        };
        self.searched = end;
        let (len, Limits { max_line_bytes, max_header_bytes, .. }) = (end - start, self.limits);
        // The limit that comes first, so that the error does not depend on how much of the line has come.
        if len > max_line_bytes && start.saturating_add(max_line_bytes) <= max_header_bytes {
            return Err(DecodeError::LineTooLong { max_bytes: max_line_bytes, offset: self.taken + start as u64 });
        }
        if end > max_header_bytes {
            return Err(DecodeError::HeaderTooLong { max_bytes: max_header_bytes, offset: self.taken });
        }
        Ok((len, next))
    }

    fn enter_delimiter(&mut self, src: &mut BytesMut, before: usize, len: usize) -> Step {
        if let (false, Some(delimiter)) = (self.confirmed, &mut self.delimiter) {
            delimiter.settle(len);
        }
        self.confirmed = true;
        self.uncut = None;
        self.take(src, before + len);
        self.enter(State::Delimiter)
    }

    /// Enters a state for which nothing in the buffer has been searched.
    pub(super) fn enter(&mut self, state: State) -> Step {
        self.searched = 0;
        self.state = state;
        Step::Again
    }

    /// Stays in a state until more bytes have come.
    pub(super) fn wait(&mut self, state: State) -> Step {
        self.state = state;
        Step::Wait
    }

    pub(super) fn take(&mut self, src: &mut BytesMut, len: usize) {
        let len = len.min(src.len());
        src.advance(len);
        self.taken += len as u64;
    }
}
