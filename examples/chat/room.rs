//! One room: its latest messages, and its hub.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mixed_replace::{Hub, Page, Part, Publisher, hub};
use shared::refusal::Refusal;
use time::OffsetDateTime;

use crate::view;

pub(crate) struct Room {
    pub(crate) name: String,
    publisher: Publisher,
    hub: Hub,
    /// Locked until the new page is published, so that pages are published in order.
    history: Mutex<History>,
    /// The time of the last visit or message.
    touched: Mutex<Instant>,
}

/// The latest messages, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) messages: VecDeque<Message>,
    bytes: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) author: Arc<str>,
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

    /// Returns the endpoint of the messages. They may be trusted: every tag is from a template, and user input is escaped.
    pub(crate) fn page(&self) -> Page {
        Page::new(self.hub.clone()).title(&self.name).trusted(true).refresh(PULL)
    }

    /// Adds a message to the history and publishes it.
    pub(crate) fn say(&self, author: Arc<str>, text: &str) -> Result<(), Refusal> {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = history.clone();
        next.add(Message { author, text: text.into(), at: OffsetDateTime::now_utc() });
        // A message that cannot be published is not kept: the pages after it would fail too.
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

    /// Returns `true` if the room has no readers and nothing has happened for `quiet`.
    pub(crate) fn is_over(&self, quiet: Duration) -> bool {
        self.readers() == 0 && self.touched.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= quiet
    }

    /// Ends every stream. Readers keep the last page.
    pub(crate) fn close(&self) {
        self.hub.close();
    }

    fn publish(&self, history: &History) -> Result<(), Refusal> {
        let part = Part::html(view::history(&self.name, history)).map_err(|error| error.to_string());
        let published = part.and_then(|part| self.publisher.publish(part).map_err(|error| error.to_string()));
        published.map_err(|error| Refusal::new(503, error))
    }
}

impl History {
    fn add(&mut self, message: Message) {
        self.bytes += message.text.len();
        self.messages.push_back(message);
        while self.messages.len() > MESSAGES || self.bytes > BYTES {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
    }
}

/// The largest number of readers of one room.
const READERS: usize = 2_000;
const MESSAGES: usize = 100;
const BYTES: usize = 64 * 1024;
/// The reload interval of browsers without scripts.
const PULL: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_keeps_the_newest_messages_within_its_limits() {
        let mut history = History::default();
        let message = |text: String| Message { author: "Ann".into(), text: text.into(), at: OffsetDateTime::now_utc() };
        (0..1000).for_each(|i| history.add(message(i.to_string())));
        assert_eq!(history.messages.len(), MESSAGES);
        assert_eq!(&*history.messages[MESSAGES - 1].text, "999");
        (0..100).for_each(|_| history.add(message("é".repeat(2000))));
        assert_eq!(history.messages.len(), BYTES / 4000);
        assert_eq!(history.bytes, history.messages.iter().map(|message| message.text.len()).sum::<usize>());
    }
}
