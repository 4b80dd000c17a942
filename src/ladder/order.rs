//! Which picture of another rung a viewer may get. It takes the time as an argument and reads no clock.

use std::time::{Duration, Instant, SystemTime};

use crate::hub::Published;

/// The times of a picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    captured: Option<SystemTime>,
    /// By a clock that is never set back: after an hour back, each part would be older than the last one for an hour.
    published: Instant,
}

impl Times {
    pub(super) fn of(part: &Published) -> Self {
        Self { captured: part.part.captured(), published: part.published }
    }

    /// Returns whether this picture is so much older than one of another rung that the latter is better, whatever its size.
    pub(super) fn is_late_after(self, other: Self) -> bool {
        self.older_than(other) > LATEST
    }

    /// Returns how much older this picture is than one of another rung.
    ///
    /// Their times of capture are compared, unless they differ so much that they are of two clocks. Then those of
    /// publication are.
    pub(super) fn older_than(self, other: Self) -> Duration {
        let captured = self.captured.zip(other.captured).map(|(one, other)| match other.duration_since(one) {
            Ok(older) => (older, older),
            Err(newer) => (Duration::ZERO, newer.duration()),
        });
        match captured {
            Some((captured, apart)) if apart < TWO_CLOCKS => captured,
            _ => other.published.saturating_duration_since(self.published),
        }
    }
}

/// The pictures of a rung to which a viewer moves, while they are older than the one that it has.
///
/// A camera's main stream may come later than its sub stream, by more than a period. Then the viewer always has a later
/// picture, and would never move. So it goes back in time after all, once.
#[derive(Debug, Default)]
pub(super) struct Late {
    /// Whether a picture was older. The first one may have been there for hours.
    offered: bool,
    /// When a further one was.
    since: Option<Instant>,
}

impl Late {
    /// Returns whether the viewer may get a picture that is so much older than the one that it has.
    pub(super) fn permits(&mut self, older: Duration, now: Instant) -> bool {
        if older.is_zero() {
            return true;
        }
        if !std::mem::replace(&mut self.offered, true) {
            return false;
        }
        let since = *self.since.get_or_insert(now);
        older <= LATEST && now.saturating_duration_since(since) >= PATIENCE
    }
}

/// Pictures of one moment do not differ so much, and clocks that are set may.
const TWO_CLOCKS: Duration = Duration::from_secs(60);
/// How long a viewer waits for a picture that is no older. A source that has just started may catch up.
const PATIENCE: Duration = Duration::from_secs(1);
/// How far a viewer goes back in time at most. A rung that is later is of less use than a fresh picture.
const LATEST: Duration = Duration::from_secs(5);

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(40);

    /// Lets a viewer of a rung without delay move to one whose pictures come late by this time. Returns after how long it
    /// moves, and how far it goes back in time then.
    fn move_to_late(late: Duration) -> Option<(Duration, Duration)> {
        let (start, time) = (Instant::now(), SystemTime::now());
        let mut pictures = Late::default();
        (0..15_000_u32).step_by(40).find_map(|milliseconds| {
            let passed = Duration::from_millis(milliseconds.into());
            let newest = Times { captured: Some(time + passed), published: start + passed };
            let next = Times { captured: Some(time + passed - late), published: start + passed };
            let older = next.older_than(newest);
            pictures.permits(older, start + passed).then_some((passed, older))
        })
    }

    #[test]
    fn viewer_moves_to_a_rung_whose_pictures_come_later() {
        assert_eq!(move_to_late(Duration::ZERO), Some((Duration::ZERO, Duration::ZERO)));
        for late in [PERIOD / 2, PERIOD * 2, Duration::from_millis(700), LATEST] {
            assert_eq!(move_to_late(late), Some((PERIOD + PATIENCE, late)), "{late:?}");
        }
        assert_eq!(move_to_late(LATEST + PERIOD), None, "a fresh picture is better");
    }

    #[test]
    fn old_picture_of_a_silent_rung_is_passed_over() {
        let (mut pictures, start) = (Late::default(), Instant::now());
        // Alone, however long nothing follows.
        assert!(!pictures.permits(Duration::from_secs(2), start));
        assert!(!pictures.permits(Duration::from_secs(2), start + PATIENCE * 10));
        // A source that starts and has caught up.
        assert!(pictures.permits(Duration::ZERO, start + PATIENCE * 10 + PERIOD));
    }

    #[test]
    fn pictures_of_two_clocks_are_compared_by_their_publication() {
        let (time, published) = (SystemTime::now(), Instant::now());
        let at = |seconds| Some(time - Duration::from_secs(seconds));
        let with = |captured, published| Times { captured, published };
        let (earlier, published) = (published, published + PERIOD);
        for (next, last, older) in [
            (with(at(3), published), with(at(0), published), Duration::from_secs(3)),
            (with(at(0), published), with(at(3), published), Duration::ZERO),
            (with(at(3600), published), with(at(0), earlier), Duration::ZERO),
            (with(at(3600), earlier), with(at(0), published), PERIOD),
            (with(at(0), earlier), with(at(3600), published), PERIOD),
            (with(None, earlier), with(at(0), published), PERIOD),
        ] {
            assert_eq!(next.older_than(last), older, "{next:?} {last:?}");
        }
    }
}
