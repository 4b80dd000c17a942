//! The time from the capture of parts to their release, over the last seconds.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// The time from the [capture](crate::Part::captured) of parts until a viewer's transport has released them, over the last 10
/// to 20 seconds. Each part counts once for each viewer.
///
/// Values are exact to 1 %, and at most a minute.
///
/// # Examples
///
/// ```
/// use mixed_replace::hub;
///
/// let (_publisher, hub) = hub::channel();
/// match hub.stats().latency {
///     Some(latency) => println!("half of the parts took at most {:?}", latency.p50),
///     None => println!("no part was released lately"),
/// }
/// # assert_eq!(hub.stats().latency, None);
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "histogram")))]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Latency {
    /// The number of releases.
    pub parts: u64,
    /// A half of them took at most this long.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::stats::seconds::of"))]
    pub p50: Duration,
    /// 99 % of them took at most this long.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::stats::seconds::of"))]
    pub p99: Duration,
}

/// The times since the last two multiples of [`SPAN`].
///
/// Each histogram takes 10 kB, allocated with the first release.
#[derive(Debug, Default)]
pub(crate) struct Window {
    began: Option<Instant>,
    current: Option<Histogram<u32>>,
    last: Option<Histogram<u32>>,
}

impl Window {
    pub(crate) fn record(&mut self, time: Duration, now: Instant) {
        let age = now.saturating_duration_since(*self.began.get_or_insert(now));
        if age >= SPAN {
            std::mem::swap(&mut self.current, &mut self.last);
            self.current.iter_mut().for_each(Histogram::reset);
            if age >= 2 * SPAN {
                self.last.iter_mut().for_each(Histogram::reset);
            }
            self.began = Some(now);
        }
        if self.current.is_none() {
            self.current = Histogram::new_with_bounds(1, LONGEST_MICROS, 2).ok();
        }
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.current.iter_mut().for_each(|current| current.saturating_record(micros));
    }

    /// Returns `None` if no part was released lately.
    pub(crate) fn latency(&self, now: Instant) -> Option<Latency> {
        let age = now.saturating_duration_since(self.began?);
        let mut all = self.current.clone().filter(|_| age < 2 * SPAN)?;
        if let Some(last) = self.last.as_ref().filter(|_| age < SPAN) {
            // Both have the same bounds.
            let _ = all.add(last);
        }
        let quantile = |quantile| Duration::from_micros(all.value_at_quantile(quantile));
        (!all.is_empty()).then(|| Latency { parts: all.len(), p50: quantile(0.5), p99: quantile(0.99) })
    }
}

const SPAN: Duration = Duration::from_secs(10);
const LONGEST_MICROS: u64 = 60_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_quantiles_of_the_last_seconds() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut window = Window::default();
        assert_eq!(window.latency(start), None);
        let expect = |window: &Window, seconds, parts, p50: u64, p99: u64| {
            let latency = window.latency(at(seconds)).unwrap();
            assert_eq!(latency.parts, parts, "{seconds}: {latency:?}");
            for (found, millis) in [(latency.p50, p50), (latency.p99, p99)] {
                let expected = Duration::from_millis(millis);
                assert!(found >= expected && found <= expected + expected / 100, "{seconds}: {latency:?}");
            }
        };
        for millis in 1..=100 {
            window.record(Duration::from_millis(millis), start);
        }
        expect(&window, 1, 100, 50, 99);
        // The hundred count until the span after theirs has passed.
        for _ in 0..100 {
            window.record(Duration::from_millis(200), at(12));
        }
        expect(&window, 13, 200, 100, 200);
        window.record(Duration::from_secs(3600), at(22));
        expect(&window, 23, 101, 200, 200);
        window.record(Duration::from_millis(20), at(60));
        expect(&window, 61, 1, 20, 20);
        assert_eq!(window.latency(at(80)), None);
    }
}
