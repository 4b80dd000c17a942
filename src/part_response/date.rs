//! Times as HTTP writes them.

use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;

/// Returns a time as an IMF-fixdate (RFC 9110 §5.6.7). A time before 1970 is the begin of 1970.
pub(super) fn http_date(time: SystemTime) -> HeaderValue {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let date = format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        name("ThuFriSatSunMonTueWed", days % 7),
        name("JanFebMarAprMayJunJulAugSepOctNovDec", month - 1),
        time / 3600,
        time / 60 % 60,
        time % 60,
    );
    HeaderValue::try_from(date).unwrap_or_else(|_| unreachable!("a date is printable ASCII"))
}

/// Returns year, month and day of a day since 1970-01-01. Years begin with March here, so that a leap day comes last:
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// Returns the three letters at this place of a list.
fn name(names: &str, nth: u64) -> &str {
    let start = usize::try_from(nth * 3).unwrap_or_default();
    names.get(start..start + 3).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn formats_imf_fixdate() {
        for (seconds, date) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(http_date(UNIX_EPOCH + Duration::from_secs(seconds)), date, "{seconds}");
        }
        assert_eq!(http_date(UNIX_EPOCH - Duration::from_secs(1)), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
