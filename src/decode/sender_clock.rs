//! The clock of a sender, and the times of its parts by the clock of this machine.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::part::Part;

/// The clock of a sender, compared with that of this machine.
///
/// Clocks that agree are left alone, so a time keeps its microseconds from hop to hop. The `Date` of a message tells whether
/// they do. It has full seconds, so the offset is known to a second, and the parts narrow it: none is captured after it arrived,
/// and none before the previous one.
#[derive(Clone, Debug, Default)]
pub(crate) struct SenderClock {
    /// The nanoseconds to add to a time of the sender. `None` until a part has come, if there was no `Date`.
    offset: Option<i128>,
    /// When the last part arrived, and its age then in nanoseconds.
    last: Option<(Instant, i128)>,
}

impl SenderClock {
    /// Returns the clock of the sender of a message with these headers, which began to arrive at `now`.
    pub(crate) fn of(headers: &http::HeaderMap, now: SystemTime) -> Self {
        let date = headers.get(http::header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        // The sender's second began at `Date` and may be over.
        let offset = date.map(|date| nanos(now) - nanos(date));
        Self { offset: offset.map(|offset| if agree(offset - SECOND / 2) { 0 } else { offset }), last: None }
    }

    /// Returns the part with the time at which it was captured by the clock of this machine: when it arrived if its sender does
    /// not say. It arrived at `arrival`, which is `now`.
    pub(crate) fn dated(&mut self, part: Part, arrival: SystemTime, now: Instant) -> Part {
        let age = part.captured().map_or(0, |captured| self.age(nanos(arrival) - nanos(captured), now));
        let age = Duration::from_nanos(u64::try_from(age).unwrap_or_default());
        part.captured_at(arrival.checked_sub(age).unwrap_or(arrival))
    }

    /// Returns the age of a part. `late` is the time from its capture to its arrival if the clocks agree.
    fn age(&mut self, late: i128, now: Instant) -> i128 {
        let offset = match (self.offset, self.last) {
            // The time of a part is better evidence than the `Date`: some cameras write their local time as GMT.
            (_, None) if agree(late) => 0,
            (Some(offset), _) => offset,
            // Without `Date`, a clock that differs cannot be told from a part that is old. Then the first one counts as fresh.
            (None, _) => late,
        };
        // A part that seems to be older than the previous one says that one of the clocks was set.
        let oldest = self.last.map_or(i128::MAX, |(at, age)| age + duration_nanos(now.saturating_duration_since(at)));
        let age = match (late - offset).max(0) {
            age if age > oldest.saturating_add(TOLERANCE) => oldest,
            age => age,
        };
        self.offset = Some(late - age);
        self.last = Some((now, age));
        age
    }
}

fn agree(offset: i128) -> bool {
    offset.abs() <= TOLERANCE
}

/// Returns the nanoseconds since 1970.
fn nanos(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => duration_nanos(since),
        Err(before) => -duration_nanos(before.duration()),
    }
}

fn duration_nanos(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX)
}

