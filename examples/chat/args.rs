//! The command line.

use std::time::Duration;

use lexopt::prelude::*;
use shared::server;

#[derive(Clone, Debug)]
pub(crate) struct Args {
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// The largest number of rooms.
    pub(crate) rooms: usize,
    /// The time after which an empty room without new messages is removed.
    pub(crate) quiet: Duration,
}

impl Args {
    /// Parses the arguments of this process. Exits after `--help` and after an invalid argument.
    pub(crate) fn from_command_line() -> Self {
        server::parsed(Self::parse(lexopt::Parser::from_env()), HELP)
    }

    /// Returns `None` for `--help`.
    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut args = Self { listen: "127.0.0.1:3000".to_owned(), rooms: 100, quiet: Duration::from_secs(600) };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("listen") => args.listen = arguments.value()?.string()?,
                Long("quiet") => args.quiet = Duration::from_secs(arguments.value()?.parse::<u32>()?.into()),
                Long("rooms") => args.rooms = arguments.value()?.parse::<u16>()?.into(),
                Long("help") | Short('h') => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(Some(args))
    }
}

const HELP: &str = "\
Chat rooms without scripts.

usage: chat [--listen HOST:PORT] [--rooms N] [--quiet SECONDS]

  --listen HOST:PORT  address to listen on [127.0.0.1:3000]; port 0 picks a free port
  --rooms N           largest number of rooms at a time [100]
  --quiet SECONDS     remove an empty room after this time without a message [600]";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, String> {
        let args = Args::parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())?;
        args.ok_or_else(|| "--help".to_owned())
    }

    #[test]
    fn parses_every_option() {
        let args = parse(&["--listen=[::1]:0", "--rooms", "3", "--quiet", "20"]).unwrap();
        assert_eq!((&*args.listen, args.rooms, args.quiet), ("[::1]:0", 3, Duration::from_secs(20)));
    }

    #[test]
    fn rejects_invalid_arguments() {
        for (arguments, message) in [
            (&["--speed"][..], "invalid option '--speed'"),
            (&["--rooms", "many"], "cannot parse argument \"many\": invalid digit found in string"),
            (&["--quiet"], "missing argument for option '--quiet'"),
        ] {
            assert_eq!(parse(arguments).unwrap_err(), message);
        }
    }
}
