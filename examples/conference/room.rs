//! Who is in the room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mixed_replace::Part;
use mixed_replace::hub::{self, Hub, Publisher};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::grid::Grid;
use crate::pace::Pace;
use crate::problem::Problem;
use crate::token::Token;

/// Everyone who takes part, and the ways to see them.
#[derive(Clone)]
pub(crate) struct Room {
    /// All in one stream.
    pub(crate) grid: Arc<Grid>,
    people: Arc<Mutex<People>>,
    seats: usize,
    /// Lets the page tell another run of the server.
    run: Arc<str>,
}

#[derive(Default)]
struct People {
    last: u64,
    present: BTreeMap<u64, Arc<Person>>,
    /// What everyone was last told of them.
    told: String,
    closed: bool,
}

pub(crate) struct Person {
    pub(crate) id: u64,
    name: String,
    /// Without one it is a demo, which nobody can send for.
    token: Option<Token>,
    /// This one's pictures alone.
    pub(crate) hub: Hub,
    publisher: Publisher,
    pace: Mutex<Pace>,
    /// When the last picture came, or this one joined.
    heard: Mutex<Instant>,
    /// Counts the requests that send: the newest one alone may go on.
    newest: watch::Sender<u64>,
}

/// What everyone is told, as JSON.
#[derive(Serialize)]
struct List<'a> {
    run: &'a str,
    watching: usize,
    seats: usize,
    people: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: u64,
    name: &'a str,
    demo: bool,
    /// Has not sent a picture for a while.
    quiet: bool,
    viewers: usize,
}

impl Room {
    pub(crate) fn new(seats: usize) -> Result<Self, getrandom::Error> {
        let run = Token::random()?.to_string().into();
        let room = Self { grid: Arc::new(Grid::new()), people: Arc::default(), seats, run };
        room.tell(&mut room.people());
        Ok(room)
    }

