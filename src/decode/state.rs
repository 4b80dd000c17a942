//! What a decoder may be in the middle of, and how it gets on from there.
//!
//! Each step depends only on what has come so far and decides nothing that more bytes could change, so that it makes no
//! difference how the network cuts them.

use bytes::{Buf as _, Bytes, BytesMut};

use super::delimiter::{Delimiter, Find, Learn, learn, learn_anywhere};
use super::ending::{Ending, Whole, is_whole};
use super::head::{Head, Kind};
use super::json::Json;
use super::scan::{Begins, LineEnd, begins, begins_part, line_end, line_ends};
use super::{DecodeError, Decoder, Limits};
use crate::part::Part;

#[derive(Clone, Debug)]
pub(super) enum State {
    /// In a part's body.
    Body(Body),
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
    Junk(Junk),
}

#[derive(Clone, Debug)]
pub(super) struct Body {
    head: Head,
    kind: Kind,
    /// How far an image without a valid length has been followed.
    ending: Ending,
    /// The same for JSON.
    json: Json,
    /// Whether the image that ends at the length has its end there, once that is known.
    whole: Option<Whole>,
}

impl Body {
    fn new(head: Head) -> Self {
        let kind = head.kind();
        let ending = match kind {
            Kind::Image | Kind::Other => Ending::new(kind == Kind::Image),
            Kind::Json | Kind::Text => Ending::none(),
        };
        Self { head, kind, ending, json: Json::default(), whole: None }
    }

    fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Json | Kind::Text)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Junk {
    /// Where it began.
    pub(super) from: u64,
    pub(super) line_start: bool,
    pub(super) after: After,
}

