//! Where a camera is, and who we are to it.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

/// `[NAME=]http://[USER:PASSWORD@]HOST[:PORT]/PATH`.
#[derive(Clone, PartialEq)]
pub(crate) struct Address {
    /// For people. Holds nothing secret: cameras take passwords in their queries too, so those are left out.
    pub(crate) name: String,
    /// Without user and password.
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
        let (name, address) = match text.split_once('=') {
            Some((name, address)) if !name.contains("://") => (Some(name.trim()), address.trim()),
            _ => (None, text.trim()),
        };
        let mut url = Url::parse(address).map_err(|error| format!("{}: {error}", without_login(address)))?;
        match url.scheme() {
            "http" if url.has_host() => {}
            "https" => return Err(format!("{}: this relay speaks http only", without_login(address))),
            scheme => return Err(format!("{}: {scheme} is not http", without_login(address))),
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = Login { user: decoded(url.username()), password: decoded(url.password().unwrap_or_default()) };
        let login = (!login.user.is_empty() || !login.password.is_empty()).then_some(login);
        // Left in, they would be sent to whoever answers, asked or not.
        let removed = url.set_username("").and_then(|()| url.set_password(None));
        removed.map_err(|()| format!("{}: no user can be here", without_login(address)))?;
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/');
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let whole = format!("{}{port}{path}", url.host_str().unwrap_or_default());
        let name = name.filter(|name| !name.is_empty()).map_or(whole, str::to_owned);
        Ok(Self { name, url, login })
    }
}

/// An address as it may be shown.
fn without_login(address: &str) -> String {
    match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://…{}", &address[..scheme], &address[at..]),
        _ => address.to_owned(),
    }
}

/// The addresses in a list with commas; a comma within an address stays where it is.
pub(crate) fn list(text: &str) -> Result<Vec<Address>, String> {
    let mut addresses: Vec<String> = Vec::new();
    for piece in text.split(',') {
        match addresses.last_mut() {
            Some(last) if !piece.contains("://") => {
                last.push(',');
                last.push_str(piece);
            }
            _ => addresses.push(piece.to_owned()),
        }
    }
    addresses.iter().map(|address| address.parse()).collect()
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
    fn a_name_never_holds_a_password() {
        let address: Address = "http://admin:p%40ss@10.0.0.7:8080/video.cgi?user=admin&pwd=p@ss#x".parse().unwrap();
        assert_eq!(address.name, "10.0.0.7:8080/video.cgi");
        assert_eq!(address.url.as_str(), "http://10.0.0.7:8080/video.cgi?user=admin&pwd=p@ss");
        assert!(address.login == Some(Login { user: "admin".into(), password: "p@ss".into() }));
    }

    #[test]
    fn a_camera_can_be_named() {
        let address: Address = "Front door=http://10.0.0.7/?action=stream".parse().unwrap();
        assert_eq!((address.name.as_str(), address.url.as_str()), ("Front door", "http://10.0.0.7/?action=stream"));
        let address: Address = "http://10.0.0.7/?action=stream".parse().unwrap();
        assert_eq!(address.name, "10.0.0.7");
    }

    #[test]
    fn a_comma_may_be_part_of_an_address() {
        let names: Vec<_> = list("http://a/x?size=4,3,Yard=http://b/").unwrap().into_iter().map(|a| a.url).collect();
        assert_eq!(names.iter().map(Url::as_str).collect::<Vec<_>>(), ["http://a/x?size=4,3", "http://b/"]);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (address, mistake) in [
            ("camera", "camera: relative URL without a base"),
            ("rtsp://u:secret@cam/live", "rtsp://…@cam/live: rtsp is not http"),
            ("https://u:secret@cam/", "https://…@cam/: this relay speaks http only"),
            ("http://u:secret@cam:99999/", "http://…@cam:99999/: invalid port number"),
            ("http://", "http://: empty host"),
        ] {
            assert_eq!(address.parse::<Address>().err().as_deref(), Some(mistake));
        }
    }
}
