//! The broker's address and login.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

/// The protocol of a broker.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a program matches on every variant")]
pub enum Kind {
    /// Version 5, as in mosquitto.
    Mqtt,
    /// Version 6 or newer.
    Redis,
}

/// `mqtt://[USER:PASSWORD@]HOST[:PORT]`, or the same with `redis`.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// Its protocol.
    pub kind: Kind,
    /// A name or an address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// User and password.
    pub login: Option<(String, String)>,
}

impl FromStr for Broker {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok();
        let kind = url.as_ref().and_then(|url| match url.scheme() {
            "mqtt" => Some((Kind::Mqtt, 1883)),
            "redis" => Some((Kind::Redis, 6379)),
            _ => None,
        });
        let host = url.as_ref().and_then(Url::host_str).filter(|host| !host.is_empty());
        let (Some(url), Some((kind, port)), Some(host)) = (&url, kind, host) else {
            // The message leaves out the value, which may contain a password.
            return Err("--broker needs an address such as mqtt://HOST:1883 or redis://USER:PASSWORD@HOST".into());
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
        let login = (!url.username().is_empty() || url.password().is_some()).then_some(login);
        Ok(Self { kind, host: host.trim_matches(['[', ']']).to_owned(), port: url.port().unwrap_or(port), login })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_addresses_with_and_without_a_login() {
        let broker: Broker = "mqtt://node:p%40ss@10.0.0.7".parse().unwrap();
        let login = Some(("node".to_owned(), "p@ss".to_owned()));
        assert_eq!(broker, Broker { kind: Kind::Mqtt, host: "10.0.0.7".into(), port: 1883, login });
        let broker: Broker = "mqtt://[::1]:2000".parse().unwrap();
        assert_eq!(broker, Broker { kind: Kind::Mqtt, host: "::1".into(), port: 2000, login: None });
        let broker: Broker = "redis://:pass@cache".parse().unwrap();
        let login = Some((String::new(), "pass".to_owned()));
        assert_eq!(broker, Broker { kind: Kind::Redis, host: "cache".into(), port: 6379, login });
    }

    #[test]
    fn rejects_invalid_addresses() {
        for text in ["", "localhost", "localhost:1883", "http://a/", "mqtts://a", "mqtt://", "mqtt://:1883"] {
            assert!(text.parse::<Broker>().is_err(), "{text}");
        }
    }
}
