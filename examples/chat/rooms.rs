//! The rooms. A room is created when a user enters it, and removed after everybody has left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::refusal::Refusal;

use crate::args::Args;
use crate::room::Room;
use crate::words;

pub(crate) struct Rooms {
    open: Mutex<BTreeMap<String, Arc<Room>>>,
    max_rooms: usize,
    quiet: Duration,
}

impl Rooms {
    pub(crate) fn new(args: &Args) -> Self {
        Self { open: Mutex::default(), max_rooms: args.rooms, quiet: args.quiet }
    }

    /// Returns the room of this name, creating it if needed.
    pub(crate) fn enter(&self, name: &str) -> Result<Arc<Room>, Refusal> {
        let name = words::room(name)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = open.get(name) {
            // The lock on the rooms keeps this room from being removed meanwhile.
            room.touch();
            return Ok(Arc::clone(room));
        }
        open.retain(|_, room| !room.is_over(self.quiet));
        if open.len() >= self.max_rooms {
            let max_rooms = self.max_rooms;
            return Err(Refusal::new(
                503,
                format!("all {max_rooms} rooms are in use; enter one of them or try again later"),
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

    fn rooms(max_rooms: usize, quiet: Duration) -> Rooms {
        Rooms { open: Mutex::default(), max_rooms, quiet }
    }

    #[test]
    fn limits_the_number_of_rooms() {
        let rooms = rooms(2, Duration::from_secs(60));
        rooms.enter("a").unwrap();
        rooms.enter("b").unwrap();
        let refusal = rooms.enter("c").err().unwrap();
        assert_eq!((refusal.status, &refusal.message[..23]), (503, "all 2 rooms are in use;"));
        rooms.enter("a").unwrap();
    }

    #[test]
    fn removes_an_empty_and_quiet_room() {
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
