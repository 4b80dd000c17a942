//! The address of a camera, with its login.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use super::login::Login;
use crate::derive::{error_messages, io_error};

/// `[http://][USER:PASSWORD@]HOST[:PORT][/PATH]`.
#[derive(Clone)]
pub(super) struct Address {
    /// The name in events: without a query, because some cameras take passwords there.
    pub(super) name: String,
    /// The URL without user and password.
    pub(super) url: Url,
    pub(super) login: Option<Login>,
}

impl FromStr for Address {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let text = text.trim();
        let has_scheme = scheme(text).is_some();
        let invalid = |why: &dyn fmt::Display| InvalidUrl(format!("{}: {why}", without_login(text)));
        if !has_scheme && text.starts_with('/') {
            return Err(invalid(&"no host; write http://HOST/PATH"));
        }
        if may_have_lost_login(text) {
            return Err(invalid(&"percent-encode ?, #, / and @ in a user or a password"));
        }
        let url = if has_scheme { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
        let mut url = url.map_err(|error| invalid(&error))?;
        match url.scheme() {
            _ if is_supported(&url) => {}
            "https" => return Err(invalid(&TLS_IS_OFF)),
            scheme => return Err(invalid(&format_args!("{scheme} is not supported, only http and https"))),
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = Login { user: decoded(url.username()), password: decoded(url.password().unwrap_or_default()) };
        let login = (!login.user.is_empty() || !login.password.is_empty()).then_some(login);
        // Sent only in answer to a challenge.
        let removed = url.set_username("").and_then(|()| url.set_password(None));
        removed.map_err(|()| invalid(&"a user cannot be removed"))?;
        url.set_fragment(None);
        Ok(Self { name: name(&url), url, login })
    }
}

/// Returns the host without the brackets of an IPv6 address.
pub(super) fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_matches(['[', ']'])
}

pub(super) fn is_supported(url: &Url) -> bool {
    SCHEMES.contains(&url.scheme()) && url.has_host()
}

/// Returns host, port and path of a URL, to be shown.
fn name(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}{}", url.host_str().unwrap_or_default(), url.path().trim_end_matches('/'))
}

/// Returns the scheme of an address. A `://` may also be in its query.
fn scheme(address: &str) -> Option<&str> {
    let (scheme, _) = address.split_once("://")?;
    scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)).then_some(scheme)
}

/// Splits an address after its scheme.
fn split(address: &str) -> (&str, &str) {
    address.split_at(scheme(address).map_or(0, |scheme| scheme.len() + "://".len()))
}

/// Returns whether a password with `?` or `#` could be taken for a port and a query: `http://admin:1234?x@10.0.0.7`.
fn may_have_lost_login(address: &str) -> bool {
    let (_, rest) = split(address);
    let is_end = |c| matches!(c, '/' | '?' | '#');
    let (authority, after) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
    !authority.contains('@') && authority.contains(':') && !after.starts_with('/') && after.contains('@')
}

/// Returns an address without user and password, and without its query, for an error.
fn without_login(address: &str) -> String {
    let (scheme, rest) = split(address);
    let (rest, query) = match rest.split_once(['?', '#']) {
        // This is in the query or in a password, where the host is unknown.
        Some((_, query)) if query.contains('@') => return format!("{scheme}…"),
        Some((rest, _)) => (rest, "?…"),
        None => (rest, ""),
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}…@{host}{query}"),
        None => format!("{scheme}{rest}{query}"),
    }
}

/// The error of a URL that no source can read. Its message does not hold the login.
///
/// # Examples
///
/// ```
/// use mixed_replace::source;
///
/// assert!(source::http("rtsp://10.0.0.9/").is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidUrl(String);

error_messages! { InvalidUrl {
    Self(message) => "{message}";
} }

io_error!(InvalidUrl, InvalidInput);

const SCHEMES: &[&str] = if cfg!(feature = "tls") { &["http", "https"] } else { &["http"] };
/// The error of `https` without the feature.
pub(super) const TLS_IS_OFF: &str = "https requires the feature `tls` of mixed-replace";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_is_taken_out_of_the_url_and_the_name() {
        let address: Address = "http://admin:p%40ss@10.0.0.7:8080/video.cgi?user=admin&pwd=p@ss#x".parse().unwrap();
        assert_eq!(address.name, "10.0.0.7:8080/video.cgi");
        assert_eq!(address.url.as_str(), "http://10.0.0.7:8080/video.cgi?user=admin&pwd=p@ss");
        assert!(address.login.is_some_and(|login| login.user == "admin" && login.password == "p@ss"));
    }

    #[test]
    fn scheme_may_be_left_out() {
        for (text, name, url) in [
            ("10.0.0.7", "10.0.0.7", "http://10.0.0.7/"),
            ("camera:8080/?action=stream", "camera:8080", "http://camera:8080/?action=stream"),
            ("10.0.0.7/relay?of=http://cam/", "10.0.0.7/relay", "http://10.0.0.7/relay?of=http://cam/"),
            ("[::1]:81/stream", "[::1]:81/stream", "http://[::1]:81/stream"),
            ("camera:8080/?user=a@b", "camera:8080", "http://camera:8080/?user=a@b"),
            (" admin:p=ss@10.0.0.7/x ", "10.0.0.7/x", "http://10.0.0.7/x"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.name.as_str(), address.url.as_str()), (name, url), "{text}");
        }
    }

    #[test]
    fn https_requires_its_feature() {
        let parsed = "https://u:secret@cam/x".parse::<Address>().map(|address| address.url.to_string());
        let refused = "https://…@cam/x: https requires the feature `tls` of mixed-replace";
        match cfg!(feature = "tls") {
            true => assert_eq!(parsed, Ok("https://cam/x".to_owned())),
            false => assert_eq!(parsed, Err(InvalidUrl(refused.to_owned()))),
        }
    }

    #[test]
    fn errors_hold_no_secret() {
        for (address, mistake) in [
            ("/dev/video0", "/dev/video0: no host; write http://HOST/PATH"),
            ("u:secret@cam:99999/", "…@cam:99999/: invalid port number"),
            ("u:secret@cam:99999/?of=http://b", "…@cam:99999/?…: invalid port number"),
            ("http://u:sec@ret@cam:99999/?pwd=p@ss", "http://…: invalid port number"),
            ("http://u:sec@ret@cam:99999/?pwd=pass", "http://…@cam:99999/?…: invalid port number"),
            ("http://u:pa?ss@cam/x", "http://…: percent-encode ?, #, / and @ in a user or a password"),
            ("u:pa#ss@cam/x", "…: percent-encode ?, #, / and @ in a user or a password"),
            ("http://u:1234?ss@cam/", "http://…: percent-encode ?, #, / and @ in a user or a password"),
            ("http://u:pa/ss@cam/", "http://…@cam/: invalid port number"),
            ("", ": empty host"),
            ("rtsp://u:secret@cam/live", "rtsp://…@cam/live: rtsp is not supported, only http and https"),
            ("http://u:secret@cam:99999/", "http://…@cam:99999/: invalid port number"),
            ("http://", "http://: empty host"),
        ] {
            assert_eq!(address.parse::<Address>().err().map(|error| error.to_string()).as_deref(), Some(mistake));
        }
    }
}
