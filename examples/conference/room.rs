//! The participants of a room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mixed_replace::decode::Limits;
use mixed_replace::{Hub, Hubs, Ingest, Part, Publisher, hub};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::picture::{self, MAX_BYTES};
use crate::problem::Problem;
use crate::token::Token;

/// A handle for the room: its participants and their hubs.
#[derive(Clone)]
pub(crate) struct Room {
    /// The hub of each participant's pictures by id, and the hub of the list.
    pub(crate) hubs: Hubs,
    list: Arc<Publisher>,
    people: Arc<Mutex<People>>,
    seats: usize,
    /// A random value for each start of the server, by which the page notices a restart.
    run: Arc<str>,
}

#[derive(Default)]
struct People {
    last: u64,
    present: BTreeMap<u64, Arc<Person>>,
    /// The last published list.
    published: String,
    closed: bool,
}

/// A participant.
pub(crate) struct Person {
    pub(crate) id: u64,
    name: String,
    /// `None` for a demo participant.
    token: Option<Token>,
    /// The hub of this participant's pictures.
    pub(crate) hub: Hub,
    pub(crate) publisher: Arc<Publisher>,
    /// Receives the pictures.
    pub(crate) ingest: Ingest,
    joined: Instant,
    /// Becomes `true` at the end. Each sending request has a receiver.
    left: watch::Sender<bool>,
}

/// The published list, as JSON.
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
    /// `true` if there was no picture for a while.
    quiet: bool,
    viewers: usize,
}

impl Room {
    pub(crate) fn new(seats: usize) -> Result<Self, getrandom::Error> {
        let run = Token::random()?.to_string().into();
        let (list, hub) = hub::builder().max_subscribers(VIEWERS).build();
        let hubs = Hubs::new();
        // An empty set takes any hub.
        let _ = hubs.insert(LIST, hub);
        let room = Self { hubs, list: Arc::new(list), people: Arc::default(), seats, run };
        room.publish_list(&mut room.people());
        Ok(room)
    }

