//! When which picture was on the screen.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::picture::Colour;
use crate::screen::Screen;

/// Looks at a screen all the time, and notes each change. Dropping it ends that.
#[derive(Debug)]
pub struct Watch {
    sights: Arc<Mutex<Vec<Sight>>>,
    _end: Sender<()>,
}

/// A change of what is on the screen.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// When it was noticed.
    pub time: Instant,
    /// What is to be seen from then on, if it is a picture of the palette.
    pub colour: Option<Colour>,
}

impl Watch {
    /// Begins to watch.
    #[must_use]
    pub fn start(screen: &'static Screen) -> Self {
        let sights = Arc::new(Mutex::new(vec![Sight { time: Instant::now(), colour: screen.shows() }]));
        let (end, ended) = channel();
        let log = Arc::clone(&sights);
        thread::spawn(move || {
            let mut before = None;
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                // The time behind the look, so that a busy machine makes a picture late but never early.
                let (colour, time) = (screen.shows(), Instant::now());
                if colour != before {
                    before = colour;
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(Sight { time, colour });
                }
            }
        });
        Self { sights, _end: end }
    }

    /// All changes, the first one first.
    #[must_use]
    pub fn sights(&self) -> Vec<Sight> {
        self.sights.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is on the screen now.
    #[must_use]
    pub fn now(&self) -> Option<Colour> {
        self.sights().last().and_then(|sight| sight.colour)
    }

    /// Waits until a colour is on the screen, and returns when it came there; `None` if it does not in time.
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
