//! The states of a decoder, and a step for each.
//!
//! A step depends only on the bytes so far, and decides nothing that more bytes could change. So the result does not depend
//! on how the network cuts them.

use bytes::{Buf as _, Bytes, BytesMut};

use super::delimiter::{Delimiter, Find, Learn, learn, learn_anywhere};
use super::ending::{Complete, Ending, is_complete};
use super::head::{Head, Kind};
use super::json::Json;
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
pub(super) struct Body {
    head: Head,
    kind: Kind,
    /// The walk through an image without a valid length.
    ending: Ending,
    /// The same through JSON.
    json: Json,
    /// Whether the body has its end at the length, once that many bytes have come.
    complete: Option<Complete>,
}

impl Body {
    fn new(head: Head) -> Self {
        let kind = head.kind();
        let ending = match kind {
            Kind::Image | Kind::Other => Ending::new(kind == Kind::Image),
            Kind::Json | Kind::Text => Ending::none(),
        };
        Self { head, kind, ending, json: Json::default(), complete: None }
    }

    fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Json | Kind::Text)
    }
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

    /// Looks for the end of a part: at its length, at the end of an image, or at a delimiter.
    pub(super) fn body(&mut self, mut body: Body, src: &mut BytesMut, eof: bool) -> Result<Step, DecodeError> {
        let max_bytes = self.limits.max_part_bytes;
        if let Some(length) = body.head.length {
            let too_long = DecodeError::PartTooLong { max_bytes, offset: self.taken };
            let length = usize::try_from(length).ok().filter(|length| *length <= max_bytes).ok_or(too_long)?;
            // Text ends at its length unless this sender has sent a wrong one: its lines may begin like delimiters. Any
            // other body with a valid length contains no delimiter. Waiting for a length that is too large would delay the
            // part and fill the buffer. Images are searched only until a length was right, so that the work does not
            // grow with them, or if they have no end at their length.
            let seen = src.get(..length).unwrap_or(src);
            if src.len() >= length && body.complete.is_none() {
                body.complete = Some(match &self.delimiter {
                    // Another part may have begun within the length. What follows it decides.
                    Some(delimiter) if body.is_text() && delimiter.may_begin_part_in(seen) => Complete::No,
                    _ if body.is_text() => Complete::Unknown,
                    _ => is_complete(seen, body.kind == Kind::Image),
                });
            }
            let is_doubtful = match self.lengths {
                Some(false) => true,
                _ if body.is_text() => false,
                lengths => lengths.is_none() || body.complete == Some(Complete::No),
            };
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
                    Believed::Maybe if !eof => return Ok(self.wait(State::Body(body))),
                    // The stream ended within the length: its last delimiters are part of no text.
                    Believed::Maybe if body.is_text() && body.complete == Some(Complete::No) => {}
                    Believed::Maybe => return Ok(self.deliver(body.head, src, length, After::Nothing)),
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
            Some(End { len, .. }) if len > max_bytes => Err(self.without_end(src)),
            Some(End { len, after }) => Ok(self.deliver(body.head, src, len, after)),
            None if self.searched > max_bytes.saturating_add(BEFORE_NEEDLE) => Err(self.without_end(src)),
            None if eof && is_complete(src, body.kind == Kind::Image) == Complete::Yes => {
                let len = src.trim_ascii_end().len();
                Ok(self.deliver(body.head, src, len, After::Nothing))
            }
            None => Ok(self.wait(State::Body(body))),
        }
    }

    /// Returns whether the body ends at its length.
    fn ends_at(&mut self, body: &mut Body, src: &[u8], length: usize) -> Believed {
        let (content, rest) = src.split_at_checked(length).unwrap_or((src, &[]));
        let at_length = After::Length { body: self.taken };
        let may_be_right = self.lengths != Some(false) && length > 0;
        let complete = body.complete.unwrap_or(Complete::Unknown);
        if may_be_right && body.is_text() && complete != Complete::No {
            return Believed::Yes(at_length);
        }
        if complete == Complete::Yes {
            return Believed::Yes(After::Complete);
        }
        let after = line_ends(rest);
        let delimiter = self.begins_delimiter(bytes_from(rest, after));
        if let Begins::Yes(_) = delimiter {
            return Believed::Yes(at_length);
        }
        if may_be_right && (after > 0 || self.lengths == Some(true)) {
            match complete {
                Complete::Unknown => return Believed::Yes(at_length),
                // Other bytes follow the end of the image.
                _ if after > 0 && body.ending.find(content).is_some() => return Believed::Yes(After::Complete),
                // The sender cut it short, or the length is too small.
                _ => {}
            }
        }
        if let Begins::Maybe = delimiter { Believed::Maybe } else { Believed::No }
    }

    /// Looks for the end of a body without a valid length: its delimiter, or the end of an image before that.
    fn find_end(&mut self, body: &mut Body, src: &[u8], eof: bool, place: Place) -> Result<Option<End>, DecodeError> {
        // In pieces that double, so that neither search runs far past the other one's result.
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
            None => match learn_anywhere(src, self.searched, self.limits.max_boundary_bytes) {
                (Learn::Yes(_), at) if at > self.limits.max_part_bytes => return Err(self.without_end(src)),
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

    /// Returns the error for a part that has reached its limit without an end.
    fn without_end(&self, src: &[u8]) -> DecodeError {
        let (max_bytes, offset) = (self.limits.max_part_bytes, self.taken);
        if max_bytes < NO_DELIMITER_MIN {
            return DecodeError::PartTooLong { max_bytes, offset };
        }
        DecodeError::NoDelimiter {
            delimiter: self.delimiter.as_ref().map(|it| String::from_utf8_lossy(it.needle()).into_owned()),
            max_bytes,
            offset,
            starts_with: Bytes::copy_from_slice(src.get(..STARTS_WITH).unwrap_or(src)),
        }
    }

    /// Cuts a body out of the buffer. [`junk`](Self::junk) finds its delimiter, if that has come.
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

    /// Returns whether `src`, the beginning of a line, begins with a delimiter. Until the first one, learns which.
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
    fn enter(&mut self, state: State) -> Step {
        self.searched = 0;
        self.state = state;
        Step::Again
    }

    /// Stays in a state until more bytes have come.
    fn wait(&mut self, state: State) -> Step {
        self.state = state;
        Step::Wait
    }

    pub(super) fn take(&mut self, src: &mut BytesMut, len: usize) {
        let len = len.min(src.len());
        src.advance(len);
        self.taken += len as u64;
    }

    /// Returns the number of bytes up to the length of the current part.
    pub(super) fn missing_bytes(&self, src: &BytesMut) -> Option<usize> {
        let State::Body(Body { head: Head { length: Some(length), .. }, .. }) = &self.state else { return None };
        usize::try_from(*length).ok()?.checked_sub(src.len())
    }
}

/// An answer to whether a body ends at its length.
enum Believed {
    Maybe,
    No,
    Yes(After),
}

/// The end of a body.
struct End {
    len: usize,
    after: After,
}

impl End {
    fn delimiter(len: usize) -> Self {
        Self { len, after: After::Nothing }
    }
}

/// The places where a delimiter may stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Anywhere,
    Line,
}

/// More than a line end and the dashes in front of the needle of a delimiter.
const BEFORE_NEEDLE: usize = 256;
/// The number of bytes of a body that an error shows.
const STARTS_WITH: usize = 16;
/// The length of the first piece of a body that is searched.
const PIECE: usize = 4096;
/// From this limit on, the delimiter is probably wrong, and not the limit too small.
const NO_DELIMITER_MIN: usize = 64 * 1024;
