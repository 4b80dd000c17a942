//! Sessions of signed-in users, identified by a cookie.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cookie::{Cookie, SameSite};
use rand::distr::{Alphanumeric, SampleString as _};

use crate::refusal::Refusal;

/// The open sessions and their users, in memory only.
#[derive(Debug)]
pub struct Sessions<T> {
    /// The name of the cookie. Cookies are shared by all ports of a host, so each server uses another name.
    cookie: &'static str,
    open: Mutex<HashMap<String, Session<T>>>,
}

#[derive(Debug)]
struct Session<T> {
    user: T,
    until: Instant,
}

impl<T: Clone> Sessions<T> {
    /// Creates an empty list of sessions, which are identified by a cookie of this name.
    #[must_use]
    pub fn new(cookie: &'static str) -> Self {
        Self { cookie, open: Mutex::default() }
    }

    /// Opens a session and returns the value of `Set-Cookie`.
    ///
    /// # Errors
    ///
    /// Fails with the refusal that `conflict` returns for an open session, and with 503 if there are too many sessions.
    pub fn open(&self, user: T, conflict: impl Fn(&T) -> Option<Refusal>) -> Result<String, Refusal> {
        let now = Instant::now();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, session| session.until > now);
        if let Some(refusal) = open.values().find_map(|session| conflict(&session.user)) {
            return Err(refusal);
        }
        if open.len() >= MAX_SESSIONS {
            return Err(Refusal::new(503, format!("all {MAX_SESSIONS} sessions are in use; try again later")));
        }
        let token = random();
        // Not readable by scripts, and not sent with forms of other sites. Add `secure` when serving over HTTPS.
        let cookie = Cookie::build((self.cookie, token.clone())).http_only(true).same_site(SameSite::Lax).path("/");
        open.insert(token, Session { user, until: now + IDLE });
        Ok(cookie.to_string())
    }

    /// Returns the user of the first of these values of `Cookie` that names an open session.
    pub fn find<'a>(&self, cookies: impl Iterator<Item = &'a str>) -> Option<T> {
        let mut candidates =
            cookies.flat_map(Cookie::split_parse).flatten().filter(|cookie| cookie.name() == self.cookie);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let session =
            candidates.find_map(|cookie| open.get(cookie.value()).is_some().then(|| cookie.value().to_owned()));
        let session = open.get_mut(&session?)?;
        let now = Instant::now();
        (session.until > now).then(|| {
            session.until = now + IDLE;
            session.user.clone()
        })
    }
}

/// Returns a random token of 130 bits.
#[must_use]
pub fn random() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 22)
}

const MAX_SESSIONS: usize = 10_000;
/// The lifetime of an unused session.
const IDLE: Duration = Duration::from_secs(12 * 60 * 60);
