//! The plant of both servers: its board, its sessions and its hub.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mixed_replace::{Hub, Page, Part, Publisher, hub};
use serde::Deserialize;
use shared::posted;
use shared::refusal::Refusal;
use shared::session::Sessions;
use tokio::time::{interval, sleep};

use crate::args::Args;
use crate::board::{Board, Report};
use crate::{drift, view};

/// A handle to a plant.
#[derive(Clone, Debug)]
pub struct Plant(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The address of the server, for the command on the page.
    address: String,
    password: String,
    sessions: Sessions<()>,
    /// Locked until the new page is published, so that pages are published in order.
    board: Mutex<Board>,
    publisher: Publisher,
    hub: Hub,
}

impl Plant {
    /// Creates a plant with every service up, and starts the simulated changes.
    ///
    /// # Errors
    ///
    /// Fails if the first page cannot be published.
    pub fn start(args: &Args, address: SocketAddr) -> Result<Self, String> {
        let (publisher, hub) = hub::builder().max_subscribers(VIEWERS).build();
        let board = Board::new();
        let inner = Inner {
            address: address.to_string(),
            password: args.password.clone(),
            sessions: Sessions::new("status_session"),
            board: Mutex::new(board.clone()),
            publisher,
            hub,
        };
        let plant = Self(Arc::new(inner));
        plant.publish(&board).map_err(|refusal| refusal.message)?;
        if let Some(every) = args.every {
            tokio::spawn(plant.clone().simulate(every));
        }
        Ok(plant)
    }

    /// Returns the endpoint of the board. It may be trusted: every tag is from a template, and user input is escaped.
    pub fn page(&self) -> Page {
        Page::new(self.0.hub.clone()).title("Waterworks").trusted(true)
    }

    /// Ends every stream. Viewers keep the last page.
    pub fn close(&self) {
        self.0.hub.close();
    }

    /// Returns `true` if one of these values of `Cookie` names an open session.
    pub fn is_signed_in<'a>(&self, cookies: impl Iterator<Item = &'a str>) -> bool {
        self.0.sessions.find(cookies).is_some()
    }

    /// Checks a posted password and opens a session. Returns the value of `Set-Cookie`.
    ///
    /// # Errors
    ///
    /// Fails with 401 after a wrong password, and as [`posted::decode`] and [`Sessions::open`] do.
    pub async fn sign_in(&self, content_type: Option<&str>, body: &[u8]) -> Result<String, Refusal> {
        let SignIn { password } = posted::decode(content_type, body)?;
        if !is_same(password.as_bytes(), self.0.password.as_bytes()) {
            // Slows down guessing.
            sleep(Duration::from_millis(500)).await;
            return Err(Refusal::new(401, "wrong password"));
        }
        self.0.sessions.open((), |()| None)
    }

    /// Applies a posted report and publishes the board. Returns the message for the sender.
    ///
    /// # Errors
    ///
    /// Fails if the report is invalid.
    pub fn update(&self, content_type: Option<&str>, body: &[u8]) -> Result<String, Refusal> {
        let report: Report = posted::decode(content_type, body)?;
        let summary = format!("{} is {}", report.service, report.state.word());
        self.apply(report)?;
        Ok(format!("{summary}; viewers: {}\n", self.0.hub.stats().viewers))
    }

    /// Renders the page that has only the form.
    #[must_use]
    pub fn report(&self) -> String {
        view::report(&self.0.board.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn apply(&self, report: Report) -> Result<(), Refusal> {
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
        published.map_err(|error| Refusal::new(503, error))
    }

    /// Applies a simulated change at each interval.
    async fn simulate(self, every: Duration) {
        let mut ticks = interval(every);
        ticks.tick().await;
        while !self.0.publisher.is_closed() {
            ticks.tick().await;
            let report = drift::next(&self.0.board.lock().unwrap_or_else(PoisonError::into_inner).services);
            let _ = self.apply(report);
        }
    }
}

/// A posted sign-in form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    password: String,
}

/// Compares in a time that does not depend on the first difference.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// The largest number of concurrent viewers.
const VIEWERS: usize = 5_000;
