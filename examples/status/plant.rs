//! The plant as both servers see it: its board, who may look, and what everyone is shown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mixed_replace::hub::{self, Hub, Publisher};
use mixed_replace::{Page, Part};
use serde::Deserialize;
use tokio::time::{interval, sleep};

use crate::args::Args;
use crate::board::{Board, Report};
use crate::drift;
use crate::posted;
use crate::refusal::Refusal;
use crate::session::Sessions;
use crate::view;

#[derive(Clone)]
pub(crate) struct Plant(Arc<Inner>);

struct Inner {
    /// Where it is served, for what the page tells to try.
    address: String,
    password: String,
    sessions: Sessions<()>,
    /// Locked until the page is published, so that no older one comes after it.
    board: Mutex<Board>,
    publisher: Publisher,
    hub: Hub,
}

impl Plant {
    /// A plant in which all is well.
    pub(crate) fn start(args: &Args, address: &str) -> Result<Self, String> {
        let (publisher, hub) = hub::builder().max_subscribers(VIEWERS).build();
        let board = Board::new();
        let inner = Inner {
            address: address.to_owned(),
            password: args.password.clone(),
            sessions: Sessions::new("status_session"),
            board: Mutex::new(board.clone()),
            publisher,
            hub,
        };
        let plant = Self(Arc::new(inner));
        plant.publish(&board).map_err(|refusal| refusal.what)?;
        if let Some(every) = args.every {
            tokio::spawn(plant.clone().live(every));
        }
        Ok(plant)
    }

    /// The page, the stream and the still, on one address. Each tag in it is ours, and what others wrote is text.
    pub(crate) fn page(&self) -> Page {
        Page::new(self.0.hub.clone()).title("Waterworks").trusted(true)
    }

    /// Ends every stream; viewers keep the last page.
    pub(crate) fn close(&self) {
        self.0.hub.close();
    }

    /// Whether a request with these values of `Cookie` comes from somebody who has signed in.
    pub(crate) fn knows<'a>(&self, cookies: impl Iterator<Item = &'a str>) -> bool {
        self.0.sessions.find(cookies).is_some()
    }

    /// Signs somebody in: the value of `Set-Cookie`.
    pub(crate) async fn sign_in(&self, content_type: Option<&str>, body: &[u8]) -> Result<String, Refusal> {
        let SignIn { password } = posted::decode(content_type, body)?;
        if !is_same(password.as_bytes(), self.0.password.as_bytes()) {
            // So that nobody tries many.
            sleep(Duration::from_millis(500)).await;
            return Err(Refusal::new(401, "this is not the password"));
        }
        self.0.sessions.open((), |()| None)
    }

    /// Takes news of a service in, and shows it to everyone. Returns what to tell whoever sent it.
    pub(crate) fn update(&self, content_type: Option<&str>, body: &[u8]) -> Result<String, Refusal> {
        let report: Report = posted::decode(content_type, body)?;
        let told = format!("{} is {}", report.service, report.state.word());
        self.take(report)?;
        Ok(format!("{told}; viewers: {}\n", self.0.hub.stats().viewers))
    }

    /// The page with the form alone.
    pub(crate) fn report(&self) -> String {
        view::report(&self.0.board.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, report: Report) -> Result<(), Refusal> {
        let mut board = self.0.board.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = board.clone();
        next.report(report)?;
        self.publish(&next)?;
        *board = next;
        Ok(())
    }

    fn publish(&self, board: &Board) -> Result<(), Refusal> {
        let part = Part::html(view::board(board, &self.0.address)).map_err(|error| error.to_string());
        let published = part.and_then(|part| self.0.publisher.publish(part).map_err(|error| error.to_string()));
        published.map_err(|why| Refusal::new(503, why))
    }

    /// The services change by themselves, so that there is something to see.
    async fn live(self, every: Duration) {
        let mut ticks = interval(every);
        ticks.tick().await;
        while !self.0.publisher.is_closed() {
            ticks.tick().await;
            let report = drift::next(&self.0.board.lock().unwrap_or_else(PoisonError::into_inner).services);
            let _ = self.take(report);
        }
    }
}

/// What is posted to sign in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    password: String,
}

/// In a time that tells nothing about where they differ.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// How many may watch at a time.
const VIEWERS: usize = 5_000;
