//! Simulated changes of the plant.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use crate::board::{Report, Service, State};

/// Returns the next change: a service fails, or recovers, which is likelier the more have failed.
pub(crate) fn next(services: &[Service]) -> Report {
    let mut chance = rand::rng();
    let (up, failed): (Vec<_>, Vec<_>) = services.iter().partition(|service| service.state == State::Up);
    let recovers = chance.random_range(0..MAX_FAILED) < failed.len();
    let service = if recovers { failed.choose(&mut chance) } else { up.choose(&mut chance) };
    let events: &[_] = if recovers { &RECOVERIES } else { &FAILURES };
    let &(state, note) = events.choose(&mut chance).unwrap_or(&(State::Up, ""));
    Report { service: service.map_or("", |service| service.id).to_owned(), state, note: note.to_owned() }
}

/// The largest number of services that fail at a time.
const MAX_FAILED: usize = 4;

const FAILURES: [(State, &str); 7] = [
    (State::Degraded, "flow 12 % under the set point"),
    (State::Degraded, "slow responses, 840 ms"),
    (State::Degraded, "vibration above 4 mm/s"),
    (State::Down, "no reading for 60 s"),
    (State::Down, "motor protection tripped"),
    (State::Maintenance, "planned until 18:00"),
    (State::Maintenance, "filter replacement"),
];
const RECOVERIES: [(State, &str); 4] = [
    (State::Up, "back within limits"),
    (State::Up, "restarted by hand"),
    (State::Up, ""),
    (State::Degraded, "running at half power"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;

    #[test]
    fn limits_the_number_of_failed_services() {
        let mut board = Board::new();
        for _ in 0..2_000 {
            board.report(next(&board.services)).unwrap();
            let failed = board.services.iter().filter(|service| service.state != State::Up).count();
            assert!(failed <= MAX_FAILED, "{failed}");
        }
    }
}
