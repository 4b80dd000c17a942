use std::collections::HashSet;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// A login, and addresses that expire, signed with a secret of this server.
pub(crate) struct Access {
    /// The value of `Authorization`: "Basic ", then `printf user:password | base64`.
    login: String,
    secret: Hmac<Sha256>,
    revoked: Mutex<HashSet<String>>,
}

impl Access {
    pub(crate) fn new(login: &str, secret: &[u8; 32]) -> Self {
        let secret = Hmac::new_from_slice(secret).expect("any length is allowed");
        Self { login: login.to_owned(), secret, revoked: Mutex::default() }
    }

    /// Returns whether a request has the login.
    pub(crate) fn is_login(&self, authorization: Option<&str>) -> bool {
        authorization.is_some_and(|value| self.equal(&self.login, value))
    }

    /// Returns an address for the `<img>` of a user. `None` for a name with other bytes than letters and digits, which
    /// the address and the page would have to escape.
    pub(crate) fn sign(&self, path: &str, user: &str, valid: Duration) -> Option<String> {
        if user.is_empty() || !user.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let until = (now() + valid).as_secs();
        let address = format!("{path}?user={user}&until={until}");
        Some(format!("{address}&signature={}", self.signature(&address)))
    }

    /// Returns the user of an address, and for how long it is still valid.
    pub(crate) fn check(&self, path_and_query: &str) -> Option<(String, Duration)> {
        let (address, rest) = path_and_query.split_once("&signature=")?;
        // The rest is not signed: a rate, or a time against caches.
        let signature = rest.split('&').next()?;
        if !self.equal(&self.signature(address), signature) {
            return None;
        }
        let (address, until) = address.rsplit_once("&until=")?;
        let (_, user) = address.split_once("?user=")?;
        let valid = Duration::from_secs(until.parse().ok()?).checked_sub(now())?;
        let revoked = self.revoked.lock().map_or(true, |revoked| revoked.contains(user));
        (!revoked).then(|| (user.to_owned(), valid))
    }

    /// Rejects the addresses of a user from now on. Call `hub.revoke(user)` after it, which ends the streams.
    pub(crate) fn revoke(&self, user: &str) {
        if let Ok(mut revoked) = self.revoked.lock() {
            revoked.insert(user.to_owned());
        }
    }

    fn signature(&self, text: &str) -> String {
        let bytes = self.secret.clone().chain_update(text).finalize().into_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Compares in a time that does not depend on how many bytes are equal.
    fn equal(&self, expected: &str, found: &str) -> bool {
        let found = self.secret.clone().chain_update(found).finalize().into_bytes();
        self.secret.clone().chain_update(expected).verify(&found).is_ok()
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
