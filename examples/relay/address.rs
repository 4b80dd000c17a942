//! The address of a camera, with user and password.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

/// `[NAME=][http://][USER:PASSWORD@]HOST[:PORT][/PATH]`.
#[derive(Clone, PartialEq)]
pub(crate) struct Address {
    /// The name to be shown. It has no query, because some cameras take passwords there.
    pub(crate) name: String,
    /// The URL without user and password.
    pub(crate) url: Url,
    pub(crate) login: Option<Login>,
}

#[derive(Clone, PartialEq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = named(text);
        let (name, address) = (name.map(str::trim), address.trim());
        let has_scheme = scheme(address).is_some();
        if !has_scheme && address.starts_with('/') {
            return Err(format!("{address}: no host; write http://HOST/PATH"));
        }
        let url = if has_scheme { Url::parse(address) } else { Url::parse(&format!("http://{address}")) };
        let mut url = url.map_err(|error| format!("{}: {error}", without_login(address)))?;
        match url.scheme() {
            "http" if url.has_host() => {}
            "https" => return Err(format!("{}: https is not supported, only http", without_login(address))),
            scheme => return Err(format!("{}: {scheme} is not supported, only http", without_login(address))),
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = Login { user: decoded(url.username()), password: decoded(url.password().unwrap_or_default()) };
        let login = (!login.user.is_empty() || !login.password.is_empty()).then_some(login);
        // Sent only in answer to a challenge.
        let removed = url.set_username("").and_then(|()| url.set_password(None));
        removed.map_err(|()| format!("{}: a user cannot be removed", without_login(address)))?;
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/');
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host_and_path = format!("{}{port}{path}", url.host_str().unwrap_or_default());
        let name = name.filter(|name| !name.is_empty()).map_or(host_and_path, str::to_owned);
        Ok(Self { name, url, login })
    }
}

/// Splits an optional name from an address, which may contain `=` too.
fn named(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        // In front of a scheme, a name may contain `/`, `:` and `@`.
        Some((name, address)) if !name.contains('?') && address.trim_start().starts_with("http://") => {
            (Some(name), address)
        }
        Some((name, address)) if !name.contains(['/', '?', ':', '@']) => (Some(name), address),
        _ => (None, text),
    }
}

/// Returns the scheme of an address. A `://` may also be in its query.
fn scheme(address: &str) -> Option<&str> {
    let (scheme, _) = address.split_once("://")?;
    scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)).then_some(scheme)
}

/// Returns an address without user and password, to be shown.
fn without_login(address: &str) -> String {
    let begin = scheme(address).map_or(0, |scheme| scheme.len() + "://".len());
    match address.rfind('@') {
        Some(at) if begin <= at => format!("{}…{}", &address[..begin], &address[at..]),
        _ => address.to_owned(),
    }
}

/// Parses a list with commas. Commas within an address are kept.
pub(crate) fn list(text: &str) -> Result<Vec<Address>, String> {
    let mut addresses: Vec<String> = Vec::new();
    for piece in text.split(',') {
        match addresses.last_mut() {
            Some(last) if !begins_address(piece) => {
                last.push(',');
                last.push_str(piece);
            }
            _ => addresses.push(piece.to_owned()),
        }
    }
    addresses.iter().map(|address| address.parse()).collect()
}

/// Returns `true` if the text after a comma is another address: it has a scheme, or starts with a host that has a dot or a
/// port.
fn begins_address(piece: &str) -> bool {
    let (_, address) = named(piece);
    let (authority, path) = address.trim().split_once('/').map_or((address.trim(), None), |(a, path)| (a, Some(path)));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let has_host = host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
    piece.contains("://")
        || has_host && (has_port || host.parse::<Ipv4Addr>().is_ok() || path.is_some() && host.contains('.'))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_contains_no_password() {
        let address: Address = "http://admin:p%40ss@10.0.0.7:8080/video.cgi?user=admin&pwd=p@ss#x".parse().unwrap();
        assert_eq!(address.name, "10.0.0.7:8080/video.cgi");
        assert_eq!(address.url.as_str(), "http://10.0.0.7:8080/video.cgi?user=admin&pwd=p@ss");
        assert!(address.login == Some(Login { user: "admin".into(), password: "p@ss".into() }));
    }

    #[test]
    fn camera_may_be_named() {
        let address: Address = "Front door=http://10.0.0.7/?action=stream".parse().unwrap();
        assert_eq!((address.name.as_str(), address.url.as_str()), ("Front door", "http://10.0.0.7/?action=stream"));
        let address: Address = "http://10.0.0.7/?action=stream".parse().unwrap();
        assert_eq!(address.name, "10.0.0.7");
    }

    #[test]
    fn scheme_may_be_left_out() {
        for (text, name, url) in [
            ("10.0.0.7", "10.0.0.7", "http://10.0.0.7/"),
            ("camera:8080/?action=stream", "camera:8080", "http://camera:8080/?action=stream"),
            ("Yard=10.0.0.7:8080/video?size=4,3", "Yard", "http://10.0.0.7:8080/video?size=4,3"),
            ("10.0.0.7/relay?of=http://cam/", "10.0.0.7/relay", "http://10.0.0.7/relay?of=http://cam/"),
            ("[::1]:81/stream", "[::1]:81/stream", "http://[::1]:81/stream"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.name.as_str(), address.url.as_str()), (name, url), "{text}");
        }
        let address: Address = "Gate=admin:p=ss@10.0.0.7/x".parse().unwrap();
        assert_eq!((address.name.as_str(), address.url.as_str()), ("Gate", "http://10.0.0.7/x"));
        assert!(address.login == Some(Login { user: "admin".into(), password: "p=ss".into() }));
    }

    #[test]
    fn comma_may_be_part_of_an_address() {
        for (text, expected) in [
            ("http://a/x?size=4,3,Yard=http://b/", &["http://a/x?size=4,3", "http://b/"][..]),
            ("a/x?size=4,3,10.0.0.7", &["http://a/x?size=4,3", "http://10.0.0.7/"]),
            ("a/x?zoom=1,2.5,Yard=cam.lan/b,c:81", &["http://a/x?zoom=1,2.5", "http://cam.lan/b", "http://c:81/"]),
        ] {
            let urls: Vec<_> = list(text).unwrap().into_iter().map(|address| address.url).collect();
            assert_eq!(urls.iter().map(Url::as_str).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn errors_contain_no_password() {
        for (address, mistake) in [
            ("/dev/video0", "/dev/video0: no host; write http://HOST/PATH"),
            ("u:secret@cam:99999/", "…@cam:99999/: invalid port number"),
            ("u:secret@cam:99999/?of=http://b", "…@cam:99999/?of=http://b: invalid port number"),
            ("", ": empty host"),
            ("rtsp://u:secret@cam/live", "rtsp://…@cam/live: rtsp is not supported, only http"),
            ("https://u:secret@cam/", "https://…@cam/: https is not supported, only http"),
            ("http://u:secret@cam:99999/", "http://…@cam:99999/: invalid port number"),
            ("http://", "http://: empty host"),
        ] {
            assert_eq!(address.parse::<Address>().err().as_deref(), Some(mistake));
        }
    }
}