/// What the junk follows.
#[derive(Clone, Copy, Debug)]
pub(super) enum After {
    /// An image that ended by itself. What follows may belong to the part, whose body began there.
    Image { body: u64 },
    /// A part that its length ended. If anything but a delimiter follows, the length was wrong, and what follows belongs
    /// to the part, whose body began there.
    Length { body: u64 },
    /// Nothing, or a part that its delimiter ended.
    Nothing,
    /// A part that its length ended, and that was complete.
    Whole,
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
                // What follows an image may still be in its part, where only a delimiter ends that: anybody can write a
                // header field.
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
                After::Whole => junk.after = After::Nothing,
                After::Image { .. } | After::Nothing => {}
            }
            let line_end = memchr::memchr2(b'\r', b'\n', src);
            self.take(src, line_end.map_or(src.len(), |at| at + 1));
            junk.line_start = line_end.is_some();
        }
        Ok(self.wait(State::Junk(junk)))
    }

    fn check_junk(&self, junk: &Junk) -> Result<(), DecodeError> {
        let Limits { junk: limit, part, .. } = self.limits;
        match junk.after {
            After::Image { body } | After::Length { body } if self.taken - body > part as u64 => {
                Err(DecodeError::PartTooLong { limit: part, offset: body })
            }
            After::Nothing | After::Whole if self.taken - junk.from > limit as u64 => {
                Err(DecodeError::JunkTooLong { limit, offset: junk.from })
            }
            _ => Ok(()),
        }
    }

    /// The length of a part was right if the next one begins after it.
    fn confirm_length(&mut self, junk: &Junk) {
        if let After::Length { .. } | After::Whole = junk.after {
            self.lengths.get_or_insert(true);
        }
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
            return Ok(self.enter(State::Body(Body::new(head))));
        }
        Ok(self.wait(State::Head { line, lines }))
    }

    /// Looks for the end of a part: where its length says, where an image ends by itself, or else at a delimiter.
    pub(super) fn body(&mut self, mut body: Body, src: &mut BytesMut, eof: bool) -> Result<Step, DecodeError> {
        let limit = self.limits.part;
        if let Some(length) = body.head.length {
            let too_long = DecodeError::PartTooLong { limit, offset: self.taken };
            let length = usize::try_from(length).ok().filter(|length| *length <= limit).ok_or(too_long)?;
            // No delimiter stands in a body with a valid length. To wait for one that is too large would delay the part,
            // and fill the buffer each time. In an image it is searched for only until a length was right, so that the
            // work does not grow with images, or if the image has no end where its length is.
            let seen = src.get(..length).unwrap_or(src);
            if src.len() >= length && !body.is_text() && body.whole.is_none() {
                body.whole = Some(is_whole(seen, body.kind == Kind::Image));
            }
            let is_doubtful = body.is_text() || self.lengths != Some(true) || body.whole == Some(Whole::No);
            if is_doubtful && self.delimiter.is_some() {
                let end = match self.lengths {
                    Some(false) => self.find_end(&mut body, seen, false, Place::Line)?,
                    _ => self.find_delimiter(&mut body, seen, false, Place::Line)?.map(End::delimiter),
                };
                if let Some(End { len, after }) = end {
                    self.lengths = Some(false);
                    return Ok(self.deliver(body.head, src, len, after));
                }
            }
            if src.len() >= length {
                match self.ends_at(&mut body, src, length) {
                    Believed::Yes(after) => return Ok(self.deliver(body.head, src, length, after)),
                    Believed::Maybe if eof => return Ok(self.deliver(body.head, src, length, After::Nothing)),
                    Believed::Maybe => return Ok(self.wait(State::Body(body))),
                    Believed::No => {}
                }
            } else if !eof {
                return Ok(self.wait(State::Body(body)));
            }
            body.head.length = None;
            self.lengths = Some(false);
            self.searched = 0;
        }
        match self.find_end(&mut body, src, eof, Place::Anywhere)? {
            Some(End { len, .. }) if len > limit => Err(self.without_end(src)),
            Some(End { len, after }) => Ok(self.deliver(body.head, src, len, after)),
            None if self.searched > limit.saturating_add(BEFORE_NEEDLE) => Err(self.without_end(src)),
            None if eof && is_whole(src, body.kind == Kind::Image) == Whole::Yes => {
                let len = src.trim_ascii_end().len();
                Ok(self.deliver(body.head, src, len, After::Nothing))
            }
            None => Ok(self.wait(State::Body(body))),
        }
    }

    /// Whether the body ends at its length.
    fn ends_at(&mut self, body: &mut Body, src: &[u8], length: usize) -> Believed {
        let (content, rest) = src.split_at_checked(length).unwrap_or((src, &[]));
        let at_length = After::Length { body: self.taken };
        let may_be_right = self.lengths != Some(false) && length > 0;
        if may_be_right && body.is_text() {
            return Believed::Yes(at_length);
        }
        let whole = body.whole.unwrap_or(Whole::Unknown);
        if whole == Whole::Yes {
            return Believed::Yes(After::Whole);
        }
        let after = line_ends(rest);
        let delimiter = self.begins_delimiter(rest.get(after..).unwrap_or_default());
        if let Begins::Yes(_) = delimiter {
            return Believed::Yes(at_length);
        }
        if may_be_right && (after > 0 || self.lengths == Some(true)) {
            match whole {
                Whole::Unknown => return Believed::Yes(at_length),
                // Something stands behind the end of the image.
                _ if after > 0 && body.ending.find(content).is_some() => return Believed::Yes(After::Whole),
                // It was cut short, by its sender or by its length.
                _ => {}
            }
        }
        if let Begins::Maybe = delimiter { Believed::Maybe } else { Believed::No }
    }

    /// Looks for the end of a body without a valid length: its delimiter, or the end of an image in front of that.
    fn find_end(&mut self, body: &mut Body, src: &[u8], eof: bool, place: Place) -> Result<Option<End>, DecodeError> {
        // In pieces that double, so that neither search runs far past what the other one finds.
        let mut piece = PIECE.max(self.searched.saturating_mul(2));
        loop {
            let seen = if body.ending.is_open() { src.get(..piece).unwrap_or(src) } else { src };
            let image = body.ending.find(seen);
            let seen = image.and_then(|len| seen.get(..len)).unwrap_or(seen);
            let is_all = seen.len() == src.len();
            if let Some(start) = self.find_delimiter(body, seen, eof && is_all, place)? {
                return Ok(Some(End::delimiter(start)));
            }
            if let Some(len) = image {
                return Ok(Some(End { len, after: After::Image { body: self.taken } }));
            }
            if is_all {
                return Ok(None);
            }
            piece = piece.saturating_mul(2);
        }
    }

    /// Returns where the first delimiter begins.
    fn find_delimiter(
        &mut self,
        body: &mut Body,
        src: &[u8],
        eof: bool,
        place: Place,
    ) -> Result<Option<usize>, DecodeError> {
        let delimiter = match &self.delimiter {
            Some(delimiter) => delimiter,
            None => match learn_anywhere(src, self.searched, self.limits.boundary) {
                (Learn::Yes(_), at) if at > self.limits.part => return Err(self.without_end(src)),
                (Learn::Yes(boundary), _) => {
                    self.searched = 0;
                    self.delimiter.insert(Delimiter::new(boundary))
                }
                (Learn::Maybe | Learn::No, from) => {
                    self.searched = from;
                    return Ok(None);
                }
            },
        };
        let found = match place {
            Place::Line => delimiter.find(src, self.searched),
            Place::Anywhere => delimiter.find_anywhere(src, self.searched, eof, |before| {
                body.kind == Kind::Json && body.json.is_complete(before)
            }),
        };
        match found {
            Find::Found(delimiter) => Ok(Some(delimiter.start)),
            Find::Missing { from } => {
                self.searched = from;
                Ok(None)
            }
        }
    }

    /// A part has reached its limit, and its end has not come.
    fn without_end(&self, src: &[u8]) -> DecodeError {
        let (limit, offset) = (self.limits.part, self.taken);
        if limit < TOLD_FROM {
            return DecodeError::PartTooLong { limit, offset };
        }
        DecodeError::NoDelimiter {
            begins: Bytes::copy_from_slice(src.get(..BEGINS).unwrap_or(src)),
            delimiter: self.delimiter.as_ref().map(|it| String::from_utf8_lossy(it.needle()).into_owned()),
            limit,
            offset,
        }
    }

    /// Cuts a body out of the buffer. Its delimiter, if it is there already, is found by [`junk`](Self::junk).
    fn deliver(&mut self, head: Head, src: &mut BytesMut, len: usize, after: After) -> Step {
        let body = src.split_to(len.min(src.len())).freeze();
        self.taken += body.len() as u64;
        self.enter(State::Junk(Junk { from: self.taken, line_start: true, after }));
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
            Begins::No => match learn(src, self.limits.boundary) {
                Learn::Maybe => Begins::Maybe,
                Learn::No => Begins::No,
                Learn::Yes(boundary) => self.delimiter.insert(Delimiter::new(boundary)).begins_line(src),
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
        self.uncut = None;
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
        let State::Body(Body { head: Head { length: Some(length), .. }, .. }) = &self.state else { return None };
        usize::try_from(*length).ok()?.checked_sub(src.len())
    }
}

/// Whether a body ends at its length.
enum Believed {
    Maybe,
    No,
    Yes(After),
}

/// Where a body ends.
struct End {
    len: usize,
    after: After,
}

impl End {
    fn delimiter(len: usize) -> Self {
        Self { len, after: After::Nothing }
    }
}

/// Where a delimiter may stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Anywhere,
    Line,
}

/// More than a line end and the dashes before the part of a delimiter that is searched for.
const BEFORE_NEEDLE: usize = 256;
/// How much of a body an error shows.
const BEGINS: usize = 16;
/// How much of a body is searched at first.
const PIECE: usize = 4096;
/// From this limit on an error shows what was looked for. A smaller one says enough.
const TOLD_FROM: usize = 64 * 1024;
