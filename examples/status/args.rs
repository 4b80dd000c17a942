//! The command line of both status servers.

use std::time::Duration;

use lexopt::prelude::*;
use shared::{server, session};

/// The options.
#[derive(Clone, Debug)]
pub struct Args {
    /// `HOST:PORT`.
    pub listen: String,
    /// The password of all viewers.
    pub password: String,
    /// The time between simulated changes, or `None` for no such changes.
    pub every: Option<Duration>,
}

impl Args {
    /// Parses the arguments of this process. Exits after `--help` and after an invalid argument.
    #[must_use]
    pub fn from_command_line() -> Self {
        server::parsed(Self::parse(lexopt::Parser::from_env()), HELP)
    }

    /// Returns `None` for `--help`.
    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut args = Self {
            listen: "127.0.0.1:3000".to_owned(),
            password: session::random().split_off(12),
            every: Some(Duration::from_secs(5)),
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("every") => args.every = arguments.value()?.parse_with(every)?,
                Long("listen") => args.listen = arguments.value()?.string()?,
                Long("password") => args.password = arguments.value()?.string()?,
                Long("help") | Short('h') => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(Some(args))
    }
}

fn every(seconds: &str) -> Result<Option<Duration>, &'static str> {
    match seconds.parse() {
        Ok(0.0) => Ok(None),
        Ok(seconds) if (0.01..=86_400.0).contains(&seconds) => Ok(Some(Duration::from_secs_f64(seconds))),
        _ => Err("must be a number of seconds from 0.01 to 86400, or 0"),
    }
}

const HELP: &str = "\
A status board that replaces itself when a service changes.

usage: PROGRAM [--listen HOST:PORT] [--password WORD] [--every SECONDS]

  --listen HOST:PORT  address to listen on [127.0.0.1:3000]; port 0 picks a free port
  --password WORD     password of all viewers [a random one, printed at the start]
  --every SECONDS     simulate a change this often [5]; 0 turns it off";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, String> {
        let args = Args::parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())?;
        args.ok_or_else(|| "--help".to_owned())
    }

    #[test]
    fn parses_every_option() {
        let args = parse(&["--listen=[::1]:0", "--password", "secret", "--every", "0.5"]).unwrap();
        assert_eq!((&*args.listen, &*args.password), ("[::1]:0", "secret"));
        assert_eq!(args.every, Some(Duration::from_millis(500)));
        assert_eq!(parse(&["--every=0"]).unwrap().every, None);
        assert_ne!(parse(&[]).unwrap().password, parse(&[]).unwrap().password);
    }

    #[test]
    fn rejects_invalid_arguments() {
        for (arguments, message) in [
            (&["--speed"][..], "invalid option '--speed'"),
            (&["board"], "unexpected argument \"board\""),
            (&["--listen"], "missing argument for option '--listen'"),
            (
                &["--every", "NaN"],
                "cannot parse argument \"NaN\": must be a number of seconds from 0.01 to 86400, or 0",
            ),
        ] {
            assert_eq!(parse(arguments).unwrap_err(), message);
        }
    }
}
