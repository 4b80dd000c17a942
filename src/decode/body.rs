//! The body of a part, and the search for its end: at its length, at the end of an image, or at a delimiter.

use bytes::{Bytes, BytesMut};

use super::delimiter::{Delimiter, Find, Learn, learn_anywhere};
use super::ending::{Complete, Ending, is_complete};
use super::head::{Head, Kind};
use super::json::Json;
use super::scan::{Begins, bytes_from, line_ends};
use super::state::{After, Junk, State, Step};
use super::{DecodeError, Decoder};

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
    pub(super) fn new(head: Head) -> Self {
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

impl Decoder {
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
