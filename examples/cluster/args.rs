//! The command line.

use std::process::exit;

use crate::broker::Broker;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Args {
    pub(crate) broker: Broker,
    pub(crate) topic: String,
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// Pictures a second, if this node has any of its own.
    pub(crate) publish: Option<f64>,
}

impl Args {
    /// This process's arguments. Ends the process if they ask for help or make no sense.
    pub(crate) fn from_command_line() -> Self {
        match Self::parse(std::env::args().skip(1)) {
            Ok(Some(args)) => args,
            Ok(None) => {
                println!("{HELP}");
                exit(0)
            }
            Err(mistake) => {
                eprintln!("cluster: {mistake} (--help lists what there is)");
                exit(2)
            }
        }
    }

    /// `None` if they ask for help.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let broker = Broker { host: "127.0.0.1".into(), port: 1883, login: None };
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
            if !matches!(name, "--broker" | "--listen" | "--publish" | "--topic") {
                return Err(format!("unknown argument {argument}"));
            }
            let value = attached.or_else(|| arguments.next()).ok_or_else(|| format!("{name} wants a value"))?;
            match name {
                "--broker" => args.broker = value.parse()?,
                "--listen" => args.listen = value,
                "--publish" => {
                    let fps = value.parse().ok().filter(|fps| (0.01..=240.0).contains(fps));
                    args.publish =
                        Some(fps.ok_or_else(|| format!("--publish {value}: not a number of pictures a second"))?);
                }
                _ => args.topic = topic(value)?,
            }
        }
        Ok(Some(args))
    }
}

/// One topic, not a pattern of many.
fn topic(topic: String) -> Result<String, String> {
    let fits = !topic.is_empty() && topic.len() < 1000 && !topic.contains(['#', '+', '\0']);
    if fits { Ok(topic) } else { Err(format!("--topic {topic}: not the name of one topic")) }
}

const HELP: &str = "\
One picture on several machines: what one node publishes, the viewers of all nodes see.

usage: cluster [--broker mqtt://[USER:PASSWORD@]HOST[:PORT]] [--topic NAME] [--listen HOST:PORT] [--publish FPS]

  --broker URL        an MQTT 5 broker, such as mosquitto [mqtt://127.0.0.1:1883]
  --topic NAME        where the parts go through [mixed-replace/camera]; one source for each
  --listen HOST:PORT  where to serve it [127.0.0.1:3000]; port 0 takes a free one
  --publish FPS       this node is the source: a test picture, so often a second

Try it on one machine:

  mosquitto
  cluster --listen 127.0.0.1:3000 --publish 25
  cluster --listen 127.0.0.1:3001
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Args>, String> {
        Args::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn takes_what_the_help_lists() {
        let arguments = ["--broker=mqtt://b", "--topic", "a/b", "--listen", "[::1]:0", "--publish", "0.5"];
        let broker = Broker { host: "b".into(), port: 1883, login: None };
        let args = Args { broker, topic: "a/b".into(), listen: "[::1]:0".into(), publish: Some(0.5) };
        assert_eq!(parse(&arguments), Ok(Some(args)));
        assert_eq!(parse(&["-h"]), Ok(None));
    }

    #[test]
    fn names_what_makes_no_sense() {
        for (arguments, mistake) in [
            (&["--speed"][..], "unknown argument --speed"),
            (&["--publish"], "--publish wants a value"),
            (&["--publish", "NaN"], "--publish NaN: not a number of pictures a second"),
            (&["--topic", "a/#"], "--topic a/#: not the name of one topic"),
        ] {
            assert_eq!(parse(arguments), Err(mistake.to_owned()));
        }
    }
}
