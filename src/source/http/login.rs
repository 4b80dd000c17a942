//! User and password, and how a camera wants to be told them.

use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http_auth::digest::Qop;
use http_auth::{BasicClient, ChallengeParser, ChallengeRef, DigestClient, ParamValue, PasswordClient, PasswordParams};

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
        let (mut basic, mut unusable) = (None, None);
        for value in headers.get_all(WWW_AUTHENTICATE) {
            // The realm of Basic is not used, so it may be in any encoding.
            let text: String =
                value.as_bytes().iter().map(|b| if b.is_ascii() { char::from(*b) } else { '?' }).collect();
            for challenge in ChallengeParser::new(&text) {
                match challenge {
                    Ok(challenge) if challenge.scheme.eq_ignore_ascii_case("digest") => {
                        match digest(challenge, value.as_bytes().is_ascii()) {
                            Ok(client) => {
                                self.set(Some(PasswordClient::Digest(client)));
                                return Ok(());
                            }
                            Err(why) => unusable = Some(why),
                        }
                    }
                    Ok(challenge) => basic = basic.or_else(|| BasicClient::try_from(&challenge).ok()),
                    Err(_) if text.to_ascii_lowercase().contains("digest") => unusable = Some("in an invalid form"),
                    Err(_) => {}
                }
            }
        }
        // A camera that has Digest is not sent the password itself.
        if let Some(why) = unusable {
            return Err(Error::permanent(format_args!(
                "it offers Digest authentication {why}, which is not supported"
            )));
        }
        let unknown = || Error::permanent("it offers neither Basic nor Digest authentication");
        self.set(Some(PasswordClient::Basic(basic.ok_or_else(unknown)?)));
        Ok(())
    }

    /// Forgets the challenge.
    pub(super) fn forget(&self) {
        self.set(None);
    }

    /// Returns the `Authorization` header. `None` before the first challenge.
    pub(super) fn respond(&self, login: &Login, method: &Method, uri: &str) -> Result<Option<HeaderValue>, Error> {
        let mut client = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(challenged) = &mut *client else { return Ok(None) };
        let answer = challenged.respond(&PasswordParams {
            username: &login.user,
            password: &login.password,
            uri,
            method: method.as_str(),
            // Without a body the answer is `qop=auth`: some cameras claim `auth-int` without supporting it.
            body: None,
        });
        let value = answer.ok().and_then(|answer| HeaderValue::try_from(answer).ok());
        let Some(mut value) = value else {
            // The next attempt gets a new one.
            *client = None;
            return Err(Error::permanent("its authentication challenge is invalid"));
        };
        value.set_sensitive(true);
        Ok(Some(value))
    }

    fn set(&self, client: Option<PasswordClient>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }
}

/// Returns the client of a challenge, or the reason why there is none.
fn digest(mut challenge: ChallengeRef<'_>, is_ascii: bool) -> Result<DigestClient, &'static str> {
    // `http-auth` cannot repeat such a realm.
    if !is_ascii {
        return Err("with a realm that is not in ASCII");
    }
    for (name, value) in &mut challenge.params {
        if name.eq_ignore_ascii_case("algorithm") {
            // `http-auth` matches by case (RFC 7616 §3.3), and motion writes `md5`.
            let known = ALGORITHMS.iter().find(|known| known.eq_ignore_ascii_case(value.as_escaped()));
            let known = known.and_then(|known| ParamValue::try_from_escaped(known).ok());
            *value = known.ok_or("with an unknown algorithm")?;
        }
    }
    let client = DigestClient::try_from(&challenge).map_err(|_| "in an invalid form")?;
    if client.qop() & Qop::Auth { Ok(client) } else { Err("only with qop=auth-int") }
}

const ALGORITHMS: [&str; 6] = ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"];
