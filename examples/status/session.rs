//! Who has signed in: a session for each, known by a cookie.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cookie::{Cookie, SameSite};
use rand::distr::{Alphanumeric, SampleString as _};

use crate::refusal::Refusal;

/// The open sessions, and who each belongs to. They are gone when the process is.
#[derive(Debug)]
pub(crate) struct Sessions<T> {
    /// A cookie goes to every port of a host, so that each server has to have its own.
    cookie: &'static str,
    open: Mutex<HashMap<String, Session<T>>>,
}

#[derive(Debug)]
struct Session<T> {
    who: T,
    until: Instant,
}

impl<T: Clone> Sessions<T> {
    pub(crate) fn new(cookie: &'static str) -> Self {
        Self { cookie, open: Mutex::default() }
    }

    /// Opens one, unless somebody who has one stands against it. Returns the value of `Set-Cookie`.
    pub(crate) fn open(&self, who: T, against: impl Fn(&T) -> Option<Refusal>) -> Result<String, Refusal> {
        let now = Instant::now();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, session| session.until > now);
        if let Some(refusal) = open.values().find_map(|session| against(&session.who)) {
            return Err(refusal);
        }
        if open.len() >= MOST {
            return Err(Refusal::new(503, format!("{MOST} have signed in; there is no room for more")));
        }
        let token = random();
        // No script can read it, and no form of another site brings it along. Behind https, add `secure`.
        let cookie = Cookie::build((self.cookie, token.clone())).http_only(true).same_site(SameSite::Lax).path("/");
        open.insert(token, Session { who, until: now + IDLE });
        Ok(cookie.to_string())
    }

    /// Whom the values of `Cookie` belong to.
    pub(crate) fn find<'a>(&self, cookies: impl Iterator<Item = &'a str>) -> Option<T> {
        let mut ours = cookies.flat_map(Cookie::split_parse).flatten().filter(|cookie| cookie.name() == self.cookie);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let session = ours.find_map(|cookie| open.get(cookie.value()).is_some().then(|| cookie.value().to_owned()));
        let session = open.get_mut(&session?)?;
        let now = Instant::now();
        (session.until > now).then(|| {
            session.until = now + IDLE;
            session.who.clone()
        })
    }
}

/// 130 bits that nobody can guess.
pub(crate) fn random() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 22)
}

const MOST: usize = 10_000;
/// How long a session lasts that is not used.
const IDLE: Duration = Duration::from_secs(12 * 60 * 60);
