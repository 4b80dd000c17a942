//! The time and the number of a part, also as header fields: `X-Timestamp` and `X-Sequence`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{HeaderName, HeaderValue};

use super::Part;
use super::header::room;

/// The header lines of a part's time and number, each preceded by CRLF.
///
/// A line for which a header block has no room is left out. The bytes are in place: a part costs no further allocation.
pub(crate) struct Stamp {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Stamp {
    /// `located` is the length of a further line that is sent with the part, or 0.
    pub(crate) fn new(part: &Part, located: usize) -> Self {
        let mut stamp = Self::none();
        if part.captured().is_none() && part.sequence().is_none() {
            return stamp;
        }
        let mut room = room(part, located);
        let mut add = |line: &[&str]| {
            let len = line.iter().map(|piece| piece.len()).sum();
            if room.take_line(len) {
                stamp.push(b"\r\n");
                line.iter().for_each(|piece| stamp.push(piece.as_bytes()));
            }
        };
        let (mut integer, mut fraction) = (itoa::Buffer::new(), itoa::Buffer::new());
        if let Some(time) = part.captured().and_then(since_1970) {
            // With a digit in front, which keeps the zeros.
            let micros = fraction.format(1_000_000 + time.subsec_micros());
            add(&["X-Timestamp: ", integer.format(time.as_secs()), ".", micros.split_at(1).1]);
        }
        if let Some(sequence) = part.sequence() {
            add(&["X-Sequence: ", integer.format(sequence)]);
        }
        stamp
    }

    /// Returns the stamp of a part that is sent without its time and number.
    pub(crate) fn none() -> Self {
        Self { bytes: [0; LONGEST], len: 0 }
    }

    #[expect(clippy::indexing_slicing, reason = "there is room for the longest lines")]
    fn push(&mut self, piece: &[u8]) {
        self.bytes[self.len..self.len + piece.len()].copy_from_slice(piece);
        self.len += piece.len();
    }

    #[expect(clippy::indexing_slicing, reason = "so many bytes were pushed")]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Part {
    /// Sets the time at which the part was captured: when the camera took the picture, the sensor was read, or the page was
    /// made.
    ///
    /// It replaces a header `X-Timestamp`. It is sent with microseconds, if it is in one of the years from 2000 to 2199. A part
    /// whose headers leave no room for it is sent without it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use mixed_replace::{Boundary, Encoder, Part, Wire};
    ///
    /// let captured = UNIX_EPOCH + Duration::from_micros(1_764_150_000_123_456);
    /// let part = Part::text("12:00")?.captured_at(captured).with_sequence(17);
    /// let encoder = Encoder::new(Boundary::from_static("ThisRandomString"), Wire::Machine);
    /// assert_eq!(
    ///     encoder.encode(&part)?.to_bytes(),
    ///     "Content-Type: text/plain; charset=utf-8\r\nX-Timestamp: 1764150000.123456\r\nX-Sequence: 17\r\n\
    ///      Content-Length: 5\r\n\r\n12:00\r\n--ThisRandomString\r\n"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn captured_at(mut self, time: SystemTime) -> Self {
        self.headers.remove(TIMESTAMP);
        self.captured = Some(time);
        self
    }

    /// Returns the time at which the part was captured, or `None` if it is not known.
    ///
    /// For a part from a [`Decoder`](crate::Decoder) it is the sender's `X-Timestamp`, by the sender's clock.
    /// `source::http` and [`Ingest`](crate::serve::Ingest) translate it into the clock of this machine, if the two
    /// differ by more than two seconds. A value that cannot be seconds since 1970 stays a header: many cameras send the
    /// seconds since they were switched on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use bytes::BytesMut;
    /// use mixed_replace::Decoder;
    ///
    /// let sent = "--x\r\nX-Timestamp: 1764150000.123456\r\nX-Sequence: 17\r\n\r\non\r\n--x--";
    /// let part = Decoder::new("x").decode(&mut BytesMut::from(sent))?.expect("a part");
    /// assert_eq!(part.captured(), Some(UNIX_EPOCH + Duration::from_micros(1_764_150_000_123_456)));
    /// assert_eq!(part.sequence(), Some(17));
    /// assert!(part.headers().is_empty());
    /// # Ok::<(), mixed_replace::decode::DecodeError>(())
    /// ```
    #[must_use]
    pub fn captured(&self) -> Option<SystemTime> {
        self.captured
    }

