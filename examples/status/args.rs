//! The command line of both status servers.

use std::process::exit;
use std::time::Duration;

use lexopt::prelude::*;

use crate::session;

#[derive(Clone, Debug)]
pub(crate) struct Args {
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// The password of all viewers.
    pub(crate) password: String,
    /// The time between simulated changes, or `None` for no such changes.
    pub(crate) every: Option<Duration>,
}

impl Args {
    /// Parses the arguments of this process. Exits after `--help` and after an invalid argument.
    pub(crate) fn from_command_line() -> Self {
        Self::parse(lexopt::Parser::from_env()).unwrap_or_else(|error| {
            eprintln!("{NAME}: {error} (--help lists the options)");
            exit(2)
        })
    }

    fn parse(mut arguments: lexopt::Parser) -> Result<Self, lexopt::Error> {
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
                Long("help") | Short('h') => {
                    println!("A status board that replaces itself when a service changes.\n\nusage: {NAME} {HELP}");
                    exit(0)
                }
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(args)
    }
}

fn every(seconds: &str) -> Result<Option<Duration>, &'static str> {
    match seconds.parse() {
        Ok(0.0) => Ok(None),
        Ok(seconds) if (0.01..=86_400.0).contains(&seconds) => Ok(Some(Duration::from_secs_f64(seconds))),
        _ => Err("must be a number of seconds from 0.01 to 86400, or 0"),
    }
}

/// The name of the program, which differs between the two servers.
pub(crate) const NAME: &str = env!("CARGO_PKG_NAME");

const HELP: &str = "\
[--listen HOST:PORT] [--password WORD] [--every SECONDS]

  --listen HOST:PORT  address to listen on [127.0.0.1:3000]; port 0 picks a free port
  --password WORD     password of all viewers [a random one, printed at the start]
  --every SECONDS     simulate a change this often [5]; 0 turns it off";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, String> {
        Args::parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
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
