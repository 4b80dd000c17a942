//! What happens to the plant by itself.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use crate::board::{Report, Service, State};

/// What happens next: something breaks, or, the more is broken, something is mended.
pub(crate) fn next(services: &[Service]) -> Report {
    let mut chance = rand::rng();
    let (well, ill): (Vec<_>, Vec<_>) = services.iter().partition(|service| service.state == State::Up);
    let mends = chance.random_range(0..BROKEN) < ill.len();
    let service = if mends { ill.choose(&mut chance) } else { well.choose(&mut chance) };
    let events: &[_] = if mends { &MENDED } else { &BREAKS };
    let &(state, note) = events.choose(&mut chance).unwrap_or(&(State::Up, ""));
    Report { service: service.map_or("", |service| service.id).to_owned(), state, note: note.to_owned() }
}

/// So many at a time, at the most.
const BROKEN: usize = 4;

const BREAKS: [(State, &str); 7] = [
    (State::Degraded, "flow 12 % under the set point"),
    (State::Degraded, "answers slowly, 840 ms"),
    (State::Degraded, "vibration above 4 mm/s"),
    (State::Down, "no reading for 60 s"),
    (State::Down, "motor protection has tripped"),
    (State::Maintenance, "planned, until the evening"),
    (State::Maintenance, "a filter is changed"),
];
const MENDED: [(State, &str); 4] = [
    (State::Up, "back within limits"),
    (State::Up, "started again by hand"),
    (State::Up, ""),
    (State::Degraded, "runs at half of its power"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;

    #[test]
    fn goes_on_for_ever_and_leaves_something_running() {
        let mut board = Board::new();
        for _ in 0..2_000 {
            board.report(next(&board.services)).unwrap();
            let broken = board.services.iter().filter(|service| service.state != State::Up).count();
            assert!(broken <= BROKEN, "{broken}");
        }
    }
}
