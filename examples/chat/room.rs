//! One room: what was said in it lately, and everyone who reads it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mixed_replace::hub::{self, Hub, Publisher};
use mixed_replace::{Page, Part};
use time::OffsetDateTime;

use crate::refusal::Refusal;
use crate::view;

pub(crate) struct Room {
    pub(crate) name: String,
    publisher: Publisher,
    hub: Hub,
    /// Locked until the page with it is published, so that no older one comes after it.
    history: Mutex<History>,
    /// When somebody last did something here.
    touched: Mutex<Instant>,
}

/// What was said lately, the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) said: VecDeque<Said>,
    bytes: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) who: Arc<str>,
    pub(crate) text: Arc<str>,
    pub(crate) at: OffsetDateTime,
}

impl Room {
    pub(crate) fn new(name: &str) -> Result<Self, Refusal> {
        let (publisher, hub) = hub::builder().max_subscribers(READERS).build();
        let history = Mutex::default();
        let room = Self { name: name.to_owned(), publisher, hub, history, touched: Mutex::new(Instant::now()) };
        room.publish(&History::default())?;
        Ok(room)
    }

    /// What was said, for whoever reads along. Each tag in it is ours, and what others wrote is text.
    pub(crate) fn page(&self) -> Page {
        Page::new(self.hub.clone()).title(&self.name).trusted(true).refresh(PULL)
    }

    /// Adds to the history, and shows it to everyone in the room.
    pub(crate) fn say(&self, who: Arc<str>, text: &str) -> Result<(), Refusal> {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = history.clone();
        next.add(Said { who, text: text.into(), at: OffsetDateTime::now_utc() });
        // What cannot be shown is not kept, or nothing could be shown any more.
        self.publish(&next)?;
        *history = next;
        Ok(())
    }

    pub(crate) fn readers(&self) -> usize {
        self.hub.stats().viewers
    }

    pub(crate) fn touch(&self) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether nobody is here, and nothing has happened for that long.
    pub(crate) fn is_over(&self, quiet: Duration) -> bool {
        self.readers() == 0 && self.touched.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= quiet
    }

    /// Ends every stream; readers keep what they see.
    pub(crate) fn close(&self) {
        self.hub.close();
    }

    fn publish(&self, history: &History) -> Result<(), Refusal> {
        let part = Part::html(view::history(&self.name, history)).map_err(|error| error.to_string());
        let published = part.and_then(|part| self.publisher.publish(part).map_err(|error| error.to_string()));
        published.map_err(|why| Refusal::new(503, why))
    }
}

impl History {
    fn add(&mut self, said: Said) {
        self.bytes += said.text.len();
        self.said.push_back(said);
        while self.said.len() > MESSAGES || self.bytes > BYTES {
            let Some(oldest) = self.said.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
    }
}

/// How many may read one room at a time.
const READERS: usize = 2_000;
const MESSAGES: usize = 100;
const BYTES: usize = 64 * 1024;
/// How often a browser without scripts asks.
const PULL: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_keeps_the_newest_and_stays_small() {
        let mut history = History::default();
        let say = |text: String| Said { who: "Ann".into(), text: text.into(), at: OffsetDateTime::now_utc() };
        (0..1000).for_each(|i| history.add(say(i.to_string())));
        assert_eq!(history.said.len(), MESSAGES);
        assert_eq!(&*history.said[MESSAGES - 1].text, "999");
        (0..100).for_each(|_| history.add(say("é".repeat(2000))));
        assert_eq!(history.said.len(), BYTES / 4000);
        assert_eq!(history.bytes, history.said.iter().map(|said| said.text.len()).sum::<usize>());
    }
}
