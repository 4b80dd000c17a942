//! User and password, and how a camera wants to be told them.

use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http_auth::{PasswordClient, PasswordParams};

use crate::source::Error;

#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

/// The answer to a camera's last challenge, which further requests repeat.
#[derive(Clone, Default)]
pub(super) struct Client(Arc<Mutex<Option<PasswordClient>>>);

impl Client {
    /// Keeps a challenge: Digest (RFC 7616) if the camera offers it, else Basic (RFC 7617), which reveals the password.
    pub(super) fn challenge(&self, headers: &HeaderMap) -> Result<(), Error> {
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        // `http-auth` matches the name by case (RFC 7616 §3.3), and motion writes `md5`.
        let challenges = challenges.map(|challenge| challenge.replace("algorithm=md5", "algorithm=MD5"));
        let client = challenges.fold(PasswordClient::builder(), |client, challenge| client.challenges(&challenge));
        let unknown = |_| Error::permanent("it offers neither Basic nor Digest authentication");
        self.set(Some(client.build().map_err(unknown)?));
        Ok(())
    }

    /// Forgets the challenge.
    pub(super) fn forget(&self) {
        self.set(None);
    }

    /// Returns the `Authorization` header. `None` before the first challenge.
    pub(super) fn respond(&self, login: &Login, method: &Method, uri: &str) -> Result<Option<HeaderValue>, Error> {
        let mut client = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(client) = &mut *client else { return Ok(None) };
        let answer = client.respond(&PasswordParams {
            username: &login.user,
            password: &login.password,
            uri,
            method: method.as_str(),
            // Without a body the answer is `qop=auth`: some cameras claim `auth-int` without supporting it.
            body: None,
        });
        let value = answer.ok().and_then(|answer| HeaderValue::try_from(answer).ok());
        let mut value = value.ok_or_else(|| Error::permanent("its authentication challenge is invalid"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    fn set(&self, client: Option<PasswordClient>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }
}