    /// Sets the number of the part in its source, sent as `X-Sequence`. It replaces a header of that name.
    ///
    /// A reader finds out by it which parts it was not sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Encoder, Part, Wire};
    ///
    /// let part = Part::text("12:00")?.with_sequence(17);
    /// let sent = Encoder::random(Wire::Machine).encode(&part)?.to_bytes();
    /// assert!(String::from_utf8_lossy(&sent).contains("\r\nX-Sequence: 17\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_sequence(mut self, sequence: u64) -> Self {
        self.headers.remove(SEQUENCE);
        self.sequence = Some(sequence);
        self
    }

    /// Returns the number of the part in its source, or `None` if it has none.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Part, hub};
    ///
    /// let part = Part::text("12:00")?;
    /// assert_eq!(part.sequence(), None);
    /// let (publisher, hub) = hub::channel();
    /// publisher.publish(part.with_sequence(17))?;
    /// assert_eq!(hub.latest().and_then(|part| part.sequence()), Some(17));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// Returns whether a part with this time and number, equal to this one, is this one again: what a keep-alive of another
    /// server sends, also on another connection, after which its clock is compared anew.
    pub(crate) fn is_again(&self, captured: Option<SystemTime>, sequence: Option<u64>) -> bool {
        let same_number = sequence.is_some() && sequence == self.sequence;
        match (captured, self.captured) {
            (None, _) => same_number,
            (Some(time), own) if own == Some(time) => sequence.is_none() || same_number,
            (Some(time), Some(own)) => {
                let apart = time.duration_since(own).unwrap_or_else(|before| before.duration());
                same_number && apart <= SAME_TIME
            }
            _ => false,
        }
    }

    /// Copies the time and the number of another part.
    pub(crate) fn stamped_as(self, part: &Self) -> Self {
        Self { captured: part.captured, sequence: part.sequence, ..self }
    }

    /// Sets the time and the number if they are not known. If they are `sent`, they replace headers of these names, such as the
    /// time since a camera was switched on.
    pub(crate) fn stamped(mut self, now: SystemTime, sequence: impl FnOnce() -> u64, sent: bool) -> Self {
        if self.captured.is_none() {
            self.captured = Some(now);
            if sent {
                self.headers.remove(TIMESTAMP);
            }
        }
        if self.sequence.is_none() {
            self.sequence = Some(sequence());
            if sent {
                self.headers.remove(SEQUENCE);
            }
        }
        self
    }

    /// Sets the time or the number from a field. Returns `false` if the field is another one, or has another kind of value.
    pub(super) fn replace_stamp(&mut self, name: &HeaderName, value: &HeaderValue) -> bool {
        if *name == TIMESTAMP {
            self.captured = None;
        } else if *name == SEQUENCE {
            self.sequence = None;
        }
        self.read_stamp(name, value)
    }

    /// Sets the time or the number from a field, unless it is set. Returns `false` if the field is another one, or has
    /// another kind of value.
    pub(super) fn read_stamp(&mut self, name: &HeaderName, value: &HeaderValue) -> bool {
        if *name == TIMESTAMP {
            self.captured = self.captured.or_else(|| parse_timestamp(value.as_bytes()));
        } else if *name == SEQUENCE {
            self.sequence = self.sequence.or_else(|| parse_sequence(value.as_bytes()));
        }
        let read = *name == TIMESTAMP && self.captured.is_some() || *name == SEQUENCE && self.sequence.is_some();
        if read {
            // One that was no time, before it.
            self.headers.remove(name);
        }
        read
    }
}

/// Returns the fields of a part's time and number, for a response that is one part.
pub(crate) fn fields(part: &Part) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let time = part.captured().and_then(since_1970);
    let time = time.map(|time| format!("{}.{:06}", time.as_secs(), time.subsec_micros()));
    let time = time.and_then(|time| Some((TIMESTAMP, HeaderValue::try_from(time).ok()?)));
    time.into_iter().chain(part.sequence().map(|sequence| (SEQUENCE, HeaderValue::from(sequence))))
}