    /// Takes a seat. Whoever holds the token may send.
    pub(crate) fn join(&self, name: &str) -> Result<(u64, String), Problem> {
        let name = name.trim();
        if !(1..=NAME).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(Problem::BadName);
        }
        let full = Problem::Full { people: self.seats };
        // Without randomness there are no seats.
        let token = Token::random().map_err(|_| full.clone())?;
        let shown = token.to_string();
        let mut people = self.people();
        if people.closed || people.present.values().filter(|person| person.token.is_some()).count() >= self.seats {
            return Err(full);
        }
        let person = self.enter(&mut people, name, Some(token));
        Ok((person.id, shown))
    }

    /// One who shows a test picture, and takes nobody's seat.
    pub(crate) fn join_demo(&self, name: &str) -> Arc<Person> {
        self.enter(&mut self.people(), name, None)
    }

    /// The one that this token belongs to, if it is the one it says.
    pub(crate) fn sender(&self, id: u64, token: &str) -> Result<Arc<Person>, Problem> {
        let person = self.person(id)?;
        match &person.token {
            Some(own) if own.is(token) => Ok(person),
            _ => Err(Problem::WrongToken),
        }
    }

    pub(crate) fn person(&self, id: u64) -> Result<Arc<Person>, Problem> {
        self.people().present.get(&id).cloned().ok_or(Problem::Gone)
    }

    /// Shows a picture to who watches.
    pub(crate) fn show(&self, person: &Person, picture: Part) {
        *person.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        // It is refused to who has left, or if it holds the boundary, which nobody sends by accident.
        if person.publisher.publish(picture.clone()).is_ok() {
            self.grid.show(person.id, picture);
        }
    }

    pub(crate) fn leave(&self, person: &Person) {
        self.remove(&mut self.people(), person.id);
    }

    /// Keeps the list of people right: who has vanished goes, and everyone is told. Never returns.
    pub(crate) async fn keep(self) {
        let mut viewers = self.grid.viewers();
        let mut clock = interval(Duration::from_secs(1));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = clock.tick() => {}
                _ = viewers.changed() => {}
            }
            let mut people = self.people();
            let vanished = people.present.values().filter(|person| person.has_vanished()).map(|person| person.id);
            for id in vanished.collect::<Vec<_>>() {
                self.remove(&mut people, id);
            }
            self.tell(&mut people);
        }
    }

    /// Ends every stream, and lets nobody in any more.
    pub(crate) fn close(&self) {
        let mut people = self.people();
        people.closed = true;
        for person in people.present.values() {
            person.end();
        }
        self.grid.close();
    }

    fn enter(&self, people: &mut People, name: &str, token: Option<Token>) -> Arc<Person> {
        people.last += 1;
        let (publisher, hub) = hub::builder().max_subscribers(VIEWERS).build();
        let person = Arc::new(Person {
            id: people.last,
            name: name.to_owned(),
            token,
            hub,
            publisher,
            pace: Mutex::new(Pace::new(A_SECOND, AT_ONCE)),
            heard: Mutex::new(Instant::now()),
            newest: watch::Sender::default(),
        });
        self.grid.enter(person.id);
        people.present.insert(person.id, Arc::clone(&person));
        self.tell(people);
        person
    }

    fn remove(&self, people: &mut People, id: u64) {
        if let Some(person) = people.present.remove(&id) {
            person.end();
            self.grid.leave(id);
            self.tell(people);
        }
    }

    /// Tells everyone who is there, if that has changed.
    fn tell(&self, people: &mut People) {
        let entry = |person: &'_ Arc<Person>| (Arc::clone(person), person.silence() > QUIET);
        let present: Vec<_> = people.present.values().map(entry).collect();
        let entries = present.iter().map(|(person, quiet)| Entry {
            id: person.id,
            name: &person.name,
            demo: person.token.is_none(),
            quiet: *quiet && person.token.is_some(),
            viewers: person.hub.stats().viewers + self.grid.viewers_of(person.id),
        });
        let list =
            List { run: &self.run, watching: self.grid.watching(), seats: self.seats, people: entries.collect() };
        let Ok(list) = serde_json::to_string(&list) else { return };
        if list != people.told {
            if let Ok(part) = Part::json(list.clone()) {
                self.grid.list(part);
            }
            people.told = list;
        }
    }

    fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Person {
    /// Counts a picture; or says how long to wait, and does not.
    pub(crate) fn may_send(&self) -> Result<(), Duration> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())
    }

    /// Begins to send. What was begun before ends: so one sends one thing at a time, and one whose connection hangs can
    /// come back at once.
    pub(crate) fn begin(&self) -> Turn {
        let mut mine = 0;
        self.newest.send_modify(|newest| {
            *newest += 1;
            mine = *newest;
        });
        Turn { mine, newest: self.newest.subscribe() }
    }

    /// Whether anybody looks at this one alone.
    pub(crate) fn demand(&self) -> hub::Demand {
        self.publisher.demand()
    }

    fn end(&self) {
        self.hub.close();
        drop(self.begin());
    }

    /// Not while a picture is on its way, which has a time limit of its own.
    fn has_vanished(&self) -> bool {
        self.token.is_some() && self.silence() > SILENCE && self.newest.receiver_count() == 0
    }

    fn silence(&self) -> Duration {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// A request that sends pictures.
pub(crate) struct Turn {
    mine: u64,
    newest: watch::Receiver<u64>,
}

impl Turn {
    /// Returns when there is a newer one, or the participant has left.
    pub(crate) async fn ends(mut self) {
        let _ = self.newest.wait_for(|newest| *newest != self.mine).await;
    }
}

/// Letters of a name.
const NAME: usize = 40;
/// Pictures a second that one may send.
const A_SECOND: u32 = 15;
/// What a bad line held up may come together.
const AT_ONCE: u32 = 5;
/// From then on the others are told that there is no new picture.
const QUIET: Duration = Duration::from_secs(3);
/// Who has sent nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(10);
/// Of one participant, and of the grid.
pub(crate) const VIEWERS: usize = 200;
