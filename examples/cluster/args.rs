//! The command line.

use cluster::{Broker, Kind};
use shared::server;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Args {
    pub(crate) broker: Broker,
    pub(crate) topic: String,
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// Pictures a second that this node publishes, if it is the source.
    pub(crate) publish: Option<f64>,
}

impl Args {
    /// Parses the arguments of this process. Exits after `--help` and after an invalid argument.
    pub(crate) fn from_command_line() -> Self {
        server::parsed(Self::parse(std::env::args().skip(1)), HELP)
    }

    /// Returns `None` for `--help`.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let broker = Broker { kind: Kind::Mqtt, host: "127.0.0.1".into(), port: 1883, login: None };
        let name = "mixed-replace/camera".into();
        let mut args = Self { broker, topic: name, listen: "127.0.0.1:3000".into(), publish: None };
        while let Some(argument) = arguments.next() {
            let (name, attached) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            if matches!(name, "--help" | "-h") {
                return Ok(None);
            }
            let example = match name {
                "--broker" => "mqtt://127.0.0.1:1883",
                "--listen" => "127.0.0.1:3000",
                "--publish" => "25",
                "--topic" => "mixed-replace/camera",
                _ => return Err(format!("unknown argument {argument}")),
            };
            let value = attached.or_else(|| arguments.next());
            let value = value.ok_or_else(|| format!("{name} needs a value, such as {example}"))?;
            match name {
                "--broker" => args.broker = value.parse()?,
                "--listen" => args.listen = value,
                "--publish" => {
                    let fps = value.parse().ok().filter(|fps| (0.01..=240.0).contains(fps));
                    args.publish =
                        Some(fps.ok_or_else(|| format!("--publish {value}: must be a number from 0.01 to 240"))?);
                }
                _ => args.topic = topic(value)?,
            }
        }
        Ok(Some(args))
    }
}

/// Checks the name of a topic, which must not be a filter with wildcards.
fn topic(topic: String) -> Result<String, String> {
    let valid = !topic.is_empty() && topic.len() < 1000 && !topic.contains(['#', '+', '\0']);
    if valid { Ok(topic) } else { Err(format!("--topic {topic}: must be the name of one topic, without # and +")) }
}

const HELP: &str = "\
Several servers with the same picture: a part published on one node reaches the viewers of every node.

usage: cluster [--broker URL] [--topic NAME] [--listen HOST:PORT] [--publish FPS]

  --broker URL        MQTT 5 broker such as mosquitto, or Redis: mqtt://[USER:PASSWORD@]HOST[:PORT], redis://…
                      [mqtt://127.0.0.1:1883]
  --topic NAME        topic of the parts [mixed-replace/camera], with one source each
  --listen HOST:PORT  address to listen on [127.0.0.1:3000]; port 0 picks a free port
  --publish FPS       publish a test picture this many times a second

Try it on one machine:

  mosquitto
  cluster --listen 127.0.0.1:3000 --publish 25
  cluster --listen 127.0.0.1:3001

With Redis instead of mosquitto, start redis-server and add --broker redis://127.0.0.1
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Args>, String> {
        Args::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn parses_every_option() {
        let arguments = ["--broker=mqtt://b", "--topic", "a/b", "--listen", "[::1]:0", "--publish", "0.5"];
        let broker = Broker { kind: Kind::Mqtt, host: "b".into(), port: 1883, login: None };
        let args = Args { broker, topic: "a/b".into(), listen: "[::1]:0".into(), publish: Some(0.5) };
        assert_eq!(parse(&arguments), Ok(Some(args)));
        assert_eq!(parse(&["-h"]), Ok(None));
    }

    #[test]
    fn rejects_invalid_arguments() {
        for (arguments, message) in [
            (&["--speed"][..], "unknown argument --speed"),
            (&["--publish"], "--publish needs a value, such as 25"),
            (&["--publish", "NaN"], "--publish NaN: must be a number from 0.01 to 240"),
            (&["--topic", "a/#"], "--topic a/#: must be the name of one topic, without # and +"),
        ] {
            assert_eq!(parse(arguments), Err(message.to_owned()));
        }
    }
}
