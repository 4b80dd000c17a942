//! The services, what each is doing, and what has happened.

use std::collections::VecDeque;

use serde::Deserialize;
use time::OffsetDateTime;

use crate::refusal::{Refusal, quoted};

/// What a service is doing. The last is the worst.
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

    /// As it is posted.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Maintenance => "maintenance",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// News of a service, as it is posted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    pub(crate) service: String,
    pub(crate) state: State,
    #[serde(default)]
    pub(crate) note: String,
}

/// What the page shows.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) services: Vec<Service>,
    /// The newest first.
    pub(crate) changes: VecDeque<Change>,
    pub(crate) now: OffsetDateTime,
}

#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) stage: &'static str,
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) state: State,
    pub(crate) note: String,
    pub(crate) since: OffsetDateTime,
    /// The last states, the present one last.
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
        let service = |&(stage, id, what)| Service {
            stage,
            id,
            what,
            state: State::Up,
            note: String::new(),
            since: now,
            past: VecDeque::from([State::Up]),
        };
        Self { services: SERVICES.iter().map(service).collect(), changes: VecDeque::new(), now }
    }

    /// Takes the news in.
    pub(crate) fn report(&mut self, report: Report) -> Result<(), Refusal> {
        let Report { service: id, state, note } = report;
        let note = self::note(&note)?;
        let Some(service) = self.services.iter_mut().find(|service| service.id == id) else {
            let known: Vec<_> = SERVICES.iter().map(|(_, id, _)| *id).collect();
            let what = format!("there is no service {}; there are {}", quoted(&id), known.join(", "));
            return Err(Refusal::new(404, what));
        };
        let (at, from) = (OffsetDateTime::now_utc(), service.state);
        if from != state {
            (service.state, service.since) = (state, at);
            push(&mut service.past, state);
        }
        service.note.clone_from(&note);
        self.now = at;
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
        return Err(Refusal::new(413, format!("the note has {len} characters; at most {NOTE} are taken")));
    }
    if let Some(control) = note.chars().find(|c| c.is_control()) {
        let what = format!("the note holds the control character U+{:04X}", u32::from(control));
        return Err(Refusal::new(400, what));
    }
    Ok(note.trim().to_owned())
}

fn push(past: &mut VecDeque<State>, state: State) {
    past.push_back(state);
    if past.len() > PAST {
        past.pop_front();
    }
}

/// In the order in which the water comes through.
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
/// Characters of a note.
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
    fn keeps_what_fits_on_a_page() {
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
    fn a_note_may_be_as_long_as_it_says() {
        let mut board = Board::new();
        board.report(report("uv", State::Down, &"é".repeat(NOTE))).unwrap();
        assert_eq!(board.report(report("uv", State::Down, &"é".repeat(NOTE + 1))).unwrap_err().status, 413);
        assert_eq!(board.changes.len(), 1);
    }
}
