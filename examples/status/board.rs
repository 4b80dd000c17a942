//! The services, their states, and the latest changes.

use std::collections::VecDeque;

use serde::Deserialize;
use shared::refusal::{Refusal, quoted};
use time::OffsetDateTime;

/// The state of a service, ordered from best to worst.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Up,
    Maintenance,
    Degraded,
    Down,
}

impl State {
    pub(crate) const ALL: [Self; 4] = [Self::Up, Self::Degraded, Self::Down, Self::Maintenance];

    /// Returns the word for it in a posted report.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Maintenance => "maintenance",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// A posted change of a service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    pub(crate) service: String,
    pub(crate) state: State,
    #[serde(default)]
    pub(crate) note: String,
}

/// The contents of the page.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) services: Vec<Service>,
    /// The latest changes, newest first.
    pub(crate) changes: VecDeque<Change>,
    pub(crate) as_of: OffsetDateTime,
}

#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) stage: &'static str,
    pub(crate) id: &'static str,
    pub(crate) description: &'static str,
    pub(crate) state: State,
    pub(crate) note: String,
    pub(crate) since: OffsetDateTime,
    /// The last states, the current one last.
    pub(crate) past: VecDeque<State>,
}

#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) at: OffsetDateTime,
    pub(crate) service: &'static str,
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) note: String,
}

impl Board {
    pub(crate) fn new() -> Self {
        let now = OffsetDateTime::now_utc();
        let service = |&(stage, id, description)| Service {
            stage,
            id,
            description,
            state: State::Up,
            note: String::new(),
            since: now,
            past: VecDeque::from([State::Up]),
        };
        Self { services: SERVICES.iter().map(service).collect(), changes: VecDeque::new(), as_of: now }
    }

    /// Applies a report.
    pub(crate) fn report(&mut self, report: Report) -> Result<(), Refusal> {
        let Report { service: id, state, note } = report;
        let note = self::note(&note)?;
        let Some(service) = self.services.iter_mut().find(|service| service.id == id) else {
            let known: Vec<_> = SERVICES.iter().map(|(_, id, _)| *id).collect();
            let message = format!("unknown service {}; known services: {}", quoted(&id), known.join(", "));
            return Err(Refusal::new(404, message));
        };
        let (at, from) = (OffsetDateTime::now_utc(), service.state);
        if from != state {
            (service.state, service.since) = (state, at);
            push(&mut service.past, state);
        }
        service.note.clone_from(&note);
        self.as_of = at;
        self.changes.push_front(Change { at, service: service.id, from, to: state, note });
        self.changes.truncate(CHANGES);
        Ok(())
    }

    pub(crate) fn worst(&self) -> State {
        self.services.iter().map(|service| service.state).max().unwrap_or(State::Up)
    }
}

fn note(note: &str) -> Result<String, Refusal> {
    let len = note.chars().count();
    if len > NOTE {
        return Err(Refusal::new(413, format!("the note has {len} characters; the limit is {NOTE}")));
    }
    if let Some(control) = note.chars().find(|c| c.is_control()) {
        let message = format!("the note contains the control character U+{:04X}; remove it", u32::from(control));
        return Err(Refusal::new(400, message));
    }
    Ok(note.trim().to_owned())
}

fn push(past: &mut VecDeque<State>, state: State) {
    past.push_back(state);
    if past.len() > PAST {
        past.pop_front();
    }
}

/// In the direction of the water.
const SERVICES: [(&str, &str, &str); 8] = [
    ("Intake", "intake", "River intake and screens"),
    ("Pumping", "pump-1", "Raw water pump, north bay"),
    ("Pumping", "pump-2", "Raw water pump, south bay"),
    ("Filtering", "filter-a", "Sand filter, basin A"),
    ("Filtering", "filter-b", "Sand filter, basin B"),
    ("Disinfection", "uv", "Ultraviolet lamps"),
    ("Supply", "reservoir", "Clear water, 4,000 m³"),
    ("Supply", "booster", "Booster to the upper town"),
];
/// The largest number of characters of a note.
pub(crate) const NOTE: usize = 200;
const CHANGES: usize = 8;
pub(crate) const PAST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(service: &str, state: State, note: &str) -> Report {
        Report { service: service.to_owned(), state, note: note.to_owned() }
    }

    #[test]
    fn keeps_the_latest_changes_and_states() {
        let mut board = Board::new();
        for i in 0..100 {
            let state = if i % 2 == 0 { State::Down } else { State::Up };
            board.report(report("uv", state, &i.to_string())).unwrap();
        }
        assert_eq!(board.changes.len(), CHANGES);
        assert_eq!(board.changes[0].note, "99");
        let uv = board.services.iter().find(|service| service.id == "uv").unwrap();
        assert_eq!((uv.state, uv.past.len()), (State::Up, PAST));
        board.report(report("uv", State::Up, "still up")).unwrap();
        assert_eq!(board.changes[0].from, State::Up);
        assert_eq!(board.worst(), State::Up);
    }

    #[test]
    fn limits_a_note_by_characters() {
        let mut board = Board::new();
        board.report(report("uv", State::Down, &"é".repeat(NOTE))).unwrap();
        assert_eq!(board.report(report("uv", State::Down, &"é".repeat(NOTE + 1))).unwrap_err().status, 413);
        assert_eq!(board.changes.len(), 1);
    }
}