/// Returns the fields of the time and the number in the head of a message that is one part.
pub(crate) fn received(headers: &http::HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    [TIMESTAMP, SEQUENCE].into_iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone()))).collect()
}

/// Reads seconds since 1970, such as `1764150000.123456`. Returns `None` for anything else.
///
/// So does a value before the year 2000, as many cameras send: the seconds since they were switched on (the ESP32's example
/// server, V4L2's buffer times in mjpg-streamer).
fn parse_timestamp(value: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(value).ok()?.trim_ascii();
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) {
        return None;
    }
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = nanos.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    let time = UNIX_EPOCH.checked_add(Duration::new(seconds.parse().ok()?, nanos))?;
    since_1970(time).map(|_| time)
}

/// Reads the number of a part.
fn parse_sequence(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?.trim_ascii();
    // `parse` takes a plus sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Returns the time since 1970 if a clock that is set can show it.
fn since_1970(time: SystemTime) -> Option<Duration> {
    time.duration_since(UNIX_EPOCH).ok().filter(|since| YEARS.contains(&since.as_secs()))
}

/// The times of a part that is received on two connections differ by the second that a `Date` leaves open at most.
const SAME_TIME: Duration = Duration::from_secs(2);

/// The name that ustreamer, mjpg-streamer and the ESP32's example server write.
pub(crate) const TIMESTAMP: HeaderName = HeaderName::from_static("x-timestamp");
pub(crate) const SEQUENCE: HeaderName = HeaderName::from_static("x-sequence");
/// From 2000 to 2200. Milliseconds since 1970 are beyond it.
const YEARS: std::ops::Range<u64> = 946_684_800..7_258_118_400;
/// Both lines with all digits of a `u64`.
const LONGEST: usize = "\r\nX-Timestamp: 7258118399.999999\r\nX-Sequence: 18446744073709551615".len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_seconds_since_1970() {
        for (value, since) in [
            ("1764150000.123456", Duration::new(1_764_150_000, 123_456_000)),
            ("1764150000.5", Duration::new(1_764_150_000, 500_000_000)),
            ("1764150000.1234567899", Duration::new(1_764_150_000, 123_456_789)),
            (" 1764150000 ", Duration::from_secs(1_764_150_000)),
            ("946684800.0", Duration::from_secs(946_684_800)),
            ("7258118399.999999", Duration::new(7_258_118_399, 999_999_000)),
        ] {
            assert_eq!(parse_timestamp(value.as_bytes()), Some(UNIX_EPOCH + since), "{value:?}");
        }
    }

    #[test]
    fn other_values_are_no_time() {
        for value in [
            "",
            "12.5",
            "946684799.9",
            "7258118400.0",
            "1764150000123",
            "-1764150000.0",
            "+1764150000.0",
            "1764150000.",
            "1764150000,5",
            "1.764150000e9",
            "1764150000.1.2",
            ".5",
            "now",
            "Thu, 26 Nov 2026 22:00:00 GMT",
            "99999999999999999999.0",
        ] {
            assert_eq!(parse_timestamp(value.as_bytes()), None, "{value:?}");
        }
        assert_eq!(parse_timestamp(b"\xff"), None);
    }

    #[test]
    fn reads_numbers() {
        for (value, sequence) in [
            ("0", Some(0)),
            (" 17 ", Some(17)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1.0", None),
            ("x", None),
        ] {
            assert_eq!(parse_sequence(value.as_bytes()), sequence, "{value:?}");
        }
    }

    #[test]
    fn longest_lines_fit() {
        let last = UNIX_EPOCH + Duration::new(7_258_118_399, 999_999_999);
        let part = Part::text("x").unwrap().captured_at(last).with_sequence(u64::MAX);
        let stamp = Stamp::new(&part, 0);
        assert_eq!(stamp.as_bytes(), b"\r\nX-Timestamp: 7258118399.999999\r\nX-Sequence: 18446744073709551615");
        assert_eq!(stamp.len, LONGEST);
    }
}