    /// Adds a participant. Returns its id, and the token for sending.
    pub(crate) fn join(&self, name: &str) -> Result<(u64, String), Problem> {
        let name = name.trim();
        if !(1..=NAME).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(Problem::BadName);
        }
        let full = Problem::Full { people: self.seats };
        // Without randomness there is no token.
        let token = Token::random().map_err(|_| full.clone())?;
        let text = token.to_string();
        let mut people = self.people();
        if people.closed || people.present.values().filter(|person| person.token.is_some()).count() >= self.seats {
            return Err(full);
        }
        let person = self.add(&mut people, name, Some(token));
        Ok((person.id, text))
    }

    /// Adds a demo participant, which takes no seat.
    pub(crate) fn join_demo(&self, name: &str) -> Arc<Person> {
        self.add(&mut self.people(), name, None)
    }

    /// Returns the participant if the token is its own.
    pub(crate) fn sender(&self, id: u64, token: &str) -> Result<Arc<Person>, Problem> {
        let person = self.person(id)?;
        match &person.token {
            Some(own) if own.matches(token) => Ok(person),
            _ => Err(Problem::WrongToken),
        }
    }

    pub(crate) fn person(&self, id: u64) -> Result<Arc<Person>, Problem> {
        self.people().present.get(&id).cloned().ok_or(Problem::NotFound)
    }

    pub(crate) fn leave(&self, person: &Person) {
        self.remove(&mut self.people(), person.id);
    }

    /// Removes silent participants and publishes the list when it changes. Never returns.
    pub(crate) async fn update_list(self) {
        let mut clock = interval(Duration::from_millis(500));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            let mut people = self.people();
            let silent = people.present.values().filter(|person| person.has_vanished()).map(|person| person.id);
            for id in silent.collect::<Vec<_>>() {
                self.remove(&mut people, id);
            }
            self.publish_list(&mut people);
        }
    }

    /// Ends every stream. Further participants cannot join.
    pub(crate) fn close(&self) {
        let mut people = self.people();
        people.closed = true;
        for person in people.present.values() {
            person.end();
        }
        self.hubs.close();
    }

    fn add(&self, people: &mut People, name: &str, token: Option<Token>) -> Arc<Person> {
        people.last += 1;
        let (publisher, hub) = hub::builder().max_subscribers(VIEWERS).build();
        let (id, publisher) = (people.last, Arc::new(publisher));
        let ingest = Ingest::new(Arc::clone(&publisher))
            .check(|part: Part| picture::of(part.into_body()))
            .limits(Limits::new().max_part_bytes(MAX_BYTES))
            .min_interval(Duration::from_secs(1) / PER_SECOND)
            .part_timeout(TIMEOUT)
            // A participant with a stalled connection can reconnect at once.
            .takeover(true);
        // Fails after the end.
        let _ = self.hubs.insert(&id.to_string(), hub.clone());
        let person = Arc::new(Person {
            id,
            name: name.to_owned(),
            token,
            hub,
            publisher,
            ingest,
            joined: Instant::now(),
            left: watch::Sender::default(),
        });
        people.present.insert(person.id, Arc::clone(&person));
        self.publish_list(people);
        person
    }

    fn remove(&self, people: &mut People, id: u64) {
        if let Some(person) = people.present.remove(&id) {
            person.end();
            self.hubs.remove(&id.to_string());
            self.publish_list(people);
        }
    }

    /// Publishes the list of participants if it has changed.
    fn publish_list(&self, people: &mut People) {
        let entry = |person: &'_ Arc<Person>| (Arc::clone(person), person.silence() > QUIET);
        let present: Vec<_> = people.present.values().map(entry).collect();
        let entries = present.iter().map(|(person, quiet)| Entry {
            id: person.id,
            name: &person.name,
            demo: person.token.is_none(),
            quiet: *quiet && person.token.is_some(),
            viewers: person.hub.stats().viewers,
        });
        let watching = self.hubs.get(LIST).map_or(0, |hub| hub.stats().viewers);
        let list = List { run: &self.run, watching, seats: self.seats, people: entries.collect() };
        let Ok(list) = serde_json::to_string(&list) else { return };
        if list != people.published {
            if let Ok(part) = Part::json(list.clone()) {
                let _ = self.list.publish(part);
            }
            people.published = list;
        }
    }

    fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Person {
    /// Returns a handle that a sending request keeps.
    pub(crate) fn start_sending(&self) -> Sending {
        Sending(self.left.subscribe())
    }

    fn end(&self) {
        self.hub.close();
        self.left.send_replace(true);
    }

    /// Returns `true` after a long silence without a sending request, which has its own time limit.
    fn has_vanished(&self) -> bool {
        self.token.is_some() && self.silence() > SILENCE && self.left.receiver_count() == 0
    }

    fn silence(&self) -> Duration {
        self.hub.stats().age.unwrap_or_else(|| self.joined.elapsed())
    }
}

/// A request that sends pictures.
pub(crate) struct Sending(watch::Receiver<bool>);

impl Sending {
    /// Waits until the participant has left.
    pub(crate) async fn ends(mut self) {
        let _ = self.0.wait_for(|left| *left).await;
    }
}

/// The largest number of characters of a name.
const NAME: usize = 40;
/// The largest number of pictures a second from one participant.
const PER_SECOND: u32 = 15;
/// The time limit for a complete picture.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The time without a picture after which a participant is marked as quiet.
const QUIET: Duration = Duration::from_secs(3);
/// The time without a picture after which a participant is removed.
const SILENCE: Duration = Duration::from_secs(10);
/// The largest number of viewers of one participant, and of the list. A page takes a second place for the moment in which its
/// set of tiles changes.
const VIEWERS: usize = 200;
/// The name of the list among the participants' ids.
const LIST: &str = "list";