const SECOND: i128 = 1_000_000_000;
/// Up to here, two clocks that are set by NTP now and then agree, and a part may be late.
const TOLERANCE: i128 = 2 * SECOND;

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::DATE;

    use super::*;

    fn at(seconds: f64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs_f64(1_764_150_000.0 + seconds)
    }

    /// Returns the ages of parts in seconds. Each part is the times of its capture by its sender's clock, of its arrival by the
    /// clock of this machine, and of its arrival since the start, by a clock that nobody sets.
    fn ages(date: Option<f64>, began: f64, parts: &[(f64, f64, f64)]) -> Vec<f64> {
        let date = date.map(|date| (DATE, httpdate::fmt_http_date(at(date)).parse().unwrap()));
        let mut clock = SenderClock::of(&HeaderMap::from_iter(date), at(began));
        let start = Instant::now();
        let age = |&(captured, arrival, since): &(f64, f64, f64)| {
            let part = Part::text("on").unwrap().captured_at(at(captured));
            let dated = clock.dated(part, at(arrival), start + Duration::from_secs_f64(since));
            let age = at(arrival).duration_since(dated.captured().unwrap()).unwrap();
            (age.as_secs_f64() * 1000.0).round() / 1000.0
        };
        parts.iter().map(age).collect()
    }

    const HOUR: f64 = 3600.0;

    #[test]
    fn translates_times_of_a_clock_that_differs() {
        type Row<'a> = (&'a str, Option<f64>, f64, &'a [(f64, f64, f64)], &'a [f64]);
        let rows: &[Row<'_>] = &[
            ("clocks agree", Some(10.0), 10.4, &[(10.3, 10.4, 0.4), (10.59, 10.6, 0.6)], &[0.1, 0.01]),
            ("clocks agree, an old part", Some(10.0), 10.4, &[(5.0, 10.4, 0.4), (5.0, 10.6, 0.6)], &[5.4, 5.6]),
            ("clocks agree, to a second", Some(9.0), 10.4, &[(9.3, 10.4, 0.4), (9.5, 10.5, 0.5)], &[1.1, 1.0]),
            (
                "the sender's is ahead, a little",
                Some(11.0),
                10.4,
                &[(11.3, 10.4, 0.4), (11.5, 10.65, 0.65)],
                &[0.0, 0.05],
            ),
            (
                "the sender's is an hour late",
                Some(10.0 - HOUR),
                10.4,
                // The second is taken for old by the time that the `Date` leaves open, until a part that is fresh has come.
                &[
                    (9.9 - HOUR, 10.4, 0.4),
                    (10.3 - HOUR, 10.45, 0.45),
                    (10.5 - HOUR, 10.65, 0.65),
                    (10.6 - HOUR, 10.61, 0.61),
                ],
                &[0.1, 0.0, 0.0, 0.0],
            ),
            ("the sender's is an hour ahead", Some(10.0 + HOUR), 10.4, &[(10.39 + HOUR, 10.4, 0.4)], &[0.0]),
            (
                "a camera that is frozen, and an hour late",
                Some(10.0 - HOUR),
                10.4,
                &[(-590.0 - HOUR, 10.4, 0.4), (-590.0 - HOUR, 20.4, 10.4)],
                &[600.0, 610.0],
            ),
            (
                "the sender's clock is set forward",
                Some(10.0 - HOUR),
                10.4,
                &[(10.4 - HOUR, 10.4, 0.4), (11.0, 11.0, 1.0)],
                &[0.0, 0.0],
            ),
            (
                "the sender's clock is set back",
                Some(10.0 + HOUR),
                10.4,
                &[(10.4 + HOUR, 10.4, 0.4), (11.0, 11.0, 1.0), (11.1, 11.1, 1.1)],
                // By at most the time since the previous part it may be older.
                &[0.0, 0.6, 0.6],
            ),
            (
                "the clock of this machine is set forward",
                Some(10.0),
                10.4,
                &[(10.3, 10.4, 0.4), (10.5, 10.6 + HOUR, 0.6), (10.69, 10.7 + HOUR, 0.7)],
                &[0.1, 0.3, 0.21],
            ),
            (
                "one time of the sender is of another century",
                Some(10.0),
                10.4,
                &[(10.4, 10.4, 0.4), (5_000_000_000.0, 10.5, 0.5), (10.6, 10.6, 0.6), (10.7, 10.7, 0.7)],
                &[0.0, 0.0, 0.1, 0.1],
            ),
            (
                "the date is the local time, the time of the part is right",
                Some(10.0 + 9.0 * HOUR),
                10.4,
                &[(10.39, 10.4, 0.4), (10.55, 10.6, 0.6)],
                &[0.01, 0.05],
            ),
            ("no date, clocks agree", None, 10.4, &[(10.3, 10.4, 0.4), (10.5, 10.55, 0.55)], &[0.1, 0.05]),
            (
                "no date, and clocks that differ",
                None,
                10.4,
                &[(10.3 - HOUR, 10.4, 0.4), (10.3 - HOUR, 20.4, 10.4)],
                &[0.0, 10.0],
            ),
            ("no date, ahead", None, 10.4, &[(10.3 + HOUR, 10.4, 0.4), (10.4 + HOUR, 10.6, 0.6)], &[0.0, 0.1]),
            // A camera whose clock was never set sends the date of its system's release.
            ("far off", Some(-500_000_000.0), 10.4, &[(-500_000_000.0, 10.4, 0.4)], &[0.0]),
        ];
        for (name, date, began, parts, expected) in rows {
            let ages = ages(*date, *began, parts);
            assert_eq!(ages, *expected, "{name}");
        }
    }

    #[test]
    fn part_without_a_time_was_captured_when_it_arrived() {
        let mut clock = SenderClock::default();
        let mut uptime = Part::text("on").unwrap();
        uptime.insert_header("x-timestamp".parse().unwrap(), "12.5".parse().unwrap()).unwrap();
        for part in [Part::text("on").unwrap(), uptime] {
            let dated = clock.dated(part, at(1.0), Instant::now());
            assert_eq!(dated.captured(), Some(at(1.0)));
            assert!(dated.headers().is_empty());
        }
    }

    #[test]
    fn repeat_keeps_its_time() {
        let date = (DATE, httpdate::fmt_http_date(at(-HOUR)).parse().unwrap());
        let mut clock = SenderClock::of(&HeaderMap::from_iter([date]), at(0.9));
        let part = || Part::text("on").unwrap().captured_at(at(0.123_456 - HOUR));
        let now = Instant::now();
        let first = clock.dated(part(), at(1.0), now);
        // The two clocks of a machine do not run alike to the nanosecond.
        let later = now + Duration::from_millis(9_999);
        assert_eq!(clock.dated(part(), at(11.0), later).captured(), first.captured());
    }
}
