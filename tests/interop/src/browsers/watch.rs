//! The record of pictures on a screen, with times.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::browsers::picture::Colour;
use crate::browsers::screen::Screen;

/// Polls a screen and records each change until it is dropped.
#[derive(Debug)]
pub struct Watch {
    sights: Arc<Mutex<Vec<Sight>>>,
    _end: Sender<()>,
}

/// A change of the picture on the screen.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// The time at which it was detected.
    pub time: Instant,
    /// The new picture, if it has a colour of the palette.
    pub colour: Option<Colour>,
}

impl Watch {
    /// Starts watching.
    #[must_use]
    pub fn start(screen: &'static Screen) -> Self {
        let sights = Arc::new(Mutex::new(vec![Sight { time: Instant::now(), colour: screen.shows() }]));
        let (end, ended) = channel();
        let log = Arc::clone(&sights);
        thread::spawn(move || {
            let mut before = None;
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                // The time after the poll, so that a busy machine makes a picture late but never early.
                let (colour, time) = (screen.shows(), Instant::now());
                if colour != before {
                    before = colour;
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(Sight { time, colour });
                }
            }
        });
        Self { sights, _end: end }
    }

    /// Returns all changes in order.
    #[must_use]
    pub fn sights(&self) -> Vec<Sight> {
        self.sights.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the picture on the screen.
    #[must_use]
    pub fn now(&self) -> Option<Colour> {
        self.sights().last().and_then(|sight| sight.colour)
    }

    /// Waits until a colour is on the screen, and returns the time of that change. `None` after the time limit.
    pub async fn sees(&self, colour: Colour, within: Duration) -> Option<Instant> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(last) = self.sights().last().filter(|last| last.colour == Some(colour)) {
                return Some(last.time);
            }
            if Instant::now() > deadline {
                return None;
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

const EVERY: Duration = Duration::from_millis(2);
