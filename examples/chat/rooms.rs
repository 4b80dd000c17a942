//! The rooms: made when somebody enters, gone when everybody has left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::args::Args;
use crate::refusal::Refusal;
use crate::room::Room;
use crate::words;

pub(crate) struct Rooms {
    open: Mutex<BTreeMap<String, Arc<Room>>>,
    most: usize,
    quiet: Duration,
}

impl Rooms {
    pub(crate) fn new(args: &Args) -> Self {
        Self { open: Mutex::default(), most: args.rooms, quiet: args.quiet }
    }

    /// The room of this name, which is made if there is none.
    pub(crate) fn enter(&self, name: &str) -> Result<Arc<Room>, Refusal> {
        let name = words::room(name)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = open.get(name) {
            // With the rooms locked: it is not swept away under whoever enters.
            room.touch();
            return Ok(Arc::clone(room));
        }
        open.retain(|_, room| !room.is_over(self.quiet));
        if open.len() >= self.most {
            let most = self.most;
            return Err(Refusal::new(
                503,
                format!("there are {most} rooms already; enter one, or wait until one is left"),
            ));
        }
        let room = Arc::new(Room::new(name)?);
        open.insert(name.to_owned(), Arc::clone(&room));
        Ok(room)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Room>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, room| !room.is_over(self.quiet));
        open.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rooms(most: usize, quiet: Duration) -> Rooms {
        Rooms { open: Mutex::default(), most, quiet }
    }

    #[test]
    fn there_are_no_more_than_allowed() {
        let rooms = rooms(2, Duration::from_secs(60));
        rooms.enter("a").unwrap();
        rooms.enter("b").unwrap();
        let refusal = rooms.enter("c").err().unwrap();
        assert_eq!((refusal.status, &refusal.what[..19]), (503, "there are 2 rooms a"));
        rooms.enter("a").unwrap();
    }

    #[test]
    fn a_room_goes_when_it_is_empty_and_quiet() {
        let rooms = rooms(1, Duration::ZERO);
        let room = rooms.enter("a").unwrap();
        room.say("Ann".into(), "is anybody here?").unwrap();
        let reader = room.page();
        drop(reader);
        rooms.enter("b").unwrap();
        let names: Vec<_> = rooms.all().iter().map(|room| room.name.clone()).collect();
        assert!(names.is_empty(), "{names:?}");
    }
}
